"""The vault: one server key that encrypts values beside the log, mainly batch salts."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.keys.file import make_folder, write_file
from ledger.keys.passphrase import open_secret, passphrase, seal_secret
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Unavailable

FILE = "server.json"
"""The vault's file in the folder of keys."""

_CONTEXT = b"carnet/vault/v1"
_VERSION = b"\x01"
_NONCE = 12  # bytes; random ones serve 2^32 values of one key, NIST SP 800-38D 8.3


class Vault:
    """Encrypts and decrypts with AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def create(cls, folder: Path) -> Vault:
        """Make the server key of a new ledger. Raises Refused (`key_exists`), Unavailable (`home`)."""
        make_folder(folder)
        key, phrase = secrets.token_bytes(32), passphrase()
        part = {"secret": "0x" + key.hex()} if phrase is None else {"sealed": seal_secret(key, phrase, _CONTEXT)}
        value = {"type": "aes-256-gcm", **part}
        try:
            write_file(folder / FILE, json.dumps(value, indent=2).encode() + b"\n", replace=False)
        except FileExistsError as error:
            raise Refused("couldn't make the server key: there is one already", code="key_exists") from error
        return cls(key)

    @classmethod
    def open(cls, folder: Path) -> Vault:
        """Open the server key.

        It is never made here: with a fresh key every sealed salt would be lost. Raises NotFound (`key_unknown`),
        Malformed (`key_file`, `passphrase_needed`, `passphrase_wrong`), Unavailable (`home`).
        """
        try:
            value = json.loads((folder / FILE).read_bytes())
        except FileNotFoundError as error:
            raise NotFound(
                f"couldn't find the server key in {folder}: restore {FILE}, it opens the batch salts",
                code="key_unknown",
            ) from error
        except OSError as error:
            raise Unavailable(f"couldn't read the server key: {error.strerror}", code="home") from error
        except ValueError as error:
            raise Malformed("couldn't read the server key: its file is no JSON", code="key_file") from error
        return cls(_key(value))

    def seal(self, value: bytes, context: bytes) -> bytes:
        """Encrypt; `context` (the value's name) is authenticated with it, so values cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, value, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """The counterpart of `seal`. Raises ProofInvalid (`sealed_value`) when key, context or bytes do not fit."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE:
            raise ProofInvalid("couldn't unseal the value: it is damaged", code="sealed_value")
        try:
            return self._cipher.decrypt(nonce, ciphertext, context)
        except InvalidTag as error:
            raise ProofInvalid(
                "couldn't unseal the value: it was sealed with another key or for another name", code="sealed_value"
            ) from error


def _key(value: object) -> bytes:
    try:
        if isinstance(value, dict) and value.get("type") == "aes-256-gcm" and len(value) == 2:
            if isinstance(value.get("sealed"), dict):
                key = open_secret(value["sealed"], passphrase(), _CONTEXT)
            else:
                key = bytes.fromhex(str(value["secret"]).removeprefix("0x"))
            if len(key) == 32:
                return key
    except (ValueError, KeyError):
        pass
    raise Malformed("couldn't read the server key: expected aes-256-gcm with a secret of 32 bytes", code="key_file")
