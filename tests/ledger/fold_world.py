"""Random logs for the saved fold, and everything that a record says, as a value that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ledger.fold.saved_record import SavedRecord
from ledger.fold.standing import standing_digest
from ledger.fold.tables import State, decode
from ledger.fold.taking import state_of
from ledger.keys.vault import Vault
from ledger.ports import LogHead, NewEntry
from ledger.services.record.folding import Folds
from ledger.storage.database import create_all, open_database
from ledger.storage.fold import FoldFile
from ledger.storage.log import LogStore
from ledger.storage.signed_head import SignedHeadFile
from tests.sim import MadeBatch, Sim
from verifier.record.batch import RetireReason
from verifier.record.entry import chain_head, decode_entry
from verifier.record.participant import Role
from verifier.record.record import Record
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import Frontier, leaf_hash


class Story:
    """A log that grows by random entries of every kind."""

    def __init__(self, random: Random) -> None:
        self.random, self.sim = random, Sim.found(checked=False)
        sim = self.sim
        self.makers = [sim.maker("maker", "9521234"), sim.maker("other", "9521235", "KE")]
        self.auditors = [sim.admit(f"auditor-{at}", Role.AUDITOR, land) for at, land in enumerate(("KE", "BR", "NL"))]
        self.batches: list[MadeBatch] = []
        self.undoable: list[str] = []
        self.suspended = False

    def tell(self, steps: int) -> Story:
        """So many more entries."""
        weights = {
            self.register: 6, self.recall: 2, self.retire: 3, self.undo: 3, self.seal: 3, self.index: 3,
            self.confirm: 3, self.decide: 1,
        }  # fmt: skip
        end = self.sim.size() + steps
        while self.sim.size() < end:
            (step,) = self.random.choices(list(weights), list(weights.values()))
            step()
        return self

    def register(self) -> None:
        """A batch of one of two products of one of two makers."""
        maker = self.random.choice(self.makers)
        prefix = "9521234" if maker is self.makers[0] else "9521235"
        body = f"0{prefix}0000{self.random.choice('12')}"
        gtin = body + str(-sum(int(d) * (3 if at % 2 == 0 else 1) for at, d in enumerate(body)) % 10)
        self.batches.append(self.sim.register_batch(maker, gtin=gtin, units=self.random.choice((2, 5, 70))))

    def recall(self) -> None:
        """A recall of a batch, perhaps not its first."""
        if self.batches:
            batch = self.random.choice(self.batches)
            self.undoable.append(self.sim.recall(batch.maker, batch))

    def retire(self) -> None:
        """All units of a batch reported, in the entry or as a segment."""
        if self.batches:
            batch, why = self.random.choice(self.batches), self.random.choice(list(RetireReason)[:2])
            self.undoable.append(self.sim.retire(batch.maker, batch, why, batch.serials))

    def undo(self) -> None:
        """The newest statement of some kind about some batch taken back."""
        for leaf in self.random.sample(self.undoable, len(self.undoable)):
            target = self.sim.record.target(leaf)
            assert target is not None
            current = self.sim.record.slot(target).current
            if current is not None and "0x" + current.leaf.hex() == leaf:
                maker = next(one for one in self.makers if one.address == target.author)
                self.sim.undo(maker, leaf)
                return

    def seal(self) -> None:
        """A seal of scans."""
        self.sim.seal()

    def index(self) -> None:
        """A sealed index."""
        self.sim.seal_index()

    def confirm(self) -> None:
        """A confirmation of some sealed index, which need not be the newest."""
        record = self.sim.record
        open_ = [(size, by) for size, one in record.index_seals.items() for by in self.auditors
                 if by.address not in one.confirmed]  # fmt: skip
        if open_:
            size, by = self.random.choice(open_[-6:] + open_[:1])
            self.sim.confirm_index(by, size)

    def decide(self) -> None:
        """Somebody admitted, suspended or reinstated."""
        sim = self.sim
        if self.suspended:
            sim.reinstate(self.victim)
            self.suspended = False
        else:
            self.victim = sim.admit(f"someone-{sim.size()}", Role.CARRIER, "BR")
            sim.suspend(self.victim)
            self.suspended = True


def folded(sim: Sim, size: int, record: Record | None = None) -> Record:
    """The log's first `size` entries taken in, from the start or into what a record knows already."""
    record = Record(sim.segment) if record is None else record
    for raw in sim.entries[record.size : size]:
        record.integrate(decode_entry(raw))
    return record


def restored(sim: Sim, state: State) -> SavedRecord:
    """The record that rests on a state, after it was written and read again."""
    return SavedRecord(sim.segment, decode(b"".join(state.encode())), sim.entries.__getitem__)


def saved(sim: Sim, record: Record) -> SavedRecord:
    """A record saved at its size, and opened from that."""
    return restored(sim, state_of(record, sim.root(record.size)))


def everything(record: Record, sim: Sim) -> dict[str, Any]:
    """All that a record can be asked, about everything that the log holds and about something that it does not."""
    batches = list(record.batches.values())
    leaves = ["0x" + leaf_hash(raw).hex() for raw in sim.entries]
    targets = {leaf: target for leaf in leaves if (target := record.target(leaf)) is not None}
    views = {one.head.size: one.view for one in record.kept_indexes()} | {-1: record.index.view(record.size)}
    subjects = {(one.gtin, lot) for one in batches for lot in (None, one.lot)} | {("09521234999990", None)}
    return {
        "at": (record.size, record.head, record.recorded_at, record.founding, standing_digest(record.standing)),
        "batches": (batches, list(record.batches), len(record.batches)),
        "lots": [record.by_lot.get((one.gtin, one.lot)) for one in batches],
        "products": {gtin: list(record.by_gtin.get(gtin, ())) for gtin, _ in subjects},
        "unknown": (record.by_lot.get(("09521234999990", "L")), record.batches.get(bytes(32))),
        "targets": {leaf: (one.kind, one.batch, one.reason, one.author) for leaf, one in targets.items()},
        "ids": ({key: record.statement_ids[key] for key in sorted(record.statement_ids)}, "0x" + "00" * 32 in
                record.statement_ids),
        "segments": (sorted(record.segment_roots), len(record.segment_roots), bytes(32) in record.segment_roots),
        "seals": list(record.seals),
        "indexes": [(size, *_sealed(one)) for size, one in record.index_seals.items()],
        "newest": [one and one.head for one in (record.sealed_index, record.confirmed_index)],
        "index": (record.index.gtins, record.index.changes),
        "views": {size: (view and view.head) for size, view in views.items()},
        "proofs": [view.prove(*subject) for view in views.values() if view for subject in sorted(subjects, key=str)],
    }  # fmt: skip


def _sealed(one: Any) -> tuple[Any, ...]:
    kept = one.view.head if one.view is not None else None
    return one.head, one.index, one.recorded_at, one.changes, list(one.confirmed.items()), one.confirmed_at, kept


@dataclass
class Kept:
    """A log in a database, with its signed heads, and a place for its fold."""

    sim: Sim
    folder: Path
    log: LogStore
    vault: Vault
    reports: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, sim: Sim, folder: Path) -> Kept:
        """An empty log; `store` fills it."""
        engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
        create_all(engine)
        return cls(sim, folder, LogStore(engine, sim.founding.log_id), Vault.create(folder / "keys"))

    def store(self, size: int, entries: list[bytes] | None = None) -> None:
        """Store entries up to `size` under its signed head."""
        entries = self.sim.entries if entries is None else entries
        head = self.log.head()
        frontier, chain = Frontier.at(head.size, self.log.hashes()) if head.size else Frontier(), head.chain_head
        new = [decode_entry(raw) for raw in entries[head.size : size]]
        for entry in new:
            frontier.append(entry.leaf)
            chain = chain_head(chain, entry.leaf)
        after = LogHead(size, frontier.root(), chain, new[-1].recorded_at)
        self.log.append(head, [NewEntry(entry.raw, entry.leaf) for entry in new], after)
        note = sign_checkpoint(Checkpoint(self.sim.founding.origin, size, frontier.root()), self.sim.log_key).format()
        self.log.save_checkpoint(size, frontier.root(), note)
        self.signed_head.write(note)

    @property
    def path(self) -> Path:
        """The fold's file."""
        return self.folder / "fold"

    @property
    def signed_head(self) -> SignedHeadFile:
        """The newest signed head."""
        return SignedHeadFile(self.folder / "signed_head")

    def file(self, vault: Vault | None = None, log_id: bytes | None = None) -> FoldFile:
        """The fold's file as this or another ledger opens it."""
        return FoldFile(self.path, vault or self.vault, log_id or self.sim.founding.log_id)

    @property
    def folds(self) -> Folds:
        """What opens and saves."""
        return Folds(self.log, self.file(), self.sim.segment, self.sim.pin.hex())

    def open(self) -> Record:
        """The record of the stored log; what was said meanwhile is in `reports`."""
        self.reports.clear()
        record, frontier = self.folds.open(self.signed_head, self.reports.append)
        assert (frontier.size, frontier.root()) == (self.log.head().size, self.log.head().root)
        return record
