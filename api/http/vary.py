"""Vary: the headers that decided about an answer. They are noted where they are read, and sent once by the envelope."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.requests import Request


def given(request: Request, name: str) -> str:
    """A header that decides about the answer, lower-case name; several lines are one list (RFC 9110 5.3)."""
    noted: dict[str, None] = request.scope.setdefault("vary", {})
    noted[name.title()] = None
    return joined(request, name)


def joined(request: Request, name: str) -> str:
    """A header's value, empty if there is none; several lines are one list."""
    return ",".join(request.headers.getlist(name)).strip()


def vary(scope: MutableMapping[str, Any]) -> str:
    """The value of Vary (RFC 9110 12.5.5); empty if only the address counted."""
    return ", ".join(scope.get("vary", ()))
