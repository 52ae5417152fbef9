"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Entries, proof extras and sealed values are hashed, so their bytes must be a function of their value. Decoding is
strict: bytes that do not re-encode to themselves are refused.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import rfc8785

from verifier.errors import Malformed

_LARGEST = 2**53 - 1
"""The largest integer that every reader of JSON takes exactly (RFC 8785, 3.2.2.3)."""


def encode(value: Any) -> bytes:
    """Encode a JSON value of strings, integers up to 2^53-1, booleans, None, lists and dicts.

    Raises Malformed (`not_canonical`) for floats, larger integers and lone surrogates.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise Malformed(f"couldn't encode canonical JSON: {error}", code="not_canonical") from error


def decode(raw: bytes) -> Any:
    """Decode canonical JSON; refuse duplicate keys, floats and any other spelling of the same value.

    Raises Malformed (`not_json`, `not_canonical`).
    """
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"couldn't decode canonical JSON: {error}", code="not_json") from error
    if not _plain(value, text) and encode(value) != raw:
        raise Malformed("couldn't decode canonical JSON: the bytes are not in RFC 8785 form", code="not_canonical")
    return value


def _plain(value: Any, text: str) -> bool:
    """Whether an ASCII text is what Python's own encoder makes of its value, sorted: then it is in RFC 8785 form.

    The two differ only in floats and large integers, which were refused before, and in the order of keys beyond ASCII.
    It takes a tenth of the time; a False says nothing.
    """
    try:
        return text.isascii() and _ENCODER.encode(value) == text
    except RecursionError:  # it goes one frame deeper than the decoder
        return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) > _LARGEST:
        raise Malformed(f"couldn't decode canonical JSON: {text[:40]} is past 2^53 - 1", code="not_canonical")
    return value


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"got the number {text}, expected an integer or a string")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
