"""Proof files: what anybody can check without this server."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.asking.asking import ask, charge_search
from api.description.examples import EXAMPLE_CODE, problems
from api.guard.guard import Guarded
from api.http.content import packed
from api.http.file_name import file_name
from api.question.told import typed, understand
from api.site.site import Site, caller_or_none, site
from ledger.services.scans.token import Scope
from ledger.services.scans.verification import Answer
from verifier.errors import Malformed, NotFound
from verifier.reading.gs1 import UnitCode, parse_gtin, parse_lot
from verifier.reading.reading import LONGEST_TEXT, ReadCode
from verifier.verdict.facts import Unit

router = APIRouter(route_class=Guarded, tags=["proofs"])
_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "A .tlog-proof file.", "content": {"text/plain": {}}}}


@router.get(
    "/v1/proofs/entries/{index}",
    summary="Proof of an entry",
    responses={**_FILE, **problems("entry_missing", "rate_limited", "unavailable")},
)
async def entry(request: Request, index: Annotated[int, Path(ge=0, lt=2**63)]) -> Response:
    """A C2SP tlog-proof file: that an entry stands in the log under a signed checkpoint."""
    here = site(request)
    if index >= here.ledger.record.size:
        raise NotFound(
            f"couldn't prove entry {index}: the log has {here.ledger.record.size} entries", code="entry_missing"
        )
    answer = _file(await run_in_threadpool(here.ledger.proofs.for_entry, index), f"entry-{index}")
    return await packed(request, answer)


@router.get(
    "/v1/proofs/units",
    summary="Proof of a unit",
    responses={**_FILE, **problems("no_serial", "unit_unknown", "rate_limited", "unavailable")},
)
async def unit(
    request: Request,
    code: Annotated[str, Query(max_length=2 * LONGEST_TEXT, description="The code as read.", examples=[EXAMPLE_CODE])],
) -> Response:
    """Everything the answer about a registered unit rests on, in one file that `carnet verify` checks offline.

    Once others than the operator have confirmed an index, the file also shows that nothing was left out: no recall up
    to its size. A caller with the scope `proof` also gets proofs that a unit is absent from the lot printed on it, or
    that there is no such lot. Nobody else learns anything about codes that are not registered: they all get the same
    404.
    """
    here = site(request)
    who = caller_or_none(request)
    entitled = who is not None and Scope.PROOF in who.scopes
    question = understand(replace(typed(code), officer=entitled, hosts=here.hosts))
    reading = question.reading
    if not isinstance(reading, ReadCode) or reading.code.serial is None:
        raise Malformed("couldn't prove anything: the code names no single item", code="no_serial")
    if not entitled:
        charge_search(request, reading)
    answer = await run_in_threadpool(ask, here.ledger, question)
    data = await run_in_threadpool(_prove, here, answer, reading.code, entitled)
    code_ = reading.code
    lot_ = answer.batches[0].lot if answer.facts.unit is Unit.PRESENT else code_.lot
    made = _file(data, file_name("unit", code_.gtin, lot_, code_.serial))
    # What only an entitled caller may know is not packed: its length would tell.
    return made if entitled else await packed(request, made)


@router.get(
    "/v1/proofs/lots",
    summary="Proof that a lot is not registered",
    responses={
        **_FILE,
        **problems("gtin_length", "lot_present", "unauthenticated", "scope_missing", "rate_limited", "unavailable"),
    },
)
async def lot(
    request: Request,
    gtin: Annotated[str, Query(description="GTIN of 8, 12, 13 or 14 digits.", examples=["09521234543213"])],
    lot: Annotated[
        str | None, Query(max_length=20, description="Without it: that no lot of this product is registered.")
    ] = None,
) -> Response:
    """That no batch of this GTIN and lot was registered, by the index that others than the operator confirmed.

    For callers with the scope `proof`: to everybody else a ledger does not say which lots it does not know.
    """
    here = site(request)
    product, batch = parse_gtin(gtin), None if lot is None else parse_lot(lot)
    data = await run_in_threadpool(here.ledger.proofs.for_absent_lot, product, batch)
    return _file(data, file_name("lot", product, batch))


def _prove(here: Site, answer: Answer, code: UnitCode, entitled: bool) -> bytes:
    if answer.facts.unit is Unit.PRESENT:
        return here.ledger.proofs.for_unit(code)
    if answer.facts.unit is Unit.ABSENT and entitled:
        record, proofs = here.ledger.record, here.ledger.proofs
        registered = record.by_lot.get((code.gtin, code.lot)) if code.lot else record.by_gtin.get(code.gtin)
        return proofs.for_absence(code) if registered else proofs.for_absent_lot(code.gtin, code.lot)
    raise NotFound("couldn't prove this code: it is no registered unit's", code="unit_unknown")


def _file(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.tlog-proof"', "Cache-Control": "no-store"}
    return Response(data, 200, headers, "text/plain; charset=utf-8")
