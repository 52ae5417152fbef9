"""The saved fold as a value: a record that rests on one says what a fresh fold says, of any log, cut anywhere."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.fold.saved_record import SavedRecord
from ledger.fold.table import Table
from ledger.fold.taking import state_of
from tests.ledger.fold_world import Story, everything, folded, restored, saved
from tests.sim import Sim
from verifier.errors import CarnetError, ProofInvalid, Refused
from verifier.record.record import INDEXES_KEPT, Record
from verifier.record.statement import Kind


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_a_record_from_a_saved_fold_says_what_a_fresh_one_says(seed: int, cuts: list[float]) -> None:
    sim = Story(Random(seed)).tell(70).sim
    record: Record = Record(sim.segment)
    for size in sorted({1 + round(cut * (sim.size() - 1)) for cut in cuts}):
        record = saved(sim, folded(sim, size, record))
        assert everything(record, sim) == everything(folded(sim, size), sim)
    record = folded(sim, sim.size(), record)
    fresh = folded(sim, sim.size())
    assert everything(record, sim) == everything(fresh, sim)
    root = sim.root()
    assert b"".join(state_of(record, root).encode()) == b"".join(state_of(fresh, root).encode()), "byte for byte"


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_the_same_also_when_it_has_to_be_folded_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is asked for stays folded; what has changed since must not be taken from the tables."""
    monkeypatch.setattr("ledger.fold.saved_record.BATCHES_KEPT", 0)
    sim = Story(Random(seed)).tell(60).sim
    record = folded(sim, sim.size(), saved(sim, folded(sim, sim.size() // 2)))
    assert everything(record, sim) == everything(sim.record, sim)


def test_indexes_that_wait_for_long_keep_their_rows_and_others_lose_them() -> None:
    """One more is sealed than is kept; the one that proofs rest on is older than all."""
    story = Story(Random(1))
    story.register()
    story.index()
    story.sim.confirm_index(story.auditors[0])
    for _ in range(INDEXES_KEPT + 1):
        story.register()
        story.index()
    sim = story.sim
    record = saved(sim, folded(sim, sim.size()))
    assert everything(record, sim) == everything(sim.record, sim)
    assert len(record.kept_indexes()) == INDEXES_KEPT + 1


def refusals(sim: Sim, story: Story) -> dict[str, Callable[[Record], object]]:
    """What a record must refuse because of what it remembers, by the code of the refusal."""
    first = story.batches[0]
    body, clock = sim.registration(first.maker, gtin=first.gtin, lot=first.lot)[0].body, sim.clock + 1
    used = dict(body, lot="NEW", statementId=next(iter(sim.record.statement_ids)))
    undone = next(leaf for leaf in story.undoable if sim.record.slot(_target(sim, leaf)).current is None)
    recall = {**sim.header(), "batch": first.id, "reason": "x", "noticeUrl": "", "supersedes": "0x" + "11" * 32}
    newest = sim.record.sealed_index
    assert newest is not None
    confirmed = {**sim.header(), **newest.head.body()}
    who = story.auditors[0].address
    return {
        "lot_registered": lambda one: one.admit(Kind.BATCH_REGISTERED, body, first.maker.address, clock),
        "statement_id_reused": lambda one: one.admit(Kind.BATCH_REGISTERED, used, first.maker.address, clock),
        "undo_superseded": lambda one: one.admit(
            Kind.UNDONE, {**sim.header(), "target": undone, "reason": "x"}, first.maker.address, clock
        ),
        "supersedes": lambda one: one.admit(Kind.BATCH_RECALLED, recall, first.maker.address, clock),
        "seal_gap": lambda one: one.admit(
            Kind.SCANS_SEALED, {"seal": "0", "leaves": "16", "root": "0x" + "00" * 32}, None, clock
        ),
        "index_confirmed": lambda one: one.admit(Kind.INDEX_CONFIRMED, confirmed, who, clock),
        "index_differs": lambda one: one.admit(
            Kind.INDEX_SEALED, {"size": str(sim.size()), "gtins": "9", "root": "0x" + "00" * 32}, None, clock
        ),
    }


def test_what_was_said_before_the_fold_is_remembered() -> None:
    story = Story(Random(7))
    sim = story.sim
    story.register()
    story.recall()
    sim.undo(story.batches[0].maker, story.undoable[0])
    story.seal()
    story.index()
    sim.confirm_index(story.auditors[0])
    for record in (folded(sim, sim.size()), saved(sim, folded(sim, sim.size()))):
        for code, ask in refusals(sim, story).items():
            with pytest.raises(Refused) as refused:
                ask(record)
            assert refused.value.code == code


def test_an_entry_that_was_changed_below_the_fold_is_noticed_when_it_is_read() -> None:
    story = Story(Random(3))
    for _ in range(2):
        story.register()
    story.recall()
    sim = story.sim
    state = state_of(folded(sim, sim.size()), sim.root())
    recalled = sim.record.target(story.undoable[0])
    assert recalled is not None
    good = list(sim.entries)
    for index in recalled.batch.history:
        sim.entries[index] = good[index].replace(b'"recorded_at":"20', b'"recorded_at":"19')
        assert sim.entries[index] != good[index]
        with pytest.raises(ProofInvalid) as differs:
            restored(sim, state).batches[recalled.batch.id]
        assert differs.value.code == "leaf_differs"
        sim.entries[index] = good[index]
    assert restored(sim, state).batches[recalled.batch.id] == recalled.batch


def test_a_decision_that_was_changed_below_the_fold_makes_it_worthless() -> None:
    sim = Story(Random(3)).sim
    state = state_of(folded(sim, sim.size()), sim.root())
    sim.entries[state.decisions[-1]] = sim.entries[state.decisions[-2]]
    with pytest.raises(CarnetError):
        restored(sim, state)


def test_a_reader_that_holds_a_batch_sees_it_change() -> None:
    """As with any record: what is in force is asked of the batch, not copied out of it."""
    story = Story(Random(5))
    story.register()
    sim, size = story.sim, story.sim.size()
    record = saved(sim, folded(sim, size))
    made = story.batches[0]
    held = record.by_lot[made.gtin, made.lot]
    story.recall()
    folded(sim, sim.size(), record)
    assert record.by_gtin[made.gtin][0] is record.by_lot[made.gtin, made.lot] is held
    assert held.recall.current is not None
    assert isinstance(record, SavedRecord)


def test_what_was_looked_up_by_its_lot_before_it_changed_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.fold.saved_record.BATCHES_KEPT", 1)
    story = Story(Random(5))
    story.register()
    story.register()
    sim = story.sim
    record = saved(sim, folded(sim, sim.size()))
    one, other = story.batches
    assert record.by_lot[one.gtin, one.lot].recall.current is None
    assert record.batches[bytes.fromhex(other.id[2:])].lot == other.lot, "now the first is no longer kept"
    sim.recall(one.maker, one)
    folded(sim, sim.size(), record)
    assert record.by_lot[one.gtin, one.lot].recall.current is not None


_KEYS, _VALUES = st.binary(min_size=2, max_size=2), st.binary(min_size=1, max_size=1)


@given(st.dictionaries(_KEYS, _VALUES, max_size=60), st.dictionaries(_KEYS, st.none() | _VALUES, max_size=9))
def test_a_table_is_a_sorted_dict(old: dict[bytes, bytes], new: dict[bytes, bytes | None]) -> None:
    table = Table(2, 1).merged(dict(old))
    assert list(table.rows()) == sorted(old.items())
    merged = {key: value for key, value in (old | new).items() if value is not None}
    for parts in (table._cut(new), table._sorted(new)):
        assert list(Table(2, 1, b"".join(parts)).rows()) == sorted(merged.items())
    assert all(table.get(key) == old.get(key) for key in (*old, *new))
    for prefix in {key[:1] for key in old} - {b"\xff"}:
        assert [table.key_at(at) for at in table.under(prefix)] == sorted(k for k in old if k[:1] == prefix)


def _target(sim: Sim, leaf: str):  # type: ignore[no-untyped-def]  # a target, or the story is none
    target = sim.record.target(leaf)
    assert target is not None
    return target
