"""Cosignatures of checkpoints: which witness saw this head last, and when (C2SP tlog-cosignature, Ed25519 v1).

The signed message does not name the cosigner, so one key serves one cosigner only.
"""

from __future__ import annotations

import struct

from verifier.errors import Malformed, ProofInvalid
from verifier.tree.note_key import (
    ED25519_SIGNATURE_SIZE,
    KeyType,
    SigningKey,
    VerifierKey,
    verify_ed25519,
)

MAX_TIME = 2**63 - 1  # seconds; C2SP tlog-cosignature, "Format"
_HEAD = struct.Struct(">Q")


def cosign(text: str, key: SigningKey, time: int) -> bytes:
    """u64 big-endian time ‖ 64 bytes of signature over a checkpoint's note text.

    Args:
        text: the whole note text with its final newline, extension lines included.
        key: a key of type 0x04.
        time: POSIX seconds, 1 … 2**63 - 1.

    Raises:
        Malformed: another key type, or the time out of range.
    """
    if key.type is not KeyType.COSIGNATURE_V1:
        raise Malformed(f"couldn't cosign: got a key of type {key.type:#04x}, expected 0x04", code="note_key")
    if not 1 <= time <= MAX_TIME:
        raise Malformed(f"couldn't cosign: got time {time}, expected 1 … {MAX_TIME}", code="cosignature_time")
    return _HEAD.pack(time) + key.sign_bytes(_message(text, time))


def verify_cosignature(key: VerifierKey, text: str, payload: bytes) -> int:
    """Check a cosignature over a note text and return its time in POSIX seconds.

    The time is the cosigner's claim. Policy decides how old is too old.

    Raises:
        ProofInvalid: wrong length, time over 2**63 - 1, or a wrong signature (`signature_invalid`).
    """
    expected = _HEAD.size + ED25519_SIGNATURE_SIZE
    if len(payload) != expected:
        raise ProofInvalid(
            f"couldn't verify the cosignature of {key.name}: got {len(payload)} bytes, expected {expected}",
            code="signature_invalid",
        )
    time = int(_HEAD.unpack_from(payload)[0])
    if time > MAX_TIME:
        raise ProofInvalid(
            f"couldn't verify the cosignature of {key.name}: got time {time}, expected at most {MAX_TIME}",
            code="signature_invalid",
        )
    verify_ed25519(key.public, _message(text, time), payload[_HEAD.size :], f"the cosignature of {key.name}")
    return time


def _message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
