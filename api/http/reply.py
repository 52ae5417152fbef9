"""JSON responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from verifier.foreign import shown_json

NO_STORE = {"Cache-Control": "no-store"}
"""Answers change with the log, so nobody may keep them."""


def reply(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object, not to be stored."""
    return Response(_encoded(value), status, {**NO_STORE, **(headers or {})}, "application/json")


def ascii_reply(value: Mapping[str, Any]) -> Response:
    """As `reply`, with everything beyond ASCII escaped: for answers too long to be looked through by the event loop."""
    raw = json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")
    return Response(raw, 200, NO_STORE, "application/json")


def _encoded(value: Mapping[str, Any]) -> bytes:
    """The JSON. Programs read the same value, and printed text cannot control a terminal."""
    raw = to_json(value)
    return raw if raw.isascii() and b"\x7f" not in raw else shown_json(raw.decode()).encode()
