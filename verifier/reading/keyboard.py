"""Keyboard layouts: the text that arrives when a scanner types US keys and the computer uses another layout.

A wedge scanner sends key positions, not characters. Each layout maps the computer's characters back to the scanner's. A
text is undone as a whole or not at all: the layout's keys must give every character of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from verifier.reading.keyboard_table import ROWS, US

_NOTHING = "\ufffd"
_MARKS = {
    "\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0306": "˘", "\u0307": "˙",
    "\u0308": "¨", "\u030a": "˚", "\u030b": "˝", "\u030c": "ˇ", "\u0327": "¸", "\u0328": "˛",
}  # fmt: skip
"""The marks of dead keys, and the character that Windows shows when no letter takes the mark."""
_ANYWHERE = frozenset(" \t\r\n\x1d\x1c\x1e")  # from keys that no layout moves
_CODE_AT_ALL = re.compile(r"01|\d{8}|sgtin", re.IGNORECASE)
_LINK_SHAPE = re.compile(r"(.)(?!\1)(.)\2(.)(.)?(.)(.)\6(?:(?!\6).){2,80}\6(?:.{1,80}\6)??..\6.{14}(?:\6|.?$)")


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout of the computer. `seen` maps each character that its keys give, alone or behind a dead key, to the
    character or characters of the same keys on a US keyboard."""

    name: str
    seen: Mapping[str, str]

    def undo(self, text: str) -> str | None:
        """The text as a US layout would have typed it, or None when this layout cannot have given it."""
        for form in (text, unicodedata.normalize("NFC", text)):  # some computers send a letter and its mark apart
            try:
                return "".join([self.seen[one] for one in form])
            except KeyError:
                continue
        return None


def undone(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a text may have been before a layout changed it, and the names of the layouts that give exactly this.

    Only if a character other than letters and digits was changed. Among letters alone, a Z is as likely a Z as a Y.
    """
    if text.isascii() and text.isalnum():
        return
    found: dict[str, list[str]] = {}
    for layout in layouts():
        meant = layout.undo(text)
        if meant is not None and meant != text and _CODE_AT_ALL.search(meant) and _shows(text, layout):
            found.setdefault(meant, []).append(layout.name)
    yield from ((meant, tuple(names)) for meant, names in found.items())


def swapped_letters(text: str) -> str | None:
    """The text with Y and Z exchanged, as a German keyboard gives it, if nothing else would show that; or None.

    Except for these two, letters and digits are the same on such a keyboard. Any other changed sign would show it.
    """
    if not any(letter in text for letter in "yzYZ") or not all(one in _QWERTZ_KEEPS for one in text):
        return None
    return text.translate(_SWAP)


def unknown_layout(text: str) -> bool:
    """Whether a text has the form of a link with a GTIN, sign by sign, although hardly any sign is the right one.

    In `https://` the second and third signs are equal, and so are the seventh and eighth. The latter, a slash, also
    encloses the two signs of the key and comes before the 14 of the GTIN. No typed language looks like that.
    """
    return not text.startswith(("http", "HTTP")) and _LINK_SHAPE.match(text) is not None


def _shows(text: str, layout: Layout) -> bool:
    return any(not (one.isascii() and one.isalnum()) and layout.seen.get(one, one) != one for one in text)


@lru_cache(maxsize=1)
def layouts() -> tuple[Layout, ...]:
    """The layouts that are tried; made when the first text needs them."""
    return tuple(_layout(name, keys) for name, keys in ROWS.items())


def _layout(name: str, keys: str) -> Layout:
    """1. keys that give a character; 2. dead keys, whose mark melts with the next letter or stands alone.

    A character that two keys give is left out, since choosing one of the keys would be a guess.
    """
    pairs = list(zip(keys, US, strict=True))
    seen: dict[str, str] = {}
    for char, meant in pairs:  # 1
        if char not in _MARKS:
            seen[char] = _NOTHING if seen.get(char, meant) != meant else meant
    for mark, dead in pairs:  # 2
        if mark not in _MARKS:
            continue
        seen.setdefault(_MARKS[mark], dead)
        for char, meant in pairs:
            melted = unicodedata.normalize("NFC", char + mark)
            if len(melted) == 1 and char not in _MARKS:
                seen.setdefault(melted, dead + meant)
    known = {char: meant for char, meant in seen.items() if _NOTHING not in (char, meant)}
    return Layout(name, known | {one: one for one in _ANYWHERE})


_SWAP = str.maketrans("yzYZ", "zyZY")
_QWERTZ_KEEPS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!%,.") | _ANYWHERE
"""The characters that are the same on a German, Austrian, Czech (with Shift) or Swiss keyboard, except Y and Z."""
