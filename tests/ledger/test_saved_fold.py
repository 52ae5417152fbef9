"""The saved fold as a file: whatever becomes of it, opening gives the same record, and only time is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete

import ledger.services.record.folding
from ledger.fold.saved_record import SavedRecord
from ledger.fold.tables import VERSION
from ledger.fold.taking import state_of
from ledger.keys.vault import Vault
from ledger.services.audit.fold import FoldAudit
from ledger.services.record.folding import AT_CLOSING, EVERY, SHARE, Folding, due
from ledger.storage import schema
from ledger.wiring.audit import audit_ledger
from ledger.wiring.reader import open_ledger
from tests.ledger.fold_world import Kept, Story, everything, folded
from tests.ledger.ledger_world import World, gtin
from verifier.audit.report import Findings
from verifier.errors import CarnetError, ProofInvalid
from verifier.record.record import Record

SIZE = 90
SAVED = 60


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(Random(11)).tell(SIZE)


@pytest.fixture(scope="module")
def fresh(story: Story) -> dict[str, Any]:
    return everything(folded(story.sim, SIZE), story.sim)


@pytest.fixture
def kept(story: Story, tmp_path: Path) -> Kept:
    """A log whose fold was saved some entries ago."""
    kept = Kept.make(story.sim, tmp_path)
    kept.store(SAVED)
    assert kept.folds.advance() == SAVED
    kept.store(SIZE)
    return kept


def test_opening_goes_on_from_the_saved_fold(kept: Kept, fresh: dict[str, Any]) -> None:
    read: list[range] = []
    whole = kept.log.read_entries

    def watched(start: int, end: int) -> list[bytes]:
        read.append(range(start, end))
        return whole(start, end)

    kept.log.read_entries = watched  # type: ignore[method-assign]
    record = kept.open()
    assert isinstance(record, SavedRecord)
    assert record.state.size == SAVED
    assert kept.reports == []
    below = {part.start for part in read if part.start < SAVED}
    assert all(len(part) == 1 for part in read if part.start < SAVED), "decisions, and batches that changed since"
    assert 0 < len(below) < SAVED / 2
    assert everything(record, kept.sim) == fresh
    assert kept.path.stat().st_mode & 0o777 == 0o600


def flipped(kept: Kept, random: Random) -> None:
    data = bytearray(kept.path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    kept.path.write_bytes(data)


def cut(kept: Kept, random: Random) -> None:
    os.truncate(kept.path, random.randrange(kept.path.stat().st_size))


def longer(kept: Kept, _random: Random) -> None:
    kept.path.write_bytes(kept.path.read_bytes() + b"\0")


def of_another_key(kept: Kept, _random: Random) -> None:
    other = Vault(bytes(range(32)))
    kept.file(other).write(state_of(folded(kept.sim, SAVED), kept.sim.root(SAVED)).encode())


def of_another_log_of_this_key(kept: Kept, _random: Random) -> None:
    kept.file(log_id=bytes(32)).write(state_of(folded(kept.sim, SAVED), kept.sim.root(SAVED)).encode())


def of_another_founding(kept: Kept, random: Random) -> None:
    sim = Story(random).sim
    sim.entries[0] = sim.entries[0].replace(b'"country":"KE"', b'"country":"FR"')
    record = Record(sim.segment)
    other = folded(sim, 1, record)
    kept.file().write(state_of(other, sim.root(1)).encode())


def of_another_history(kept: Kept, random: Random) -> None:
    """Written by this server, for a history that its database no longer holds."""
    other = Story(random).tell(SAVED).sim
    kept.file().write(state_of(folded(other, SAVED), other.root(SAVED)).encode())


def newer_than_the_log(kept: Kept, _random: Random) -> None:
    more = Story(Random(11)).tell(SIZE).tell(5).sim
    kept.file().write(state_of(folded(more, SIZE + 5), more.root(SIZE + 5)).encode())


def of_a_size_that_was_never_signed(kept: Kept, _random: Random) -> None:
    kept.file().write(state_of(folded(kept.sim, SAVED + 1), kept.sim.root(SAVED + 1)).encode())


def of_another_version(kept: Kept, _random: Random) -> None:
    parts = state_of(folded(kept.sim, SAVED), kept.sim.root(SAVED)).encode()
    parts[1] = bytes(parts[1]).replace(b'"version": %d' % VERSION, b'"version": %d' % (VERSION + 1))
    kept.file().write(parts)


def of_no_form(kept: Kept, random: Random) -> None:
    kept.file().write([random.randbytes(random.randrange(99))])


def missing(kept: Kept, _random: Random) -> None:
    kept.path.unlink()


def a_folder(kept: Kept, _random: Random) -> None:
    kept.path.unlink()
    kept.path.mkdir()


DAMAGES: list[Callable[[Kept, Random], None]] = [
    *[flipped] * 12, *[cut] * 6, longer, of_another_key, of_another_log_of_this_key, of_another_founding,
    of_another_history, newer_than_the_log, of_a_size_that_was_never_signed, of_another_version, *[of_no_form] * 4,
    missing, a_folder,
]  # fmt: skip


@pytest.mark.parametrize("at", range(len(DAMAGES)))
def test_a_fold_that_can_not_be_used_costs_time_only(kept: Kept, fresh: dict[str, Any], at: int) -> None:
    damage = DAMAGES[at]
    damage(kept, Random(at))
    record = kept.open()
    assert not isinstance(record, SavedRecord)
    assert everything(record, kept.sim) == fresh
    assert (kept.reports == []) == (damage is missing), kept.reports
    if damage is not a_folder:  # which nobody but a person removes
        assert kept.folds.advance() == SIZE, "it is written anew"
        assert everything(kept.open(), kept.sim) == fresh
        assert kept.reports == []


def test_an_older_fold_is_as_good(kept: Kept, fresh: dict[str, Any]) -> None:
    old = kept.path.read_bytes()
    assert kept.folds.advance() == SIZE
    assert kept.path.read_bytes() != old
    kept.path.write_bytes(old)
    record = kept.open()
    assert isinstance(record, SavedRecord)
    assert everything(record, kept.sim) == fresh


def test_what_this_server_wrote_wrong_is_left_for_the_entries(kept: Kept, fresh: dict[str, Any]) -> None:
    """Authentic, of the right root, and yet no state of this log: the first entry after it shows that."""
    wrong = folded(kept.sim, SAVED)
    wrong.head = bytes(32)
    kept.file().write(state_of(wrong, kept.sim.root(SAVED)).encode())
    record = kept.open()
    assert not isinstance(record, SavedRecord)
    assert everything(record, kept.sim) == fresh
    assert "couldn't go on from the saved fold" in kept.reports[0]


def test_entries_after_the_fold_are_checked_as_ever(kept: Kept) -> None:
    with kept.log._engine.begin() as connection:
        connection.execute(delete(schema.open_entry).where(schema.open_entry.c.idx == SIZE - 1))
    with pytest.raises(CarnetError):
        kept.open()


@pytest.mark.parametrize("changed", ["gtins", "seal", "nothing"])
def test_an_audit_folds_from_entry_0_and_compares(kept: Kept, changed: str) -> None:
    record = folded(kept.sim, SAVED)
    if changed == "gtins":
        record.index.gtins += 1
    elif changed == "seal":
        record.seals.append(kept.sim.record.seals[0])
    kept.file().write(state_of(record, kept.sim.root(SAVED)).encode())
    findings = Findings()
    audit = FoldAudit(kept.file(), findings)
    assert audit.sizes == {SAVED}
    audited = Record(kept.sim.segment)
    for size in range(1, SIZE + 1):
        audit.saw(folded(kept.sim, size, audited))
    audit.compare({SAVED: kept.sim.root(SAVED)}, SIZE)
    assert [one.code for one in findings.list] == ([] if changed == "nothing" else ["fold_differs"])


def test_an_audit_that_can_not_go_so_far_accuses_no_fold(kept: Kept) -> None:
    findings = Findings()
    audit = FoldAudit(kept.file(), findings)
    for _ in range(2):
        audit.saw(folded(kept.sim, SAVED - 1))
    audit.compare({}, SIZE)
    assert (findings.list, len(findings.notes)) == ([], 1)


def test_an_audit_of_a_fold_that_openings_would_not_use_says_so(kept: Kept) -> None:
    flipped(kept, Random(1))
    findings = Findings()
    FoldAudit(kept.file(), findings).compare({}, SIZE)
    assert (findings.list, len(findings.notes)) == ([], 1)


def test_it_is_due_after_so_many_entries_or_a_share_of_a_large_log() -> None:
    assert AT_CLOSING < EVERY
    assert [due(0, EVERY - 1), due(0, EVERY), due(5, EVERY + 4), due(5, EVERY + 5)] == [False, True, False, True]
    large = 4 * SHARE * EVERY
    assert [due(large - EVERY, large), due(large - 4 * EVERY, large)] == [False, True]


def test_a_failed_save_is_told_and_stops_nothing(kept: Kept) -> None:
    kept.path.unlink()
    kept.path.mkdir()
    said: list[str] = []
    folding = Folding(kept.folds, lambda: SIZE, said.append)
    folding.round()
    assert len(said) == 1
    folding.close()
    assert len(said) == 1, "nothing new since"


def test_a_ledger_saves_while_it_runs_and_when_it_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.found(tmp_path / "home")
    monkeypatch.setattr(ledger.services.record.folding, "EVERY", 4)
    monkeypatch.setattr(ledger.services.record.folding, "AT_CLOSING", 1)
    with world.open() as opened:
        maker = world.maker(opened, "Aurora", "9521234")
        assert opened.folding is not None
        opened.folding._interval = 0.02
        opened.folding.start()
        made = [world.register(opened, maker, gtin("9521234", 1), f"L{number}") for number in range(5)]
        until = time.monotonic() + 20
        while (saved := opened.folding._saved) < 4:  # when its thread looks decides which sizes it saves
            assert time.monotonic() < until
            time.sleep(0.02)
        assert saved <= opened.record.size
        world.recall(opened, maker, made[0], "x")
        world.register(opened, maker, gtin("9521234", 1), "L9")
    said: list[str] = []
    with open_ledger(world.home, report=said.append) as opened:
        record = opened.record
        assert isinstance(record, SavedRecord)
        assert record.state.size == record.size, f"saved when it closed: {world.log}"
        assert opened.batches.find_lot(gtin("9521234", 1), "L0").recall.current is not None
        assert len(record.by_gtin[gtin("9521234", 1)]) == 6
    assert said == []
    assert audit_ledger(world.home, chain=False).counts["folds"] == 1
    assert [one for one in audit_ledger(world.home, chain=False).findings if one.code == "fold_differs"] == []
    with world.open() as opened:  # and it goes on being a ledger
        with pytest.raises(CarnetError) as refused:
            world.register(opened, maker, gtin("9521234", 1), "L3")
        assert refused.value.code == "lot_registered"
        world.register(opened, maker, gtin("9521234", 1), "L10")
    world.home.fold.write_bytes(b"carnet-fold/1\n")
    with open_ledger(world.home, report=said.append) as opened:
        assert not isinstance(opened.record, SavedRecord)
        assert (gtin("9521234", 1), "L10") in opened.record.by_lot
    assert len(said) == 1


def test_the_file_believes_only_the_server_key(kept: Kept) -> None:
    for file in (kept.file(Vault(bytes(32))), kept.file(log_id=bytes(32))):
        with pytest.raises(ProofInvalid) as refused:
            file.read()
        assert refused.value.code == "sealed_value"
