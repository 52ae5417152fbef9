"""Looking codes up, as anybody may: verdicts, what is shown, and what nobody can learn."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from ledger_world import gtin
from served import OTHER_PREFIX, WATCH, Stage, client

from api.answer.schema import AnswerOut
from api.description.examples import EXAMPLE_ANSWER
from ledger.services.scans.verification import Answer, Question, Verification
from verifier.verdict.reason import CAVEAT, REASONS, SHOWN_AS, Verdict

pytestmark = pytest.mark.node

PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


def verify(http: httpx.Client, code: str, **more: str) -> dict[str, Any]:
    response = http.get("/v1/verify", params={"code": code, **more})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    AnswerOut.model_validate(answer)
    assert answer["caveat"] == CAVEAT
    assert answer["next"], "every answer says what to do"
    assert [check["check"] for check in answer["checks"]] == [
        "reading", "register", "label signature", "recall", "unit state", "maker", "market", "expiry", "travel",
        "witnesses",
    ]  # fmt: skip
    return answer


def codes(answer: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in answer["reasons"]}


def results(answer: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["result"] for check in answer["checks"]}


def path_of(link: str) -> str:
    return link.removeprefix("https://id.example")


def test_a_registered_unit(stage: Stage, http: httpx.Client) -> None:
    serial = stage.batch.serials[0]
    answer = verify(http, stage.link(stage.batch, serial), carrier="qr")
    assert answer["verdict"] == "registered"
    assert answer["shown_as"] == SHOWN_AS[Verdict.REGISTERED]
    assert answer["code"]["lot"] == "L/1%A"
    assert answer["code"]["serial"] == serial
    assert answer["batch"]["id"] == stage.batch.id
    assert answer["batch"]["maker"]["name"] == "Aurora"
    assert results(answer)["label signature"] == "passed"
    assert results(answer)["witnesses"] == "not_checked"
    assert http.get(answer["proof"]).status_code == 200


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        (f"(01){gtin('5012345', 9)}(21)A1", "outside", "prefix_unknown"),
        ("https://example.com/a/page", "outside", "not_gs1"),
        ("HELLO WORLD", "unreadable", "could_not_read"),
        (f"(01){WATCH}(10)L2(21)NOSUCHUNIT", "not_registered", "unit_absent"),
        (WATCH, "check", "no_serial"),
        (WATCH[:-1] + str((int(WATCH[-1]) + 1) % 10), "unreadable", "could_not_read"),
        ("01" + WATCH + "21ABC12310LOT7", "unreadable", "could_not_read"),
    ],
)
def test_a_verdict_and_its_reason(http: httpx.Client, code: str, verdict: str, reason: str) -> None:
    answer = verify(http, code)
    assert (answer["verdict"], reason in codes(answer)) == (verdict, True)


def test_half_a_code_that_was_typed_is_asked_for_in_full(stage: Stage, http: httpx.Client) -> None:
    serial = stage.unlabelled.serials[0]
    for half in (serial, f"{stage.unlabelled.gtin} U1 {serial}"):
        answer = verify(http, half)
        assert answer["verdict"] == "unreadable"
        assert "in brackets, as printed" in answer["next"][0]
        page = http.get("/", params={"code": half}).text
        assert "type it with the numbers in brackets" in page.partition('class="counterfoil"')[0]


def test_what_a_decoder_read_is_outside_and_not_opened(http: httpx.Client) -> None:
    for more in ({"carrier": "qr"}, {"symbology": "]Q1"}):
        answer = verify(http, "HELLO WORLD", **more)
        assert (answer["verdict"], "not_gs1" in codes(answer)) == ("outside", True)


def test_an_ordinary_code_that_is_not_registered_is_offered_no_repair(http: httpx.Client) -> None:
    absent = f"{WATCH}/10/SK-A11/21/PHHUEYYZATH7XM7DAE9B"
    for code in (
        f"https://id.example/01/{absent}",
        f"(01){WATCH}(10)SK-A11(21)PHHUEYYZATH7XM7DAE9B",
        f"01{WATCH}21xvw",
    ):
        answer = verify(http, code)
        assert (answer["verdict"], answer["repairs"]) == ("not_registered", [])
    assert http.get(f"/01/{absent}", headers=JSON).json()["repairs"] == []
    shouted = verify(http, f"HTTPS://ID.EXAMPLE/01/{WATCH}/21/xyz")
    assert [repair["name"] for repair in shouted["repairs"]] == ["case"]
    assert "may have been" in shouted["repairs"][0]["explanation"]


def test_one_serial_in_two_lots_shows_the_lot_that_is_printed(stage: Stage, http: httpx.Client) -> None:
    product, world, ledger = gtin("9521234", 77), stage.world, stage.ledger
    serials = [f"TWICE{at}" for at in range(3)]
    dates = {"C5": {"markets": ["BR", "NL"], "expires": "2030-05-31"}, "E4": {}}
    for lot, more in dates.items():
        made = world.prepare(ledger, stage.maker, product, lot, serials, **more)
        ledger.batches.register(made.statement, made.salt)
    printed = verify(http, f"(01){product}(10)C5(21)TWICE1")
    assert printed["verdict"] == "check"
    assert (printed["batch"]["lot"], printed["batch"]["expires"]) == ("C5", "2030-05-31")
    assert printed["other_lots"] == ["E4"]
    assert results(printed)["expiry"] == "passed", "the lot on the pack has a date"
    assert "lot E4 declares no expiry date" in next(c["text"] for c in printed["checks"] if c["check"] == "expiry")
    assert {"check": "expiry", "why": "lot E4 declares no expiry date"} in printed["not_checked"]
    other = verify(http, f"(01){product}(10)E4(21)TWICE1")
    assert (other["batch"]["lot"], other["other_lots"]) == ("E4", ["C5"])
    assert results(other)["expiry"] == "not_checked", "the other lot's date is not this one's"
    assert other["lookups"] == 1, "looked up before with the other lot on it"
    unnamed = verify(http, f"(01){product}(21)TWICE1")
    assert results(unnamed)["expiry"] == "not_checked", "which lot it is cannot be told"
    page = http.get("/", params={"code": f"(01){product}(10)C5(21)TWICE2"}).text
    assert "31 May 2030" in page
    assert "Also in lot" in page


def test_a_recall_stops(stage: Stage, http: httpx.Client) -> None:
    answer = verify(http, stage.link(stage.recalled, stage.recalled.serials[0]), carrier="qr")
    assert answer["verdict"] == "stop"
    assert answer["reasons"][0]["code"] == "recalled", "strongest first"
    assert results(answer)["recall"] == "failed"


def test_a_link_out_of_a_qr_code_without_its_signature_is_worth_a_look(stage: Stage, http: httpx.Client) -> None:
    bare = stage.link(stage.batch, stage.batch.serials[0], signed=False)
    assert "signature_missing" in codes(verify(http, bare, carrier="qr"))
    assert "signature_missing" not in codes(verify(http, bare, carrier="text"))
    assert http.get(path_of(bare), headers=JSON).json()["verdict"] == "check"


def test_a_lost_separator_is_offered_as_a_repair_and_never_applied(stage: Stage, http: httpx.Client) -> None:
    serial = stage.unlabelled.serials[0]
    answer = verify(http, f"01{stage.unlabelled.gtin}21{serial}10U1")
    assert answer["verdict"] == "unreadable"
    assert "separator_lost" in {repair["name"] for repair in answer["repairs"]}
    assert all("leads_to" not in repair for repair in answer["repairs"]), "the public is not told which is registered"
    assert verify(http, answer["repairs"][0]["text"])["verdict"] == "registered"


def test_every_code_that_is_no_registered_unit_gets_the_same_bytes(stage: Stage, http: httpx.Client) -> None:
    real = stage.batch.serials[5]
    signature = stage.world.label(stage.ledger, stage.batch, real)
    lot = quote(stage.batch.lot, safe="")
    paths = {
        "absent unit": f"/01/{WATCH}/10/{lot}/21/QQQQQQQQQQQQQQQQQQQQ",
        "absent lot": f"/01/{WATCH}/10/NOSUCHLOT/21/QQQQQQQQQQQQQQQQQQQQ",
        "no lot": f"/01/{WATCH}/21/QQQQQQQQQQQQQQQQQQQQ",
        "recalled lot": f"/01/{WATCH}/10/L2/21/QQQQQQQQQQQQQQQQQQQQ",
        "somebody's signature": f"/01/{WATCH}/10/{lot}/21/QQQQQQQQQQQQQQQQQQQQ?s={signature}",
        "a damaged signature": f"/01/{WATCH}/10/{lot}/21/QQQQQQQQQQQQQQQQQQQQ?s=ABC",
        "a product without batches": f"/01/{gtin(OTHER_PREFIX, 1)}/21/QQQQQQQQQQQQQQQQQQQQ",
    }
    answers = {name: http.get(path, headers=JSON).json() for name, path in paths.items()}
    # an officer's scan of such a code must not show through either
    scan = {
        "id": "4b1f0a3c-1111-4222-8333-444455556666",
        "code": f"(01){WATCH}(21)QQQQQQQQQQQQQQQQQQQQ",
        "scanned_at": "2026-11-20T10:00:00Z",
        "device": "t",
        "place": {"unlocode": "NLRTM"},
    }
    assert http.post("/v1/scans", json=scan, headers=stage.token("scan")).json()["verdict"] == "not_registered"
    answers["after a scan"] = http.get(paths["no lot"], headers=JSON).json()
    pages = {name: http.get(path, headers=PAGE).text for name, path in paths.items()}
    stripped = set()
    for answer in answers.values():
        assert [reason["code"] for reason in answer["reasons"]] == ["unit_absent", "not_witnessed"]
        assert answer["reasons"][0]["evidence"] == {}
        assert (answer["batch"], answer["seen"], answer["proof"], answer["lookups"]) == (None, None, None, 0)
        del answer["code"], answer["repairs"], answer["as_of"]
        stripped.add(json.dumps(answer))
    assert len(stripped) == 1
    shapes = set()
    for page in pages.values():
        head, _, rest = page.partition('<div class="counterfoil">')
        after = rest.partition("</section>")[2]
        before_repairs, _, after_repairs = after.partition('<section class="repairs">')
        shapes.add(head + before_repairs + after_repairs.partition("</section>")[2])
    assert len(shapes) == 1


def test_repeats_are_shown_for_registered_units_and_coarsely(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[6])
    for at, place in enumerate(({"unlocode": "NLRTM"}, {"unlocode": "KEMBA", "latitude": -4.05, "longitude": 39.66})):
        scan = {
            "id": f"4b1f0a3c-1111-4222-8333-44445555777{at}",
            "code": link,
            "carrier": "qr",
            "scanned_at": f"2026-11-0{at + 1}T10:23:45Z",
            "device": "t",
            "place": place,
        }
        assert http.post("/v1/scans", json=scan, headers=stage.token("scan")).status_code == 200
    before = verify(http, link, carrier="qr")
    answer = verify(http, link, carrier="qr")
    assert answer["lookups"] == before["lookups"] + 1
    assert answer["seen"] == {
        "times": 2,
        "first": {"day": "2026-11-01", "country": "NL"},
        "last": {"day": "2026-11-02", "country": "KE"},
        "places": ["KE", "NL"],
    }
    rest = {name: value for name, value in answer.items() if name != "as_of"}  # when the log was signed is public
    assert "10:23" not in json.dumps(rest), "nobody's shift can be read off"
    assert "RTM" not in json.dumps(answer)
    assert answer["verdict"] == "registered", "a second country alone changes nothing"


def test_looking_up_never_moves_a_verdict(stage: Stage, http: httpx.Client) -> None:
    link = stage.link(stage.batch, stage.batch.serials[7])
    verdicts = {verify(http, link, carrier="qr")["verdict"] for _ in range(30)}
    assert verdicts == {"registered"}


def test_a_link_is_read_from_its_raw_path(stage: Stage, http: httpx.Client) -> None:
    path = path_of(stage.link(stage.batch, stage.batch.serials[1]))
    assert "/10/L%2F1%25A/21/" in path
    for prefix in ("", "/shop", "/a/01/b"):
        answer = http.get(prefix + path, headers=JSON).json()
        assert (answer["verdict"], answer["code"]["lot"]) == ("registered", "L/1%A")
    without_lot = path.replace("/10/L%2F1%25A", "")
    assert http.get(without_lot, headers=JSON).json()["batch"]["id"] == stage.batch.id
    assert http.get(path.replace("?", "?utm=x&"), headers=JSON).json()["verdict"] == "registered"


@pytest.mark.parametrize(
    "path",
    [
        f"/01/{WATCH[:-1]}{(int(WATCH[-1]) + 1) % 10}/21/A",
        f"/01/{WATCH[1:]}/21/A",
        f"/01/{WATCH}/21/A/10/B",
        f"/01/{WATCH}/21/" + "A" * 21,
        f"/01/{WATCH}/21/A?99=x&999=y",
        f"/01/{WATCH}/21/A%2",
        "/01/hello",
        "/01/%0a",
        "/01/%0A" + WATCH,
        f"/01/{WATCH}/21/A%0A",
        f"/shop%0a/01/{WATCH[1:]}",
        f"/01/{WATCH}/21/%00%E2%80%A8",
    ],
)
def test_a_link_that_breaks_gs1_syntax_is_400(http: httpx.Client, path: str) -> None:
    response = http.get(path, headers=JSON)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["verdict"] == "unreadable"
    assert "ratelimit" in response.headers, "the guard has seen it"
    page = http.get(path, headers=PAGE)
    assert (page.status_code, SHOWN_AS[Verdict.UNREADABLE] in page.text) == (400, True)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("text/html, application/json;q=0.9", "text/html"),
    ],
)
def test_a_page_or_json_by_accept(stage: Stage, http: httpx.Client, accept: str, kind: str) -> None:
    response = http.get(path_of(stage.link(stage.batch, stage.batch.serials[1])), headers={"Accept": accept})
    assert response.headers["content-type"].startswith(kind)


def test_the_typed_look_up_shows_the_same_answer(stage: Stage, http: httpx.Client) -> None:
    page = http.get("/", params={"code": f"(01){stage.unlabelled.gtin}(10)U1(21){stage.unlabelled.serials[1]}"})
    assert SHOWN_AS[Verdict.REGISTERED] in page.text


def test_the_documented_example_has_the_shape_of_an_answer() -> None:
    AnswerOut.model_validate(EXAMPLE_ANSWER)
    assert {reason["code"] for reason in EXAMPLE_ANSWER["reasons"]} <= REASONS.keys()


def test_a_long_code_and_an_empty_one(http: httpx.Client) -> None:
    assert verify(http, "")["verdict"] == "unreadable"
    assert verify(http, "A" * 4_000)["verdict"] == "unreadable"
    assert http.get("/v1/verify", params={"code": "A" * 5_000}).status_code == 400
    assert http.get("/v1/verify").json()["errors"][0]["parameter"] == "code"


@pytest.mark.parametrize(("many", "on_the_loop"), [(100, True), (0, False)])
def test_a_product_of_many_batches_keeps_nobody_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, many: int, on_the_loop: bool
) -> None:
    monkeypatch.setattr("api.asking.asking.MANY_BATCHES", many)
    threads: list[bool] = []
    answer = Verification.answer

    def watched(self: Verification, question: Question) -> Answer:
        try:
            asyncio.get_running_loop()
            threads.append(True)
        except RuntimeError:
            threads.append(False)
        return answer(self, question)

    monkeypatch.setattr(Verification, "answer", watched)
    link = stage.link(stage.batch, stage.batch.serials[0])
    with client(stage.ledger) as http:
        assert http.get("/v1/verify", params={"code": link, "carrier": "qr"}).json()["verdict"] == "registered"
        assert http.get(link.removeprefix("https://id.example")).status_code == 200
        assert http.get("/", params={"code": link}).status_code == 200
    assert threads == [on_the_loop] * 3
