"""The door's answer to a refused caller: a problem (RFC 9457), or one line if the service speaks plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping

REFUSALS: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "Not in its format"),
    408: ("too_slow", "Too slow"),
    431: ("header_too_large", "Header too large"),
    503: ("busy", "No answer: this says nothing about the item"),
}
"""Status -> code and title; `api.problem.texts` has a page for each."""


def refusal(status: int, words: str, *, plain: bool) -> tuple[str, bytes]:
    """Media type and body. `words`: what is wrong, after "couldn't answer: "."""
    detail = f"couldn't answer: {words}"
    if plain:
        return "text/plain; charset=utf-8", f"{detail}\n".encode()
    code, title = REFUSALS[status]
    body = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code}
    return "application/problem+json", json.dumps(body).encode()
