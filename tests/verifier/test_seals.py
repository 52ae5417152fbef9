"""Seals as a record keeps them, and the batches of a product: what reads as a list is none in memory."""

from __future__ import annotations

from tests.sim import Sim
from verifier.record.lots import Lots
from verifier.record.seal import Seal
from verifier.record.sealed import Sealed, Seals

LARGEST = 9_999_999_999_999_999_999  # what the form of an entry allows; an audit has to survive it


def test_seals_come_back_as_they_were_put_in() -> None:
    kept, seals = Seals(), []
    for number in (0, 1, LARGEST):
        one = Sealed(Seal(number, 16, bytes([number % 251]) * 32), number // 2, -5 if number else 7)
        kept.append(one)
        seals.append(one)
    assert (list(kept), kept[-1], kept[1:], len(kept)) == (seals, seals[-1], seals[1:], 3)
    assert kept == seals == Seals(kept.encode())
    assert kept != seals[:2]


def test_lots_are_walked_newest_first_and_as_they_were_when_a_walk_began() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("maker", "9521234")
    made = [sim.batch(sim.register_batch(maker, lot=f"L{number}", units=2)) for number in range(4)]
    lots = Lots((made[1], made[0]))
    lots.add(made[2])
    walk = iter(lots)
    first = next(walk)
    lots.add(made[3])
    assert [first, *walk] == [made[2], made[1], made[0]]
    assert list(lots) == [made[3], made[2], made[1], made[0]] == [lots[at] for at in range(4)]
    assert (lots[-1], lots[1:3]) == (made[0], [made[2], made[1]])
    assert list(sim.record.by_gtin[made[0].gtin]) == list(lots)
