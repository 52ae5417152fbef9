"""A whole ledger for tests: founded in a folder, on a real chain, with participants that speak the domain.

`world.maker("Aurora", "9521234")` admits a maker and grants a prefix; `world.register(maker, gtin, lot)` registers a
batch the way a maker's computer does it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biip.checksums import gs1_standard_check_digit
from pydantic import SecretStr

from ledger.home import Home, Settings
from ledger.keys.store import EvmKey, KeyStore
from ledger.opened import Ledger
from ledger.services.record.append import Receipt, now_ms
from ledger.services.record.founding import FoundingPlan
from ledger.services.units.segment import build
from ledger.services.units.serial import generate
from ledger.wiring.founding import found_ledger
from ledger.wiring.reader import open_ledger
from verifier.reading.label import sign_label
from verifier.record.founding import Authority
from verifier.record.participant import Role, name_commitment
from verifier.record.statement import Domain, Kind, Proposal, Statement, header, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import blind, salt_commitment, unit_key

ORIGIN = "carnet.example/test"
COUNTRIES = ("NL", "KE", "BR")


@dataclass(frozen=True)
class MadeBatch:
    """A registered batch with what its maker knows."""

    id: str
    gtin: str
    lot: str
    serials: tuple[str, ...]
    salt: bytes
    label_seed: bytes | None
    statement: Statement
    receipt: Receipt

    def key(self, serial: str) -> str:
        """The unit key of a serial, 0x and 64 hex."""
        return "0x" + unit_key(blind(self.salt, self.gtin, self.lot, serial), serial).hex()


@dataclass
class World:
    """A home and the keys of everybody who acts in it."""

    home: Home
    keys: KeyStore
    log: list[str] = field(default_factory=list)

    @classmethod
    def found(cls, folder: Path, database: str | None = None, witness_policy: str = "none") -> World:
        """Found a ledger of three countries."""
        settings = Settings(home=folder, database=SecretStr(database) if database else None)
        world = cls(Home(folder, settings), KeyStore(folder / "keys"))
        world.home.create()
        log_key = world.keys.create_ed25519("log").note_key(ORIGIN)
        operator = world.keys.create_evm("operator")
        authorities = tuple(
            Authority(world._authority(c).address, c, world.keys.create_evm(f"recovery-{c.lower()}").address)
            for c in COUNTRIES
        )
        plan = FoundingPlan(ORIGIN, authorities, log_key.verifier, operator.address, witness_policy)
        found_ledger(world.home, plan, world.approve, "http://127.0.0.1:8000", world.log.append)
        return world

    @contextmanager
    def open(self, *, chain: bool = True) -> Iterator[Ledger]:
        """Open it as the writer."""
        with open_ledger(self.home, write=True, chain=chain, report=self.log.append) as ledger:
            yield ledger

    def approve(self, kind: Proposal, body: Mapping[str, Any], domain: Domain) -> Sequence[str]:
        """Two of three countries sign."""
        return [sign(kind, body, domain, self.keys.load_evm(f"authority-{c.lower()}").secret) for c in COUNTRIES[:2]]

    def decide(self, ledger: Ledger, kind: Proposal, **body: Any) -> None:
        """Have a proposal approved, executed and mirrored."""
        assert ledger.evm is not None
        assert ledger.mirror is not None
        full = {**header(now_ms() - 2_000), **body}
        ledger.evm.execute(kind, full, self.approve(kind, full, ledger.founding.domain))
        ledger.mirror.sync()

    def admit(self, ledger: Ledger, name: str, role: Role, country: str = "NL") -> EvmKey:
        """Admit a participant under a fresh key named like it."""
        key, salt = self.keys.create_evm(name.lower()), secrets.token_bytes(32)
        self.decide(
            ledger,
            Proposal.PARTICIPANT_ADMITTED,
            participant=key.address,
            role=int(role),
            country=country,
            nameHash="0x" + name_commitment(salt, name).hex(),
        )
        ledger.participants.keep_name(key.address, name, salt)
        return key

    def maker(self, ledger: Ledger, name: str, prefix: str, country: str = "NL") -> EvmKey:
        """Admit a manufacturer and grant it a prefix."""
        key = self.admit(ledger, name, Role.MANUFACTURER, country)
        self.decide(ledger, Proposal.PREFIX_GRANTED, holder=key.address, prefix=prefix)
        return key

    def register(
        self,
        ledger: Ledger,
        maker: EvmKey,
        gtin: str,
        lot: str,
        units: int = 17,
        serials: Sequence[str] | None = None,
        **over: Any,
    ) -> MadeBatch:
        """Register a batch with label signatures, of generated serials unless some are given.

        `over` replaces fields of the statement.
        """
        made = self.prepare(ledger, maker, gtin, lot, serials or generate(units), **over)
        receipt = ledger.batches.register(made.statement, made.salt)
        return MadeBatch(
            "0x" + receipt.leaf.hex(), gtin, lot, made.serials, made.salt, made.label_seed, made.statement, receipt
        )

    def prepare(
        self, ledger: Ledger, maker: EvmKey, gtin: str, lot: str, serials: Sequence[str], **over: Any
    ) -> MadeBatch:
        """Everything a maker does before it sends: serials, segment, label key, signature."""
        salt, label = secrets.token_bytes(32), self.keys.create_ed25519(f"label-{secrets.token_hex(8)}")
        with ledger.segments.scratch() as scratch:
            built = build(gtin, lot, serials, salt, scratch)
            ledger.segments.put(built.root, scratch, n=built.n)
        body = {
            **header(now_ms()),
            "gtin": gtin,
            "lot": lot,
            "unitCount": str(built.n),
            "segmentRoot": "0x" + built.root.hex(),
            "saltCommitment": "0x" + salt_commitment(salt).hex(),
            "salt": ZERO32,
            "serialSource": 1,
            "serialSpaceBits": 99,
            "labelKey": "0x" + label.public.hex(),
            "labelCarriers": ["qr"],
            "markets": [],
            "expires": "",
        } | over
        statement = self.statement(ledger, maker, Kind.BATCH_REGISTERED, body)
        none = Receipt(-1, bytes(32), 0, 0)
        return MadeBatch("", gtin, lot, tuple(serials), salt, label.seed, statement, none)

    def statement(self, ledger: Ledger, actor: EvmKey, kind: Kind, body: Mapping[str, Any]) -> Statement:
        """Sign a body, with a fresh header where it has none."""
        full = {**header(now_ms()), **body}
        return Statement(kind, full, actor.address, sign(kind, full, ledger.founding.domain, actor.secret))

    def recall(
        self, ledger: Ledger, actor: EvmKey, batch: MadeBatch, reason: str = "seal defect", notice: str = ""
    ) -> Receipt:
        """Recall a batch."""
        head = ledger.batches.heads(ledger.batches.find(batch.id))["recall"]
        body = {"batch": batch.id, "reason": reason, "noticeUrl": notice, "supersedes": head}
        return ledger.batches.change(self.statement(ledger, actor, Kind.BATCH_RECALLED, body))

    def retire(self, ledger: Ledger, actor: EvmKey, batch: MadeBatch, reason: int, serials: Sequence[str]) -> Receipt:
        """Report units sold (1), destroyed (2) or stolen (3)."""
        name = {1: "sold", 2: "destroyed", 3: "stolen"}[reason]
        body = {
            "batch": batch.id,
            "reason": reason,
            "keys": sorted(batch.key(serial) for serial in serials),
            "unitCount": str(len(serials)),
            "segmentRoot": ZERO32,
            "supersedes": ledger.batches.heads(ledger.batches.find(batch.id))[name],
        }
        return ledger.batches.change(self.statement(ledger, actor, Kind.UNITS_RETIRED, body))

    def undo(self, ledger: Ledger, actor: EvmKey, leaf: bytes) -> Receipt:
        """Take a statement back."""
        body = {"target": "0x" + leaf.hex(), "reason": "said by mistake"}
        return ledger.batches.change(self.statement(ledger, actor, Kind.UNDONE, body))

    def label(self, ledger: Ledger, batch: MadeBatch, serial: str) -> str:
        """The label signature of a unit, as printed in `s`."""
        assert batch.label_seed is not None
        return sign_label(batch.label_seed, ledger.founding.log_id, batch.gtin, batch.lot, serial)

    def _authority(self, country: str) -> EvmKey:
        return self.keys.create_evm(f"authority-{country.lower()}")


def gtin(prefix: str, item: int) -> str:
    """A GTIN-14 under a company prefix."""
    digits = "0" + prefix + str(item).zfill(12 - len(prefix))
    return digits + str(gs1_standard_check_digit(digits))
