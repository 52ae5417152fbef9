"""Sealing the index: when it is due, once for each state, right under load, and never because of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.services.outward.index_seal import SEAL_AGE, SEAL_ENTRIES, SEAL_QUIET, IndexCadence, Indexes
from ledger.services.record.append import Receipt, Sequencer, Submission
from ledger.services.record.checkpoint import Signer
from ledger.services.record.opening import fold
from ledger.services.record.participant import Participants
from ledger.storage.database import create_all, open_database
from ledger.storage.log import LogStore
from ledger.storage.secret import DetailTable
from ledger.storage.signed_head import SignedHeadFile
from tests.sim import Actor, Sim, gtin_of
from verifier.errors import CarnetError, Malformed, Refused, Unavailable
from verifier.instant import MINUTE
from verifier.record.entry import decode_entry
from verifier.record.index import DECISIONS
from verifier.record.participant import Role
from verifier.record.record import Record
from verifier.record.rules import FIRST, NEWEST
from verifier.record.statement import Kind, Statement, verify
from verifier.tree.merkle import Frontier

PREFIX = "9521234"


class Scene:
    """A real writer over a real database; statements and the clock are a simulated ledger's of the same founding."""

    def __init__(self, path: Path, rules: int = NEWEST) -> None:
        self.sim = Sim.found(checked=False, rules=rules)
        self.maker, self.auditor = self.sim.maker("aurora", PREFIX), self.sim.admit("vera", Role.AUDITOR, "FR")
        self.made = 0
        self.now = self.sim.clock
        self.engine = open_database(f"sqlite:///{path / 'ledger.db'}")
        create_all(self.engine)
        self.log = LogStore(self.engine, self.sim.founding.log_id)
        self.record = Record(self.sim.segment)
        signer = Signer(self.log, SignedHeadFile(path / "signed_head"), self.sim.log_key)
        self.sequencer = Sequencer(self.log, self.record, Frontier(), signer, clock=lambda: self.now)
        for raw in self.sim.entries:
            entry = decode_entry(raw)
            self.now = entry.recorded_at
            self.sequencer.submit(Submission(entry.kind, entry.body, None, None, None, frozenset({"*"})))
        participants = Participants(self.record, DetailTable(self.engine))
        self.indexes = Indexes(self.record, participants, clock=lambda: self.now)
        self.indexes.use(self.sequencer)

    def registration(self) -> Statement:
        self.made += 1
        self.sim.clock = self.now
        gtin = gtin_of(PREFIX, self.made % 7 + 1)
        return self.sim.registration(self.maker, gtin=gtin, lot=f"L{self.made}")[0]

    def submit(self, statement: Statement) -> Receipt:
        digest = verify(statement, self.sim.domain)
        touches = frozenset({statement.body["statementId"]})
        return self.sequencer.submit(
            Submission(statement.kind, statement.body, statement.actor, statement.signature, digest, touches)
        )

    def register(self, count: int = 1) -> None:
        for _ in range(count):
            self.submit(self.registration())

    def suspend(self) -> None:
        """Mirror the suspension of the maker."""
        self.sim.clock = self.now
        self.sim.suspend(self.maker)
        entry = decode_entry(self.sim.entries[-1])
        self.sequencer.submit(Submission(entry.kind, entry.body, None, None, None, frozenset({"*"})))

    def confirmation(self, by: Actor) -> Statement:
        sealed = self.record.sealed_index
        assert sealed is not None
        self.sim.clock = self.now
        return self.sim.statement(by, Kind.INDEX_CONFIRMED, {**self.sim.header(), **sealed.head.body()})

    def reopened(self) -> Record:
        record = Record(self.sim.segment)
        fold(self.log, record, self.sim.pin.hex())
        return record

    def close(self) -> None:
        self.sequencer.close()
        self.engine.dispose()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Scene]:
    """A ledger whose rules list no decisions."""
    made = Scene(tmp_path, FIRST)
    yield made
    made.close()


def test_a_decision_is_sealed_at_once_and_a_quiet_index_every_hour(scene: Scene) -> None:
    indexes = scene.indexes
    assert indexes.due(scene.now), "the decisions of the founding wait for it"
    indexes.seal()
    assert not indexes.due(scene.now + SEAL_QUIET - 1)
    with pytest.raises(Refused) as refusal:
        indexes.seal()
    assert refusal.value.code == "index_current"
    indexes.confirm(scene.confirmation(scene.auditor))
    scene.now += SEAL_QUIET - 1
    assert not indexes.due(scene.now), "a confirmation calls for no seal"
    scene.now += 1
    assert indexes.due(scene.now)
    indexes.seal()
    assert not indexes.due(scene.now)
    scene.suspend()
    assert (indexes.due(scene.now), indexes.new) == (True, 0)
    sealed = indexes.seal().index
    assert not indexes.due(scene.now)
    assert scene.reopened().index_seals.keys() == scene.record.index_seals.keys()
    view = scene.record.index_seals[sealed].view
    assert view is not None
    row = view.row_at(DECISIONS)
    assert row is not None
    assert (row.count, len(scene.record.index_seals)) == (5, 3)


def test_by_older_rules_neither_a_decision_nor_an_hour_calls_for_a_seal(old: Scene) -> None:
    old.register()
    old.indexes.seal()
    old.suspend()
    assert not old.indexes.due(old.now + 2 * SEAL_QUIET)
    view = old.record.index.view(old.record.size)
    assert not view.listed


def test_a_seal_is_due_after_so_many_entries_or_so_much_time_with_something_new(old: Scene) -> None:
    scene, indexes = old, old.indexes
    assert not indexes.due(scene.now + 100 * SEAL_AGE), "nothing was said about any product"
    scene.register()
    assert indexes.due(scene.now), "the first one does not wait"
    indexes.seal()
    scene.register()
    assert not indexes.due(scene.now + SEAL_AGE - 1)
    assert indexes.due(scene.now + SEAL_AGE)
    scene.register(SEAL_ENTRIES - 2)
    assert not indexes.due(scene.now)
    scene.register()
    assert indexes.due(scene.now)


def test_seals_and_confirmations_never_call_for_another_seal(old: Scene) -> None:
    scene, indexes = old, old.indexes
    scene.register(3)
    indexes.seal()
    for by in (scene.auditor, *scene.sim.authorities):
        indexes.confirm(scene.confirmation(by))
    assert indexes.new == 0
    assert not indexes.due(scene.now + 100 * SEAL_AGE)
    with pytest.raises(Refused) as refusal:
        indexes.seal()
    assert refusal.value.code == "index_current"


def test_what_is_described_names_who_confirmed(scene: Scene) -> None:
    indexes = scene.indexes
    assert indexes.describe() == {"sealed": None, "confirmed": None, "new": 0}
    scene.register(2)
    receipt = indexes.seal()
    described = indexes.describe()
    assert described["confirmed"] is None
    assert described["sealed"]["size"] == str(receipt.index)
    assert described["sealed"]["gtins"] == "2"
    confirmed = indexes.confirm(scene.confirmation(scene.auditor))
    scene.register()
    indexes.seal()
    described = indexes.describe()
    assert described["sealed"]["confirmations"] == []
    assert described["confirmed"]["confirmations"] == [
        {
            "entry": confirmed.index,
            "by": scene.auditor.address,
            "name": None,
            "role": "auditor",
            "country": "FR",
            "counts": True,
            "why_not": None,
        }
    ]
    assert (described["confirmed"]["countries"], described["confirmed"]["independent"]) == (["FR"], False)


def test_only_confirmations_are_taken_as_such_and_the_record_s_rules_hold(scene: Scene) -> None:
    scene.register()
    with pytest.raises(Malformed):
        scene.indexes.confirm(scene.registration())
    scene.indexes.seal()
    with pytest.raises(Refused) as refusal:
        scene.indexes.confirm(scene.confirmation(scene.maker))
    assert refusal.value.code == "not_entitled"
    statement = scene.confirmation(scene.auditor)
    first = scene.indexes.confirm(statement)
    assert scene.indexes.confirm(statement).index == first.index, "the same statement again gets its first receipt"
    with pytest.raises(Refused) as refusal:
        scene.indexes.confirm(scene.confirmation(scene.auditor))
    assert refusal.value.code == "index_confirmed"


def test_a_ledger_that_was_opened_for_reading_seals_nothing(scene: Scene) -> None:
    reader = Indexes(scene.record, Participants(scene.record, DetailTable(scene.engine)))
    scene.register()
    with pytest.raises(Refused) as refusal:
        reader.seal()
    assert refusal.value.code == "read_only"


def test_under_load_every_seal_is_right_and_none_is_made_twice(scene: Scene) -> None:
    """Registrations from four threads while two others seal as fast as they can."""
    statements = [scene.registration() for _ in range(160)]
    outcomes: list[str] = []
    done = threading.Event()

    def register(part: int) -> None:
        for statement in statements[part::4]:
            scene.submit(statement)

    def seal() -> None:
        while not done.is_set():
            try:
                scene.indexes.seal()
                outcomes.append("sealed")
            except CarnetError as error:
                outcomes.append(error.code)

    writers = [threading.Thread(target=register, args=(part,)) for part in range(4)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    assert set(outcomes) <= {"sealed", "index_current"}
    record = scene.reopened()
    assert record.index.changes == 160
    assert outcomes.count("sealed") == len(record.index_seals)
    changes = [sealed.changes for sealed in record.index_seals.values()]
    assert changes == sorted(set(changes)), "each seal covers more than the one before"
    assert all(s.view.head == s.head for s in record.index_seals.values() if s.view is not None)
    for sealed, mine in zip(record.index_seals.values(), scene.record.index_seals.values(), strict=True):
        assert (sealed.head, sealed.index) == (mine.head, mine.index)


def test_the_cadence_seals_once_and_then_rests(scene: Scene) -> None:
    scene.now = int(time.time() * 1000) - MINUTE
    scene.register(2)
    cadence = IndexCadence(scene.indexes, interval=0.01)
    cadence.start()
    while scene.record.sealed_index is None:
        time.sleep(0.01)
    size = scene.record.size
    time.sleep(0.2)
    assert scene.record.size == size
    scene.register(SEAL_ENTRIES)
    while len(scene.record.index_seals) < 2:
        time.sleep(0.01)
    cadence.close()
    assert scene.indexes.new < SEAL_ENTRIES


def test_the_cadence_outlives_what_a_round_meets_and_forgets_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    cadence, seen = IndexCadence(scene.indexes, interval=0.01), list[str]()
    faults = [OSError("no file"), Unavailable("held up", code="database")]

    def due(_now: int) -> bool:
        seen.append(cadence.trouble.code if cadence.trouble else "ok")
        if faults:
            raise faults.pop()
        return False  # somebody has sealed on demand meanwhile

    monkeypatch.setattr(scene.indexes, "due", due)
    cadence.start()
    until = time.monotonic() + 20
    while len(seen) < 5 and time.monotonic() < until:
        time.sleep(0.01)
    cadence.close()
    assert seen[:5] == ["ok", "database", "fault", "ok", "ok"]


def test_the_cadence_ends_with_the_writer(scene: Scene) -> None:
    scene.now = int(time.time() * 1000)
    scene.register()
    cadence = IndexCadence(scene.indexes, interval=0.01)
    scene.sequencer.close()
    cadence.start()
    cadence._thread.join(timeout=30)
    assert not cadence._thread.is_alive()
    cadence.close()
