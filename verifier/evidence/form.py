"""The small forms that files of evidence are made of: closed objects, bounded lists, numbers, hashes, bytes.

Each reader takes a value from JSON and raises Malformed (`evidence`, or `hex`, `base64`) unless it has its one form.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from verifier.errors import Malformed
from verifier.record.entry import ENTRY_LIMIT
from verifier.record.statement import check_hex
from verifier.tree.merkle import HASH_SIZE
from verifier.tree.note_key import decode_base64

NUMBER_MAX = 2**53 - 1
"""Largest number that JSON carries unharmed (RFC 8785, I-JSON)."""


def object_of(name: str, value: object, keys: set[str]) -> Mapping[str, Any]:
    """An object with exactly these keys."""
    if not isinstance(value, dict) or set(value) != keys:
        raise bad(f"{name} with other keys", f"exactly {sorted(keys)}")
    return value


def list_of(name: str, value: object, most: int) -> list[Any]:
    """A list of at most so many values."""
    if not isinstance(value, list) or len(value) > most:
        raise bad(f"{name} that is no list or a longer one", f"a list of at most {most}")
    return value


def text_of(name: str, value: object, most: int) -> str:
    """Text of 1 to so many characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise bad(f"{name} that is no text or a longer one", f"text of 1 to {most} characters")
    return value


def number_of(name: str, value: object) -> int:
    """A whole number of 0 to 2^53 - 1."""
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise bad(f"{name} {str(value)[:40]!r}", f"a whole number of 0 to {NUMBER_MAX}")
    return value


def hash_of(name: str, value: object) -> bytes:
    """64 lower-case hex digits, 32 bytes."""
    text = value if isinstance(value, str) else ""
    check_hex(name, f"0x{text}", HASH_SIZE)
    return bytes.fromhex(text)


def hashes_of(name: str, value: object, most: int) -> tuple[bytes, ...]:
    """A list of at most so many hashes."""
    return tuple(hash_of(name, node) for node in list_of(name, value, most))


def data_of(value: object) -> bytes:
    """The bytes of an entry, 1 to 65,535, from base64."""
    data = decode_base64(text_of("data", value, 4 * ENTRY_LIMIT), "an entry of a proof file")
    if not 1 <= len(data) <= ENTRY_LIMIT:
        raise bad(f"an entry of {len(data)} bytes", f"1 to {ENTRY_LIMIT}")
    return data


def base64_of(data: bytes) -> str:
    """The counterpart of `data_of`."""
    return base64.b64encode(data).decode()


def hex_of(hashes: Iterable[bytes]) -> list[str]:
    """The counterpart of `hashes_of`."""
    return [node.hex() for node in hashes]


def bad(got: str, expected: str) -> Malformed:
    """The error of a value in another form."""
    return Malformed(f"couldn't read the evidence: got {got}, expected {expected}", code="evidence")
