"""A mirror's copies of seals: a part at each look, and what stays away keeps nothing else from coming."""

from __future__ import annotations

from functools import cache

import pytest

from ledger.services.copies.seal_copies import FAILURES_AT_ONCE, REQUESTS_AT_ONCE, SealCopies
from tests.sim import Sim
from verifier.errors import NotFound, Unavailable

SEALS = REQUESTS_AT_ONCE + 44


@cache
def story() -> Sim:
    sim = Sim.found(checked=False)
    for _ in range(SEALS):
        sim.seal()
    return sim


class Log:
    """Serves the story's seals; `lost` answers 404, `down` nothing."""

    def __init__(self) -> None:
        self.lost: set[int] = set()
        self.down = False
        self.asked: list[int] = []

    def seal(self, number: int) -> bytes:
        if self.down:
            raise Unavailable("couldn't ask: nobody is there", code="log_unavailable")
        self.asked.append(number)
        if number in self.lost:
            raise NotFound(f"couldn't find seal {number}", code="seal_missing")
        return story().sealed[number]


class Here(dict[int, bytes]):
    """The copies."""

    def numbers(self) -> list[int]:
        return sorted(self)

    def keep(self, number: int, leaves: bytes) -> None:
        self[number] = leaves


def test_all_come_in_parts_and_are_asked_for_once() -> None:
    log, here = Log(), Here()
    copies = SealCopies(log, here)
    assert copies.copy(story().record.seals) is None
    assert len(log.asked) == REQUESTS_AT_ONCE
    for _ in range(3):
        assert copies.copy(story().record.seals) is None
    assert log.asked == list(range(SEALS))
    assert here == story().sealed


def test_what_is_lost_is_asked_for_again_and_keeps_no_other_away() -> None:
    log, here = Log(), Here()
    log.lost = set(range(5, 5 + 3 * FAILURES_AT_ONCE))
    copies = SealCopies(log, here)
    for _ in range(8):
        before = len(log.asked)
        trouble = copies.copy(story().record.seals)
        assert isinstance(trouble, NotFound)
        assert len([number for number in log.asked[before:] if number in log.lost]) <= FAILURES_AT_ONCE
    assert here.keys() == story().sealed.keys() - log.lost
    log.lost = set()
    assert copies.copy(story().record.seals) is None
    assert here == story().sealed


def test_a_log_that_is_down_is_asked_no_further_and_nothing_is_forgotten() -> None:
    log, here = Log(), Here()
    copies = SealCopies(log, here)
    log.down = True
    assert isinstance(copies.copy(story().record.seals), Unavailable)
    log.down = False
    for _ in range(2):
        assert copies.copy(story().record.seals) is None
    assert here == story().sealed


def test_one_seal_that_gives_no_answer_keeps_no_other_away(monkeypatch: pytest.MonkeyPatch) -> None:
    log, here = Log(), Here()
    real = Log.seal

    def seal(self: Log, number: int) -> bytes:
        if number == 3:
            raise Unavailable("couldn't fetch: got status 403", code="log_unavailable")
        return real(self, number)

    monkeypatch.setattr(Log, "seal", seal)
    copies = SealCopies(log, here)
    for _ in range(5):
        copies.copy(story().record.seals)
    assert here.keys() == story().sealed.keys() - {3}
    assert copies.waiting == 1


def test_a_fresh_start_asks_for_what_is_not_here() -> None:
    log, here = Log(), Here(story().sealed)
    del here[7]
    assert SealCopies(log, here).copy(story().record.seals) is None
    assert log.asked == [7]


def test_rows_that_cannot_be_read_at_the_start_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    log, here = Log(), Here(story().sealed)
    del here[7]
    copies = SealCopies(log, here)

    def fail(_: Here) -> list[int]:
        raise Unavailable("couldn't use the database", code="database")

    with monkeypatch.context() as patch:
        patch.setattr(Here, "numbers", fail)
        assert isinstance(copies.copy(story().record.seals), Unavailable)
    assert copies.copy(story().record.seals) is None
    assert log.asked == [7]
