"""The audit of a home on both databases: rows, files and secrets, each damaged where they are really stored."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ledger_world import World, gtin
from sqlalchemy import Engine, delete, insert, select, update

import ledger.services.audit.home
import ledger.storage.log_rows
from ledger.keys.vault import Vault
from ledger.ports import LogHead, NewEntry
from ledger.services.audit.home import audit_home
from ledger.services.outward.anchoring import AnchorState
from ledger.services.record.batch import salt_name
from ledger.storage import schema
from ledger.storage.anchor import AnchorTable
from ledger.storage.database import create_all, open_database
from ledger.storage.log import LogStore
from ledger.storage.log_rows import LogRows
from ledger.storage.seal import SealTable
from ledger.storage.secret import SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.audit import audit_ledger
from tests.sim import CHAIN_ID, Sim
from verifier.audit.report import AuditReport
from verifier.chain.event import Block
from verifier.evidence.evidence import check_evidence
from verifier.instant import format_instant
from verifier.reading.gs1 import Carrier, Gtin, Lot, Serial, UnitCode
from verifier.record.batch import RetireReason
from verifier.record.entry import chain_head, decode_entry
from verifier.record.statement import digest
from verifier.tree.merkle import Frontier

SIZE = 270
"""Entries: one full bundle and fourteen rows behind it."""
QUIET = range(30, 250)
"""Entries in the midst of them that are seals of scans, which cost an audit no signature."""


@cache
def story() -> Sim:
    """A log with a hidden salt, retired units as a segment, two anchors, and more entries than one bundle."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=100)
    sim.anchor()
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:70])
    while sim.size() < SIZE - 1:
        if sim.size() in QUIET:
            sim.seal()
        else:
            sim.undo(maker, sim.recall(maker, batch))
    if sim.size() < SIZE:
        sim.recall(maker, batch)
    sim.anchor()
    assert sim.size() == SIZE
    return sim


@dataclass
class Kept:
    """The story as storage keeps it."""

    engine: Engine
    folder: Path
    chain: Any = None

    def audit(self) -> AuditReport:
        """Through fresh readers, as another process would."""
        log_id = story().founding.log_id
        return audit_home(
            LogStore(self.engine, log_id),
            LogRows(self.engine),
            SegmentStore(self.folder / "segments"),
            SignedHeadFile(self.folder / "signed_head"),
            AnchorTable(self.engine),
            story().pin,
            secrets=SecretTable(self.engine, Vault.open(self.folder / "keys")),
            seals=SealTable(self.engine),
            chain=self.chain,
        )

    def found(self) -> set[tuple[str, str]]:
        return {(finding.at, finding.code) for finding in self.audit().findings}

    def run(self, statement: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def flip(self, table: Any, column: str, where: Any, at: int = 5) -> None:
        """Flip one bit of a stored value."""
        with self.engine.begin() as connection:
            value = bytearray(connection.execute(select(table.c[column]).where(where)).scalar_one())
            value[at] ^= 1
            connection.execute(update(table).where(where).values({column: bytes(value)}))


@pytest.fixture
def kept(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    for module in (ledger.services.audit.home, ledger.storage.log_rows):
        monkeypatch.setattr(module, "STATEMENTS_AT_ONCE", 8)  # so that a log of some fifty statements is many parts
    engine = open_database(database_url)
    create_all(engine)
    sim = story()
    log, head, frontier = LogStore(engine, sim.founding.log_id), LogHead(0, Frontier().root(), bytes(32), 0), Frontier()
    for start in range(0, SIZE, 40):
        entries = [decode_entry(raw) for raw in sim.entries[start : start + 40]]
        chain = head.chain_head
        for entry in entries:
            frontier.append(entry.leaf)
            chain = chain_head(chain, entry.leaf)
        new = LogHead(head.size + len(entries), frontier.root(), chain, entries[-1].recorded_at)
        log.append(head, [new_entry(entry) for entry in entries], new)
        head = new
        log.save_checkpoint(head.size, head.root, sim.notes[head.size])
    segments = SegmentStore(tmp_path / "segments")
    for root, data in sim.segments.items():
        segments.put(root, io.BytesIO(data))
    SignedHeadFile(tmp_path / "signed_head").write(sim.notes[SIZE])
    with engine.begin() as connection:
        connection.execute(
            insert(schema.seal), [{"number": number, "leaves": leaves} for number, leaves in sim.sealed.items()]
        )
    secrets = SecretTable(engine, Vault.create(tmp_path / "keys"))
    for commitment, salt in sim.salts.items():
        secrets.put(salt_name(commitment.hex()), salt)
    anchors = AnchorTable(engine)
    for size in (5, SIZE):
        anchor = sim.anchors.get(size)
        assert anchor is not None
        anchors.put(anchor)
    yield Kept(engine, tmp_path, sim)
    engine.dispose()


def new_entry(entry: Any) -> NewEntry:
    if entry.actor is None:
        return NewEntry(entry.raw, entry.leaf)
    signed = digest(entry.kind, entry.body, story().founding.domain)
    return NewEntry(entry.raw, entry.leaf, signed, bytes.fromhex(entry.body["statementId"][2:]))


def test_a_sound_home_passes_with_everything_in_it(kept: Kept) -> None:
    report = kept.audit()
    assert report.findings == ()
    assert report.notes[0] == "this log has no witnesses: nobody vouches that others were shown the same"
    assert [note.partition(",")[0] for note in report.notes[1:]] == [
        f"stale: nothing was recorded since {format_instant(report.recorded_at)}"
    ], "a story's clock stands still"
    assert {name: report.counts[name] for name in ("entries", "tiles", "segments", "anchors", "salts", "batches")} == {
        "entries": SIZE, "tiles": 3, "segments": 2, "anchors": 2, "salts": 1, "batches": 1,
    }  # fmt: skip


def leaf_of(index: int) -> bytes:
    return decode_entry(story().entries[index]).leaf


def digest_of(index: int) -> bytes:
    found = new_entry(decode_entry(story().entries[index])).digest
    assert found is not None
    return found


ROW = schema.open_entry.c.idx == 260
DAMAGE: dict[str, tuple[Callable[[Kept], None], set[tuple[str, str]]]] = {
    "an entry in a row": (
        lambda kept: kept.flip(schema.open_entry, "data", ROW, 200),
        {("tile/0/001.p/14", "leaf_differs"), ("entry 261", "chain_broken")},
    ),
    "a leaf in a row": (
        lambda kept: kept.flip(schema.open_entry, "leaf", ROW),
        {("tile/0/001.p/14", "leaf_differs")},
    ),
    "an entry in a bundle": (
        lambda kept: kept.flip(schema.bundle, "data", schema.bundle.c.n == 0, 200),
        {("entry 0", "leaf_differs"), ("entry 0", "pin")},
    ),
    "a tile": (
        lambda kept: kept.flip(schema.tile, "hashes", schema.tile.c.level == 0, 32 * 9 + 4),
        {("entry 9", "leaf_differs")},
    ),
    "a tile above": (
        lambda kept: kept.flip(schema.tile, "hashes", schema.tile.c.level == 1),
        {("tile/1/000.p/1 hash 0", "tile_differs")},
    ),
    "a missing bundle": (lambda kept: kept.run(delete(schema.bundle)), {("tile/entries/000", "entry_missing")}),
    "a missing tile": (
        lambda kept: kept.run(delete(schema.tile).where(schema.tile.c.level == 1)),
        {("tile/1/000.p/1", "tile_missing")},
    ),
    "a missing row": (
        lambda kept: kept.run(delete(schema.open_entry).where(ROW)),
        {("tile/entries/001.p/14", "entry_missing"), ("tile/0/001.p/14", "tile_missing")},
    ),
    "the size of the head": (
        lambda kept: kept.run(update(schema.log_head).values(size=SIZE - 1)),
        {
            ("log_head", "log_head_differs"),
            (f"checkpoint {SIZE}", "entries_missing"),
            ("signed_head", "signed_head_ahead"),
        },
    ),
    "the root of the head": (lambda kept: kept.flip(schema.log_head, "root", True), {("log_head", "log_head_differs")}),
    "the chain of the head": (
        lambda kept: kept.flip(schema.log_head, "chain_head", True),
        {("log_head", "log_head_differs")},
    ),
    "the time of the head": (
        lambda kept: kept.run(update(schema.log_head).values(recorded_at_ms=5)),
        {("log_head", "log_head_differs")},
    ),
    "a checkpoint": (
        lambda kept: kept.flip(schema.checkpoint, "note", schema.checkpoint.c.size == 80, 100),
        {("checkpoint 80", "signature_invalid")},
    ),
    "the row of a checkpoint": (
        lambda kept: kept.flip(schema.checkpoint, "root", schema.checkpoint.c.size == 80),
        {("checkpoint row 80", "checkpoint_row")},
    ),
    "no checkpoints": (lambda kept: kept.run(delete(schema.checkpoint)), {("checkpoints", "checkpoint_missing")}),
    "the digest of a statement": (
        lambda kept: kept.flip(schema.statement, "digest", schema.statement.c.idx == 20),
        {("statement row of entry 20", "statement_row")},
    ),
    "the statementId of a statement": (
        lambda kept: kept.flip(schema.statement, "statement_id", schema.statement.c.idx == 20),
        {("statement row of entry 20", "statement_row")},
    ),
    "the place of a statement": (
        lambda kept: kept.run(update(schema.statement).where(schema.statement.c.idx == 20).values(idx=21)),
        {("statement row of entry 20", "statement_row")},
    ),
    "a missing statement": (
        lambda kept: kept.run(delete(schema.statement).where(schema.statement.c.idx == 20)),
        {("statement row of entry 20", "statement_row"), ("statement rows", "statement_row")},
    ),
    "a statement too many": (
        lambda kept: kept.run(insert(schema.statement).values(digest=bytes(32), statement_id=bytes(32), idx=20)),
        {("statement rows", "statement_row")},
    ),
    "the root of an anchor": (
        lambda kept: kept.flip(schema.anchor, "root", schema.anchor.c.size == 5),
        {("anchor row 5", "anchor_row")},
    ),
    "the transaction of an anchor": (
        lambda kept: kept.flip(schema.anchor, "tx_hash", schema.anchor.c.size == 5),
        {("anchor row 5", "anchor_row")},
    ),
    "a salt": (
        lambda kept: kept.flip(schema.secret, "sealed", True),
        {("salt of entry 4", "sealed_value")},
    ),
    "a missing salt": (lambda kept: kept.run(delete(schema.secret)), {("salt of entry 4", "salt_missing")}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_in_the_database_is_named(kept: Kept, name: str) -> None:
    damage, expected = DAMAGE[name]
    damage(kept)
    found = kept.found()
    assert expected <= found, found
    if len(expected) == 1 and "bundle" not in name and "row" not in name and "checkpoints" not in name:
        assert found == expected


def files(kept: Kept) -> list[Path]:
    return [*sorted((kept.folder / "segments").glob("*.seg*")), kept.folder / "signed_head"]


@pytest.mark.parametrize("at", [3, 40, 90, 130, 150, -1])
def test_a_flipped_bit_in_a_file_is_named(kept: Kept, at: int) -> None:
    paths = files(kept)
    assert len(paths) == 3
    for path in paths:
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[min(at, len(whole) - 1)] ^= 1
        path.chmod(0o644)
        path.write_bytes(bytes(damaged))
        named = [place for place, _ in kept.found()]
        expected = "signed_head" if path.name == "signed_head" else f"segment {path.name.split('.')[0]}"
        assert any(place.startswith(expected) for place in named), (path.name, named)
        path.write_bytes(whole)
    assert kept.audit().ok


def test_a_salt_that_is_another_is_named(kept: Kept) -> None:
    secrets = SecretTable(kept.engine, Vault.open(kept.folder / "keys"))
    kept.run(delete(schema.secret))
    (commitment,) = story().salts
    secrets.put(salt_name(commitment.hex()), bytes(32))
    assert kept.found() == {("salt of entry 4", "salt_mismatch")}


def test_a_signed_head_of_another_history_or_none_is_said(kept: Kept) -> None:
    path = kept.folder / "signed_head"
    other = Sim.found(("NL", "KE"), checked=False)
    path.write_bytes(other.notes[2])
    assert kept.found() == {("signed_head", "signed_head_differs")}
    path.unlink()
    report = kept.audit()
    assert report.ok
    assert "signed_head is not here" in report.notes[1]


def test_an_anchor_that_the_contract_never_took_is_named(kept: Kept) -> None:
    class Empty:
        def chain_id(self) -> int:
            return CHAIN_ID

        def logs(self, _query: Any) -> list[Any]:
            return []

        def block(self, number: int | None = None) -> Block:
            return Block(2_000, self.hash, 0) if number is None else Block(number, self.hash, 0)

        def call(self, _address: str, data: bytes, _block: int) -> bytes:
            return bytes(32 if len(data) == 4 else 64)

        hash = "0x" + "00" * 32

    kept.chain = Empty()
    assert kept.found() >= {("anchor row 5", "anchor_taken_back"), (f"anchor row {SIZE}", "anchor_taken_back")}
    kept.run(update(schema.anchor).values(block_hash=bytes(32)))  # the very block, and never an anchor in it
    assert kept.found() >= {("anchor row 5", "anchor_row"), (f"anchor row {SIZE}", "anchor_row")}
    kept.run(update(schema.anchor).values(state=AnchorState.SUBMITTED.value))
    assert not [place for place, _ in kept.found() if place.startswith("anchor")]
    kept.chain = None
    assert kept.audit().ok


@pytest.mark.node
def test_a_lived_in_home_passes_with_its_own_chain(tmp_path: Path, database_url: str) -> None:
    """Registered, recalled, sold, anchored on a real node; then audited by another reader, and its proofs checked."""
    world = World.found(tmp_path / "home", database_url)
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", "9521234")
        batch = world.register(ledger, maker, gtin("9521234", 1), "L1", units=40)
        undone = world.recall(ledger, maker, batch)
        world.undo(ledger, maker, undone.leaf)
        world.retire(ledger, maker, batch, 1, batch.serials[:3])
        ledger.anchor_now()
        sold, missing = batch.serials[0], "NOT-REGISTERED"
        label = world.label(ledger, batch, sold)
        unit = ledger.proofs.for_unit(code := UnitCode(Gtin(batch.gtin), Lot("L1"), Serial(sold), label, Carrier.QR))
        absent = ledger.proofs.for_absence(UnitCode(Gtin(batch.gtin), Lot("L1"), Serial(missing)))
        receipts = [ledger.proofs.for_entry(index) for index in range(ledger.record.size)]
        pin = ledger.founding.pin
    report = audit_ledger(world.home)
    assert report.findings == ()
    assert report.counts["anchors"] >= 1
    assert report.counts["decisions"] == 3
    shown = check_evidence(unit, pin=pin, code=code)
    assert shown.ok
    assert shown.shows["unit"]["retired"]["sold"]["this_unit"] == "yes"
    assert shown.shows["anchor"]["size"] == report.size
    assert check_evidence(absent, pin=pin).unproved == "unit"
    assert check_evidence(absent, pin=pin, salt=batch.salt).ok
    assert all(check_evidence(raw, pin=pin).ok for raw in receipts)
    assert not audit_ledger(world.home, bytes(32), chain=False).ok
