"""A writer whose ledger's countries have raised the rules beyond its program, on a real chain."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_world import World, gtin

from verifier.errors import RulesUnknown
from verifier.record.participant import Role
from verifier.record.rules import NEWEST
from verifier.record.statement import Proposal

pytestmark = pytest.mark.node
PREFIX = "9521234"


def test_an_older_writer_mirrors_nothing_from_the_raise_on_and_writes_on(tmp_path: Path) -> None:
    world = World.found(tmp_path)
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        before = ledger.record.size
        with pytest.raises(RulesUnknown):
            world.decide(ledger, Proposal.RULES_RAISED, version=NEWEST + 1, digest="0x" + "ab" * 32)
        with pytest.raises(RulesUnknown):
            world.admit(ledger, "Later", Role.CARRIER)
        assert ledger.record.size == before
        world.register(ledger, maker, gtin(PREFIX, 1), "LOT")
        assert (ledger.record.size, ledger.record.rules) == (before + 1, NEWEST)
        assert ledger.upkeep is not None
        with pytest.raises(RulesUnknown):
            ledger.upkeep.round()
