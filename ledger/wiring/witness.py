"""The wiring of a witness: a home with a key and a memory, and no ledger in it.

witness.json   its verifier key, name included         keys/       the private half, 0600
witness.db     what it trusts, cosigned and saw; never restored from a backup
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.home import Home
from ledger.keys.file import make_folder, write_file
from ledger.keys.store import KeyStore
from ledger.services.outward.witness import Witness
from ledger.storage.witness import WitnessDatabase
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.foreign import check_text
from verifier.tree.note_key import VerifierKey, check_name

FORMAT = "carnet-witness/1"
"""The version of `witness.json`."""
WITNESS_KEY = "witness"
"""Name of the Ed25519 key that cosigns, in the home's key store."""


@dataclass(frozen=True, slots=True)
class OpenWitness:
    """An opened witness. `key`: its public half; `sign` opens the private one."""

    home: Path
    key: VerifierKey
    store: WitnessDatabase

    def sign(self) -> Witness:
        """The witness that can cosign. Raises Malformed (`passphrase_needed`, `passphrase_wrong`), NotFound."""
        key = KeyStore(self.home / "keys").load_ed25519(WITNESS_KEY).cosigner_key(self.key.name)
        if key.verifier != self.key:
            raise Malformed("couldn't use the witness's key: it is not the one of witness.json", code="key_file")
        return Witness(self.store, key)


def create_witness(home: Home, name: str) -> VerifierKey:
    """Make a witness in a home of its own: a key of type 0x04 under `name`, and an empty memory.

    Raises:
        Refused: there is a witness (`witness_exists`), or a ledger (`founded`), whose operator cannot witness it.
        Malformed: the name cannot name a key (`key_name`). Unavailable: the folder cannot be written.
    """
    check_name(name)
    check_text("name", name, at="name")
    if home.founded:
        raise Refused(
            f"couldn't make a witness in {home.path}: a ledger is founded there, and nobody witnesses oneself",
            code="founded",
        )
    if _file(home).exists():
        raise Refused(f"couldn't make a witness in {home.path}: there is one", code="witness_exists")
    make_folder(home.path)
    keys = KeyStore(home.keys)
    key = keys.load_ed25519(WITNESS_KEY) if WITNESS_KEY in keys else keys.create_ed25519(WITNESS_KEY)
    WitnessDatabase(_database(home)).close()
    vkey = key.cosigner_key(name).verifier
    # If we stop before this line, a home without witness.json remains; the same command continues with its key.
    write_file(_file(home), json.dumps({"format": FORMAT, "vkey": vkey.format()}, indent=2).encode() + b"\n")
    return vkey


@contextmanager
def open_witness(home: Home) -> Iterator[OpenWitness]:
    """Open the witness of a home. Raises NotFound (`no_witness`), Malformed (`config`), Refused, Unavailable."""
    key = _read(home)
    if not _database(home).exists():
        # An empty memory would cosign anything again, even a head that contradicts a forgotten one.
        raise Unavailable(
            f"couldn't open the witness in {home.path}: its memory, witness.db, is gone; a new name and key are needed",
            code="witness_memory",
        )
    home.close_to_others()
    store = WitnessDatabase(_database(home))
    try:
        yield OpenWitness(home.path, key, store)
    finally:
        store.close()


def _read(home: Home) -> VerifierKey:
    try:
        value = json.loads(_file(home).read_bytes())
    except FileNotFoundError as error:
        raise NotFound(
            f"couldn't open a witness in {home.path}: there is none; `carnet witness init` makes one", code="no_witness"
        ) from error
    except OSError as error:
        raise Unavailable(f"couldn't read {_file(home)}: {error.strerror}", code="home") from error
    except ValueError as error:
        raise Malformed(f"couldn't read witness.json: {error}", code="config") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT or not isinstance(value.get("vkey"), str):
        raise Malformed(f"couldn't read witness.json: expected a {FORMAT} object with a vkey", code="config")
    return VerifierKey.parse(value["vkey"])


def _file(home: Home) -> Path:
    return home.path / "witness.json"


def _database(home: Home) -> Path:
    return home.path / "witness.db"
