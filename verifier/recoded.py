"""Texts whose every character a program or a keyboard has written in another form, and what they were before.

Each form is undone for the whole text or not at all, without a guess. `fragment` looks at the same through them, so
that nobody makes a code "another thing, read well" by how it is written.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from urllib.parse import unquote


class Form(StrEnum):
    """The form in which every character of a text stands. The names are those of the repairs."""

    ENCODED = "encoded"
    DOUBLED = "doubled"
    SPACED = "spaced"
    DIGITS = "digits"


BLANKS = " \t\r\n\u00a0"
"""Blanks around a value that say nothing: space, tab, line ends, no-break space. Separators are not among them."""

_SHORTEST = 8  # characters of a code: an EAN-8
_MOST_PARTS = 32  # pieces of one address that are looked into; own limit
_BETWEEN = frozenset(BLANKS + "\u2009\u202f\u200b\u3000")
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # marks of direction that come with other digits
_BASE64 = re.compile(r"[A-Za-z0-9+/]{11,}={0,2}")
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
_BESIDE_HEX = re.compile(r"0x|\\x|\\u00|[ \t\r\n:,;-]")
_TEXT = re.compile(rb"[\x1d\x20-\x7e]+")
_BRACKETS = re.compile(r"[\[{<⟨«‹［｛〈《【〔]([ \t]*\d{2,4}[ \t]*)[\]}>⟩»›］｝〉》】〕]")
_PARTS = re.compile(r"[?&=#\s]+")


def recoded(text: str) -> Iterator[tuple[Form, str, str]]:
    """What a text was before all of it was written in another form: the form, the text, and a sentence on it."""
    for name, decoded in _decoded(text):
        yield Form.ENCODED, decoded, f"A program has written the code as {name} text."
    if len(text) >= 2 * _SHORTEST and text[::2] == text[1::2]:
        yield Form.DOUBLED, text[::2], "Each key came twice: the keyboard or the scanner repeats it."
    blanks = frozenset(text[1::2])
    if len(text) >= 2 * _SHORTEST - 1 and len(text) % 2 and len(blanks) == 1 and blanks <= _BETWEEN:
        yield Form.SPACED, text[::2], "A blank stands behind each character."
    if (western := western_digits(text)) != text:
        narrow = round_brackets(western) if _BRACKETS.match(western) else western
        yield Form.DIGITS, narrow, "The digits were written in those of another script."


def western_digits(text: str) -> str:
    """A text with the digits of every script as 0 to 9, wide characters narrow, and without marks of direction."""
    if text.isascii():
        return text
    narrow = _TURNS.sub("", unicodedata.normalize("NFKC", text))
    return "".join(one if one.isascii() or not one.isdecimal() else str(unicodedata.decimal(one)) for one in narrow)


def round_brackets(text: str) -> str:
    """A text with round brackets around numbers of two to four digits, whatever brackets stood there."""
    return _BRACKETS.sub(lambda match: f"({match[1].strip(BLANKS)})", text)


def plain(text: str) -> str:
    """A text as a reader would write it: percent escapes undone twice, western digits, narrow signs, round brackets.

    Programs that pass links on escape what they pass on, once or twice. For looking into a text, not for reading it.
    """
    unescaped = unquote(unquote(text)) if "%" in text else text
    return round_brackets(western_digits(unescaped))


def packed(address: str) -> Iterator[str]:
    """What stands as base64 or hex text in the parts of a web address."""
    parts = _PARTS.split(address)
    pieces = dict.fromkeys([*parts, *(piece for part in parts for piece in part.split("/"))])
    for piece in islice((one for one in pieces if len(one) >= _SHORTEST), _MOST_PARTS):
        yield from (decoded for _, decoded in _decoded(piece))


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    """Text that base64 or hex text holds: ASCII and separators, else chance makes letters look like one."""
    digits = _BESIDE_HEX.sub("", text)
    if _HEX.fullmatch(digits) and len(digits) % 2 == 0:
        yield from (("hex", shown) for shown in _shown(bytes.fromhex(digits)))
    joined = re.sub(r"[ \t\r\n]+", "", text).translate(_URL_SAFE)
    if _BASE64.fullmatch(joined):
        bare = joined.rstrip("=")
        try:
            raw = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except binascii.Error:
            return
        yield from (("base64", shown) for shown in _shown(raw))


def _shown(raw: bytes) -> Iterator[str]:
    body = raw.strip(b"\r\n")
    if len(body) >= _SHORTEST and _TEXT.fullmatch(body):
        yield body.decode("ascii")


_URL_SAFE = str.maketrans("-_", "+/")
