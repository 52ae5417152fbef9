"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Entries, proof extras and sealed values are hashed, so their bytes must be a function of their value.
Decoding is strict: what does not re-encode to the same bytes is refused.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import rfc8785

from verifier.errors import Malformed


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
        value = json.loads(raw, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"couldn't decode canonical JSON: {error}", code="not_json") from error
    if encode(value) != raw:
        raise Malformed("couldn't decode canonical JSON: the bytes are not in RFC 8785 form", code="not_canonical")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"got the number {text}, expected an integer or a string")
