"""The keys of a segment: the value that stands for a unit, and how it hides the serial.

A batch has a `salt` of 32 random bytes. Each unit has a `blind` that only holders of the salt can
compute, and a `key` that anybody who was shown the blind and the serial can recompute. Without the
salt the keys say nothing about serials, however short these are.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from verifier.errors import Malformed

SALT_SIZE: Final = 32  # bytes; docs/spec/segment.md, one salt per batch, never reused
KEY_SIZE: Final = 32  # bytes; SHA-256
_SHA256_BLOCK: Final = 64  # bytes; FIPS 180-4, the block that HMAC pads its key to
_LONGEST: Final = 20  # characters of AI 10 and AI 21; GS1 General Specifications 3.4.1, 3.5.2
_DOMAIN: Final = b"carnet/blind/v1"
_SEPARATOR: Final = b"\x1d"  # GS1's own group separator; no lot and no serial can hold it
# printable ASCII without the space: holds CSET 82; what GS1 allows of it is decided where codes are read
_PRINTABLE: Final = bytes(range(0x21, 0x7F))


def salt_commitment(salt: bytes) -> bytes:
    """Return SHA-256(0x05 ‖ salt), which the registration signs while the salt may stay hidden.

    Raises Malformed (`salt`) if the salt is not 32 bytes long.
    """
    return sha256(b"\x05" + _salt(salt)).digest()


def blind(salt: bytes, gtin: str, lot: str, serial: str) -> bytes:
    """Return HMAC-SHA-256(salt, "carnet/blind/v1" ‖ gtin14 ‖ 0x1D ‖ lot ‖ 0x1D ‖ serial), 32 bytes.

    `gtin` has 14 digits; `lot` and `serial` are 1 to 20 characters, unescaped. Raises Malformed.
    """
    message = _batch_prefix(gtin, lot) + _text("serial", serial)
    return hmac.digest(_salt(salt), message, "sha256")


def unit_key(blind: bytes, serial: str) -> bytes:
    """Return SHA-256(0x02 ‖ blind ‖ serial), 32 bytes: the key that stands in the segment.

    Raises Malformed (`blind`, `serial`) for a blind that is not 32 bytes or a serial that cannot be one.
    """
    if len(blind) != KEY_SIZE:
        raise Malformed(f"couldn't derive the key: the blind has {len(blind)} bytes, expected {KEY_SIZE}", code="blind")
    return sha256(b"\x02" + blind + _text("serial", serial)).digest()


class UnitKeys:
    """Derives the keys of one batch in bulk: `unit_key(blind(…), serial)` at a third of the cost.

    HMAC hashes its padded key anew for each message; here both padded blocks, and the part of the
    message that all units share, are hashed once and the state is copied for each unit.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, salt: bytes, gtin: str, lot: str) -> None:
        padded = _salt(salt).ljust(_SHA256_BLOCK, b"\0")
        # RFC 2104 2: H(K xor opad, H(K xor ipad, text))
        self._inner = sha256(bytes(octet ^ 0x36 for octet in padded) + _batch_prefix(gtin, lot))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in padded))

    def derive(self, serials: Iterable[str]) -> bytes:
        """Return the keys of `serials`, 32 bytes each, in the order given. Raises Malformed (`serial`)."""
        encoded = _encode_all(serials)
        inner_copy, outer_copy = self._inner.copy, self._outer.copy
        keys = []
        for serial in encoded:
            inner = inner_copy()
            inner.update(serial)
            outer = outer_copy()
            outer.update(inner.digest())
            keys.append(sha256(b"\x02" + outer.digest() + serial).digest())
        return b"".join(keys)


def _encode_all(serials: Iterable[str]) -> list[bytes]:
    """Return the serials as ASCII; one look at all of them together, one by one only to name a bad one."""
    texts = list(serials)
    try:
        encoded = [text.encode("ascii") for text in texts]
    except UnicodeEncodeError:
        return [_text("serial", text) for text in texts]
    lengths = set(map(len, encoded))
    if (lengths and (min(lengths) < 1 or max(lengths) > _LONGEST)) or b"".join(encoded).translate(
        None, delete=_PRINTABLE
    ):
        return [_text("serial", text) for text in texts]
    return encoded


def _batch_prefix(gtin: str, lot: str) -> bytes:
    if len(gtin) != 14 or not (gtin.isascii() and gtin.isdigit()):
        raise Malformed(f"couldn't derive the blind: got GTIN {gtin!r}, expected 14 digits", code="gtin")
    return _DOMAIN + gtin.encode("ascii") + _SEPARATOR + _text("lot", lot) + _SEPARATOR


def _text(name: str, value: str) -> bytes:
    encoded = value.encode("ascii", errors="replace") if value.isascii() else b""
    if not 1 <= len(encoded) <= _LONGEST or encoded.translate(None, delete=_PRINTABLE):
        raise Malformed(
            f"couldn't derive the key: got {name} {value!r}, "
            f"expected 1 to {_LONGEST} printable ASCII characters without spaces",
            code=name,
        )
    return encoded


def _salt(salt: bytes) -> bytes:
    if len(salt) != SALT_SIZE:
        raise Malformed(f"couldn't use the salt: it has {len(salt)} bytes, expected {SALT_SIZE}", code="salt")
    return salt
