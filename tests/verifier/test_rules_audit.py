"""Audits by programs that are older or newer than a ledger's rules: no false alarm, no silence about a bad fact."""

from __future__ import annotations

import pytest

from tests.sim import Sim
from tests.verifier.rule_worlds import NEW, OLD, append_unheard, raised
from verifier.audit.report import AuditReport
from verifier.errors import Refused
from verifier.instant import DAY
from verifier.record.statement import Kind, Proposal, sign

PREFIX = "9521234"


def told(report: AuditReport) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Findings and what could not be checked, each as (place, code)."""
    return [(one.at, one.code) for one in report.findings], [(one.at, one.code) for one in report.not_checked]


def test_an_older_audit_pauses_at_the_raise() -> None:
    sim = raised()
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker)
    at = sim.raise_rules()
    sim.undo(maker, sim.recall(maker, batch))
    sim.admit("swift")
    sim.anchor()
    append_unheard(sim)
    report = sim.audit(known=OLD, now=sim.clock + 3 * DAY)
    assert told(report) == ([], [(f"entry {at}", "rules_unknown")])
    assert (report.ok, report.size, report.root) == (False, len(sim.entries), sim.root())
    assert report.counts["entries"] == at + 1
    assert not [note for note in report.notes if "stale" in note or "not in the log" in note], report.notes
    assert "version 3" in report.not_checked[0].words
    assert "nothing is wrong" in report.not_checked[0].meaning


def test_an_older_audit_says_what_was_wrong_before_the_raise_and_with_the_tree_behind_it() -> None:
    sim = raised()
    sim.checked = False
    maker, rival = sim.maker("aurora", PREFIX), sim.admit("rival")
    recall = sim.recall(maker, sim.register_batch(maker))
    sim.forge(int(sim.record.target(recall).batch.history[-1]), lambda entry: {**entry, "actor": rival.address})
    wrong = len(sim.entries) - 1
    at = sim.force(Kind.PARTICIPANT_MIRRORED, _next_raise(sim), None, None)
    later = append_unheard(sim)
    findings, not_checked = told(sim.audit(known=OLD))
    assert (f"entry {wrong}", "signature_wrong") in findings
    assert not_checked == [(f"entry {at}", "rules_unknown")]
    sim.entries[later] = sim.entries[later].replace(b'"news":1', b'"news":2')
    findings, _ = told(sim.audit(known=OLD))
    assert (f"checkpoint {later + 1}", "root_differs") in findings, findings


def _next_raise(sim: Sim) -> dict[str, object]:
    body = {**sim.header(), "version": 3, "digest": "0x" + NEW.digest(3).hex()}
    return sim.executed(Proposal.RULES_RAISED, body, sim.authorities).to_body()


def test_a_newer_audit_reads_an_older_log() -> None:
    sim = raised()
    sim.recall(maker := sim.maker("aurora", PREFIX), sim.register_batch(maker))
    assert told(sim.audit(known=NEW)) == ([], [])
    assert Sim.found(rules=1, known=NEW).audit().ok


def test_an_audit_of_a_ledger_raised_twice() -> None:
    sim = raised(3, 4)
    assert (sim.record.rules, sim.audit().ok) == (4, True)
    assert told(sim.audit(known=OLD))[1] == [("entry 2", "rules_unknown")]


def test_a_ledger_founded_at_newer_rules_cannot_be_checked_from_its_first_entry() -> None:
    report = raised(rules=3).audit(known=OLD)
    assert told(report) == ([], [("entry 0", "rules_unknown")])


@pytest.mark.parametrize("known", [OLD, NEW])
def test_a_kind_before_its_raise_is_refused_at_intake_and_found_by_every_audit(known: object) -> None:
    sim = raised()
    maker = sim.maker("aurora", PREFIX)
    recall = sim.recall(maker, sim.register_batch(maker))
    with pytest.raises(Refused) as refusal:
        sim.undo(maker, recall)
    assert refusal.value.code == "kind_not_yet"
    body = {**sim.header(), "target": recall, "reason": "a mistake"}
    at = sim.force(Kind.UNDONE, body, maker.address, sign(Kind.UNDONE, body, sim.domain, maker.secret))
    findings, _ = told(sim.audit(known=NEW if known is NEW else OLD))
    assert findings == [(f"entry {at}", "kind_not_yet")]


def test_a_raise_that_countries_did_not_sign_is_a_finding_and_no_pause() -> None:
    sim = raised()
    body = {**_next_raise(sim), "signatures": []}
    at = sim.force(Kind.PARTICIPANT_MIRRORED, body, None, None)
    unheard = append_unheard(sim)
    findings, not_checked = told(sim.audit(known=OLD, chain=False))
    assert findings == [(f"entry {at}", "not_approved"), (f"entry {unheard}", "malformed")]
    assert not_checked == []


def test_a_raise_to_a_known_version_under_another_digest_is_a_finding_and_no_pause() -> None:
    sim = Sim.found(rules=1, known=NEW)
    sim.checked = False
    body = {**sim.header(), "version": 2, "digest": "0x" + bytes(32).hex()}
    mirrored = sim.executed(Proposal.RULES_RAISED, body, sim.authorities)
    at = sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)
    assert told(sim.audit(known=OLD)) == ([(f"entry {at}", "rules_differ")], [])
