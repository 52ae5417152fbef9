"""A repair that an officer chooses on the page is judged with everything that was told before, its text replaced."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
import zxingcpp
from ledger_world import gtin
from served import WATCH, Stage, client
from test_one_path import qr, sheet, symbol_of

from api.guard.guard import SESSION_COOKIE
from api.question.retold import format_retold, parse_retold
from api.question.told import Symbol, Told
from verifier.errors import Malformed
from verifier.reading.gs1 import Carrier
from verifier.verdict.facts import HowRead

pytestmark = pytest.mark.node

OTHER = gtin("9521234", 7)


@pytest.fixture(scope="module")
def officer(stage: Stage) -> Iterator[httpx.Client]:
    """A browser that is signed in."""
    with client(stage.ledger) as http:
        session = stage.ledger.tokens.sign_in(stage.ledger.tokens.one_time_link("desk", country="NL"))
        http.headers.update({"Cookie": f"{SESSION_COOKIE}={session}", "Origin": str(http.base_url).rstrip("/")})
        yield http


def repair_forms(page: str) -> list[dict[str, str]]:
    """The fields of each form that offers a repair, and under `leads_to` where it says to lead."""
    found = []
    for form in re.findall(r'<form action="/officer".*?</form>', page, re.DOTALL):
        fields = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', form)
        if leads := re.search(r"leads to: ([^<]+)<", form):
            found.append({name: unescape(value) for name, value in fields} | {"leads_to": unescape(leads[1])})
    return found


def chosen(officer: httpx.Client, form: dict[str, str], **more: str) -> httpx.Response:
    fields = {name: value for name, value in form.items() if name != "leads_to"}
    return officer.post("/officer", data={**fields, "device": "desk", "context": "import", **more})


def kept(stage: Stage, scan_id: str) -> dict[str, Any]:
    """The answer that is kept with a scan."""
    found = stage.ledger.scans.find(scan_id)
    assert found is not None
    answer: dict[str, Any] = stage.ledger.scans.answer(found)
    return answer


def test_what_lay_beside_the_code_in_the_picture_counts_after_a_repair(stage: Stage, officer: httpx.Client) -> None:
    glued = f"01{WATCH}10{stage.recalled.lot}{{GS}}21{stage.recalled.serials[0]}"
    picture = sheet(qr(glued), symbol_of(OTHER[1:], zxingcpp.BarcodeFormat.EAN13))
    fields = {"id": str(uuid.uuid4()), "device": "desk", "context": "import"}
    page = officer.post("/officer", data=fields, files={"photo": ("p.png", picture)})
    (form,) = repair_forms(page.text)
    assert [one["carrier"] for one in json.loads(form["told"])["symbols"]].count("qr") == 1
    after = chosen(officer, form)
    assert after.status_code == 200
    assert f"Not judged: the picture also shows a code of product {OTHER}." in after.text
    answer = kept(stage, form["id"])
    assert answer["shown_as"] == form["leads_to"]
    assert f"the picture also shows a code of product {OTHER}" in json.dumps(answer["not_checked"])
    assert "repair_applied" in [reason["code"] for reason in answer["reasons"]]
    alone = {**form, "id": str(uuid.uuid4()), "told": ""}
    assert chosen(officer, alone).status_code == 200
    assert "the picture also shows" not in json.dumps(kept(stage, alone["id"])), "or this test shows nothing"


def test_what_was_told_comes_back_as_it_was() -> None:
    symbols = (
        Symbol(b"01\x1d\xe2\x82\xac\xff", Carrier.QR, "]Q3", 2),
        Symbol('<"&>', Carrier.TEXT, None, 1),
        Symbol("x" * 5_000, Carrier.DATAMATRIX, "]d2", 4),
    )
    told = Told(symbols, HowRead.PHOTOGRAPH, ("case",), cut=True)
    text = format_retold(told)
    back = parse_retold(text)
    assert text.isascii()
    assert (back.how, back.cut, back.repairs) == (HowRead.PHOTOGRAPH, True, ("case",))
    assert back.pictured.symbols[0] == Symbol("01\x1d€�", Carrier.QR, "]Q3", 2)
    assert back.pictured.symbols[1] == symbols[1]
    assert len(back.pictured.symbols[2].text) == 2_049, "as too long as before"
    assert format_retold(Told(())) == ""


@pytest.mark.parametrize(
    "text",
    ["{}", "[", "null", '{"symbols":[],"how":"typed","cut":false,"repairs":[]}'],
)
def test_what_nobody_told_is_refused(text: str, stage: Stage, officer: httpx.Client) -> None:
    with pytest.raises(Malformed, match="couldn't read what was told before"):
        parse_retold(text)
    form = {"id": str(uuid.uuid4()), "code": f"01{WATCH}21A", "repair": "case", "told": text}
    assert chosen(officer, form).status_code == 400


def test_a_repair_of_a_picture_without_a_code_in_question_is_refused(officer: httpx.Client) -> None:
    two: dict[str, Any] = {"how": "photograph", "cut": False, "repairs": []}
    two["symbols"] = [
        {"text": f"(01){WATCH}(21){serial}", "carrier": "qr", "symbology": None, "decodes": 1} for serial in "AB"
    ]
    form = {"id": str(uuid.uuid4()), "code": f"(01){WATCH}(21)A", "repair": "case", "told": json.dumps(two)}
    response = chosen(officer, form)
    assert response.status_code == 400
    assert "none of the codes told is in question" in unescape(response.text)
