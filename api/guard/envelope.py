"""The envelope of every response: a request id, security headers, and a measurement. Pure ASGI, for the hot path."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.methods import SHARED
from api.http.metrics import Metrics
from api.http.vary import vary

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from elsewhere, never in a frame."""

_REQUEST_ID = re.compile(rb"[0-9A-Za-z_-]{8,64}")
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # not no-referrer: browsers would then send `Origin: null` with our own forms, and the origin check would fail
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), payment=(), usb=(), geolocation=(self)"),
)
_OURS = ((b"cross-origin-resource-policy", b"same-origin"),)
_SHARED = tuple((name.lower().encode(), value.encode()) for name, value in SHARED.items())
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class Envelope:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, secure: bool) -> None:
        self._app, self._metrics = app, metrics
        self._headers = (*_HEADERS, _HSTS) if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope)

        async def send_in_envelope(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *self._headers, (b"x-request-id", request_id.encode())]
                headers += _SHARED if scope.get("shared") else _OURS
                if varies := vary(scope):
                    headers.append((b"vary", varies.encode()))
                message["headers"] = headers
                route: Any = scope.get("route")
                template = route.path if route is not None else "none"
                self._metrics.request(template, scope["method"], message["status"], time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, send_in_envelope)


def _request_id(scope: Scope) -> str:
    """The caller's own request id if it has the right form, else a fresh one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return _fresh_id()


_ids: list[str] = []


def _fresh_id() -> str:
    """24 random hex digits. Drawn by the hundred: each call of the system lets other threads take the interpreter."""
    try:
        return _ids.pop()
    except IndexError:
        drawn = secrets.token_hex(12 * 256)
        _ids.extend([drawn[at : at + 24] for at in range(24, len(drawn), 24)])
        return drawn[:24]
