"""Serials: generated here, or read from the maker's file. Nothing is guessed: bad rows are named."""

from __future__ import annotations

import secrets

from verifier.errors import Malformed
from verifier.reading.gs1 import LONGEST

SYMBOLS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""31 symbols without look-alikes (0 O, 1 I L). Without 0 and 1 no AI can appear inside a serial either, so a scanner
that loses separators cannot raise a false alarm."""

_CHUNK = 1 << 20  # random bytes at a time; own choice, keeps memory even
# 248 = 8 * 31 is the largest multiple of 31 in a byte: the eight bytes above are thrown away, the rest is uniform
_EVEN = 256 - 256 % len(SYMBOLS)
_TO_SYMBOL = bytes(ord(SYMBOLS[byte % len(SYMBOLS)]) for byte in range(256))
_UNEVEN = bytes(range(_EVEN, 256))


def space_bits(length: int = LONGEST) -> int:
    """The size of the space that serials of this length are drawn from, in whole bits (99 for 20 characters)."""
    return int(len(SYMBOLS) ** length).bit_length() - 1


def generate(count: int, length: int = LONGEST) -> list[str]:
    """Draw `count` different serials of `length` characters, uniformly, from the system's random source.

    Raises Malformed (`serial_length`, `serial_space`): at most half of the space is given out, so that one serial
    says nothing about whether another exists.
    """
    if not 1 <= length <= LONGEST:
        raise Malformed(f"couldn't make serials: got length {length}, expected 1 to {LONGEST}", code="serial_length")
    if not 1 <= count <= len(SYMBOLS) ** length // 2:
        raise Malformed(
            f"couldn't make {count} serials of {length} characters: expected 1 to {len(SYMBOLS) ** length // 2}",
            code="serial_space",
        )
    serials: dict[str, None] = {}  # keeps the order of drawing
    while len(serials) < count:
        drawn = secrets.token_bytes(min(_CHUNK, (count - len(serials)) * length * 2))
        text = drawn.translate(_TO_SYMBOL, delete=_UNEVEN).decode("ascii")
        whole = len(text) - len(text) % length
        serials.update(dict.fromkeys(text[start : start + length] for start in range(0, whole, length)))
    return list(serials)[:count]
