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
_MOST_TIMES = 4  # how often a key may be repeated
_LONGEST_NARROW = 4_096  # characters of a text in narrow signs: some single signs stand for eighteen; own limit
# hyphens that show at a line's end only, marks of width nought, of direction, of order
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,}={0,2}")
_HEX = re.compile(r"[0-9A-Fa-f]{16,}")
_BASE32 = re.compile(r"[A-Z2-7]{13,}=*")
_ENTITIES = re.compile(r"(?:&#[0-9]{2,3};){8,}")
_BESIDE_HEX = re.compile(r"&#x|0x|\\x|\\u00|U\+00|[ \t\r\n:,;=%-]")
_TEXT = re.compile(rb"[\x1d\x20-\x7e]+")
_BRACKETS = re.compile(r"[\[{<⟨«‹［｛〈《【〔]([ \t]*\d{2,4}[ \t]*)[\]}>⟩»›］｝〉》】〕]")
_PARTS = re.compile(r"[?&=#,;:\"\s]+")


def recoded(text: str) -> Iterator[tuple[Form, str, str]]:
    """What a text was before all of it was written in another form: the form, the text, and a sentence on it."""
    for name, decoded in _decoded(text):
        yield Form.ENCODED, decoded, f"A program has written the code as {name} text."
    for times in range(2, _MOST_TIMES + 1):
        once = text[::times]
        if (
            len(once) >= _SHORTEST
            and len(once) * times == len(text)
            and all(text[at::times] == once for at in range(1, times))
        ):
            yield Form.DOUBLED, once, f"Each key came {times} times: the keyboard or the scanner repeats it."
    for width in (1, 2):
        bare, between = text[:: width + 1], text[1 : width + 1]
        if len(bare) >= _SHORTEST and between.join(bare) == text:
            yield Form.SPACED, bare, f"{between!r} stands between all characters."
    if (seen := _UNSEEN.sub("", text)) != text:
        yield Form.SPACED, seen, "Signs that nobody sees stand between the characters."
    if (western := western_digits(text)) != text:
        rounded = round_brackets(western) if _BRACKETS.match(western) else western
        yield Form.DIGITS, rounded, "The digits were written in those of another script."


def narrow(text: str) -> str:
    """A text with wide characters narrow (NFKC); as it is where that would make it longer than any code."""
    if text.isascii():
        return text
    narrowed = unicodedata.normalize("NFKC", text)
    return narrowed if len(narrowed) <= _LONGEST_NARROW else text


def western_digits(text: str) -> str:
    """A text with the digits of every script as 0 to 9, wide characters narrow, and without signs that nobody sees."""
    if text.isascii():
        return text
    seen = _UNSEEN.sub("", narrow(text))
    digits = {ord(one): str(unicodedata.decimal(one)) for one in set(seen) if one.isdecimal()}
    return seen.translate(digits)


def round_brackets(text: str) -> str:
    """A text with round brackets around numbers of two to four digits, whatever brackets stood there."""
    return _BRACKETS.sub(lambda match: f"({match[1].strip(BLANKS)})", text)


def plain(text: str) -> str:
    """A text as a reader would write it: percent escapes undone twice, western digits, narrow signs, round brackets.

    Programs that pass links on escape what they pass on, once or twice. For looking into a text, not for reading it.
    """
    unescaped = unquote(unquote(text)) if "%" in text else text
    return round_brackets(western_digits(unescaped))


def packed(text: str) -> Iterator[str]:
    """What stands as base64, base32 or hex text in the parts of a text, such as the query of a web address."""
    parts = _PARTS.split(text)
    pieces = dict.fromkeys([*parts, *(piece for part in parts for piece in part.split("/"))])
    for piece in islice((one for one in pieces if len(one) >= _SHORTEST), _MOST_PARTS):
        yield from (decoded for _, decoded in _decoded(piece))


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    """Text that another one holds: ASCII and separators, else chance makes letters look like one. With the coding."""
    if _ENTITIES.fullmatch(text):
        codes = map(int, re.findall("[0-9]+", text))
        yield from (("HTML", shown) for shown in _shown(bytes(min(code, 255) for code in codes)))
    digits = _BESIDE_HEX.sub("", text)
    if _HEX.fullmatch(digits) and len(digits) % 2 == 0:
        yield from (("hex", shown) for shown in _shown(bytes.fromhex(digits)))
    joined = re.sub(r"[ \t\r\n]+", "", text)
    bare = joined.rstrip("=")
    for name, form, decode, group in (("base32", _BASE32, base64.b32decode, 8), ("base64", _BASE64, _of_base64, 4)):
        if form.fullmatch(joined):
            try:
                raw = decode(bare + "=" * (-len(bare) % group))
            except binascii.Error:
                continue
            yield from ((name, shown) for shown in _shown(raw))


def _of_base64(text: str) -> bytes:
    return base64.b64decode(text.translate(_URL_SAFE), validate=True)


def _shown(raw: bytes) -> Iterator[str]:
    for each in (raw, raw[::2], raw[1::2]):  # UTF-16 has a zero beside each character
        body = each.strip(b"\r\n")
        if len(body) >= _SHORTEST and _TEXT.fullmatch(body):
            yield body.decode("ascii")
            return
        if raw.count(0) * 2 != len(raw):
            return


_URL_SAFE = str.maketrans("-_", "+/")
