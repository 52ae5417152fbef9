"""Values as people read them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(text: str) -> str:
    """`2026-11-23T22:26:00.000Z` as `23 Nov 2026, 22:26 UTC`."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def ago(text: str, now: float | None = None) -> str:
    """The age of an instant, written as for `moment`: `12 seconds ago`. `now`: POSIX seconds; default: the clock's."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    seconds = max(0, int((time.time() if now is None else now) - at))
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}s ago"
    return f"{seconds} second{'' if seconds == 1 else 's'} ago"


def day(text: str) -> str:
    """`2026-11-23`, with or without a time after it, as `23 Nov 2026`."""
    year, month, number = text[:10].split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def grouped(number: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def short(text: str) -> str:
    """A long hash or address by its ends."""
    return text if len(text) <= 18 else f"{text[:10]}\u2026{text[-6:]}"


# No user name, which only misleads; no backslash; nothing that browsers read differently than people do.
_WEB_ADDRESS = re.compile(
    r"https?://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?"
    r"(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"  # RFC 3986 2
)


def web_host(address: str) -> str | None:
    """The host of a plain web address, which may become a link; None for anything else, which stays text."""
    plain = _WEB_ADDRESS.fullmatch(address)
    return plain[1].lower() if plain else None
