"""The one rule for Ed25519 public keys. Logs', witnesses' and batches' keys all follow it.

A key of small order lets one fixed signature hold for every message, and a point with two encodings lets one key stand
for two parties. Libraries accept both (RFC 8032 5.1.3 does not forbid the first), so this rule is our own.
"""

from __future__ import annotations

from functools import lru_cache

from verifier.errors import Malformed

KEY_SIZE = 32
"""Bytes of a public key, and of a seed; RFC 8032 5.1.5."""

_P = 2**255 - 19  # RFC 8032 5.1: the field
_D = -121665 * pow(121666, -1, _P) % _P  # RFC 8032 5.1: the curve's d
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
# y of the eight points whose order divides 8, the cofactor; either sign of x (tests recompute the list).
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def check_public_key(public: bytes, what: str, code: str) -> None:
    """Check that 32 bytes are the one encoding of a point on the curve, and that its order is not small.

    Args:
        public: the bytes of the key.
        what: what the key is, for the message, such as "the label key".
        code: the error's code.

    Raises:
        Malformed: with `code`, saying what was got and expected.
    """
    if len(public) != KEY_SIZE:
        raise Malformed(f"couldn't use {what}: got {len(public)} bytes, expected {KEY_SIZE}", code=code)
    flaw = _flaw(public)
    if flaw is not None:
        raise Malformed(
            f"couldn't use {what}: got {flaw}, expected the one encoding of an Ed25519 point of large order", code=code
        )


@lru_cache(maxsize=1024)
def _flaw(public: bytes) -> str | None:
    """What keeps 32 bytes from being a key; remembered, since a verifier meets the same few keys again and again."""
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    if y >= _P:
        return "an encoding that is not canonical"
    if y in _SMALL_ORDER_Y:  # holds x = 0 too, the other case with a second encoding
        return "a point of small order"
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P  # RFC 8032 5.1.3: x squared
    return None if pow(square, (_P - 1) // 2, _P) == 1 else "no point on the curve"
