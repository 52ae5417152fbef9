"""The index: its state, and the signers that recomputed it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answer.schema import ChangeIn, IndexOut
from api.asking.statement import OWN, RECEIPTS, receipt_reply, statement_in
from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.reply import reply
from api.problem.problem import pointing_at
from api.site.site import site

router = APIRouter(route_class=Guarded)


@router.get(
    "/v1/index",
    tags=["record"],
    summary="The index",
    response_model=IndexOut,
    responses=problems("rate_limited", "unavailable"),
)
async def index(request: Request) -> Response:
    """The newest sealed index and the newest that others than the operator confirmed.

    Absence and "no recall" rest on the latter.
    """
    return reply(site(request).ledger.indexes.describe())


@router.post(
    "/v1/index/confirmations", tags=["makers"], summary="Confirm an index", status_code=201, responses=RECEIPTS
)
async def confirm(request: Request, body: ChangeIn) -> Response:
    """Take an auditor's or a customs administration's signed confirmation of a sealed index."""
    here = site(request)
    with pointing_at("statement", *OWN):
        receipt = await run_in_threadpool(here.ledger.indexes.confirm, statement_in(body.statement))
    return await receipt_reply(here, receipt, None)
