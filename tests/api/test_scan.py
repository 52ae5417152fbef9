"""Officers' scans: kept once, judged with everything, decoded from photographs."""

from __future__ import annotations

import io
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import qrcode
from PIL import Image
from served import WATCH, Stage, client

from api.answer.schema import AnswerOut
from api.asking.photo import read_photo
from api.description.examples import EXAMPLE_SCAN
from api.question.told import Pictured

pytestmark = pytest.mark.node


def body(code: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "code": code,
        "carrier": "qr",
        "machine_read": True,
        "scanned_at": "2026-11-20T10:00:00Z",
        "device": "dock-3",
        "context": "import",
        **more,
    }


def scan(http: httpx.Client, stage: Stage, code: str, **more: Any) -> dict[str, Any]:
    response = http.post("/v1/scans", json=body(code, **more), headers=stage.token("scan"))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    AnswerOut.model_validate(answer)
    return answer


def codes(answer: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in answer["reasons"]}


def photograph(*texts: str) -> bytes:
    images = [qrcode.make(text, border=6).convert("L") for text in texts]
    sheet = Image.new("L", (sum(i.width for i in images) + 60, max(i.height for i in images) + 60), 235)
    at = 30
    for image in images:
        sheet.paste(image, (at, 30))
        at += image.width
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=85)
    return out.getvalue()


def send_photo(http: httpx.Client, stage: Stage, data: bytes, **more: str) -> httpx.Response:
    fields = {"id": str(uuid.uuid4()), "scanned_at": "2026-11-20T10:00:00Z", "device": "phone", **more}
    return http.post("/v1/scans/photo", data=fields, files={"photo": ("p.jpg", data)}, headers=stage.token("scan"))


def test_a_scan_is_judged_with_everything(stage: Stage, http: httpx.Client) -> None:
    answer = scan(http, stage, stage.link(stage.dutch, stage.dutch.serials[0]), place={"unlocode": "NLRTM"})
    assert answer["verdict"] == "registered"
    assert {c["check"]: c["result"] for c in answer["checks"]}["market"] == "passed"
    entries = next(r["evidence"]["entries"] for r in answer["reasons"] if r["code"] == "unit_registered")
    assert entries == [stage.dutch.receipt.index]
    assert answer["scan"]["recorded"] is True
    elsewhere = scan(http, stage, stage.link(stage.dutch, stage.dutch.serials[0]), place={"country": "BR"})
    assert (elsewhere["verdict"], "market_mismatch" in codes(elsewhere)) == ("check", True)


def test_the_token_s_country_is_the_market_when_no_place_is_given(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.dutch, stage.dutch.serials[1])
    answer = http.post("/v1/scans", json=body(link), headers=stage.token("scan", country="BR")).json()
    assert "market_mismatch" in codes(answer)


def test_sending_a_scan_twice_counts_once(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[10])
    sent = body(link)
    first = http.post("/v1/scans", json=sent, headers=stage.token("scan")).json()
    assert first["seen"]["times"] == 0
    again = http.post("/v1/scans", json=sent, headers=stage.token("scan")).json()
    assert again == first
    assert scan(http, stage, link)["seen"]["times"] == 1
    stranger = {"Authorization": "Bearer " + stage.ledger.tokens.issue("somebody else", ["scan"], "NL")}
    for changed, officer in (({"device": "another"}, stage.token("scan")), ({}, stranger)):
        refused = http.post("/v1/scans", json={**sent, **changed}, headers=officer)
        assert (refused.status_code, refused.json()["code"]) == (409, "scan_id_reused")


def test_travel_is_judged_between_officers_scans_with_coordinates(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[11])
    rotterdam = {"unlocode": "NL RTM", "latitude": 51.95, "longitude": 4.14}
    santos = {"unlocode": "BRSSZ", "latitude": -23.95, "longitude": -46.3}
    assert scan(http, stage, link, place=rotterdam)["verdict"] == "registered"
    answer = scan(http, stage, link, place=santos, scanned_at="2026-11-20T13:00:00Z")
    assert answer["verdict"] == "check"
    leap = next(r["evidence"]["leaps"][0] for r in answer["reasons"] if r["code"] == "impossible_travel")
    assert (leap["from"]["place"], leap["to"]["place"], leap["minutes"]) == ("NL RTM", "BR SSZ", 180)
    assert "either item may be the copy" in answer["next"][0].lower()
    assert answer["seen"]["places"] == ["NL RTM"]


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        ({"unlocode": "NL1TM"}, "#/place/unlocode"),
        ({"unlocode": "NLRT0"}, "#/place/unlocode"),
        ({"unlocode": "QQRTM"}, "#/place/unlocode"),
        ({"unlocode": "NLRTM", "country": "BE"}, "#/place/country"),
        ({"country": "nl"}, "#/place/country"),
        ({"latitude": 51.9}, "#/place"),
        ({"latitude": 91, "longitude": 0}, "#/place/latitude"),
        ({"port": "x"}, "#/place/port"),
    ],
)
def test_a_place_that_cannot_be(stage: Stage, http: httpx.Client, place: dict[str, Any], pointer: str) -> None:
    response = http.post("/v1/scans", json=body("x", place=place), headers=stage.token("scan"))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer)


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("id", "seven", 400),
        ("scanned_at", "yesterday", 400),
        ("scanned_at", 1_700_000_000, 400),
        ("scanned_at", "2026-11-20T10:00:00", 400),
        ("scanned_at", "2999-01-01T00:00:00Z", 422),
        ("scanned_at", "1969-12-31T23:59:59Z", 422),
        ("scanned_at", "0001-01-01T00:00:00+14:00", 422),
        ("device", "dock\0three", 400),
        ("context", "holiday", 400),
        ("device", "", 400),
        ("repairs", ["guessed"], 400),
        ("extra", 1, 400),
    ],
)
def test_a_field_that_cannot_be(stage: Stage, http: httpx.Client, field: str, value: object, status: int) -> None:
    response = http.post("/v1/scans", json={**body("x"), field: value}, headers=stage.token("scan"))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_officers_see_where_a_repair_leads(stage: Stage, http: httpx.Client) -> None:
    recalled = stage.recalled.serials[3]
    answer = scan(http, stage, f"01{WATCH}21{recalled}10L2", carrier="text")
    assert answer["verdict"] == "unreadable"
    repair = next(r for r in answer["repairs"] if r["name"] == "separator_lost")
    assert repair["leads_to"] == "stop", "a repair that leads to stop is shown as such"
    chosen = scan(http, stage, repair["text"], carrier="text", repairs=[repair["name"]])
    assert {"recalled", "repair_applied"} <= codes(chosen)


def test_a_wrong_label_signature_stops_only_when_read_twice(stage: Stage, http: httpx.Client) -> None:
    one, other = stage.batch.serials[12:14]
    swapped = stage.link(stage.batch, one).split("?")[0] + "?s=" + stage.world.label(stage.ledger, stage.batch, other)
    assert codes(scan(http, stage, swapped)) >= {"signature_unconfirmed"}
    assert scan(http, stage, swapped)["verdict"] == "stop"
    typed = stage.link(stage.batch, other).split("?")[0] + "?s=" + stage.world.label(stage.ledger, stage.batch, one)
    for _ in range(2):
        assert scan(http, stage, typed, machine_read=False)["verdict"] == "check"
    assert scan(http, stage, typed)["verdict"] == "check", "what was typed confirms no reading"
    assert scan(http, stage, typed)["verdict"] == "stop"


def test_a_photograph_is_decoded_here(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[14])
    response = send_photo(http, stage, photograph(link), unlocode="NLRTM", context="import")
    answer = response.json()
    assert (response.status_code, answer["verdict"], answer["code"]["read"]) == (200, "registered", link)
    assert answer["code"]["carrier"] == "qr"


def test_few_photographs_are_decoded_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    now, most, lock = [0], [0], threading.Lock()

    def slowly(data: bytes) -> Pictured:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.2)
        with lock:
            now[0] -= 1
        return read_photo(data)

    monkeypatch.setattr("api.asking.photo.read_photo", slowly)
    photo = photograph(stage.link(stage.batch, stage.batch.serials[14]))
    with client(stage.ledger) as http, ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: send_photo(http, stage, photo).status_code, range(6)))
    assert (replies, most[0]) == ([200] * 6, 2)


def test_one_photograph_is_two_decodes(stage: Stage, http: httpx.Client) -> None:
    one, other = stage.batch.serials[15:17]
    swapped = stage.link(stage.batch, one).split("?")[0] + "?s=" + stage.world.label(stage.ledger, stage.batch, other)
    assert "signature_wrong" in codes(send_photo(http, stage, photograph(swapped)).json())


def test_photographs_without_one_clear_code_are_unreadable(stage: Stage, http: httpx.Client) -> None:
    none = send_photo(http, stage, photograph_of_nothing()).json()
    assert (none["verdict"], none["reasons"][0]["evidence"]["why"]) == ("unreadable", "no_code")
    links = [stage.link(stage.batch, serial) for serial in stage.batch.serials[17:19]]
    two = send_photo(http, stage, photograph(*links)).json()
    assert (two["verdict"], two["reasons"][0]["evidence"]["why"]) == ("unreadable", "several_codes")


def test_files_that_are_no_photographs(stage: Stage, http: httpx.Client) -> None:
    response = send_photo(http, stage, b"<svg/>")
    assert (response.status_code, response.json()["code"]) == (422, "image_format")
    big = send_photo(http, stage, b"x" * (13 * 2**20))
    assert (big.status_code, big.json()["code"]) == (413, "too_large")


def photograph_of_nothing() -> bytes:
    out = io.BytesIO()
    Image.new("L", (300, 300), 200).save(out, "PNG")
    return out.getvalue()


def test_the_documented_example_is_taken(stage: Stage, http: httpx.Client) -> None:
    sent = {**EXAMPLE_SCAN, "scanned_at": "2026-11-20T22:26:00Z"}
    assert http.post("/v1/scans", json=sent, headers=stage.token("scan")).status_code == 200
