"""Random flipped bits in every class of stored data: the audit finds each one, and names where it lies.

Only live data is flipped: every value of every row, every byte of every file that somebody reads. What is skipped, and
why, is listed with each class and printed.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from ledger.home import Home, Settings
from ledger.keys.vault import Vault
from ledger.ports import Cosignature, LogHead, NewEntry
from ledger.services.audit.home import audit_home
from ledger.services.outward.publishing import Publisher
from ledger.services.record.batch import salt_name
from ledger.storage import schema
from ledger.storage.anchor import AnchorTable
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import create_all, open_database
from ledger.storage.log import LogStore
from ledger.storage.log_rows import LogRows
from ledger.storage.published import PublishedFolder
from ledger.storage.seal import SealTable
from ledger.storage.secret import SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.wiring.audit import audit_ledger
from ledger.wiring.mirror import MirrorPlan, open_mirror
from tests.log_server import PublishedLog, serving
from tests.sim import Sim
from verifier.audit.report import AuditReport
from verifier.record.batch import RetireReason
from verifier.record.entry import chain_head, decode_entry
from verifier.record.head import open_head
from verifier.record.participant import Role
from verifier.record.statement import Kind, digest
from verifier.tree.merkle import Frontier

SIZE = 270
"""Entries: a full bundle, and fourteen rows behind it. Most are seals, which cost an audit no signature."""
HEADS = (6, 40, 256, SIZE)
"""Sizes whose checkpoints are kept."""
QUICK = 8
MANY = [pytest.param(60, marks=pytest.mark.slow), pytest.param(1_000, marks=pytest.mark.soak)]
"""Flips a class: in every run, and behind the slow marker."""


@cache
def story() -> Sim:
    """Makers, units, a recall, seals of scans, two indexes with confirmations, and two witnesses at every head."""
    sim = Sim.found(checked=False, witnesses=("douane", "custos"))
    maker, auditor = sim.maker("aurora", "9521234"), sim.admit("audito", Role.AUDITOR, "KE")
    batch = sim.register_batch(maker, units=100)
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:70])
    sim.recall(maker, batch)
    sim.confirm_index(auditor, sim.seal_index())
    while sim.size() < SIZE - 3:
        sim.seal()
    sim.undo(maker, "0x" + sim.batch(batch).recall.head.hex())
    sim.confirm_index(auditor, sim.seal_index())
    assert sim.size() == SIZE
    return sim


@dataclass(frozen=True)
class Place:
    """A stored value of so many bytes; `flip` changes one bit of it for as long as its context lasts."""

    name: str
    length: int
    flip: Callable[[int, int], Any]
    named: Callable[[int], tuple[str, ...]]
    """Byte -> how the place of a finding must begin that is about this byte; one of them suffices."""


@dataclass
class Kept:
    """The story as storage keeps it, and an audit of it as another process would make one."""

    engine: Engine
    folder: Path
    audit: Callable[[], AuditReport]

    def value(self, table: Any, column: str, where: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(table.c[column]).where(where)).scalar_one()

    def put(self, table: Any, column: str, where: Any, value: Any) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(update(table).where(where).values({column: value})).rowcount == 1

    def blob(self, name: str, table: Any, column: str, where: Any, named: Callable[[int], tuple[str, ...]]) -> Place:
        whole = bytes(self.value(table, column, where))

        @contextmanager
        def flip(at: int, bit: int) -> Iterator[None]:
            self.put(table, column, where, flipped(whole, at, bit))
            try:
                yield
            finally:
                self.put(table, column, where, whole)

        return Place(name, len(whole), flip, named)

    def moved(self, table: Any, column: str, where: Any, changed: Any) -> Any:
        """Where a row is found whose own key was changed."""
        return table.c[column] == changed if column in table.primary_key.columns else where

    def number(self, name: str, table: Any, column: str, where: Any, named: str) -> Place:
        """The low five bytes of a number: what it counts never reaches the others."""
        whole = int(self.value(table, column, where))

        @contextmanager
        def flip(at: int, bit: int) -> Iterator[None]:
            changed = whole ^ (1 << (8 * at + bit))
            self.put(table, column, where, changed)
            try:
                yield
            finally:
                self.put(table, column, self.moved(table, column, where, changed), whole)

        return Place(name, 5, flip, lambda _at: (named,))

    def text(self, name: str, table: Any, column: str, where: Any, named: str) -> Place:
        """A text, without its bytes' highest bits: no database reads back what is no UTF-8."""
        whole = str(self.value(table, column, where)).encode()
        ascii_at = [at for at, byte in enumerate(whole) if byte < 128]

        @contextmanager
        def flip(at: int, bit: int) -> Iterator[None]:
            changed = flipped(whole, ascii_at[at], bit % 7).decode()
            self.put(table, column, where, changed)
            try:
                yield
            finally:
                self.put(table, column, self.moved(table, column, where, changed), whole.decode())

        return Place(name, len(ascii_at), flip, lambda _at: (named,))

    def file(self, path: Path, *named: str) -> Place:
        whole = path.read_bytes()

        @contextmanager
        def flip(at: int, bit: int) -> Iterator[None]:
            path.chmod(0o644)
            path.write_bytes(flipped(whole, at, bit))
            try:
                yield
            finally:
                path.write_bytes(whole)

        return Place(str(path.relative_to(self.folder)), len(whole), flip, lambda _at: named)


def flipped(whole: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(whole)
    changed[at] ^= 1 << bit
    return bytes(changed)


# where things are kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder, sim = tmp_path_factory.mktemp("kept"), story()
    engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
    create_all(engine)
    log, head, frontier = LogStore(engine, sim.founding.log_id), LogHead(0, Frontier().root(), bytes(32), 0), Frontier()
    for end in HEADS:
        entries = [decode_entry(raw) for raw in sim.entries[head.size : end]]
        chain = head.chain_head
        for entry in entries:
            frontier.append(entry.leaf)
            chain = chain_head(chain, entry.leaf)
        new = LogHead(end, frontier.root(), chain, entries[-1].recorded_at)
        log.append(head, [new_entry(entry) for entry in entries], new)
        head = new
        opened = open_head(sim.notes[end], sim.founding)
        log.save_checkpoint(end, head.root, opened.bare)
        for line in opened.cosigned:
            assert line.time is not None
            CosignatureTable(engine).put(Cosignature(end, line.name, line.time, line.line))
    segments, seals = SegmentStore(folder / "segments"), SealTable(engine)
    for root, data in sim.segments.items():
        segments.put(root, io.BytesIO(data))
    for number, leaves in sim.sealed.items():
        seals.keep(number, leaves)
    SignedHeadFile(folder / "signed_head").write(open_head(sim.notes[SIZE], sim.founding).bare)
    secrets = SecretTable(engine, Vault.create(folder / "keys"))
    for commitment, salt in sim.salts.items():
        secrets.put(salt_name(commitment.hex()), salt)
    published = PublishedFolder(folder / "published")
    Publisher(log, sim.record, published, seals, lambda size, _note: sim.notes[size]).round()

    def audit() -> AuditReport:
        return audit_home(
            LogStore(engine, sim.founding.log_id), LogRows(engine), SegmentStore(folder / "segments"),
            SignedHeadFile(folder / "signed_head"), AnchorTable(engine), sim.pin, secrets=secrets, seals=seals,
            cosignatures=CosignatureTable(engine), published=published,
        )  # fmt: skip

    yield Kept(engine, folder, audit)
    engine.dispose()


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("mirrored")
    home = Home(folder / "mirror", Settings(home=folder / "mirror"))
    with (
        serving(PublishedLog(story(), folder / "log")) as log,
        open_mirror(home, MirrorPlan(log.url, story().pin), lambda _alarm: None) as (ledger, following),
    ):
        following.catch_up()
        assert following.trouble is None or following.trouble.code == "log_stale"  # the story's clock stands still
        assert ledger.record.size == SIZE
    engine = open_database(home.database_url)
    yield Kept(engine, home.path, lambda: audit_ledger(home))
    engine.dispose()


def new_entry(entry: Any) -> NewEntry:
    if entry.actor is None:
        return NewEntry(entry.raw, entry.leaf)
    signed = digest(entry.kind, entry.body, story().founding.domain)
    return NewEntry(entry.raw, entry.leaf, signed, bytes.fromhex(entry.body["statementId"][2:]))


def rows(index: int) -> Any:
    return schema.open_entry.c.idx == index


def entry_places(kept: Kept, wanted: Callable[[Kind], bool]) -> list[Place]:
    """The bytes of entries of some kinds, in the full bundle and in rows."""
    sim, places, at = story(), [], 0
    whole = kept.blob("bundle 0", schema.bundle, "data", schema.bundle.c.n == 0, lambda _at: ())
    for index, raw in enumerate(sim.entries):
        named = (f"entry {index}", "tile/entries/000", "tile/entries/001", f"tile/0/001.p/{SIZE - 256}")
        if index < 256:
            start, at = at + 2, at + 2 + len(raw)
            if wanted(decode_entry(raw).kind):
                places.append(within(whole, f"entry {index}", start, len(raw), named))
        elif wanted(decode_entry(raw).kind):
            places.append(kept.blob(f"entry {index}", schema.open_entry, "data", rows(index), lambda _at, n=named: n))
    return places


def within(whole: Place, name: str, start: int, length: int, named: tuple[str, ...]) -> Place:
    """Some bytes of a stored value."""
    return Place(name, length, lambda at, bit: whole.flip(start + at, bit), lambda _at: named)


def bundle_lengths(kept: Kept) -> list[Place]:
    """The lengths between the entries of a bundle."""
    whole, at, places = kept.blob("", schema.bundle, "data", schema.bundle.c.n == 0, lambda _at: ()), 0, []
    for index, raw in enumerate(story().entries[:256]):
        places.append(within(whole, f"length of entry {index}", at, 2, ("tile/entries/000",)))
        at += 2 + len(raw)
    return places


def hashes_at(level: int, position: int) -> tuple[str, ...]:
    return (f"entry {position}",) if level == 0 else (f"tile/{level}/000.p/1",)


def entries_of(kept: Kept) -> list[Place]:
    return [*entry_places(kept, lambda _kind: True), *bundle_lengths(kept), *published(kept, "tile/entries")]


def published(kept: Kept, kind: str) -> list[Place]:
    folder = kept.folder / "published"
    files = sorted(path for path in (folder / kind).rglob("*") if path.is_file())
    return [kept.file(path, f"published/{path.relative_to(folder)}") for path in files]


def tiles_of(kept: Kept) -> list[Place]:
    tile = schema.tile.c
    places = [
        kept.blob(
            f"tile {level}", schema.tile, "hashes", tile.level == level, lambda at, n=level: hashes_at(n, at // 32)
        )
        for level in (0, 1)
    ]
    leaf = (f"tile/0/001.p/{SIZE - 256}",)
    for index in range(256, SIZE):
        places.append(kept.blob(f"leaf {index}", schema.open_entry, "leaf", rows(index), lambda _at: leaf))
    return places + published(kept, "tile/0") + published(kept, "tile/1")


def segments_of(kept: Kept) -> list[Place]:
    paths = sorted((kept.folder / "segments").glob("*.seg"))
    assert len(paths) == 2
    return [kept.file(path, f"segment {path.stem}") for path in paths]


def heads_of(kept: Kept) -> list[Place]:
    head, always = schema.log_head, schema.log_head.c.size >= 0
    named = lambda _at: ("log_head",)  # noqa: E731
    return [
        kept.blob("log_head.root", head, "root", always, named),
        kept.blob("log_head.chain_head", head, "chain_head", always, named),
        kept.number("log_head.size", head, "size", always, "log_head"),
        kept.number("log_head.recorded_at", head, "recorded_at_ms", always, "log_head"),
        kept.file(kept.folder / "signed_head", "signed_head"),
    ]


def notes_of(kept: Kept) -> list[Place]:
    places = []
    for size in (SIZE,) if (kept.folder / "ledger.json").exists() else HEADS:  # a mirror looked once
        where = schema.checkpoint.c.size == size
        named = (f"checkpoint {size}", "checkpoint of", "checkpoint ", "checkpoints")
        places.append(kept.blob(f"note {size}", schema.checkpoint, "note", where, lambda _at, n=named: n))
        row = (f"checkpoint row {size}",)
        places.append(kept.blob(f"root of note {size}", schema.checkpoint, "root", where, lambda _at, n=row: n))
        places.append(kept.number(f"size of note {size}", schema.checkpoint, "size", where, "checkpoint row"))
    return [*places, kept.file(kept.folder / "published" / "checkpoint", "published checkpoint")]


def cosignatures_of(kept: Kept) -> list[Place]:
    places = []
    for size in HEADS:
        for name in ("douane", "custos"):
            where = (schema.cosignature.c.size == size) & (schema.cosignature.c.name == name)
            what = f"{name} at {size}"
            places += [
                kept.text(f"line of {what}", schema.cosignature, "line", where, "cosignature"),
                kept.number(f"time of {what}", schema.cosignature, "time_s", where, f"cosignature row {what}"),
            ]
    return places


def seals_of(kept: Kept) -> list[Place]:
    numbers = range(0, len(story().record.seals), 5)
    return [
        *(
            kept.blob(f"seal {n}", schema.seal, "leaves", schema.seal.c.number == n, lambda _at, n=n: (f"seal {n} ",))
            for n in numbers
        ),
        *published(kept, "seal"),
    ]


def index_entries(kept: Kept) -> list[Place]:
    return entry_places(kept, lambda kind: kind in (Kind.INDEX_SEALED, Kind.INDEX_CONFIRMED))


def copy_of(kept: Kept) -> list[Place]:
    return [
        *entries_of(kept), *tiles_of(kept), *segments_of(kept), *heads_of(kept), *notes_of(kept), *seals_of(kept),
    ]  # fmt: skip


PAGES = "pages of the database outside of values: read by its own code, whose checks are its own"
NUMBERS = "bits 40 to 63 of numbers: no size or time reaches them"
TEXTS = "highest bits of texts: what is no UTF-8 the database does not give back, and the audit ends with exit code 3"
CLASSES: dict[str, tuple[str, Callable[[Kept], list[Place]], str]] = {
    "entries": ("kept", entries_of, PAGES),
    "tiles": ("kept", tiles_of, PAGES),
    "segments": ("kept", segments_of, "nothing: every byte of every file, its header's padding included"),
    "heads": ("kept", heads_of, NUMBERS),
    "notes": ("kept", notes_of, NUMBERS),
    "cosignatures": ("kept", cosignatures_of, f"{TEXTS}; {NUMBERS}"),
    "mirror copy": ("mirrored", copy_of, f"{PAGES}; {NUMBERS}"),
    "index entries": ("kept", index_entries, PAGES),
    "seals": ("kept", seals_of, PAGES),
}


def run(kept: Kept, name: str, flips: int) -> tuple[int, int, list[str]]:
    """Flip so many bits one at a time; returns how many were found, in how many bytes, and what was not named."""
    _, places_of, _ = CLASSES[name]
    places, drawn, missed = places_of(kept), random.Random(f"carnet/{name}"), []
    weights, found = [place.length for place in places], 0
    for _ in range(flips):
        # Half of the draws by size, half by place: a small value is as live as a large one.
        place = drawn.choices(places, weights)[0] if drawn.random() < 0.5 else drawn.choice(places)
        at, bit = drawn.randrange(place.length), drawn.randrange(8)
        with place.flip(at, bit):
            report = kept.audit()
        named = [finding.at for finding in report.findings]
        if any(where.startswith(place.named(at)) for where in named):
            found += 1
        else:
            missed.append(f"{place.name} byte {at} bit {bit}: {named[:4]}")
    return found, sum(weights), missed


@pytest.mark.parametrize("name", CLASSES)
def test_every_flipped_bit_is_found_and_named(name: str, request: pytest.FixtureRequest) -> None:
    kept: Kept = request.getfixturevalue(CLASSES[name][0])
    assert kept.audit().findings == ()
    found, _, missed = run(kept, name, QUICK)
    assert missed == []
    assert found == QUICK
    assert kept.audit().findings == ()


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("flips", MANY)
def test_many_flipped_bits_a_class(
    name: str, flips: int, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    kept: Kept = request.getfixturevalue(CLASSES[name][0])
    found, size, missed = run(kept, name, flips)
    row = f"flipped | {name:14} | {flips} in {size:,} bytes | found and named {found} | skipped: {CLASSES[name][2]}"
    record_property("said", row)
    assert missed == []
