"""Codes as text for a terminal. They cannot control it, and can be pasted into the next command."""

from __future__ import annotations

from verifier.errors import Malformed
from verifier.foreign import shown_code
from verifier.reading.code_text import Foreign, parse_code
from verifier.reading.element_string import split_elements
from verifier.reading.symbology import split_symbology


def pasteable(text: str) -> str:
    """A code as text that can be typed and is read as the same code. A code with a separator is written in brackets."""
    if text.isprintable():
        return text
    body = split_symbology(text)[1]
    try:
        bracketed = "".join(f"({ai}){value}" for ai, value in split_elements(body))
        same = _unit(bracketed) == _unit(text)
    except Malformed:
        return shown_code(text)
    return bracketed if same else shown_code(text)


def _unit(text: str) -> tuple[str | None, ...] | None:
    code = parse_code(text)
    return None if isinstance(code, Foreign) else (code.gtin, code.lot, code.serial)
