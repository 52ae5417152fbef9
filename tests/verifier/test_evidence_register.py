"""A file of evidence beside the registry itself: what countries decided and the file does not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.sim import REGISTRY, Actor, MadeBatch, Sim, actor
from verifier.chain.decided import decided_body
from verifier.chain.event import executed_query, parse_executed
from verifier.errors import ProofInvalid, Unavailable
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import Report, explain
from verifier.record.entry import decode_entry
from verifier.record.participant import Role
from verifier.record.rules import FIRST
from verifier.record.statement import Kind, Proposal

PREFIX = "9521234"


def story() -> tuple[Sim, Actor, MadeBatch, bytes]:
    """A ledger, its maker, a batch, and the file of one of its units."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    sim.maker("borealis", "9527777")
    batch = sim.register_batch(maker, public=True)
    sim.anchor()
    return sim, maker, batch, sim.proofs().for_unit(batch.code("S0001"))


def keep_back(sim: Sim, kind: Proposal, **body: Any) -> None:
    """Have the countries decide and the registry execute; the log mirrors nothing. The block is the newest one."""
    sim.record.standing.position = (max(sim.blocks), 0)
    sim.executed(kind, {**sim.header(), **body}, sim.authorities)


def suspend(sim: Sim, who: Actor, at: int | None = None) -> None:
    keep_back(
        sim,
        Proposal.PARTICIPANT_SUSPENDED,
        participant=who.address,
        suspensionKind=3,
        effectiveAt=str(at or sim.clock),
    )


def check(sim: Sim, raw: bytes, node: Any = None) -> Report:
    return check_evidence(raw, pin=sim.pin, chain=node or sim)


def step(report: Report) -> bool | None:
    return {one.step: one.ok for one in report.steps}["register"]


def test_a_file_that_shows_all_decisions_says_so() -> None:
    sim, _, _, raw = story()
    report = check(sim, raw)
    assert (report.ok, step(report), report.shows["register"]["code"]) == (True, True, None)
    assert not any("decided nothing else" in sentence for sentence in report.does_not_show)


def test_without_a_node_it_is_said_as_not_checked() -> None:
    sim, maker, _, raw = story()
    suspend(sim, maker)
    report = check_evidence(raw, pin=sim.pin)
    assert (report.ok, step(report), report.shows["register"]) == (True, None, None)
    assert any("decided nothing else about these people" in sentence for sentence in report.does_not_show)


KEPT_BACK: dict[str, tuple[Callable[[Sim, Actor], None], str, Any]] = {
    "a suspension": (suspend, "maker_suspended", True),
    "one dated back": (lambda sim, maker: suspend(sim, maker, 1), "registered_while_suspended", True),
    "a lost prefix": (
        lambda sim, maker: keep_back(sim, Proposal.PREFIX_WITHDRAWN, holder=maker.address, prefix=PREFIX),
        "maker_holds_prefix",
        False,
    ),
}


@pytest.mark.parametrize("name", KEPT_BACK)
def test_a_decision_that_was_kept_back_is_named_and_the_maker_s_standing_is_the_worse_one(name: str) -> None:
    keep, fact, value = KEPT_BACK[name]
    sim, maker, _, raw = story()
    assert bool(check(sim, raw).shows["batch"][fact]) is not value
    keep(sim, maker)
    report = check(sim, raw)
    assert (report.ok, report.failed, report.unproved, step(report)) == (False, None, "register", None)
    register = report.shows["register"]
    assert (register["code"], [one["sequence"] for one in register["missing"]]) == ("register_stale", [6])
    assert bool(report.shows["batch"][fact]) is value
    words = "\n".join(explain(report))
    assert "register_stale" in words
    assert "The registry took decision 6" in words
    assert "Everything in this file holds" not in words


def test_decisions_about_others_are_none_of_the_file_s_business() -> None:
    sim, _, _, raw = story()
    suspend(sim, actor("borealis"))
    admitted = {"participant": actor("new").address, "role": int(Role.CARRIER), "country": "KE"}
    keep_back(sim, Proposal.PARTICIPANT_ADMITTED, **admitted, nameHash="0x" + "ab" * 32)
    assert check(sim, raw).ok


def test_an_authority_s_suspension_is_missed_since_it_counts_for_every_vote() -> None:
    sim, _, _, raw = story()
    suspend(sim, sim.authorities[2])
    assert check(sim, raw).unproved == "register"


def test_a_kept_back_reinstatement_is_named_and_makes_nobody_s_standing_good() -> None:
    sim, maker, batch, _ = story()
    sim.suspend(maker)
    raw = sim.proofs().for_unit(batch.code("S0001"))
    keep_back(sim, Proposal.PARTICIPANT_REINSTATED, participant=maker.address)
    report = check(sim, raw)
    assert report.unproved == "register"
    assert report.shows["batch"]["maker_suspended"] is not None


def test_an_operator_that_changed_counts_where_somebody_confirmed_an_index() -> None:
    for confirmed in (False, True):
        sim, _, batch, raw = story()
        if confirmed:
            sim.seal_index()
            sim.confirm_index(sim.authorities[1])
            raw = sim.proofs().for_unit(batch.code("S0001"))
        log_id = "0x" + sim.founding.log_id.hex()
        keep_back(sim, Proposal.OPERATOR_SET, logId=log_id, operator=sim.authorities[1].address)
        assert check(sim, raw).unproved == ("register" if confirmed else None)


class Node:
    """The chain of a ledger, seen through a node that is down, or has dropped old events."""

    def __init__(self, sim: Sim, *, down: bool = False, oldest: int = 0) -> None:
        self.sim, self.down, self.oldest = sim, down, oldest
        self.chain_id, self.block, self.call = sim.chain_id, sim.block, sim.call

    def logs(self, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        if self.down:
            raise Unavailable("couldn't reach the chain")
        return [log for log in self.sim.logs(query) if int(log["blockNumber"], 16) >= self.oldest]


def test_a_node_that_does_not_tell_accuses_nobody_and_is_not_taken_for_a_yes() -> None:
    sim, maker, _, raw = story()
    for node in (Node(sim, down=True), Node(sim, oldest=4)):
        report = check(sim, raw, node)
        assert (report.ok, step(report), report.shows["register"]) == (True, None, None)
        assert any("decided nothing else" in sentence for sentence in report.does_not_show)
    suspend(sim, maker)
    assert check(sim, raw, Node(sim, oldest=4)).unproved == "register", "what it does give is enough"


def test_a_decision_that_the_registry_never_took_fails() -> None:
    sim, _, _, raw = story()
    sim.events = [one for one in sim.events if not (one["address"] == REGISTRY and int(one["topics"][1], 16) > 4)]
    sim.contracts[REGISTRY] = (4).to_bytes(32)
    report = check(sim, raw)
    assert report.ok, "decision 5 is another maker's, and not in the file"
    sim.events = [one for one in sim.events if not (one["address"] == REGISTRY and int(one["topics"][1], 16) > 2)]
    sim.contracts[REGISTRY] = (2).to_bytes(32)
    report = check(sim, raw)
    assert (report.failed and report.failed.step, report.shows) == ("register", {})
    assert report.failed is not None
    assert "decision 3" in report.failed.words


def test_every_kind_of_decision_is_read_from_its_event_as_it_was_signed() -> None:
    sim = Sim.found(checked=False, rules=FIRST)
    maker = sim.maker("aurora", PREFIX)
    sim.suspend(maker)
    sim.reinstate(maker)
    sim.raise_rules()
    sim.withdraw(maker, PREFIX)
    events = [parse_executed(raw, sim.founding) for raw in sim.logs(executed_query(sim.founding))]
    assert {event.proposal for event in events} == set(Proposal)
    mirrored = [decode_entry(raw).body for raw in sim.entries if decode_entry(raw).kind is Kind.PARTICIPANT_MIRRORED]
    assert [decided_body(event, sim.domain) for event in events] == [body["statement"] for body in mirrored]
    for event in events:
        changed = bytearray(event.encoded)
        changed[52] ^= 1
        for lie in (bytes(changed), event.encoded[:-32], event.encoded[:40], b""):
            with pytest.raises(ProofInvalid):
                decided_body(replace(event, encoded=lie), sim.domain)
