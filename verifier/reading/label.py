"""Label signatures: a printed code's own proof, checked without any network.

A key made for one batch signs each unit. The batch's registration holds the public half. The signature is printed as
`?s=` in base32 over A-X and 2-9, which scanners that fold case or swap Y and Z cannot damage. It proves that the holder
of the batch's key wrote this code. It does not show how many times the code was printed.
"""

from __future__ import annotations

import base64
import re
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from verifier.ed25519 import check_public_key
from verifier.errors import Malformed

LABEL_TEXT_LENGTH = 103
"""Characters of a printed signature: 512 bits in fives, the last character with three pad bits."""

_DOMAIN = b"carnet/label/v1\n"
_SEPARATOR = b"\x1d"  # GS1's own group separator; no lot and no serial can hold it
_FORM = re.compile(r"[A-Xa-x2-9]{103}")
# RFC 4648 counts A-Z, 2-7; ours A-X, 2-9: the same 32 values under other names
_RFC4648, _OURS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"ABCDEFGHIJKLMNOPQRSTUVWX23456789"
_TO_OURS, _TO_RFC4648 = bytes.maketrans(_RFC4648, _OURS), bytes.maketrans(_OURS, _RFC4648)

_L = 2**252 + 27742317777372353535851937790883648493  # RFC 8032 5.1: the order of the base point


class LabelCheck(StrEnum):
    """The result of checking a printed signature."""

    VALID = "valid"
    WRONG = "wrong"
    MALFORMED = "malformed"


def label_message(log_id: bytes, gtin: str, lot: str, serial: str) -> bytes:
    """The bytes that a label signature signs. `log_id` is 32 bytes, `gtin` 14 digits, lot and serial unescaped."""
    unit = _SEPARATOR.join(text.encode("ascii") for text in (gtin, lot, serial))
    return _DOMAIN + log_id + unit


def encode_signature(signature: bytes) -> str:
    """Write a signature of 64 bytes as the 103 characters that are printed."""
    if len(signature) != 64:
        raise Malformed(f"couldn't write the signature: got {len(signature)} bytes, expected 64", code="label_text")
    return base64.b32encode(signature)[:LABEL_TEXT_LENGTH].translate(_TO_OURS).decode("ascii")


def decode_signature(text: str) -> bytes:
    """Read a printed signature in either case.

    Raises Malformed (`label_text`) for another length or character, and for pad bits that are not zero.
    """
    if not _FORM.fullmatch(text):
        raise Malformed(
            f"couldn't read the label signature: got {len(text)} characters, expected {LABEL_TEXT_LENGTH} "
            "of A-X and 2-9",
            code="label_text",
        )
    signature = base64.b32decode(text.upper().encode("ascii").translate(_TO_RFC4648) + b"=")
    if encode_signature(signature) != text.upper():  # pad bits: otherwise eight texts would mean one signature
        raise Malformed("couldn't read the label signature: its pad bits are not zero", code="label_text")
    return signature


def check_label_key(public: bytes) -> None:
    """Check that 32 bytes are the one encoding of a point on the curve, not of small order.

    Raises Malformed (`label_key`).
    """
    check_public_key(public, "the label key", "label_key")


def verify_label(public: bytes, log_id: bytes, gtin: str, lot: str, serial: str, text: str) -> LabelCheck:
    """Check the printed signature `text` of one unit by RFC 8032 5.1.7, without the cofactor.

    Raises Malformed (`label_key`) if the key itself cannot be used.
    """
    key = _load(public)
    try:
        signature = decode_signature(text)
    except Malformed:
        return LabelCheck.MALFORMED
    if int.from_bytes(signature[32:], "little") >= _L:  # RFC 8032 5.1.7; otherwise S + L would be a second signature
        return LabelCheck.WRONG
    try:
        key.verify(signature, label_message(log_id, gtin, lot, serial))
    except InvalidSignature:
        return LabelCheck.WRONG
    return LabelCheck.VALID


def sign_label(private: Ed25519PrivateKey | bytes, log_id: bytes, gtin: str, lot: str, serial: str) -> str:
    """Sign one unit and return the 103 characters to print. `private` is a key or its seed of 32 bytes."""
    key = private if isinstance(private, Ed25519PrivateKey) else Ed25519PrivateKey.from_private_bytes(private)
    return encode_signature(key.sign(label_message(log_id, gtin, lot, serial)))


@lru_cache(maxsize=1024)
def _load(public: bytes) -> Ed25519PublicKey:
    check_label_key(public)
    return Ed25519PublicKey.from_public_bytes(public)
