"""Encryption of key files with a passphrase, if there is one; without one they are plain files of mode 0600.

The passphrase comes from CARNET_KEY_PASSPHRASE or from the file that CARNET_KEY_PASSPHRASE_FILE names, never from an
argument: arguments show in process lists.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ledger.keys.secret_text import decode_text, keep_unsaid
from verifier.errors import Malformed, Unavailable

VARIABLE = "CARNET_KEY_PASSPHRASE"
"""The environment variable; with `_FILE` after it, the name of a file."""
SCRYPT = {"n": 2**15, "r": 8, "p": 3}
"""32 MiB and about 0.2 s: one of the settings that the OWASP password storage cheat sheet calls equal."""

_NONCE = 12  # bytes; NIST SP 800-38D 8.2.2
_SALT = 16  # bytes; RFC 7914 has no bound, NIST SP 800-132 5.1 wants 16
_SEALED_KEYS = {"kdf", "n", "r", "p", "salt", "nonce", "ciphertext"}


def passphrase() -> bytes | None:
    """The passphrase for key files, or None. Raises Malformed (`passphrase`), Unavailable for its file."""
    text, name = os.environ.get(VARIABLE), os.environ.get(VARIABLE + "_FILE")
    if text is None and name:
        try:
            text = decode_text(Path(name).read_bytes()).removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise Unavailable(f"couldn't read the passphrase file {name}: {error.strerror}", code="home") from error
        except UnicodeDecodeError:
            raise Malformed(f"couldn't read the passphrase file {name}: it holds no text", code="passphrase") from None
    if text is None:
        return None
    if not text:
        raise Malformed("couldn't use the passphrase: it is empty; unset the variable for none", code="passphrase")
    return keep_unsaid(text).encode()


def seal_secret(secret: bytes, phrase: bytes, context: bytes) -> dict[str, Any]:
    """Encrypt with scrypt and AES-256-GCM, as a JSON object. `context` is authenticated with it."""
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    ciphertext = AESGCM(_derive(phrase, salt)).encrypt(nonce, secret, context)
    return {"kdf": "scrypt", **SCRYPT, "salt": _text(salt), "nonce": _text(nonce), "ciphertext": _text(ciphertext)}


def open_secret(sealed: Mapping[str, Any], phrase: bytes | None, context: bytes) -> bytes:
    """The counterpart of `seal_secret`. Raises Malformed (`passphrase_needed`, `passphrase_wrong`, `key_file`)."""
    if phrase is None:
        raise Malformed(
            f"couldn't open the key: it is encrypted; set {VARIABLE} or {VARIABLE}_FILE", code="passphrase_needed"
        )
    # Only we choose the cost: a changed file must not be able to demand all memory, or almost no work.
    if set(sealed) != _SEALED_KEYS or {name: sealed[name] for name in SCRYPT} != SCRYPT or sealed["kdf"] != "scrypt":
        raise Malformed(f"couldn't open the key: expected scrypt with {SCRYPT}", code="key_file")
    try:
        salt, nonce, ciphertext = (base64.b64decode(sealed[name]) for name in ("salt", "nonce", "ciphertext"))
        return AESGCM(_derive(phrase, salt)).decrypt(nonce, ciphertext, context)
    except InvalidTag as error:
        raise Malformed(
            "couldn't open the key: the passphrase is wrong, or the file was changed", code="passphrase_wrong"
        ) from error
    except (ValueError, TypeError) as error:
        raise Malformed("couldn't open the key: its encrypted part is damaged", code="key_file") from error


def _derive(phrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **SCRYPT).derive(phrase)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
