"""API tokens, for operators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answer.schema import Closed
from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.reply import reply
from api.site.site import site
from ledger.services.scans.token import Scope, StoredSecret
from verifier.instant import DAY, format_instant

router = APIRouter(route_class=Guarded, tags=["operators"])
_PROBLEMS = problems("malformed", "unauthenticated", "scope_missing")


class TokenIn(Closed):
    """A token to issue. `days`: how long it lasts; without it, until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Scope], Field(min_length=1)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    days: Annotated[int, Field(ge=1, le=366)] | None = None


@router.get("/v1/tokens", summary="All tokens", responses=_PROBLEMS)
async def tokens(request: Request) -> Response:
    """Every token ever issued, newest first, without the tokens themselves: only their hashes are kept."""
    listed = await run_in_threadpool(site(request).ledger.tokens.list)
    return reply({"tokens": [_shown(stored) for stored in listed]})


@router.post("/v1/tokens", summary="Issue a token", status_code=201, responses=_PROBLEMS)
async def issue(request: Request, body: TokenIn) -> Response:
    """A new token. It is shown only once, here."""
    lifetime = body.days * DAY if body.days is not None else None
    issue_token = site(request).ledger.tokens.issue
    plain = await run_in_threadpool(issue_token, body.name, body.scopes, body.country, lifetime)
    return reply({"token": plain, "name": body.name, "scopes": sorted(body.scopes)}, 201)


@router.delete("/v1/tokens/{token_id}", summary="Revoke a token", responses={**_PROBLEMS, **problems("not_found")})
async def revoke(request: Request, token_id: str) -> Response:
    """End a token at once, by the id that the list shows. `again`: it had ended before."""
    stored, again = await run_in_threadpool(site(request).ledger.tokens.revoke, token_id)
    return reply({"revoked": stored.id, "name": stored.name, "again": again})


@router.get("/v1/sessions", summary="Who is signed in", responses=_PROBLEMS)
async def sessions(request: Request) -> Response:
    """Every open session and every unused sign-in link, newest first. Their secrets are never shown."""
    listed = await run_in_threadpool(site(request).ledger.tokens.sessions)
    return reply({"sessions": [{"kind": stored.secret.value, **_shown(stored)} for stored in listed]})


@router.delete(
    "/v1/sessions/{session_id}", summary="End a session", responses={**_PROBLEMS, **problems("session_unknown")}
)
async def end(request: Request, session_id: str) -> Response:
    """End a session or an unused link at once, by the id that the list shows. `again`: it had ended before."""
    stored, again = await run_in_threadpool(site(request).ledger.tokens.end_session, session_id)
    return reply({"ended": stored.id, "name": stored.name, "again": again})


def _shown(stored: StoredSecret) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "scopes": sorted(stored.scopes),
        "country": stored.country,
        "created_at": format_instant(stored.created_at),
        "expires_at": None if stored.expires_at is None else format_instant(stored.expires_at),
        "ended_at": None if stored.ended_at is None else format_instant(stored.ended_at),
        "used_at": None if stored.used_at is None else format_instant(stored.used_at),
    }
