"""Values as people read them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# in braces, which no lot or serial can hold; the control pictures of Unicode are missing from many fonts
_VISIBLE = str.maketrans({"\x1d": "{GS}", "\x1e": "{RS}", "\x1c": "{FS}", "\x04": "{EOT}"})


def moment(text: str) -> str:
    """`2026-11-23T22:26:00.000Z` as `23 Nov 2026, 22:26 UTC`."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def ago(text: str, now: float | None = None) -> str:
    """How long ago an instant as for `moment` is: `12 seconds ago`. `now`: POSIX seconds, by default the clock's."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    seconds = max(0, int((time.time() if now is None else now) - at))
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}s ago"
    return f"{seconds} second{'' if seconds == 1 else 's'} ago"


def day(text: str) -> str:
    """`2026-11-23`, perhaps with a time behind it, as `23 Nov 2026`."""
    year, month, number = text[:10].split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def grouped(number: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def short(text: str) -> str:
    """A long hash or address by its ends."""
    return text if len(text) <= 18 else f"{text[:10]}\u2026{text[-6:]}"


def visible(text: str) -> str:
    """A code with its separators made visible."""
    return text.translate(_VISIBLE)


def printable(text: str) -> str:
    """What somebody else wrote, on one line: nothing in it moves a cursor or turns the order of what is read."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


# C0 but tab and line feed, C1, lone surrogates, marks that turn the order of what is read or hide in it (UAX 9).
# The joiners U+200C and U+200D stay: Persian and Hindi need them.
_FOREIGN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """Any text as a page may show it: each control, direction and hidden character as U+FFFD, line feeds kept."""
    return _FOREIGN.sub("\ufffd", text)


# No user name, which only serves to mislead, no backslash, nothing that browsers read otherwise than people do.
_WEB_ADDRESS = re.compile(
    r"https?://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?"
    r"(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"  # RFC 3986 2
)


def web_host(address: str) -> str | None:
    """The host of a plain web address, which is worth a link; None for everything else, which stays text."""
    plain = _WEB_ADDRESS.fullmatch(address)
    return plain[1].lower() if plain else None
