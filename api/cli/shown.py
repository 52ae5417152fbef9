"""Codes as text for a terminal: nothing in them may steer it, and what is offered can be given to the next command."""

from __future__ import annotations

from verifier.code_text import Foreign, parse_code
from verifier.element_string import GS, split_elements
from verifier.errors import Malformed
from verifier.symbology import split_symbology


def printable(text: str) -> str:
    """The text with `{GS}` for a separator and escapes for what cannot be seen; a scan names both as repairs."""
    return "".join(
        "{GS}" if one == GS else one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def pasteable(text: str) -> str:
    """A code as text that can be typed and reads as the same code: in brackets, where it holds a separator."""
    if text.isprintable():
        return text
    body = split_symbology(text)[1]
    try:
        bracketed = "".join(f"({ai}){value}" for ai, value in split_elements(body))
        same = _unit(bracketed) == _unit(text)
    except Malformed:
        return printable(text)
    return bracketed if same else printable(text)


def _unit(text: str) -> tuple[str | None, ...] | None:
    code = parse_code(text)
    return None if isinstance(code, Foreign) else (code.gtin, code.lot, code.serial)
