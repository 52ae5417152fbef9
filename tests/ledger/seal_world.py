"""A ledger's writer and its seals over a database, without a chain: opened, stopped anywhere, and opened again.

`desk.scan("A")` keeps a scan and takes its receipt the way the API does; `desk.check()` looks every receipt up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from ledger.ports import LogHead, NewEntry
from ledger.services.record.append import Sequencer, now_ms
from ledger.services.record.checkpoint import Signer
from ledger.services.record.highest import Seen
from ledger.services.record.opening import fold, resume
from ledger.services.scans.scan import ScanInput, StoredScan
from ledger.services.scans.seal import Seals
from ledger.services.scans.seal_proof import SealProofs
from ledger.storage.database import create_all
from ledger.storage.log import LogStore
from ledger.storage.scan import ScanTable
from ledger.storage.seal import SealTable
from ledger.storage.signed_head import SignedHeadFile
from tests.sim import Sim
from verifier.record.entry import decode_entry
from verifier.record.record import Record
from verifier.record.seal import build_seal
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.receipt import ScanReceipt
from verifier.tree.merkle import Frontier
from verifier.verdict.facts import Context


@cache
def founded() -> Sim:
    """A founded log in memory, whose two entries every desk begins with."""
    return Sim.found(checked=False)


def no_segments(root: bytes, n: int) -> object:
    raise AssertionError(f"nothing here has units: {root.hex()}, {n}")


@dataclass
class Open:
    """An opened ledger."""

    record: Record
    log: LogStore
    sequencer: Sequencer
    scans: ScanTable
    table: SealTable
    seals: Seals
    proofs: SealProofs


@dataclass
class Desk:
    """The officer's side: what was promised. `engine` and `folder` outlive every process."""

    engine: Engine
    folder: Path
    receipts: dict[str, ScanReceipt] = field(default_factory=dict)

    @classmethod
    def found(cls, engine: Engine, folder: Path) -> Desk:
        """Make the tables and the first entries."""
        create_all(engine)
        log, sim = LogStore(engine, founded().founding.log_id), founded()
        entries = [decode_entry(raw) for raw in sim.entries]
        head = LogHead(len(entries), sim.root(), sim.record.head, entries[-1].recorded_at)
        log.append(LogHead(0, Frontier().root(), bytes(32), 0), [NewEntry(e.raw, e.leaf) for e in entries], head)
        folder.mkdir(exist_ok=True)
        SignedHeadFile(folder / "signed_head").write(sim.notes[1])
        return cls(engine, folder)

    @contextmanager
    def open(self, *, grace: int = 60_000) -> Iterator[Open]:
        """Open as a fresh process would, up to where seals are settled; nothing runs on a cadence."""
        log, record = LogStore(self.engine, founded().founding.log_id), Record(no_segments)  # type: ignore[arg-type]
        frontier = fold(log, record, founded().pin.hex())
        signed, key = SignedHeadFile(self.folder / "signed_head"), founded().log_key
        signer = Signer(log, signed, key)
        resume(log, signed, signer, Seen(), None)
        sequencer, table = Sequencer(log, record, frontier, signer), SealTable(self.engine)
        seals = Seals(table, record, sequencer, key, every=3600, grace=grace)
        try:
            yield Open(record, log, sequencer, ScanTable(self.engine), table, seals, SealProofs(record, log, table))
        finally:
            sequencer.close()

    def scan(self, opened: Open, name: str) -> ScanReceipt:
        """Keep a scan and take its receipt."""
        kept = self.keep(opened, name)
        receipt = opened.seals.receipt(kept)
        assert receipt is not None
        self.receipts[name] = receipt
        return receipt

    def keep(self, opened: Open, name: str) -> StoredScan:
        """Keep a scan; nothing is signed."""
        kept = opened.scans.put(scan_of(name, opened.seals.deadline()))
        assert kept is not None
        return kept

    def check(self, opened: Open) -> None:
        """Every receipt is in its seal and in time; rows and entries are the same seals, each number once."""
        sealed = [one.seal for one in opened.record.seals]
        assert [seal.number for seal in sealed] == list(range(len(sealed)))
        for seal in sealed:
            leaves = opened.table.leaves(seal.number)
            assert leaves is not None
            assert build_seal(seal.number, leaves) == seal
        for receipt in self.receipts.values():
            report = check_scan_evidence(opened.proofs.evidence(receipt), pin=founded().pin)
            assert report.ok, report.failed
            assert report.shows["promise"]["state"] == "kept"


def scan_of(name: str, deadline: int | None) -> StoredScan:
    """A scan as the service hands it to storage."""
    body, salt = founded().scan(name)
    given = ScanInput(f"scan-{name}", name, now_ms(), "dock-3", Context.IMPORT, "NL")
    return StoredScan(
        given.id, None, "port", given, now_ms(), "registered", None, salt, body, {"shown_as": "x"}, None, deadline
    )
