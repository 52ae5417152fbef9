"""The head that an answer names, while the writer takes a group in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ledger.wiring.reader import _tip
from tests.sim import Sim


def test_no_answer_names_a_head_that_covers_more_than_the_record_holds() -> None:
    """A group's head is signed before its entries are integrated, one by one."""
    sim = Sim.found(checked=False)
    record: Any = SimpleNamespace(size=sim.size(), recorded_at=sim.clock)
    parts: dict[str, Any] = {
        "log": sim,
        "record": record,
        "anchors": SimpleNamespace(final_size=lambda: None),
        "witnessed": SimpleNamespace(policy=None),
        "clock": None,
    }
    before, tip = sim.size(), _tip(**parts)
    assert tip().size == before
    maker = sim.maker("aurora", "9521234")
    sim.register_batch(maker)
    for held in range(before, sim.size()):
        record.size = held
        assert tip().size == before, held
    record.size = sim.size()
    assert (tip().size, tip().root) == (sim.size(), sim.root())
