"""The face that a caller wants: a page or JSON (RFC 9110 12.5.1)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from starlette.requests import Request

from api.http.denied import Denied
from api.http.vary import given
from api.http.weights import media_quality

PAGE = "text/html"
_DATA = ("application/json", "application/problem+json")


class Likes(StrEnum):
    """The face that an Accept header prefers; NEITHER if it rules out both."""

    PAGE = "page"
    DATA = "data"
    NEITHER = "neither"


def wants_page(request: Request) -> bool:
    """Whether an answer is a page. Raises Denied (`not_acceptable`) if the caller takes neither a page nor JSON."""
    liked = _liked(request)
    if liked is Likes.NEITHER:
        raise Denied(
            "couldn't answer in a form you take: there are text/html and application/json", code="not_acceptable"
        )
    return liked is Likes.PAGE


def wants_problem_page(request: Request) -> bool:
    """Whether a problem is a page. A caller that takes neither face gets it as JSON."""
    return _liked(request) is Likes.PAGE


@lru_cache(maxsize=256)
def likes(accept: str) -> Likes:
    """The face an Accept header likes best; at equal weight the one named more exactly, then the page.

    Phones that preview a link and `curl` send `*/*`, and a printed code is for people first.
    """
    page, data = media_quality(accept, PAGE), max(media_quality(accept, kind) for kind in _DATA)
    if not page[0] and not data[0]:
        return Likes.NEITHER
    return Likes.PAGE if page >= data else Likes.DATA


def _liked(request: Request) -> Likes:
    """Never a page below /v1 and /log, which have one face each."""
    path = request.scope["path"]
    if path.startswith(("/v1/", "/log/")) or path in ("/openapi.json", "/healthz", "/readyz", "/metrics"):
        return Likes.DATA
    return likes(given(request, "accept"))
