"""What stopped: no wrong byte is there, and an audit says all the same what is missing, and how old the rest is."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.sim import ANCHOR, Actor, MadeBatch, Sim
from verifier.audit.ages import AGE_LIMIT, PAUSE
from verifier.audit.audit import audit
from verifier.audit.report import AuditReport
from verifier.instant import format_instant
from verifier.record.participant import Role


def story() -> tuple[Sim, Actor, MadeBatch]:
    """A log with a batch; scans and index are sealed, and it is anchored."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=20)
    sim.seal()
    sim.seal_index()
    sim.anchor()
    return sim, maker, batch


def go_on(sim: Sim, maker: Actor, batch: MadeBatch, *also: Callable[[], object]) -> None:
    """A day and a bit of writing, an entry every few hours, with whatever else is done each time."""
    for _ in range(5):
        sim.clock += PAUSE
        sim.undo(maker, sim.recall(maker, batch))
        for step in also:
            step()
    sim.clock += PAUSE // 4
    sim.undo(maker, sim.recall(maker, batch))


def report(sim: Sim, now: int | None = None, *, served: bool = True) -> AuditReport:
    return audit(sim, sim.pin, chain=sim, seals=sim.leaves, now=now, served=served)


@pytest.mark.parametrize(
    ("stopped", "code"),
    [("seal", "scan_seals_stopped"), ("seal_index", "index_seals_stopped"), ("anchor", "anchors_stopped")],
)
def test_what_stopped_while_the_log_went_on_is_named(stopped: str, code: str) -> None:
    sim, maker, batch = story()
    go_on(sim, maker, batch, *(getattr(sim, name) for name in ("seal", "seal_index", "anchor") if name != stopped))
    found = report(sim)
    assert [finding.code for finding in found.findings] == [code]
    home = report(sim, served=False)
    assert home.ok
    assert any(note.startswith("stale: ") for note in home.notes)
    getattr(sim, stopped)()
    if stopped != "anchor":
        sim.anchor()
    assert report(sim).ok


def test_a_log_that_was_off_owes_nothing_for_that_time() -> None:
    sim, maker, batch = story()
    sim.recall(maker, batch)
    sim.clock += 30 * AGE_LIMIT
    sim.register_batch(maker, lot="LATER")
    assert report(sim).ok


def test_a_log_that_was_never_anchored_is_late_as_well() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    go_on(sim, maker, sim.register_batch(maker, units=20), sim.seal_index, sim.seal)
    assert [finding.code for finding in report(sim).findings] == ["anchors_stopped"]


def test_a_log_that_never_sealed_a_scan_is_late_as_well() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=20)
    go_on(sim, maker, batch, sim.seal_index, sim.anchor)
    (finding,) = report(sim).findings
    assert (finding.code, "the last is of never" in finding.words) == ("scan_seals_stopped", True)
    assert report(sim, served=False).ok, "a home of which nobody serves a log owes no seals"
    sim.seal()
    sim.anchor()
    assert report(sim).ok


def test_a_young_log_owes_no_seal_yet() -> None:
    sim = Sim.found(checked=False)
    sim.maker("aurora", "9521234")
    sim.anchor()
    assert report(sim).ok


def test_a_node_that_leaves_anchors_out_does_not_make_a_log_stand_still() -> None:
    sim, maker, batch = story()
    go_on(sim, maker, batch, sim.seal, sim.seal_index, sim.anchor)
    sim.anchor()
    assert report(sim).ok
    first, *others = [one for one in sim.events if one["address"] == ANCHOR]
    for gone in others:
        sim.events.remove(gone)
    found = report(sim)  # the contract's own head is newer than what the node gives
    assert ([one.code for one in found.findings], [one.code for one in found.not_checked]) == ([], ["anchor_gap"])
    sim.contracts[ANCHOR] = bytes.fromhex(first["topics"][2][2:] + first["data"][2:66])
    assert [one.code for one in report(sim).findings] == ["anchors_stopped"], "the head itself is old"


def test_anchors_that_come_again_while_the_log_is_read_have_not_stopped() -> None:
    sim, maker, batch = story()
    go_on(sim, maker, batch, sim.seal, sim.seal_index)
    grown = deepcopy(sim)
    grown.recall(maker, batch)
    grown.anchor()
    sim.blocks, sim.events, sim.contracts = grown.blocks, grown.events, grown.contracts
    sim.newest, sim.tile = grown.newest, grown.tile  # type: ignore[method-assign]
    found = report(sim)
    assert found.ok, found.findings


def test_a_log_that_stands_still_is_called_stale() -> None:
    sim, _, _ = story()
    fresh, stale = report(sim, sim.clock + AGE_LIMIT), report(sim, sim.clock + AGE_LIMIT + 1)
    assert not [note for note in fresh.notes if "stale" in note]
    assert [note for note in stale.notes if note.startswith(f"stale: nothing was recorded since {_at(sim.clock)}")]
    assert stale.ok


def test_the_ages_are_part_of_every_report() -> None:
    sim, _, _ = story()
    block = max(sim.blocks.values(), key=lambda one: one.number)
    assert report(sim).to_json()["ages"] == {
        "entry": _at(sim.clock),
        "scan_seal": _at(sim.record.seals[-1].recorded_at),
        "index_seal": _at(sim.clock),
        "anchor": _at(block.time),
    }
    assert audit(sim, sim.pin).to_json()["ages"]["anchor"] is None


def _at(instant: int) -> str:
    return format_instant(instant)


@pytest.mark.parametrize(("rules", "said"), [(1, False), (2, True)])
def test_an_index_that_nobody_confirms_any_more_is_said_to_be_old(rules: int, said: bool) -> None:
    sim = Sim.found(checked=False, rules=rules)
    maker, auditor = sim.maker("aurora", "9521234"), sim.admit("vera", Role.AUDITOR, "FR")
    batch = sim.register_batch(maker, units=20)
    sim.seal_index()
    sim.confirm_index(auditor)
    go_on(sim, maker, batch, sim.seal_index, sim.seal, sim.anchor)

    def old() -> bool:
        return any(note.startswith("stale: the newest index that others confirmed") for note in report(sim).notes)

    assert report(sim).ok
    assert old() == said
    sim.confirm_index(sim.authorities[1])
    assert not old()


@pytest.mark.parametrize(("rules", "codes"), [(1, []), (2, ["index_seals_stopped"])])
def test_by_rules_that_list_decisions_a_quiet_index_is_owed_as_well(rules: int, codes: list[str]) -> None:
    """Nothing is said about goods, and scans are sealed all the time."""
    sim = Sim.found(checked=False, rules=rules)
    sim.seal_index()
    sim.anchor()
    for _ in range(6):
        sim.clock += PAUSE
        sim.seal()
        sim.anchor()
    assert [finding.code for finding in report(sim).findings] == codes
    sim.seal_index()
    assert report(sim).ok
