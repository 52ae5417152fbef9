"""One path for a scan: everything that is told counts, whoever asks, and a repair leads where choosing it leads."""

from __future__ import annotations

import ast
import io
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import qrcode
import zxingcpp
from ledger_world import gtin
from PIL import Image
from served import Stage

from api.answer.advice import Face
from api.answer.answer import view
from api.answer.makers import Makers
from api.asking.asking import ask, show_to_officer
from api.http.file_name import file_name
from api.question.scanning import officer_told
from api.question.told import Pictured, Symbol, Told, understand
from ledger.services.scans.scan import ScanInput
from verifier.instant import DAY
from verifier.reading.gs1 import Carrier
from verifier.verdict.facts import Context, HowRead

ROOT = Path(__file__).parent.parent.parent
PRODUCT = gtin("9521234", 60)
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def dated(stage: Stage) -> Any:
    """A lot with an expiry date, whose labels bear signatures in QR codes; its first unit was reported sold.

    Its serials have no digits: in one with a 10 a lost separator could stand in two places.
    """
    serials = [f"UNIT{letter}" for letter in "ABCDEFGHIJKLMNOPQ"]
    made = stage.world.register(stage.ledger, stage.maker, PRODUCT, "P1", serials=serials, expires="2027-02-28")
    stage.world.retire(stage.ledger, stage.maker, made, 1, [made.serials[0]])
    return made


def codes(answer: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in answer["reasons"]}


def post(http: httpx.Client, stage: Stage, code: str, **more: Any) -> dict[str, Any]:
    sent = {"id": str(uuid.uuid4()), "code": code, "scanned_at": "2026-11-20T10:00:00Z", "device": "dock", **more}
    response = http.post("/v1/scans", json=sent, headers=stage.token("scan"))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def told(*symbols: Symbol, how: HowRead = HowRead.PHOTOGRAPH, **more: Any) -> Told:
    return Told(symbols, how=how, officer=True, **more)


def judged(stage: Stage, asked: Told) -> dict[str, Any]:
    return view(ask(stage.ledger, understand(asked)), Face.OFFICER, Makers(stage.ledger.participants))


def test_questions_are_made_in_one_place() -> None:
    made = [
        str(file.relative_to(ROOT))
        for room in ("api", "ledger")
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Question"
    ]
    assert made == ["api/question/told.py"]


pytestmark = pytest.mark.node


@pytest.mark.parametrize("how", HowRead)
@pytest.mark.parametrize("carrier", Carrier)
@pytest.mark.parametrize("context", [Context.IMPORT, Context.OWNER, Context.UNKNOWN])
def test_a_repair_leads_where_choosing_it_leads(
    stage: Stage, dated: Any, how: HowRead, carrier: Carrier, context: Context
) -> None:
    """Of a sold unit and another one, without the signature that QR codes of the lot bear: with each way to tell it."""
    for serial in dated.serials[:2]:
        glued = f"01{PRODUCT}21{serial}10P1"
        scan = ScanInput(str(uuid.uuid4()), glued, 1_796_000_000_000, "dock", context, "NL", "NL RTM", 51.9, 4.1)
        asked = officer_told(scan, Symbol(glued, carrier), how)
        shown, _ = show_to_officer(stage.ledger, Makers(stage.ledger.participants), asked, understand(asked))
        lost = [repair for repair in shown["repairs"] if repair["name"] == "separator_lost"]
        assert lost
        for repair in lost:
            chosen = judged(stage, asked.repaired(understand(asked), repair["text"], repair["name"]))
            assert repair["leads_to"] == chosen["verdict"]
            assert repair["leads_to_shown_as"] == chosen["shown_as"]
        borne = carrier is Carrier.QR or (serial == dated.serials[0] and context is not Context.OWNER)
        assert lost[0]["leads_to"] == ("check" if borne else "registered")


def test_in_a_picture_the_code_that_was_judged_is_the_one_that_is_repaired(stage: Stage, dated: Any) -> None:
    """The product's EAN stands before it, decoded more often: its carrier says nothing of what the QR code lacks."""
    ean = Symbol("0" + PRODUCT[1:], Carrier.TEXT, "]E0", 4)
    glued = Symbol(f"01{PRODUCT}21{dated.serials[8]}10P1", Carrier.QR, "]Q3", 2)
    scan = ScanInput(str(uuid.uuid4()), "", 1_796_000_000_000, "dock", Context.IMPORT, "NL")
    for symbols in ((ean, glued), (glued, ean)):
        asked = officer_told(scan, Pictured(symbols), HowRead.PHOTOGRAPH)
        shown, _ = show_to_officer(stage.ledger, Makers(stage.ledger.participants), asked, understand(asked))
        (lost,) = [repair for repair in shown["repairs"] if repair["name"] == "separator_lost"]
        assert lost["leads_to"] == "check", "labels of this lot bear a signature in QR codes"


def test_a_sold_unit_is_not_without_reports_to_somebody_who_may_be_buying(
    stage: Stage, http: httpx.Client, dated: Any
) -> None:
    link = stage.link(dated, dated.serials[0])
    asked = http.get("/v1/verify", params={"code": link, "carrier": "qr"}).json()
    assert (asked["verdict"], "sold_elsewhere" in codes(asked)) == ("check", True)
    question = asked["question"]
    assert (question["parameter"], question["text"], question["given"]) == ("context", "Is it for sale?", "unknown")
    verdicts = {}
    for answer in question["answers"]:
        more = {question["parameter"]: answer["value"]}
        said = http.get("/v1/verify", params={"code": link, "carrier": "qr", **more}).json()
        printed = link.removeprefix("https://id.example") + f"&context={answer['value']}"
        at_its_address = http.get(printed, headers=JSON).json()
        assert at_its_address["code"]["read"].endswith(link.partition("?")[2]), "no part of the code"
        page = http.get("/", params={"code": link, "carrier": "qr", **more}).text
        assert at_its_address["verdict"] == said["verdict"]
        assert said["shown_as"] in page
        verdicts[answer["value"]] = (said["verdict"], said["shown_as"])
    assert verdicts == {
        "retail": ("check", "Check further"),
        "owner": ("registered", "Registered, reported sold"),
    }
    page = http.get(link.removeprefix("https://id.example"), headers={"Accept": "text/html"}).text
    assert 'name="context" value="owner"' in page
    other = http.get("/v1/verify", params={"code": stage.link(dated, dated.serials[1]), "carrier": "qr"}).json()
    assert (other["verdict"], other["question"]) == ("registered", None)
    refused = http.get("/v1/verify", params={"code": link, "context": "holiday"})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (400, "context")


def test_a_link_from_elsewhere_does_not_say_for_its_reader_that_the_item_is_theirs(
    stage: Stage, http: httpx.Client, dated: Any
) -> None:
    """Printed beside a copied label, or sent by who sells it: only our own page, or a program, says whose it is."""
    link = stage.link(dated, dated.serials[0])
    printed = link.removeprefix("https://id.example") + "&context=owner"
    for address in (printed, f"/?carrier=qr&context=owner&code={quote(link, safe='')}"):
        for site, verdict in {
            "none": "check",
            "cross-site": "check",
            "same-site": "check",
            "same-origin": "registered",
        }.items():
            came = {**JSON, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": site}
            answer = http.get(address, headers=came)
            assert (answer.json()["verdict"], site) == (verdict, site)
            assert answer.json()["question"]["given"] == ("owner" if verdict == "registered" else "unknown")
            assert "Sec-Fetch-Site" in answer.headers["vary"]
        scripted = {**JSON, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
        assert http.get(address, headers=scripted).json()["verdict"] == "registered", "a program says it on purpose"
        page = http.get(address, headers={**came, "Sec-Fetch-Site": "none", "Accept": "text/html"}).text
        assert "Check further" in page


def test_what_a_label_prints_is_compared_or_listed(stage: Stage, http: httpx.Client, dated: Any) -> None:
    serial = dated.serials[1]
    for code in (
        f"01{PRODUCT}1729033110P1\x1d21{serial}",
        stage.link(dated, serial) + "&17=290331",
    ):
        answer = http.get("/v1/verify", params={"code": code}).json()
        assert (answer["verdict"], "expiry_mismatch" in codes(answer)) == ("check", True)
        assert next(c["result"] for c in answer["checks"] if c["check"] == "expiry") == "failed"
    same = http.get("/v1/verify", params={"code": f"(01){PRODUCT}(17)270200(10)P1(21){serial}(240)X9"}).json()
    assert same["verdict"] == "registered"
    assert {"check": "printed 240", "why": "the label also says (240) 'X9': nothing registered to compare it with"} in (
        same["not_checked"]
    )


def test_no_claimed_time_makes_anything_young_again(stage: Stage, http: httpx.Client) -> None:
    old = stage.world.register(stage.ledger, stage.maker, gtin("9521234", 61), "OLD", expires="2020-01-31")
    code = stage.link(old, old.serials[0])
    answer = post(http, stage, code, carrier="qr", scanned_at="2019-05-05T10:00:00Z")
    assert "expired" in codes(answer)
    later = understand(Told((Symbol(code),), device_time=5 * DAY, keeper_time=3 * DAY))
    assert later.today == "1970-01-06", "by whichever clock is later"


@pytest.mark.parametrize(
    "moment",
    ["20261130", "2026-11-30", "1795168800", "2026-11-30T10:00:00", "2026-11-30 10:00:00Z", "2026-11-30T10:00Z",
     "2026-W48-1T10:00:00Z", "2026-11-31T10:00:00Z", 1795168800, 1795168800.5, "2026-11-30T10:00:00+0100", ""],
)  # fmt: skip
def test_an_instant_is_rfc_3339_with_a_zone(stage: Stage, http: httpx.Client, moment: object) -> None:
    sent = {"id": str(uuid.uuid4()), "code": "x", "scanned_at": moment, "device": "t"}
    response = http.post("/v1/scans", json=sent, headers=stage.token("scan"))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "#/scanned_at")
    form = {**sent, "scanned_at": str(moment)}
    photo = http.post("/v1/scans/photo", data=form, files={"photo": ("p", b"x")}, headers=stage.token("scan"))
    assert photo.status_code == 400


def sheet(*images: Image.Image) -> bytes:
    page = Image.new("L", (sum(i.width for i in images) + 40 * len(images), max(i.height for i in images) + 60), 255)
    at = 20
    for image in images:
        page.paste(image, (at, 30))
        at += image.width + 40
    out = io.BytesIO()
    page.save(out, "PNG")
    return out.getvalue()


def qr(text: str) -> Image.Image:
    return qrcode.make(text, border=6, box_size=6).convert("L")


def symbol_of(text: str, kind: zxingcpp.BarcodeFormat, **more: Any) -> Image.Image:
    return Image.fromarray(np.array(zxingcpp.create_barcode(text, kind, **more).to_image(scale=6)))


def photographed(http: httpx.Client, stage: Stage, *images: Image.Image) -> dict[str, Any]:
    form = {"id": str(uuid.uuid4()), "scanned_at": "2026-11-20T10:00:00Z", "device": "phone"}
    response = http.post(
        "/v1/scans/photo", data=form, files={"photo": ("p", sheet(*images))}, headers=stage.token("scan")
    )
    answer: dict[str, Any] = response.json()
    assert response.status_code == 200, answer
    return answer


def test_a_plain_symbol_beside_does_not_hide_a_wrong_signature(stage: Stage, http: httpx.Client, dated: Any) -> None:
    one, other = dated.serials[2:4]
    wrong = stage.link(dated, one).split("?")[0] + "?s=" + stage.world.label(stage.ledger, dated, other)
    plain = symbol_of(f"(01){PRODUCT}(10)P1(21){one}", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    for images in ((qr(wrong), plain), (plain, qr(wrong))):
        answer = photographed(http, stage, *images)
        assert (answer["verdict"], "signature_wrong" in codes(answer)) == ("stop", True)
    good = photographed(http, stage, qr(stage.link(dated, one)), plain)
    assert (good["verdict"], "signature_valid" in codes(good)) == ("registered", True)


def combined(stage: Stage, *symbols: Symbol) -> dict[str, Any]:
    return judged(stage, told(*symbols))


def test_all_codes_of_one_item_in_a_picture_count(stage: Stage, dated: Any) -> None:
    serial = dated.serials[4]
    link = Symbol(stage.link(dated, serial), Carrier.QR, "]Q1", 2)
    plain = Symbol(f"01{PRODUCT}21{serial}\x1d17290331", Carrier.DATAMATRIX, "]d2", 2)
    assert "expiry_mismatch" in codes(combined(stage, link, plain)), "each one's expiry"
    bare = Symbol(stage.link(dated, serial, signed=False), Carrier.QR, "]Q1", 2)
    assert "signature_missing" in codes(combined(stage, plain, bare)), "each one's carrier"
    alone = combined(stage, link, Symbol("0" + PRODUCT[1:], Carrier.TEXT, "]E0", 2))
    assert alone["verdict"] == "registered", "the product's own EAN says nothing more"
    others: Sequence[tuple[Symbol, str]] = [
        (Symbol("(01)09521234000010(21)A", Carrier.TEXT), "could not be read"),
        (Symbol(gtin("9521234", 1), Carrier.TEXT), f"also shows a code of product {gtin('9521234', 1)}"),
    ]
    for beside, said in others:
        listed = {one["check"]: one["why"] for one in combined(stage, link, beside)["not_checked"]}
        assert said in listed["other codes"]
    second = Symbol(stage.link(dated, dated.serials[5]), Carrier.QR, "]Q1", 2)
    several = combined(stage, link, second)
    assert (several["verdict"], several["reasons"][0]["evidence"]["why"]) == ("unreadable", "several_codes")
    glued = [Symbol(f"01{PRODUCT}10P1{{GS}}21{one}", Carrier.QR, "]Q1", 2) for one in dated.serials[4:6]]
    assert combined(stage, *glued)["reasons"][0]["evidence"]["why"] == "several_codes", "once they are repaired"
    cut = judged(stage, told(link, cut=True))
    assert "part of the picture is missing" in json.dumps(cut["not_checked"])


def test_other_things_in_a_picture_are_no_items(stage: Stage) -> None:
    """Several codes are several items; two addresses of somebody else are none."""
    shop = Symbol("https://shop.example/a", Carrier.QR, "]Q1", 2)
    other = Symbol("https://shop.example/b", Carrier.QR, "]Q1", 2)
    crate = Symbol("(00)095212340000000013", Carrier.TEXT, None, 1)
    for symbols in ((shop, other), (other, shop, crate), (crate, shop)):
        assert combined(stage, *symbols)["verdict"] == "outside"
    products = [Symbol(gtin("9521234", item), Carrier.TEXT, None, 2) for item in (1, 2)]
    answer = combined(stage, shop, *products)
    assert answer["reasons"][0]["evidence"]["why"] == "several_codes"


def test_of_two_codes_that_could_not_be_read_the_one_with_a_repair_is_the_answer(stage: Stage, dated: Any) -> None:
    broken = Symbol("(01)09521234000010(21)A", Carrier.QR, None, 2)
    glued = Symbol(f"01{PRODUCT}10P1{{GS}}21{dated.serials[4]}", Carrier.DATAMATRIX, "]d2", 1)
    for symbols in ((broken, glued), (glued, broken)):
        answer = combined(stage, *symbols)
        assert [repair["name"] for repair in answer["repairs"]] == ["separator_replaced"]
        assert "could not be read" in json.dumps(answer["not_checked"])


def test_no_light_is_asked_for_where_somebody_typed(stage: Stage, http: httpx.Client) -> None:
    broken = f"01{PRODUCT}21ABC12310LOT7"
    for code in ("(01)09521234000010(21)A", broken, "LOT7"):
        said = {
            carrier: http.get("/v1/verify", params={"code": code, "carrier": carrier}).json()
            for carrier in ("text", "qr", "text")
        }
        for carrier, answer in said.items():
            if answer["verdict"] == "unreadable":
                assert ("light" in " ".join(answer["next"])) == (carrier == "qr"), answer["next"]
        assert said["text"]["verdict"] == "unreadable"
        typed_here = post(http, stage, code)["next"]
        assert "glare" not in " ".join(typed_here)
        assert any("type it once more" in step for step in typed_here)
    assert "glare" in " ".join(post(http, stage, broken, machine_read=True)["next"])


@pytest.mark.parametrize("serial", ["NOSUCHUNIT"])
def test_a_wrong_signature_is_not_held_against_an_item_while_the_reading_may_be_wrong(
    stage: Stage, dated: Any, serial: str
) -> None:
    present = dated.serials[6]
    signature = stage.world.label(stage.ledger, dated, dated.serials[7])
    link = f"https://id.example/01/{PRODUCT}/10/P1/21/{{}}?s={signature}"

    def verdict(text: str, how: HowRead, **more: Any) -> str:
        return str(judged(stage, Told((Symbol(text, Carrier.QR, None, 2),), how=how, officer=True, **more))["verdict"])

    assert verdict(link.format(present), HowRead.PHOTOGRAPH) == "stop", "read twice, and nothing speaks for a fault"
    assert verdict(link.format(serial), HowRead.DECODER) == "stop"
    assert verdict(link.format(present), HowRead.TYPED) == "check"
    assert verdict(link.format(present), HowRead.PHOTOGRAPH, repairs=("case",)) == "check", "nobody read it so"
    shouted = link.format(serial).upper()
    assert verdict(shouted, HowRead.WEDGE) == "not_registered", "caps lock may have been on"
    doubled = link.replace("P1", "P%252F1").format(present)
    assert verdict(doubled, HowRead.DECODER) == "unreadable"


def test_a_swap_of_keys_is_shown_to_an_officer_where_it_leads_to_a_unit(stage: Stage, http: httpx.Client) -> None:
    product = gtin("9521234", 62)
    made = stage.world.prepare(stage.ledger, stage.maker, product, "Y", ["KYZ2479", "OTHER1"])
    stage.ledger.batches.register(made.statement, made.salt)
    swapped = f"01{product}21KZY2479"
    answer = post(http, stage, swapped)
    (offered,) = [repair for repair in answer["repairs"] if repair["name"] == "keyboard_layout"]
    assert (offered["text"], offered["leads_to"]) == (f"01{product}21KYZ2479", "registered")
    nowhere = post(http, stage, f"01{product}21NZY2479")
    assert [repair for repair in nowhere["repairs"] if repair["name"] == "keyboard_layout"] == []
    public = http.get("/v1/verify", params={"code": swapped}).json()
    named = [repair for repair in public["repairs"] if repair["name"] == "keyboard_layout"]
    assert len(named) == 1, "named as possible, from the text alone"
    assert "leads_to" not in named[0]


def test_a_proof_file_is_named_by_its_unit(stage: Stage, http: httpx.Client, dated: Any) -> None:
    names = set()
    for serial in dated.serials[:2]:
        response = http.get("/v1/proofs/units", params={"code": f"(01){PRODUCT}(21){serial}"})
        names.add(response.headers["content-disposition"])
    assert names == {f'attachment; filename="unit-{PRODUCT}-P1-{serial}.tlog-proof"' for serial in dated.serials[:2]}


def test_names_of_files_are_safe_and_one_for_each_unit() -> None:
    given = ["A/B", "A_B", "a_b", "A:B", 'A"B', "..", "%2F", "A;B", "AB"]
    names = {file_name("unit", "09521234000013", serial) for serial in given}
    assert len({name.lower() for name in names}) == len(given)
    for name in names:
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_a_picture_without_a_code_says_if_it_was_cut() -> None:
    whole, cut = (understand(Told(Pictured(()).symbols, cut=cut)).reading for cut in (False, True))
    assert "its file is cut" not in str(whole)
    assert "its file is cut" in str(cut)
