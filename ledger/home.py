"""The home: one folder with everything that a ledger needs, and the lock that keeps a second writer out.

ledger.json    what this ledger is (no secrets)        keys/       private keys, 0600
ledger.db      the database, unless another is named   segments/   sets of unit keys
signed_head    newest checkpoint ever signed           chain/      state of the local chain
writer.lock    held by the one process that writes     batches/    a maker's serials and label codes, 0600
receipts/      promises that an officer holds         published/  the log for everybody, as files
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.keys.file import make_folder, write_file
from ledger.lock import WriterLock
from ledger.private import make_private
from ledger.remote.urls import check_http_url, without_password
from verifier.errors import Malformed, NotFound, Unavailable
from verifier.instant import SECOND
from verifier.record.cadence import CADENCE_MAX, CADENCE_MIN

FORMAT = "carnet-home/1"
"""The version of `ledger.json`."""


class Settings(BaseSettings):
    """Settings from the environment, each as CARNET_<NAME>.

    A database URL or token may hold a secret, so repr hides it.
    """

    model_config = SettingsConfigDict(env_prefix="CARNET_", env_ignore_empty=True, extra="ignore")

    home: Path = Path("~/.carnet")
    database: SecretStr | None = None
    chain_rpc: SecretStr | None = None
    base_url: str | None = None
    server: str | None = None
    token: SecretStr | None = None
    seal_seconds: float = Field(default=60.0, ge=CADENCE_MIN / SECOND, le=CADENCE_MAX / SECOND)
    publish_seconds: float = Field(default=1.0, ge=0.1, le=3_600)


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness's address: its name in the policy of entry 0, and its submission prefix (tlog-witness)."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class LedgerConfig:
    """What `ledger.json` says: public facts only.

    `pin`: SHA-256 of entry 0's bytes, 64 hex; `registry` and `anchor`: 0x and 40 lower hex; `log_key` and
    `operator_key`: names in the key store. `database` and `chain_rpc` are None for the home's own database and local
    chain. `witnesses`: only addresses; entry 0 says which witnesses count. `mirror_of`: the log that this is a copy of,
    None for a ledger of its own. Older files lack these two.
    """

    origin: str
    base_url: str
    pin: str
    chain_id: int
    registry: str
    anchor: str
    database: str | None = None
    chain_rpc: str | None = None
    log_key: str = "log"
    operator_key: str = "operator"
    witnesses: tuple[WitnessAddress, ...] = ()
    mirror_of: str | None = None

    def encode(self) -> bytes:
        """The bytes of `ledger.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2).encode() + b"\n"

    @classmethod
    def decode(cls, raw: bytes) -> LedgerConfig:
        """The counterpart of `encode`. Raises Malformed (`config`)."""
        try:
            value = json.loads(raw)
        except ValueError as error:
            raise _bad_config(str(error)) from error
        known = {f.name for f in fields(cls)}
        newer = {"witnesses", "mirror_of"}
        if not isinstance(value, dict) or value.pop("format", None) != FORMAT or set(value) | newer != known:
            raise _bad_config(f"expected a {FORMAT} object of {sorted(known)}")
        witnesses = _witnesses(value.pop("witnesses", []))
        for name, item in value.items():
            optional = name in ("database", "chain_rpc", "mirror_of")
            if type(item) is not (int if name == "chain_id" else str) and not (optional and item is None):
                raise _bad_config(f"{name} has another type")
        return cls(**value, witnesses=witnesses)


def _witnesses(value: Any) -> tuple[WitnessAddress, ...]:
    if not isinstance(value, list):
        raise _bad_config("witnesses is no list")
    for item in value:
        if (
            not isinstance(item, dict)
            or set(item) != {"name", "url"}
            or {type(text) for text in item.values()} != {str}
        ):
            raise _bad_config("each of witnesses is an object of name and url")
        check_http_url(item["url"])
    if len({item["name"] for item in value}) != len(value):
        raise _bad_config("a witness stands twice")
    return tuple(WitnessAddress(**item) for item in value)


@dataclass(frozen=True, slots=True)
class Home:
    """One folder. Making the object touches nothing; `create` makes the folder."""

    path: Path
    settings: Settings = field(default_factory=Settings, repr=False)

    @property
    def keys(self) -> Path:
        """The folder of private keys."""
        return self.path / "keys"

    @property
    def segments(self) -> Path:
        """The folder of segments."""
        return self.path / "segments"

    @property
    def chain(self) -> Path:
        """The folder of the local chain."""
        return self.path / "chain"

    @property
    def batches(self) -> Path:
        """The folder of a maker's own files about its batches."""
        return self.path / "batches"

    @property
    def published(self) -> Path:
        """The folder of the published log; a copy that is written anew when it is missing."""
        return self.path / "published"

    @property
    def receipts(self) -> Path:
        """The folder of an officer's scan receipts, and of the evidence about them."""
        return self.path / "receipts"

    @property
    def signed_head(self) -> Path:
        """The newest checkpoint ever signed. Leave it out of backups: it must be newer than any of them."""
        return self.path / "signed_head"

    @property
    def fold(self) -> Path:
        """What the log says up to some entry, so that opening need not read it all; written anew when it is missing."""
        return self.path / "fold"

    @property
    def lock(self) -> Path:
        """The writer lock's file."""
        return self.path / "writer.lock"

    @property
    def config_file(self) -> Path:
        """The file that says what this ledger is."""
        return self.path / "ledger.json"

    @property
    def founded(self) -> bool:
        """Whether a ledger was founded here."""
        return self.config_file.exists()

    @property
    def empty(self) -> bool:
        """Whether nothing of Carnet's is here: no ledger, no key and no batch. A maker's home may have no ledger."""
        return not self.founded and not any(
            path.is_dir() and any(path.iterdir()) for path in (self.keys, self.batches, self.receipts)
        )

    @property
    def database_url(self) -> str:
        """CARNET_DATABASE, else the configured one, else SQLite in this home. May hold a password: never print it."""
        if self.settings.database is not None:
            return self.settings.database.get_secret_value()
        configured = self.config().database if self.founded else None
        return configured or f"sqlite:///{self.path.resolve() / 'ledger.db'}"

    @property
    def chain_rpc(self) -> str | None:
        """CARNET_CHAIN_RPC, else the configured one; None for the local chain. May hold a password."""
        if self.settings.chain_rpc is not None:
            return self.settings.chain_rpc.get_secret_value()
        return self.config().chain_rpc if self.founded else None

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links: CARNET_BASE_URL, else the configured one."""
        return self.settings.base_url or self.config().base_url

    def create(self) -> None:
        """Make the folder and its parts, readable by their owner only. Raises Unavailable (`home`)."""
        for folder in (self.path, self.keys, self.segments, self.chain, self.batches):
            make_folder(folder)

    def config(self) -> LedgerConfig:
        """What this ledger is. Raises NotFound (`not_founded`), Malformed (`config`), Unavailable (`home`)."""
        try:
            return LedgerConfig.decode(self.config_file.read_bytes())
        except FileNotFoundError as error:
            raise self.not_founded() from error
        except OSError as error:
            raise Unavailable(f"couldn't read {self.config_file}: {error.strerror}", code="home") from error

    def not_founded(self) -> NotFound:
        """The error for a folder without a ledger (`not_founded`)."""
        return NotFound(
            f"couldn't open a ledger in {self.path}: nothing is founded here. Say where with --home or CARNET_HOME, or "
            "name a server with --server; `carnet init` founds a ledger",
            code="not_founded",
        )

    def save_config(self, config: LedgerConfig) -> None:
        """Write `ledger.json`; passwords in URLs are left out. Durable when it returns."""
        public = replace(
            config,
            database=config.database and without_password(config.database),
            chain_rpc=config.chain_rpc and without_password(config.chain_rpc),
        )
        # If we stop before this line, restart finds a home without a ledger; keys made for it stay usable.
        write_file(self.config_file, public.encode())

    def batch_folder(self, gtin: str, lot: str) -> Path:
        """Where a maker keeps a batch's serials; a lot may hold `/`, so it is percent-encoded."""
        return self.batches / f"{gtin}-{quote(lot, safe='')}"

    def writer(self) -> AbstractContextManager[None]:
        """A context in which this process is the only writer of the ledger.

        Raises Refused (`writer_busy`), Unavailable.
        """
        return self._lock.hold()

    def close_to_others(self) -> list[str]:
        """Remove other users' rights to parts of this home; returns what was changed, in words."""
        return make_private(self.path)

    def announce(self, url: str) -> None:
        """Tell other commands where the server that holds the writer lock listens. For the holder only."""
        self._lock.announce(url)

    def server(self) -> str | None:
        """The address of the server that writes this ledger now, if one does."""
        return self._lock.server()

    @property
    def _lock(self) -> WriterLock:
        return WriterLock(self.lock)


def _bad_config(cause: str) -> Malformed:
    return Malformed(f"couldn't read ledger.json: {cause}", code="config")
