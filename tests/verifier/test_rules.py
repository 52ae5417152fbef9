"""Rules are numbered: tables that cannot change in silence, and raises that everybody checks alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.sim import Sim
from verifier.errors import Malformed, Refused, RulesUnknown
from verifier.record.entry import decode_entry
from verifier.record.founding import parse_founding
from verifier.record.rules import FIRST, KNOWN, NEWEST, digest
from verifier.record.statement import STRUCTS, Kind, Proposal

DIGESTS = {
    1: "bf86b4ccdbe9fa62945e4741e8b5e99eb4dbaa91b9549c1f93d49faffae52b31",
    2: "c4f9f312fb793ee6e8be88897ded36a1095d5cb044b4a67da8ec426983f9e406",
}


def test_a_table_never_changes() -> None:
    """A digest that moved means a table that did: what authorities signed would be another thing. Add a version."""
    assert {number: digest(number).hex() for number in range(FIRST, NEWEST + 1)} == DIGESTS
    with pytest.raises(RulesUnknown):
        digest(NEWEST + 1)


def test_every_kind_and_struct_belongs_to_one_version() -> None:
    named = [one for version in KNOWN.versions for one in (*version.kinds, *version.proposals)]
    assert sorted(named) == sorted([*Kind, *Proposal])
    assert KNOWN.table(NEWEST)["structs"].keys() == {kind.value for kind in STRUCTS}


def test_a_founding_names_its_rules_from_two_on() -> None:
    assert "rules" not in Sim.found(rules=FIRST).founding.body()
    sim = Sim.found()
    assert (sim.founding.body()["rules"], sim.record.rules) == (NEWEST, NEWEST)
    entry = decode_entry(sim.entries[0])
    for wrong in (1, 0, -1, True, "2", 2.0, None):
        with pytest.raises(Malformed) as refusal:
            parse_founding(changed(entry, rules=wrong))
        assert refusal.value.code == "founding"
    with pytest.raises(RulesUnknown):
        parse_founding(changed(entry, rules=NEWEST + 1, whatever="a newer version has beside it"))


def changed(entry: Any, **body: Any) -> Any:
    return replace(entry, body={**entry.body, **body})


def test_a_ledger_founded_before_is_raised() -> None:
    sim = Sim.found(rules=FIRST)
    assert sim.record.rules == FIRST
    index = sim.raise_rules()
    assert sim.record.rules == FIRST + 1
    assert sim.record.standing.decisions("rules_raised") == (index,)


@pytest.mark.parametrize("version", [FIRST, 2, 4])
def test_rules_are_raised_one_by_one(version: int) -> None:
    sim = Sim.found(rules=2)
    with pytest.raises(Refused) as refusal:
        sim.raise_rules(version, bytes(32))
    assert refusal.value.code == "mirror_conflict"


def test_the_authorities_must_mean_the_table_that_is_here() -> None:
    sim = Sim.found(rules=FIRST)
    with pytest.raises(Refused) as refusal:
        sim.raise_rules(2, bytes(32))
    assert refusal.value.code == "rules_differ"
    assert sim.record.rules == FIRST
