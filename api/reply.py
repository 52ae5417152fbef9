"""JSON responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

NO_STORE = {"Cache-Control": "no-store"}
"""Answers change with the log, so nobody keeps them."""


def reply(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object, not to be stored."""
    return Response(to_json(value), status, {**NO_STORE, **(headers or {})}, "application/json")
