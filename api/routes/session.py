"""Signing in and out. A link works once; what it opens is a session for one shift."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.guard import SESSION_COOKIE, Guarded
from api.site import site
from ledger.services.token import SESSION_LIFETIME
from verifier.instant import SECOND

router = APIRouter(route_class=Guarded, include_in_schema=False)


@router.get("/officer/sign-in")
async def form(request: Request, code: str = "") -> Response:
    """A form with one button. Opening the link signs nobody in: mail scanners and previews open links too."""
    return site(request).pages.respond("sign_in.html", request, code=code[:200], wrong=False)


@router.post("/officer/sign-in")
async def sign_in(request: Request) -> Response:
    """Use the link up and start a session."""
    here = site(request)
    code = (await request.form(max_files=0, max_fields=2)).get("code")
    session = await run_in_threadpool(here.ledger.tokens.sign_in, code.strip()) if isinstance(code, str) else None
    if session is None:
        return here.pages.respond("sign_in.html", request, status=403, code="", wrong=True)
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


@router.post("/officer/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    session = request.cookies.get(SESSION_COOKIE)
    if session:
        await run_in_threadpool(site(request).ledger.tokens.sign_out, session)
    response = RedirectResponse("/officer/sign-in", 303)
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    return response
