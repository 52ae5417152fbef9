"""Files of evidence whose ledger goes by newer rules than whoever checks them, and the reverse."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.sim import MadeBatch, Sim
from tests.verifier.evidence_vectors import shown
from tests.verifier.rule_worlds import NEW, OLD, append_unheard, raised
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import Report, explain
from verifier.evidence.file import decode_evidence, encode_evidence
from verifier.evidence.fork import Fork, check_fork
from verifier.files import Asked, check_file
from verifier.record.rules import KNOWN, Rules
from verifier.record.statement import Kind, Proposal

PREFIX = "9521234"


def unit_file(sim: Sim, batch: MadeBatch, *also: int) -> bytes:
    """The ledger's own file about a unit; with further entries of the log."""
    file = decode_evidence(sim.proofs().for_unit(batch.code(batch.serials[3])))
    entries = {one.index: one for one in (*file.entries, *(shown(sim, index) for index in also))}
    return encode_evidence(replace(file, entries=tuple(entries[at] for at in sorted(entries))))


def check(sim: Sim, raw: bytes, known: Rules) -> Report:
    return check_evidence(raw, pin=sim.pin, known=known)


def story(*, recall: bool) -> tuple[Sim, MadeBatch, int]:
    """A batch, recalled or not, and behind it the raise to rules that only the newer program has."""
    sim = raised()
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    if recall:
        sim.recall(maker, batch)
    return sim, batch, sim.raise_rules()


def test_an_older_verifier_pauses_at_a_raise_and_tells_the_recall_before_it() -> None:
    sim, batch, at = story(recall=True)
    raw = unit_file(sim, batch)
    assert check(sim, raw, NEW).ok
    report = check(sim, raw, OLD)
    assert (report.ok, report.failed, report.unproved) == (False, None, "participants")
    assert f"entry {at}" in str(report.paused)
    assert report.shows["batch"]["recall"]["reason"] == "seal may leak"
    assert "unit" not in report.shows
    told = "\n".join(explain(report))
    assert "rules_unknown" in told
    assert "The batch was recalled" in told
    assert "Everything in this file holds" not in told
    found = check_file(raw, Asked(sim.pin, known=OLD))
    assert (found.ok, found.paused) == (False, True)


def test_a_kind_that_nobody_here_has_heard_of_is_no_fault_behind_a_raise_and_one_before_it() -> None:
    sim, batch, at = story(recall=False)
    sim.checked = False
    unheard = append_unheard(sim)
    raw = unit_file(sim, batch, unheard)
    assert check(sim, raw, OLD).unproved == "participants"
    early = replace(decode_evidence(raw), entries=tuple(e for e in decode_evidence(raw).entries if e.index != at))
    report = check(sim, encode_evidence(early), OLD)
    assert report.failed is not None
    assert report.failed.step == "file"


def test_a_newer_verifier_reads_files_of_older_ledgers_and_of_one_raised_twice() -> None:
    sim, batch, _ = story(recall=False)
    sim.raise_rules()
    assert check(sim, unit_file(sim, batch), NEW).ok
    old = Sim.found(rules=1)
    batch = old.register_batch(old.maker("aurora", PREFIX), public=True)
    for known in (KNOWN, NEW):
        assert check(old, unit_file(old, batch), known).ok


def test_a_raise_is_shown_in_every_file_above_it() -> None:
    sim, batch, at = story(recall=False)
    assert at in {one.index for one in decode_evidence(unit_file(sim, batch)).entries}


def test_a_ledger_founded_at_newer_rules_is_a_pause_in_every_kind_of_file() -> None:
    sim = raised(rules=3)
    batch = sim.register_batch(sim.maker("aurora", PREFIX), public=True)
    report = check(sim, unit_file(sim, batch), OLD)
    assert (report.failed, report.unproved, dict(report.shows)) == (None, "founding", {})
    founded = sim.entries[0].replace(b'"rules":3', b'"rules":%d' % (KNOWN.newest + 1))
    fork = check_fork(Fork(founded, (sim.notes[2], sim.notes[3])).encode(), hashlib.sha256(founded).digest())
    assert (fork.ok, fork.failed, fork.unproved) == (False, None, "founding")


@pytest.mark.parametrize(
    ("version", "voters", "why"), [(3, 1, "not_approved"), (4, 3, "skips"), (2, 3, "not the next")]
)
def test_a_raise_that_does_not_stand_fails_and_is_no_pause(version: int, voters: int, why: str) -> None:
    sim = raised()
    sim.checked = False
    batch = sim.register_batch(sim.maker("aurora", PREFIX), public=True)
    body = {**sim.header(), "version": version, "digest": "0x" + NEW.digest(version).hex()}
    mirrored = sim.executed(Proposal.RULES_RAISED, body, sim.authorities[:voters])
    at = sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)
    report = check(sim, unit_file(sim, batch, at), OLD)
    if why == "skips":  # between two entries of a file others may lie, and with them the raise to 3
        assert (report.failed, report.unproved) == (None, "participants")
        return
    assert report.failed is not None
    assert report.failed.step == "participants"
