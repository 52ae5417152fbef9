"""Participants: those admitted, their prefixes, and suspensions."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.content import packed
from api.http.reply import reply
from api.site.site import site
from verifier.errors import NotFound

router = APIRouter(route_class=Guarded, tags=["record"])


@router.get("/v1/participants", summary="All participants", responses=problems("rate_limited"))
async def participants(request: Request) -> Response:
    """Every participant, authorities first, as the log says."""
    return await packed(request, reply({"participants": site(request).ledger.participants.list()}))


@router.get(
    "/v1/participants/{address}", summary="One participant", responses=problems("participant_unknown", "rate_limited")
)
async def participant(request: Request, address: str) -> Response:
    """One participant by its address, 0x and 40 lower-case hex digits."""
    here = site(request)
    if address not in here.ledger.record.standing.participants:
        raise NotFound(f"couldn't find {address[:50]}: no such participant", code="participant_unknown")
    return reply(here.ledger.participants.describe(address))
