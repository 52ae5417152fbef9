"""The guard in front of every route: who calls, how often, may they, and does the request come from our own pages.

A route is made by `Guarded`, which takes its rule from the one table in `api.guard.access`; without a row there it
cannot be made, so nothing is reachable by oversight.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from api.guard.access import TABLE, Rule
from api.http.denied import Denied
from api.http.gate import network_of
from api.http.methods import IMPLEMENTED, allow, options
from api.http.origin import from_our_own
from api.http.vary import given
from api.site.settings import MIB, Rate
from api.site.site import Site, site
from ledger.services.scans.token import Caller, Secret

SESSION_COOKIE = "carnet_session"
"""Name of the session cookie; it goes out with SameSite=Strict and HttpOnly."""

_SAFE = ("GET", "HEAD")


class Guarded(APIRoute):
    """A route behind the guard."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # A `.` matches no line feed, so that a path with one in it would pass by its route, unguarded.
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
        own = frozenset(self.methods or ())
        self.answers = own | {"HEAD"} if "GET" in own else own

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the route is meant; whoever answers GET answers HEAD."""
        match, child = super().matches(scope)
        meant = match is Match.PARTIAL and scope["method"] in self.answers
        return Match.FULL if meant else match, child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say which methods its address takes."""
        if scope["method"] in self.answers:
            await self.app(scope, receive, send)
        else:
            await _other_method(Request(scope, receive))(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with the guard around it. Raises KeyError for a route that the table does not list."""
        rules = {method: TABLE[method, self.path] for method in self.methods or ()}
        if "GET" in rules:
            rules.setdefault("HEAD", rules["GET"])
        # What takes nothing but the request needs no dependencies solved, which costs more than most answers.
        handler = self.endpoint if _takes_only_the_request(self.dependant) else super().get_route_handler()

        async def guarded(request: Request) -> Response:
            rule = rules[request.method]
            request.scope["shared"] = rule.shared
            here = site(request)
            who = _identify(request, rule, here)
            if who is not None and here.ledger.tokens.use_is_due(who):
                await run_in_threadpool(here.ledger.tokens.note_use, who)
            counted = request.scope["counted"] = _counted_as(request, rule, who)
            headers = _hit(here, *counted)
            request.scope["rate_headers"] = headers  # for problems too: they do not pass here again
            if rule.needs is not None:
                if who is None and rule.page:
                    return RedirectResponse("/officer/sign-in", 303, headers)
                _admit(rule, who)
            if request.method not in _SAFE:
                _check_origin(request, who, here.settings.base_url)
                _check_form(request, rule.takes)
                request = _bounded(request, rule.body)
            request.scope["caller"] = who
            response: Response = await handler(request)
            response.raw_headers.extend((name.encode(), value.encode()) for name, value in headers.items())
            return response

        return guarded


def _other_method(request: Request) -> Response:
    """OPTIONS, or 405 or 501 raised as HTTPException."""
    routes = [
        route
        for route in request.app.routes
        if isinstance(route, Guarded) and route.matches(request.scope)[0] is not Match.NONE
    ]
    methods = {"OPTIONS"}.union(*(route.answers for route in routes))
    shared = {m for route in routes for m in route.answers if (rule := TABLE.get((m, route.path))) and rule.shared}
    request.scope["shared"] = bool(shared)
    if request.method == "OPTIONS":
        return options(request, methods, shared | {"HEAD"} if shared else ())
    raise HTTPException(405 if request.method in IMPLEMENTED else 501, headers={"Allow": allow(methods)})


def _takes_only_the_request(dependant: Dependant) -> bool:
    given = (
        dependant.path_params,
        dependant.query_params,
        dependant.header_params,
        dependant.cookie_params,
        dependant.body_params,
        dependant.dependencies,
    )
    return dependant.request_param_name is not None and not any(given)


def _identify(request: Request, rule: Rule, here: Site) -> Caller | None:
    """Who shows a good token or session. Open routes look for neither, so that no cookie changes their answer."""
    if rule.needs is None and rule.more is None:
        return None
    given(request, "cookie")
    authorization = given(request, "authorization")
    if authorization[:7].lower() == "bearer ":
        return here.ledger.tokens.authenticate(authorization[7:].strip())
    cookie = request.cookies.get(SESSION_COOKIE)
    return here.ledger.tokens.session(cookie) if cookie else None


def _counted_as(request: Request, rule: Rule, who: Caller | None) -> tuple[Rate, str]:
    """What a request counts against: its caller, or else its address."""
    if who is not None:
        return Rate.OFFICER, who.id
    return rule.rate if rule.public else Rate.SIGN_IN, address_of(request)


def charge(request: Request, more: int) -> None:
    """Count `more` requests besides the one that the guard has counted, for an answer that takes as much work.

    Never so many that an idle caller could not pass. Raises Denied (`rate_limited`).
    """
    rate, key = request.scope["counted"]
    more = min(more, site(request).limiter.most(rate) - 1)
    if more > 0:
        request.scope["rate_headers"].update(_hit(site(request), rate, key, more))


def allowance(request: Request) -> int:
    """What `charge` would let through now, with the request that the guard has counted."""
    rate, key = request.scope["counted"]
    limiter = site(request).limiter
    left, most = limiter.remaining(rate, key) + 1, limiter.most(rate)
    return left if left < most else sys.maxsize


def _hit(here: Site, rate: Rate, key: str, cost: int = 1) -> dict[str, str]:
    """Count requests. Raises Denied (`rate_limited`)."""
    passes, headers = here.limiter.hit(rate, key, cost)
    if not passes:
        raise Denied("couldn't answer: too many requests from this address", code="rate_limited", headers=headers)
    return headers


def _admit(rule: Rule, who: Caller | None) -> None:
    if who is None:
        raise Denied(
            "couldn't tell who is calling: expected an API token or a session that is still good",
            code="unauthenticated",
            headers={"WWW-Authenticate": 'Bearer realm="carnet"'},
        )
    if rule.needs not in who.scopes:
        raise Denied(f"couldn't let {who.name} do this: the scope {rule.needs} is missing", code="scope_missing")


def _check_origin(request: Request, who: Caller | None, base_url: str) -> None:
    """A browser sends its cookie by itself, so what it posts must come from a page of this site: of
    `base_url`, also where a proxy writes another Host, or of the host that it was sent to.

    Tokens are put in by programs on purpose and need no such check; the sign-in pages are checked like a session.
    """
    if who is not None and who.secret is Secret.TOKEN:
        return
    if who is None and not request.url.path.startswith("/officer"):
        return
    origin = request.headers.get("origin")
    if not from_our_own(origin, base_url, request.headers.get("host")):
        raise Denied(f"couldn't accept the form: it was sent from {origin or 'nowhere'}", code="cross_origin")


def address_of(request: Request) -> str:
    """The caller's network. Behind a proxy, uvicorn's forwarded-header settings put the right one here."""
    return network_of(request.client.host) if request.client is not None else "unknown"


def _check_form(request: Request, takes: tuple[str, ...]) -> None:
    """A body that says it is something else than what is read here. Raises HTTPException (415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        words = f"couldn't read the body: got Content-Encoding {coding[:40]}, expected none"
        raise HTTPException(415, words, {"Accept-Encoding": "identity"})  # RFC 9110 12.5.3
    structured = "application/json" in takes and kind.startswith("application/") and kind.endswith("+json")
    if kind and takes and kind not in takes and not structured:
        expected = ", ".join(takes)
        raise HTTPException(415, f"couldn't read the body: got {kind[:80]}, expected {expected}", {"Accept": expected})


def _bounded(request: Request, limit: int) -> Request:
    """The request with a body of at most `limit` bytes. Reading more raises HTTPException (413)."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limit:
        raise _too_large(limit)
    receive = request.receive
    left = limit

    async def receive_bounded() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                raise _too_large(limit)
        return message

    bounded: Receive = receive_bounded
    return Request(request.scope, bounded)


def _too_large(limit: int) -> HTTPException:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit} bytes"
    # Of this class, because FastAPI takes every other one that comes out of reading a body for bad JSON.
    return HTTPException(413, f"couldn't read the body: expected at most {size}")
