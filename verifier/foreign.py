"""Text by other people, on its way out: nothing in it moves a cursor, changes the order of reading, or hides.

All output that people read passes one of these functions: terminals, JSON on a terminal, pages, logs. An invisible
character is shown by its name in braces, which no lot or serial can hold: `{U+202E}`. `check_text` refuses such text
before it is signed or taken into the record; other people's records may hold it all the same.

Hidden are controls (C0, DEL, C1), format characters (UAX #9 directions, zero width), line and paragraph separators,
surrogates, private and unassigned code points, what Unicode says to ignore (UTS #39 3.1, Default_Ignorable), and more
than eight marks on one letter. Kept is what writing needs: joiners in Arabic and Indic words (RFC 5892 A.1, A.2) and
between emoji, variants of symbols and of Han characters (UTS #37).
"""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import bidirectional, category, combining

from verifier.errors import Malformed

LINE_MAX = 10_000
"""Characters of one line of foreign text that are shown. Own limit; the longest text of a statement has 2,048."""
MARKS_MAX = 8
"""Combining marks on one letter; no living script stacks as many."""

_IGNORED = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_JOINERS = "\u200c\u200d"
_VIRAMA = 9  # canonical combining class, UAX #44 table 15
_NAMES = {"\x1d": "{GS}", "\x1e": "{RS}", "\x1c": "{FS}", "\x04": "{EOT}"}  # separators of codes, ISO/IEC 15434


def shown(text: str, limit: int = LINE_MAX) -> str:
    """The text on one line, at most `limit` characters of it, with a name for each character that cannot be seen."""
    return _escaped(_cut(text, limit), "")


def shown_lines(text: str) -> str:
    """The same for text of several lines: line feeds and tabs stay, and it is whole."""
    return _escaped(text, "\n\t")


def shown_code(text: str) -> str:
    """A code as `shown`, with a name for every space but the plain one too: one that looks like it is another code."""
    return "".join(one if one.isprintable() else name_of(one) for one in shown(text))


def shown_json(document: str) -> str:
    r"""A JSON text with `\u` escapes for invisible characters: the same value for programs, harmless on a terminal."""
    if document.isascii() and document.isprintable():
        return document
    return "".join(one if _plain(document, at, "\n\t") else _json_escape(one) for at, one in enumerate(document))


def json_line(value: Any) -> str:
    """A value as one line of JSON, as `shown_json`."""
    return shown_json(json.dumps(value, ensure_ascii=False))


def first_hidden(text: str) -> int | None:
    """The position of the first invisible character; None if there is none."""
    if text.isascii() and text.isprintable():
        return None
    return next((at for at in range(len(text)) if not _plain(text, at, "")), None)


def check_text(what: str, text: str, *, at: str | None = None) -> None:
    """Refuse text with characters that cannot be seen, before it is kept for ever or shown as a name.

    `what`: the name of the text for the message, `at`: the field. Raises Malformed (`hidden_character`).
    """
    found = first_hidden(text)
    if found is not None:
        raise Malformed(
            f"couldn't use the {what}: got {name_of(text[found])} as its character {found + 1}, expected text without "
            "control, direction and invisible characters",
            code="hidden_character",
            at=at,
        )


def name_of(character: str) -> str:
    """A character by name: `{GS}`, `{U+202E}`."""
    return _NAMES.get(character) or f"{{U+{ord(character):04X}}}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}\u2026"


def _escaped(text: str, kept: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if _plain(text, at, kept) else name_of(one) for at, one in enumerate(text))


def _plain(text: str, at: int, kept: str) -> bool:
    """Whether the character at a place can be seen, or is needed by what stands beside it."""
    one = text[at]
    if one.isascii():
        return one.isprintable() or one in kept
    if one in _JOINERS:
        return _joins(text, at)
    if _IGNORED.match(one):
        return at > 0 and _varies(text[at - 1], one)
    if combining(one) and at >= MARKS_MAX:
        return not all(map(combining, text[at - MARKS_MAX : at]))
    return one.isprintable() or category(one) == "Zs"


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands where writing needs one: behind a virama, inside an Arabic word, between emoji."""
    before, after = text[:at], text[at + 1 :]
    if not before or not after:
        return False
    if _VIRAMA in (combining(before[-1]), combining(after[0])):
        return True
    if text[at] == "\u200d" and category(after[0]) == "So":
        return category(before[-1]) in ("So", "Sk") or before[-1] == "\ufe0f"
    left = next((one for one in reversed(before) if not combining(one)), "")
    return bool(left) and bidirectional(left) == bidirectional(after[0]) == "AL"


def _varies(base: str, selector: str) -> bool:
    """Whether a selector chooses a variant of what stands before it, as UTS #51 and UTS #37 list them."""
    if selector in "\ufe0e\ufe0f":
        return category(base) in ("So", "Sm", "Po")
    return selector >= "\U000e0100" and ("\u3400" <= base <= "\u9fff" or "\U00020000" <= base <= "\U0003ffff")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")  # RFC 8259 7
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
