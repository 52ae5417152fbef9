"""Signing in and out. A link works once, and opens a session for one shift."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.guard.guard import SESSION_COOKIE, Guarded
from api.site.site import Site, site
from ledger.services.scans.token import SESSION_LIFETIME, LinkState
from verifier.instant import SECOND, format_instant

router = APIRouter(route_class=Guarded, include_in_schema=False)


@router.get("/officer/sign-in")
async def form(request: Request, code: str = "") -> Response:
    """A form with one button. Opening the link alone signs nobody in, since mail scanners and previews open links too.

    A link that no longer works says so at once.
    """
    here, code = site(request), code[:200]
    state, at = await run_in_threadpool(here.ledger.tokens.link_state, code) if code else (LinkState.OPEN, None)
    return _page(here, request, state, at, code=code)


@router.post("/officer/sign-in")
async def sign_in(request: Request) -> Response:
    """Use the link up and start a session."""
    here = site(request)
    sent = (await request.form(max_files=0, max_fields=2)).get("code")
    code = sent.strip() if isinstance(sent, str) else ""
    session = await run_in_threadpool(here.ledger.tokens.sign_in, code)
    if session is None:
        state, at = await run_in_threadpool(here.ledger.tokens.link_state, code)
        return _page(here, request, state, at, status=403)
    response = RedirectResponse("/officer", 303)
    response.set_cookie(
        SESSION_COOKIE,
        session,
        SESSION_LIFETIME // SECOND,
        path="/",
        secure=here.settings.secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _page(
    here: Site, request: Request, state: LinkState, at: int | None, *, code: str = "", status: int = 200
) -> Response:
    """The sign-in page. For a link that does not work, it says why (and `at` which instant), and what to do next."""
    if state is not LinkState.OPEN:
        code, status = "", 403
    since = format_instant(at) if at is not None else None
    return here.pages.respond("sign_in.html", request, status=status, code=code, state=state.value, since=since)


@router.post("/officer/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    session = request.cookies.get(SESSION_COOKIE)
    if session:
        await run_in_threadpool(site(request).ledger.tokens.sign_out, session)
    response = RedirectResponse("/officer/sign-in", 303)
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    return response
