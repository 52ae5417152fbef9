"""Keys of signed notes: verifier key texts, signing keys, key ids (C2SP signed-note v1.0.0)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from verifier.ed25519 import KEY_SIZE, check_public_key
from verifier.errors import Malformed, ProofInvalid

KEY_ID_SIZE = 4  # bytes
ED25519_KEY_SIZE = KEY_SIZE
ED25519_SIGNATURE_SIZE = 64  # bytes; RFC 8032 5.1.6
_BAD_IN_NAME = re.compile(r"[\s+\x00-\x1f\ud800-\udfff]")


class KeyType(IntEnum):
    """Signature types that Carnet verifies. Others are unknown keys and are ignored, as the format demands."""

    ED25519 = 0x01
    COSIGNATURE_V1 = 0x04  # Ed25519 over a time and a checkpoint: verifier/tree/cosignature.py


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key by its name: type and 32 bytes of Ed25519. `format` gives the vkey text."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        check_public_key(self.public, "a note key", "note_key")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name ‖ 0x0A ‖ type ‖ public)[:4]: an identifier, not a commitment."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:KEY_ID_SIZE]

    def format(self) -> str:
        """`name+hex(key id)+base64(type ‖ public)`."""
        material = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The counterpart of `format`.

        Raises:
            Malformed: not three parts, an unknown type, a wrong length, a key id that is not the key's, or a point that
                may not be a key (`verifier.ed25519`).
        """
        parts = text.split("+", 2)  # the base64 may hold further plus signs
        if len(parts) != 3:
            raise _bad_key(repr(text[:60]), "name+hex+base64")
        name, key_id, material = parts[0], parts[1], decode_base64(parts[2], "a verifier key")
        if len(material) != 1 + ED25519_KEY_SIZE or material[0] not in set(KeyType):
            raise _bad_key(f"type {material[:1].hex() or 'none'} in {len(material)} bytes", "type 01 or 04 in 33")
        key = cls(name, KeyType(material[0]), material[1:])
        if key_id != key.key_id.hex():
            raise _bad_key(f"key id {key_id[:16]}", key.key_id.hex())
        return key


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half. `seed`: 32 secret bytes, kept out of repr."""

    name: str
    seed: bytes = field(repr=False)
    type: KeyType = KeyType.ED25519

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.seed) != ED25519_KEY_SIZE:
            raise _bad_key(f"a seed of {len(self.seed)} bytes", str(ED25519_KEY_SIZE))

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.type, self._private().public_key().public_bytes_raw())

    def sign_bytes(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over `message`. The caller must know what may be signed."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def verify_ed25519(public: bytes, message: bytes, signature: bytes, what: str) -> None:
    """Check that `public` signed `message`. RFC 8032 5.1.7.

    Raises:
        ProofInvalid: it did not (`signature_invalid`).
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise ProofInvalid(f"couldn't verify {what}: the signature is wrong", code="signature_invalid") from error


def check_name(name: str) -> None:
    """Check that `name` can name a key.

    Raises:
        Malformed: empty, or it holds a Unicode space, a plus or a control character (`key_name`).
    """
    if not name or _BAD_IN_NAME.search(name):
        raise Malformed(
            f"couldn't use a key name: got {name[:60]!r}, expected no space, plus or control character",
            code="key_name",
        )


def decode_base64(text: str, what: str) -> bytes:
    """RFC 4648 section 4, with padding and zero pad bits: each value has exactly one text.

    Raises:
        Malformed: any other text (`base64`).
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed(f"couldn't read {what}: got {text[:60]!r}, expected base64", code="base64") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"couldn't read {what}: got base64 that is not canonical, expected one text", code="base64")
    return data


def _bad_key(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't use a note key: got {got}, expected {expected}", code="note_key")
