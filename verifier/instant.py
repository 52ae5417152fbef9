"""Instants: integers of milliseconds since 1970-01-01T00:00:00Z, written as RFC 3339 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from verifier.errors import Malformed

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@lru_cache(maxsize=4_096)  # an answer names the same few instants as the one before it
def format_instant(ms: int) -> str:
    """Write milliseconds since the epoch as `2026-11-23T22:26:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_instant(text: str) -> int:
    """Read exactly the form that `format_instant` writes. Raises Malformed (`instant`)."""
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise Malformed(f"couldn't read an instant: got {text!r}, expected 2026-11-23T22:26:00.000Z", code="instant")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"couldn't read the instant {text!r}: {error}", code="instant") from error
    return (moment - _EPOCH) // timedelta(milliseconds=1)
