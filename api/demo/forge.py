"""A forger's workshop: what an operator could do to a log with all its own keys and without any guard.

The forger works on a copy. It replaces one old entry by another genuine statement that it had held back, rewrites every
entry after it, and signs the result. Inside, the forged history has no fault.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine, insert, select

from api.cli.maker.batch_folder import BatchFolder
from api.demo.cast import BATCHES, Batch
from api.demo.maker import make_gtin, retirement
from ledger.home import Home
from ledger.keys.store import KeyStore
from ledger.opened import Ledger
from ledger.ports import LogHead, NewEntry
from ledger.services.record.checkpoint import Signer
from ledger.storage import schema
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import open_database, writing
from ledger.storage.log import LogStore
from ledger.storage.migrate import upgrade
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.writer import LOG_KEY
from verifier.errors import CarnetError, NotFound
from verifier.record.batch import RetireReason
from verifier.record.entry import Entry, chain_head, decode_entry, encode_entry
from verifier.record.record import Record
from verifier.record.statement import Kind, Statement, verify
from verifier.tree.merkle import MemoryTree, root_of


@dataclass(frozen=True, slots=True)
class ForgedLog:
    """A forged history. `at`: the index of the replaced entry; `true` and `false`: the entry before and after."""

    at: int
    true: Entry
    false: Entry
    entries: tuple[Entry, ...]
    dropped: int
    signatures: int

    @property
    def tree(self) -> MemoryTree:
        """The forged tree."""
        return MemoryTree([entry.leaf for entry in self.entries])

    @property
    def root(self) -> bytes:
        """The forged root, 32 bytes."""
        return root_of([entry.leaf for entry in self.entries])


def forge(ledger: Ledger) -> ForgedLog:
    """Exchange the newest recall for a sale and rewrite what follows, at least one entry longer than the true log.

    1. find the recall; 2. keep everything before it; 3. put the sale in its place; 4. chain all that followed anew;
    5. grow beyond the true size; 6. check every signature. Raises NotFound (`no_recall`).
    """
    raws = ledger.log.read_entries(0, ledger.log.head().size)
    entries = [decode_entry(raw) for raw in raws]
    at = _newest_recall(entries)  # 1
    record = Record(ledger.segments.open)
    kept = _Chain(record)
    for entry in entries[:at]:  # 2
        kept.take(entry)
    held_back = _held_back(ledger, record, entries[at].recorded_at)
    kept.append(next(held_back), entries[at].recorded_at)  # 3
    dropped = sum(not kept.retake(entry) for entry in entries[at + 1 :])  # 4
    for statement in held_back:  # 5
        if len(kept.entries) > len(entries):
            break
        kept.append(statement, entries[-1].recorded_at)
    signatures = sum(_signed(entry, ledger) for entry in kept.entries)  # 6
    return ForgedLog(at, entries[at], kept.entries[at], tuple(kept.entries), dropped, signatures)


def write_forged_home(ledger: Ledger, forged: ForgedLog, folder: Path) -> Home:
    """Copy the ledger's home into a new folder, with the forged log in it, signed with the operator's own log key."""
    home = Home(folder, ledger.home.settings.model_copy(update={"home": folder}))
    home.create()
    for part in ("keys", "segments"):
        shutil.copytree(ledger.home.path / part, folder / part, dirs_exist_ok=True)
    home.save_config(ledger.home.config())
    engine = open_database(home.database_url)
    upgrade(engine)
    _copy_details(ledger.engine, engine)
    store = LogStore(engine, ledger.founding.log_id)
    key = KeyStore(home.keys).load_ed25519(LOG_KEY).note_key(ledger.founding.origin)
    head = _store(store, forged.entries)
    # signed_head would be the guard. The copy starts without one, so nothing reminds the signer of what it signed.
    Signer(store, SignedHeadFile(home.signed_head), key).sign(head)
    _claim_witnesses(ledger, engine, head.size)
    engine.dispose()
    return home


class _Chain:
    """Entries in order, each admitted by the same rules that guard the true log."""

    def __init__(self, record: Record) -> None:
        self.entries: list[Entry] = []
        self._record = record

    def take(self, entry: Entry) -> None:
        """An entry as it is."""
        self._record.integrate(entry)
        self.entries.append(entry)

    def append(self, statement: Statement, recorded_at: int) -> None:
        """A statement as a new entry."""
        self._make(statement.kind, statement.body, statement.actor, statement.signature, recorded_at)

    def retake(self, entry: Entry) -> bool:
        """An entry of the true log on top of the forged one; False when it no longer fits and is left out."""
        try:
            self._make(entry.kind, entry.body, entry.actor, entry.signature, entry.recorded_at)
        except CarnetError:
            return False
        return True

    def _make(self, kind: Kind, body: object, actor: str | None, signature: str | None, recorded_at: int) -> None:
        assert isinstance(body, dict)  # noqa: S101  (bodies of entries and statements are)
        self._record.admit(kind, body, actor, recorded_at)
        self.take(decode_entry(encode_entry(kind, body, actor, signature, recorded_at, self._record.head)))


def _newest_recall(entries: Sequence[Entry]) -> int:
    for index in range(len(entries) - 1, -1, -1):
        if entries[index].kind is Kind.BATCH_RECALLED:
            return index
    raise NotFound("couldn't find a recall to forge away", code="no_recall")


def _held_back(ledger: Ledger, record: Record, recorded_at: int) -> Iterator[Statement]:
    """Genuine statements that makers signed and the operator kept to itself: sales of units nobody reported on yet."""
    keys = KeyStore(ledger.home.keys)
    for plan in BATCHES:
        batch = record.by_lot.get((make_gtin(plan.maker.prefix or "", plan.item), plan.lot))
        if plan.batch in (Batch.RECALLED, Batch.ROUTE) or batch is None:
            continue
        actor = keys.load_evm(plan.maker.key)
        serials = BatchFolder.of(ledger.home, batch.gtin, batch.lot).serials()[-3:]
        yield retirement(ledger, actor, batch, RetireReason.SOLD, serials, at=recorded_at)


def _signed(entry: Entry, ledger: Ledger) -> bool:
    """Whether the entry is a statement; its signature is checked. Raises Refused when it is not its actor's."""
    if entry.actor is None or entry.signature is None:
        return False
    verify(Statement(entry.kind, entry.body, entry.actor, entry.signature), ledger.founding.domain)
    return True


def _store(store: LogStore, entries: Sequence[Entry]) -> LogHead:
    chain = b"\0" * 32
    for entry in entries:
        chain = chain_head(chain, entry.leaf)
    head = LogHead(len(entries), root_of([entry.leaf for entry in entries]), chain, entries[-1].recorded_at)
    new = [NewEntry(entry.raw, entry.leaf) for entry in entries]
    store.append(store.head(), new, head)
    return head


def _claim_witnesses(ledger: Ledger, target: Engine, size: int) -> None:
    """Show the newest true cosignatures as the forged head's: an operator's own pages can show anything."""
    w = ledger.witnessed.current()
    kept = CosignatureTable(target)
    for true in ledger.cosignatures.of_size(w.size) if w is not None else ():
        kept.put(replace(true, size=size))


def _copy_details(source: Engine, target: Engine) -> None:
    """Names and sealed salts, without which the forged ledger could not answer."""
    for table in (schema.secret, schema.detail):
        with source.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(select(table))]
        with writing(target) as connection:
            if rows:
                connection.execute(insert(table), rows)
