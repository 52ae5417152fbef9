"""Which face a caller wants: a page or JSON (RFC 9110 12.5.1, the part that matters here)."""

from __future__ import annotations

from functools import lru_cache

from starlette.requests import Request

_PAGES = ("text/html", "application/xhtml+xml", "text/*", "*/*")
_DATA = ("application/json", "application/problem+json", "application/*")


def wants_page(request: Request) -> bool:
    """Whether a page is wanted: never below /v1 and /log, elsewhere unless JSON is named before pages.

    Phones that preview a link and `curl` send `*/*`, and a printed code is for people first.
    """
    path = request.scope["path"]
    if path.startswith(("/v1/", "/log/")) or path in ("/openapi.json", "/healthz", "/readyz", "/metrics"):
        return False
    return prefers_page(request.headers.get("accept", "*/*"))


@lru_cache(maxsize=256)
def prefers_page(accept: str) -> bool:
    """Whether an Accept header likes a page at least as much as JSON."""
    return _quality(accept, _PAGES) >= _quality(accept, _DATA)


def _quality(accept: str, kinds: tuple[str, ...]) -> float:
    """The best quality given to one of `kinds`; a kind that is named counts before a wildcard."""
    best = 0.0
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in kinds:
            named = 0.0 if "*" in kind else 0.0001
            best = max(best, _q(parameters) + named)
    return best


def _q(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return 0.0
    return 1.0
