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
# RFC 3339 5.6: full date and time, any fraction of a second, Z or an offset; T and Z in either case
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_EXPECTED = "expected RFC 3339 text with a zone, such as 2026-11-23T22:26:00Z"


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


def read_instant(value: object) -> int:
    """Milliseconds since 1970 of an RFC 3339 text as others write it; finer fractions are cut. Raises Malformed.

    A number, a date alone and a text without a zone are refused: each could be read as an instant that nobody meant.
    """
    shown = repr(value[:40] if isinstance(value, str) else value)
    match = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Malformed(f"couldn't read an instant: got {shown}, {_EXPECTED}", code="instant")
    day, time, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError as error:
        raise Malformed(f"couldn't read the instant {shown}: {error}; {_EXPECTED}", code="instant") from error
    return (moment - _EPOCH) // timedelta(milliseconds=1) + int(((fraction or "") + "000")[:3])
