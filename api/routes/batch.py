"""Batches: registering them, later statements about them, and the record of each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answer.schema import ChangeIn, RegistrationIn
from api.asking.statement import OWN, RECEIPTS, receipt_reply, statement_in
from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.content import packed
from api.http.reply import reply
from api.problem.problem import pointing_at
from api.site.site import site
from verifier.errors import Malformed, Unavailable
from verifier.reading.gs1 import parse_gtin
from verifier.record.batch import Batch
from verifier.record.statement import Kind

router = APIRouter(route_class=Guarded)

PAGE = 100
"""Batches in one answer to a search."""


@router.post("/v1/batches", tags=["makers"], summary="Register a batch", status_code=201, responses=RECEIPTS)
async def register(request: Request, body: RegistrationIn) -> Response:
    """Take a signed registration. Its segment must have been sent before.

    The salt is kept encrypted beside the log. The same statement again gets its first receipt, with status 200.
    """
    here = site(request)
    with pointing_at("statement", *OWN):
        statement = statement_in(body.statement)
        receipt = await run_in_threadpool(here.ledger.batches.register, statement, bytes.fromhex(body.salt[2:]))
    return await receipt_reply(here, receipt, "0x" + receipt.leaf.hex())


@router.post(
    "/v1/batches/{batch_id}/recall", tags=["makers"], summary="Recall a batch", status_code=201, responses=RECEIPTS
)
async def recall(request: Request, batch_id: str, body: ChangeIn) -> Response:
    """Take a signed recall. Its `batch` must be the one in the address."""
    return await _change(request, body, Kind.BATCH_RECALLED, batch_id)


@router.post(
    "/v1/batches/{batch_id}/retire",
    tags=["makers"],
    summary="Report units sold, destroyed or stolen",
    status_code=201,
    responses=RECEIPTS,
)
async def retire(request: Request, batch_id: str, body: ChangeIn) -> Response:
    """Take a signed retirement of units. Its `batch` must be the one in the address."""
    return await _change(request, body, Kind.UNITS_RETIRED, batch_id)


@router.post("/v1/undo", tags=["makers"], summary="Take a statement back", status_code=201, responses=RECEIPTS)
async def undo(request: Request, body: ChangeIn) -> Response:
    """Take a signed undo of the newest statement of its kind."""
    return await _change(request, body, Kind.UNDONE, None)


@router.get("/v1/batches", tags=["record"], summary="Find batches", responses=problems("malformed", "rate_limited"))
async def find(
    request: Request,
    gtin: Annotated[str, Query(description="GTIN of 8, 12, 13 or 14 digits.", examples=["09521234543213"])],
    lot: Annotated[str | None, Query(max_length=20)] = None,
    after: Annotated[str | None, Query(pattern="^0x[0-9a-f]{64}$", description="Id of the last batch seen.")] = None,
) -> Response:
    """The batches of a product, newest first, or the one of a lot. None is a list without entries, not an error."""
    here = site(request)
    record, product = here.ledger.record, parse_gtin(gtin)
    found: Sequence[Batch] = record.by_gtin.get(product, ())
    if lot is not None:
        found = [one] if (one := record.by_lot.get((product, lot))) is not None else []
    last = record.batches.get(bytes.fromhex(after[2:])) if after is not None else None
    # Newest first, so by falling index: a batch is folded when it is looked at, and there may be thousands.
    start = bisect_right(found, -last.index, key=lambda one: -one.index) if last and last.gtin == product else 0
    page = found[start : start + PAGE]
    more = "0x" + page[-1].id.hex() if start + PAGE < len(found) else None
    return await packed(request, reply({"batches": [here.ledger.batches.describe(b) for b in page], "next": more}))


@router.get("/v1/batches/{batch_id}", tags=["record"], summary="One batch", responses=problems("batch_unknown"))
async def describe(request: Request, batch_id: str) -> Response:
    """The public record of a batch: registration, maker, recall, retirements, newest heads, and all statements ever
    made.
    """
    here = site(request)
    batch = here.ledger.batches.find(batch_id)
    return reply({**here.ledger.batches.describe(batch), "history": here.ledger.batches.history(batch)})


@router.get(
    "/v1/batches/{batch_id}/salt",
    tags=["officers"],
    summary="A batch's salt",
    responses=problems("unauthenticated", "scope_missing", "batch_unknown", "salt_missing"),
)
async def salt(request: Request, batch_id: str) -> Response:
    """The salt of a batch, for authorities and entitled mirrors. With it they can look up units offline."""
    here = site(request)
    value = here.ledger.batches.salt(here.ledger.batches.find(batch_id))
    if value is None:
        raise Unavailable("couldn't give the salt: it is not on this server", code="salt_missing")
    return reply({"batch": batch_id, "salt": "0x" + value.hex()})


async def _change(request: Request, body: ChangeIn, kind: Kind, batch_id: str | None) -> Response:
    here = site(request)
    with pointing_at("statement", *OWN):
        statement = statement_in(body.statement)
        if statement.kind is not kind:
            raise Malformed(
                f"couldn't read the statement: got {statement.kind}, expected {kind} at this address", at="kind"
            )
        if batch_id is not None and statement.body["batch"] != batch_id:
            raise Malformed("couldn't read the statement: it is about another batch than the address", at="batch")
        receipt = await run_in_threadpool(here.ledger.batches.change, statement)
    return await receipt_reply(here, receipt, batch_id)
