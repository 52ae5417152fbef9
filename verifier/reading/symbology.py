"""Symbology identifiers: three characters by which a scanner names the kind of symbol that it read.

ISO/IEC 15424; GS1 General Specifications 5.1.2 names those that carry GS1 data. An identifier is `]`, a letter for the
symbology and a modifier. A scanner may send it before the data or separately; neither is a fault.
"""

from __future__ import annotations

import re
from enum import StrEnum

_IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z]")

AI_DATA = frozenset(
    "]C1 ]d2 ]d5 ]Q3 ]Q4 ]J1 ]J4 ]e0 ]e1 ]e2 ]e3 ]z1 ]z4 ]L3 ]K1 ]T1 ]O5".split()  # noqa: SIM905
)
"""FNC1 stood first: what follows is AI data. GS1-128, DataMatrix, QR Code, DotCode, Aztec (with ECI too), DataBar and
composites; PDF417, Code 16K, Code 49 and Codablock F where they emulate GS1-128."""
_NUMBERS = frozenset({"]E0", "]E3", "]E4", "]I0", "]I1"})
_NO_PRODUCT = frozenset(
    {"]E1", "]E2", "]I2", "]C2", "]d3", "]d6", "]Q5", "]Q6", "]J2", "]J5", "]z2", "]z5", "]L4", "]K2", "]T2"}
)
_LETTERS = frozenset("ABCEFGHIJKLMNOPQRSTUVXZdehoprsz")
"""Letters of symbologies that scanners send today. Not `D c i j q`: these are `d C I J Q` behind a caps lock."""


class Carries(StrEnum):
    """What a symbology identifier promises about the data after it.

    AI_DATA: FNC1 stood first, so these are AIs and values, never a bare number. NUMBER: an EAN, UPC or ITF-14 symbol.
    NO_PRODUCT: the two or five digits beside an EAN, an ITF without its check digit, or FNC1 in second place, which
    means an application of another body. PLAIN: anything, a link or text.
    """

    AI_DATA = "ai_data"
    NUMBER = "number"
    NO_PRODUCT = "no_product"
    PLAIN = "plain"


def split_symbology(text: str) -> tuple[str | None, str]:
    """The symbology identifier that a text starts with, or None, and the rest."""
    if text[:1] == "]" and _IDENTIFIER.match(text) and text[1] in _LETTERS:
        return text[:3], text[3:]
    return None, text


def carries(symbology: str) -> Carries:
    """The kind of data after an identifier such as `]d2`; an unknown identifier promises nothing."""
    if symbology in AI_DATA:
        return Carries.AI_DATA
    if symbology in _NUMBERS:
        return Carries.NUMBER
    return Carries.NO_PRODUCT if symbology in _NO_PRODUCT else Carries.PLAIN
