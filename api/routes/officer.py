"""The officer's page: a code typed, pasted, photographed or wedge-scanned, and its answer, without any script.

With its scripts the page stays open. They queue scans, send one after the other with `X-Part: answer`, and insert the
part of the page that comes back. `docs/spec/officer.md` says what they promise.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.asking.asking import ask_as_officer
from api.asking.photo import decode_photo
from api.asking.receipts import earlier_scans, named
from api.guard.guard import Guarded
from api.pages.timeline import timeline
from api.problem.problem import kind_of
from api.question.parameters import carrier_of, symbology_of
from api.question.retold import format_retold, parse_retold
from api.question.scanning import fields_from_form, officer_told, scan_input
from api.question.told import Symbol, Told, understand
from api.site.site import Site, caller_of, site
from ledger.services.record.append import now_ms
from ledger.services.scans.question import Question
from ledger.services.scans.scan import ScanInput
from ledger.services.scans.token import Caller
from ledger.services.scans.verification import Answer
from verifier.errors import Malformed, Refused
from verifier.instant import DAY, format_instant
from verifier.reading.repair import RepairName
from verifier.verdict.facts import Context, HowRead

router = APIRouter(route_class=Guarded, include_in_schema=False)

PLACE_COOKIE = "carnet_place"
"""Remembers place, context and device between scans. Its values get no trust."""
_COOKIE = 2_048  # most characters of it that are read; six fields of 80 take fewer

SCANS_COOKIE = "carnet_scans"
"""Remembers the ids of this browser's last scans, so that the page can demand their seals."""

_LAST = 12  # scans remembered in a browser
LONGEST_WAIT = 366 * DAY
"""The longest time that a scan may wait in a browser before it is sent, in milliseconds; no queue is older."""
NOTHING_GIVEN = "Type or scan a code, or choose a photo first."

_KEPT = ("unlocode", "country", "latitude", "longitude", "context", "device")
_YEAR = 365 * 24 * 3600
_WEDGE = "wedge"


@router.get("/officer")
async def page(request: Request) -> Response:
    """The empty form."""
    earlier = await run_in_threadpool(earlier_scans, site(request), _last(request), caller_of(request))
    return _page(request, _remembered(request), earlier=earlier)


@router.post("/officer")
async def scan(request: Request) -> Response:
    """Judge the form's code and show the answer above the next form, or alone to the page's own script.

    The same form sent again is the same scan.
    """
    form = await request.form(max_files=1, max_fields=16)
    given = {key: value for key, value in form.items() if isinstance(value, str)}
    given |= {"code": _one_code(form.getlist("code"))}
    given |= {"unlocode": given.get("unlocode", "").upper(), "country": given.get("country", "").upper()}
    kept, part = _clean(given), request.headers.get("x-part") == "answer"
    here, who = site(request), caller_of(request)
    try:
        _check_officer(given.get("officer"), who)
        given["scanned_at"] = format_instant(now_ms() - _waited(given.get("waited", "")))
        entry = scan_input(fields_from_form(given), "", who)
        told = await _told(here, entry, given, form.get("photo"))
        question = understand(told)
        entry = replace(entry, code=question.reading.text)
        answer, judged = await run_in_threadpool(_ask, here, entry, told, question, who)
    except (Malformed, Refused) as error:
        if part:
            raise
        status = 400 if isinstance(error, Malformed) else kind_of(error)[1].status
        return _page(request, kept, status=status, problem=str(error))
    before = [scan_id for scan_id in _last(request) if scan_id != entry.id]
    shown: dict[str, Any] = {"answer": answer, "timeline": timeline(judged.facts.sightings), "part": part}
    shown["told"] = format_retold(told)
    if not part:  # the script keeps its own list
        shown["earlier"] = await run_in_threadpool(earlier_scans, here, before, who)
    response = _page(request, kept, **shown)
    for name, cookie in ((PLACE_COOKIE, urlencode(kept)), (SCANS_COOKIE, ".".join([entry.id, *before][:_LAST]))):
        response.set_cookie(
            name, cookie, _YEAR, path="/officer", secure=here.settings.secure, httponly=True, samesite="strict"
        )
    return response


def _ask(here: Site, entry: ScanInput, told: Told, question: Question, who: Caller) -> tuple[dict[str, Any], Answer]:
    """The answer about a scan. A scan that was sent before, or is being sent just now, is found by its id.

    Only its time may then differ: it is counted back from the form's arrival. Raises Refused (`scan_id_reused`).
    """
    try:
        return ask_as_officer(here, _as_kept(here, entry), told, question, who.officer)
    except Refused as error:  # or the first sending was kept between our look and our writing
        again = _as_kept(here, entry)
        if error.code != "scan_id_reused" or again == entry:
            raise
        return ask_as_officer(here, again, told, question, who.officer)


def _as_kept(here: Site, entry: ScanInput) -> ScanInput:
    sent_before = here.ledger.scans.find(entry.id)
    same = sent_before is not None and replace(entry, scanned_at=sent_before.scan.scanned_at) == sent_before.scan
    return sent_before.scan if sent_before is not None and same else entry


def _one_code(fields: Sequence[object]) -> str:
    """The code among the fields of that name: one is for scripts, one for browsers without.

    A scanner's line end is dropped.
    """
    return next((text for field in fields if isinstance(field, str) and (text := field.strip("\r\n")).strip()), "")


def _waited(text: str) -> int:
    """How long (ms) a scan waited in the browser. It is a span, so a wrong clock there does no harm."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > 15 or int(text) > LONGEST_WAIT:
        raise Malformed(
            f"couldn't read waited: expected 0 to {LONGEST_WAIT} milliseconds, got {text[:20]}", at="waited"
        )
    return int(text)


def signed_in_as(who: Caller) -> str:
    """An officer as the page names them. A scan carries this name, so that no other session sends it by oversight."""
    return f"{who.name}, {who.country}" if who.country else who.name


def _check_officer(expected: str | None, who: Caller) -> None:
    if expected is not None and expected != signed_in_as(who):
        raise Refused(
            f"couldn't take the scan: it was made by {expected[:80]}, and {signed_in_as(who)} is signed in here",
            code="other_officer",
        )


async def _told(here: Site, scan: ScanInput, given: Mapping[str, str], photo: Any) -> Told:
    """The report in the form. A chosen repair comes with the earlier report, and its text replaces the code in
    question, as when its lead was judged.

    Raises Malformed if the form has neither a code nor a photograph, or several codes; also `picture`.
    """
    data = await photo.read() if isinstance(photo, UploadFile) else b""
    if data:
        return officer_told(scan, await decode_photo(here, data), HowRead.PHOTOGRAPH, hosts=here.hosts)
    code, repair = given.get("code", ""), given.get("repair", "")
    if not code.strip():
        raise Malformed(NOTHING_GIVEN)
    if "\n" in code:
        raise Malformed(f"couldn't take several codes at once: expected one line, got {len(code.split())}", at="code")
    if given.get("told") and repair in set(RepairName):
        before = parse_retold(given["told"])
        told = officer_told(scan, before.pictured, before.how, tuple(before.repairs), here.hosts)
        return told.repaired(understand(told), code, repair)
    symbol = Symbol(code, carrier_of(given.get("carrier") or None), symbology_of(given.get("symbology") or None))
    how = HowRead.WEDGE if given.get("machine_read") == _WEDGE else HowRead.TYPED
    return officer_told(scan, symbol, how, (repair,) if repair in set(RepairName) else (), here.hosts)


def _page(request: Request, kept: Mapping[str, str], *, status: int = 200, **shown: Any) -> Response:
    answer = shown.get("answer")
    values: dict[str, Any] = {
        "answer": None,
        "problem": None,
        "timeline": "",
        "earlier": [],
        "part": False,
        "told": "",
        **shown,
    }
    return site(request).pages.respond(
        "_officer_answer.html" if values["part"] else "officer.html",
        request,
        status=status,
        kept=kept,
        officer=signed_in_as(caller_of(request)),
        contexts=[context.value for context in Context],
        scan_id=str(uuid.uuid4()),
        name=named(answer["code"]) if answer else "",
        next_ids=[str(uuid.uuid4()) for _ in answer["repairs"]] if answer else [],
        **values,
    )


def _remembered(request: Request) -> dict[str, str]:
    return _clean(dict(parse_qsl(request.cookies.get(PLACE_COOKIE, "")[:_COOKIE])))


def _last(request: Request) -> list[str]:
    """The ids that this browser remembers. Their owner is checked where they are shown."""
    return [scan_id[:80] for scan_id in request.cookies.get(SCANS_COOKIE, "").split(".") if scan_id][:_LAST]


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    """The remembered values, shortened and completed. They are checked when they are used."""
    return {key: given.get(key, "")[:80] for key in _KEPT} | {"context": given.get("context") or Context.IMPORT.value}
