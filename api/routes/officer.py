"""The officer's page: a code typed, pasted, photographed or wedge-scanned, and its answer, without any script."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.asking import Scanned, ask_as_officer
from api.guard import Guarded
from api.photo import decode_photo
from api.receipts import earlier_scans
from api.scanning import fields_from_form, scan_input
from api.site import Site, caller_of, site
from api.timeline import timeline
from ledger.services.append import now_ms
from verifier.errors import Malformed, Refused
from verifier.facts import Context
from verifier.instant import format_instant
from verifier.reading import read
from verifier.reason import SHOWN_AS
from verifier.repair import RepairName

router = APIRouter(route_class=Guarded, include_in_schema=False)

PLACE_COOKIE = "carnet_place"
"""Remembers place, context and device between scans; nothing is believed because it stands there."""
_COOKIE = 2_048  # characters of it that are read; six fields of 80 take fewer

SCANS_COOKIE = "carnet_scans"
"""Remembers the ids of this browser's last scans, so that the page can demand their seals."""

_LAST = 8  # scans remembered in a browser
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
    """Judge what the form brings and show the answer above the next form.

    Sending the same form again, by reloading, is the same scan.
    """
    form = await request.form(max_files=1, max_fields=16)
    given = {key: value for key, value in form.items() if isinstance(value, str)}
    given["scanned_at"] = format_instant(now_ms())
    given |= {"unlocode": given.get("unlocode", "").upper(), "country": given.get("country", "").upper()}
    kept = _clean(given)
    here, who = site(request), caller_of(request)
    try:
        fields = fields_from_form(given)
        scanned = await _scanned(here, given, form.get("photo"))
        if scanned is None:
            return _page(request, kept, status=400, problem=NOTHING_GIVEN)
        entry = scan_input(fields, scanned.reading.text, who)
        sent_before = await run_in_threadpool(here.ledger.scans.find, entry.id)
        if sent_before is not None and sent_before.scan.code == entry.code:
            entry = sent_before.scan  # the page was reloaded: only the clock has moved
        answer, judged = await run_in_threadpool(ask_as_officer, here, entry, scanned, who.officer)
    except (Malformed, Refused) as error:
        return _page(request, kept, status=400, problem=str(error))
    before = [scan_id for scan_id in _last(request) if scan_id != entry.id]
    earlier = await run_in_threadpool(earlier_scans, here, before, who)
    response = _page(request, kept, answer=answer, timeline=timeline(judged.facts.sightings), earlier=earlier)
    for name, cookie in ((PLACE_COOKIE, urlencode(kept)), (SCANS_COOKIE, ".".join([entry.id, *before][:_LAST]))):
        response.set_cookie(
            name, cookie, _YEAR, path="/officer", secure=here.settings.secure, httponly=True, samesite="strict"
        )
    return response


async def _scanned(here: Site, given: Mapping[str, str], photo: Any) -> Scanned | None:
    """What was scanned; None if the form brings neither a code nor a photograph, which is no scan."""
    data = await photo.read() if isinstance(photo, UploadFile) else b""
    if data:
        return await decode_photo(here, data)
    if not given.get("code", "").strip():
        return None
    repair, by_wedge = given.get("repair", ""), given.get("machine_read") == _WEDGE
    return Scanned(
        reading=read(given.get("code", ""), machine_read=by_wedge),
        machine_read=by_wedge,
        repairs=(repair,) if repair in set(RepairName) else (),
    )


def _page(request: Request, kept: Mapping[str, str], *, status: int = 200, **shown: Any) -> Response:
    answer = shown.get("answer")
    values: dict[str, Any] = {"answer": None, "problem": None, "timeline": "", "earlier": [], **shown}
    return site(request).pages.respond(
        "officer.html",
        request,
        status=status,
        kept=kept,
        contexts=[context.value for context in Context],
        scan_id=str(uuid.uuid4()),
        next_ids=[str(uuid.uuid4()) for _ in answer["repairs"]] if answer else [],
        shown_as={verdict.value: shown for verdict, shown in SHOWN_AS.items()},
        **values,
    )


def _remembered(request: Request) -> dict[str, str]:
    return _clean(dict(parse_qsl(request.cookies.get(PLACE_COOKIE, "")[:_COOKIE])))


def _last(request: Request) -> list[str]:
    """The ids that this browser remembers; whose they are is asked where they are shown."""
    return [scan_id[:80] for scan_id in request.cookies.get(SCANS_COOKIE, "").split(".") if scan_id][:_LAST]


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    """What is remembered, short and complete; it is checked when it is used."""
    return {key: given.get(key, "")[:80] for key in _KEPT} | {"context": given.get("context") or Context.IMPORT.value}
