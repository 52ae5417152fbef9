"""Which methods an address takes: Allow, OPTIONS, and the two ways to say no (RFC 9110 9.1, 9.3.7, 15.5.6, 15.6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response

IMPLEMENTED = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"})
"""Methods that some address takes. Every other one gets 501 at any address."""

SHARED: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Content-Disposition, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Headers that pages of any site may read. Never with credentials, so nothing of a session shows."""

_PREFLIGHT_SECONDS = 24 * 3600


def allow(methods: Iterable[str]) -> str:
    """The value of Allow."""
    return ", ".join(sorted(methods))


def options(request: Request, methods: Iterable[str], shared: Iterable[str]) -> Response:
    """The answer to OPTIONS. `shared`: the methods that pages of other sites may use (Fetch 3.2, CORS)."""
    headers = {"Allow": allow(methods)}
    open_to_all = allow(shared)
    if open_to_all and "access-control-request-method" in request.headers:
        headers |= {
            "Access-Control-Allow-Methods": open_to_all,
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }
    return Response(status_code=204, headers=headers)
