"""The key store: EVM accounts and Ed25519 keys by name, one file each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.keys.file import make_folder, overwrite_and_unlink, write_file
from ledger.keys.passphrase import open_secret, passphrase, seal_secret
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.tree.note_key import KeyType, SigningKey

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1; SEC 2 2.4.1


@dataclass(frozen=True, slots=True)
class EvmKey:
    """An account that signs statements, proposals or transactions.

    `address`: 0x and 40 lower hex; `secret`: 32 bytes.
    """

    name: str
    address: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A key for checkpoints, cosignatures or labels. `public` and `seed`: 32 bytes each."""

    name: str
    public: bytes
    seed: bytes = field(repr=False)

    def note_key(self, origin: str) -> SigningKey:
        """The key as signer of notes under a log's origin."""
        return SigningKey(origin, self.seed)

    def cosigner_key(self, name: str) -> SigningKey:
        """The key as a witness's, of type 0x04. One key serves one cosigner: it must not sign notes as well."""
        return SigningKey(name, self.seed, KeyType.COSIGNATURE_V1)


Key = EvmKey | Ed25519Key


class KeyStore:
    """The keys of one folder, which is made when the first key is. Names: lower-case letters, digits and hyphens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create_evm(self, name: str, secret: bytes | None = None) -> EvmKey:
        """Make an EVM key, or take over a given `secret` (32 bytes).

        Raises Malformed (`key_name`, `key_secret`), Refused (`key_exists`), Unavailable (`home`).
        """
        secret = secret or _evm_secret()
        key = EvmKey(_checked(name), evm_address(secret), secret)
        self._write(name, {"type": "evm", "address": key.address}, secret)
        return key

    def create_ed25519(self, name: str, seed: bytes | None = None) -> Ed25519Key:
        """Make an Ed25519 key, or take over a given `seed` (32 bytes). Raises as `create_evm`."""
        seed = seed or Ed25519PrivateKey.generate().private_bytes_raw()
        key = Ed25519Key(_checked(name), _ed25519_public(seed), seed)
        self._write(name, {"type": "ed25519", "public": "0x" + key.public.hex()}, seed)
        return key

    def load(self, name: str) -> Key:
        """Open a key of either type.

        Raises NotFound (`key_unknown`), Malformed (`key_name`, `key_file`, `passphrase_needed`, `passphrase_wrong`),
        Unavailable (`home`).
        """
        value = self._read(name)
        public = _public_part(value)
        secret = _open(value, public)
        key: Key
        if value["type"] == "evm":
            key = EvmKey(name, evm_address(secret), secret)
            matches = key.address == value["address"]
        else:
            key = Ed25519Key(name, _ed25519_public(secret), secret)
            matches = "0x" + key.public.hex() == value["public"]
        if not matches:
            raise Malformed(f"couldn't use key {name}: its two halves do not belong together", code="key_file")
        return key

    def load_evm(self, name: str) -> EvmKey:
        """Open an EVM key. Raises as `load`, and Malformed (`key_type`) for the other type."""
        key = self.load(name)
        if not isinstance(key, EvmKey):
            raise Malformed(f"couldn't sign with key {name}: got an ed25519 key, expected evm", code="key_type")
        return key

    def load_ed25519(self, name: str) -> Ed25519Key:
        """Open an Ed25519 key. Raises as `load`, and Malformed (`key_type`) for the other type."""
        key = self.load(name)
        if not isinstance(key, Ed25519Key):
            raise Malformed(f"couldn't sign with key {name}: got an evm key, expected ed25519", code="key_type")
        return key

    def describe(self, name: str) -> dict[str, Any]:
        """The public part of a key, as JSON; needs no passphrase. Raises as `load`."""
        value = self._read(name)
        return {"name": name, **_public_part(value), "encrypted": "sealed" in value}

    def list(self) -> list[dict[str, Any]]:
        """The public part of every EVM and Ed25519 key, by name. Raises Malformed (`key_file`)."""
        names = sorted(path.stem for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem))
        return [self.describe(name) for name in names if self._json(name).get("type") in ("evm", "ed25519")]

    def __contains__(self, name: str) -> bool:
        return self._file(name).exists()

    def destroy(self, name: str) -> None:
        """Overwrite and remove a key for ever. Raises NotFound (`key_unknown`), Unavailable (`home`)."""
        if name not in self:
            raise _unknown(name, self._folder)
        overwrite_and_unlink(self._file(name))

    def _file(self, name: str) -> Path:
        return self._folder / f"{_checked(name)}.json"

    def _write(self, name: str, public: Mapping[str, str], secret: bytes) -> None:
        make_folder(self._folder)
        phrase = passphrase()
        value: dict[str, Any] = dict(public)
        if phrase is None:
            value["secret"] = "0x" + secret.hex()
        else:
            value["sealed"] = seal_secret(secret, phrase, _context(public))
        try:
            write_file(self._file(name), json.dumps(value, indent=2).encode() + b"\n", replace=False)
        except FileExistsError as error:
            raise Refused(f"couldn't make key {name}: there is one of that name", code="key_exists") from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self._file(name).read_bytes())
        except FileNotFoundError as error:
            raise _unknown(name, self._folder) from error
        except OSError as error:
            raise Unavailable(f"couldn't read key {name}: {error.strerror}", code="home") from error
        except ValueError as error:
            raise Malformed(f"couldn't read key {name}: its file is no JSON", code="key_file") from error
        if not isinstance(value, dict):
            raise Malformed(f"couldn't read key {name}: its file is no JSON object", code="key_file")
        return value

    def _read(self, name: str) -> dict[str, Any]:
        value = self._json(name)
        half = {"evm": "address", "ed25519": "public"}.get(str(value.get("type")))
        if half is None or set(value) not in ({"type", half, "secret"}, {"type", half, "sealed"}):
            raise Malformed(
                f"couldn't read key {name}: expected type evm or ed25519, its public half, and secret or sealed",
                code="key_file",
            )
        return value


def evm_address(secret: bytes) -> str:
    """The address (0x and 40 lower hex) of a private key of 32 bytes. Raises Malformed (`key_secret`)."""
    from eth_keys.datatypes import PrivateKey  # here, because it loads much and reading key lists needs none of it

    if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _ORDER:
        raise Malformed("couldn't use the private key: expected 32 bytes within the curve's order", code="key_secret")
    return PrivateKey(secret).public_key.to_address()


def _evm_secret() -> bytes:
    from ledger.keys.account import Account

    return bytes(Account.create().key)


def _ed25519_public(seed: bytes) -> bytes:
    if len(seed) != 32:
        raise Malformed(f"couldn't use the seed: got {len(seed)} bytes, expected 32", code="key_secret")
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _open(value: Mapping[str, Any], public: Mapping[str, str]) -> bytes:
    if "sealed" in value:
        if not isinstance(value["sealed"], dict):
            raise Malformed("couldn't open the key: its encrypted part is damaged", code="key_file")
        return open_secret(value["sealed"], passphrase(), _context(public))
    try:
        return bytes.fromhex(value["secret"].removeprefix("0x"))
    except (ValueError, AttributeError) as error:
        raise Malformed("couldn't open the key: its secret is no hex text", code="key_file") from error


def _public_part(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value[name]) for name in ("type", "address", "public") if name in value}


def _context(public: Mapping[str, str]) -> bytes:
    """The context that the ciphertext is bound to, so that one key's file cannot replace another's."""
    return json.dumps(dict(public), sort_keys=True).encode()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Malformed(
            f"couldn't use key name {name[:80]!r}: expected 1 to 63 of a-z, 0-9 and hyphens inside", code="key_name"
        )
    return name


def _unknown(name: str, folder: Path) -> NotFound:
    return NotFound(
        f"couldn't find key {name}: there is none in {folder}; `carnet key list` shows them", code="key_unknown"
    )
