"""The log's clock: what is believed, after what, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.services.record.append import Sequencer
from ledger.services.record.clock import Clock
from ledger.storage.database import open_database
from tests.ledger.seal_world import Desk
from tests.ledger.test_held_up import seal
from verifier.errors import Unavailable
from verifier.instant import DAY, HOUR, MINUTE, SECOND

START = 1_800_000_000_000


@dataclass
class World:
    """A computer whose clock can be set. `passes` is how long it runs, `wrong` how far its clock is off (ms)."""

    passes: int = 0
    wrong: int = 0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: START + self.passes + self.wrong, lambda: 5_000 + self.passes)

    @property
    def true(self) -> int:
        return START + self.passes


def refused(clock: Clock) -> bool:
    doubt = clock.doubt()
    if doubt is None:
        clock.now()
        return False
    with pytest.raises(Unavailable, match=doubt) as caught:
        clock.now()
    assert caught.value.code == "clock_doubted"
    return True


@pytest.mark.parametrize("by", [3 * DAY, -3 * DAY, 2 * MINUTE])
def test_a_jump_is_refused_until_the_clock_is_right_again(by: int) -> None:
    world = World()
    world.passes, world.wrong = 6 * SECOND, by
    assert refused(world.clock)
    assert world.clock.best() == world.true
    world.passes = HOUR  # it does not wear off
    assert refused(world.clock)
    world.wrong = 0
    assert not refused(world.clock)
    assert world.clock.now() == world.true


def test_small_steps_and_slewing_are_followed() -> None:
    world = World()
    for _ in range(100):
        world.passes += 10 * MINUTE
        world.wrong += 30 * SECOND
        assert not refused(world.clock)


def test_a_clock_that_was_wrong_and_is_set_right_is_confirmed_by_others() -> None:
    for who in ("a witness", "the chain"):
        world = World(wrong=-3 * DAY)
        assert not refused(world.clock), "at the start there is nothing to compare it with"
        world.wrong = 0
        assert refused(world.clock)
        world.clock.heard(who, world.true - 2 * SECOND, binding=who != "the chain")
        assert not refused(world.clock)


def test_witnesses_contradict_it_when_two_do() -> None:
    world = World(wrong=3 * DAY)
    world.clock.heard("nl", world.true)
    assert not refused(world.clock), "one alone may be the one that is wrong"
    world.clock.heard("ke", world.true)
    assert refused(world.clock)
    assert "3 days" not in str(world.clock.doubt())
    assert f"{3 * DAY // SECOND} s ahead of what 2 witnesses say" in str(world.clock.doubt())
    assert world.clock.best() == world.true
    world.passes += 2 * HOUR  # what they said is old
    assert not refused(world.clock)


def test_one_witness_that_lies_moves_nothing() -> None:
    world = World()
    world.clock.heard("liar", world.true + 9 * DAY)
    for name in ("nl", "ke"):
        world.clock.heard(name, world.true)
    assert not refused(world.clock)


def test_one_of_two_witnesses_stops_no_writer() -> None:
    for off in (9 * DAY, -9 * DAY):
        world = World()
        world.clock.heard("liar", world.true + off)
        world.clock.heard("nl", world.true)
        assert not refused(world.clock)
        world.passes, world.wrong = MINUTE, off  # and none confirms a jump alone
        assert refused(world.clock)


def test_witnesses_far_apart_do_not_agree_with_what_lies_between() -> None:
    world = World()
    world.clock.heard("fast", world.true + DAY)
    world.clock.heard("slow", world.true - DAY)
    assert refused(world.clock)


def test_an_idle_chain_contradicts_nobody() -> None:
    world = World()
    world.clock.heard("the chain", world.true - DAY, binding=False)
    assert not refused(world.clock)
    world.wrong = DAY
    assert refused(world.clock)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield engine
    engine.dispose()


def test_a_writer_takes_nothing_in_by_a_clock_it_does_not_believe(engine: Engine, tmp_path: Path) -> None:
    desk, world = Desk.found(engine, tmp_path / "home"), World()
    with desk.open() as opened:
        opened.sequencer.close()
        writer = Sequencer(
            opened.log, opened.record, opened.sequencer._frontier, opened.sequencer._signer, clock=world.clock.now
        )
        try:
            world.wrong = 3 * DAY
            with pytest.raises(Unavailable, match="this computer's clock"):
                writer.submit(seal(0))
            assert not opened.record.seals
            world.wrong, world.passes = 0, 6 * SECOND
            assert writer.submit(seal(0)).recorded_at == world.true
        finally:
            writer.close()
