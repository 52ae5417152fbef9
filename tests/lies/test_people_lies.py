"""Lies about people by what a proof file leaves out: the log holds every decision, and the file one less.

Whoever catches one asks no node and reads no log: the row of all decisions, in an index that others confirmed, is
enough.
"""

from __future__ import annotations

from dataclasses import replace

from tests.sim import Actor, MadeBatch, Sim
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import NO_DECISION_LEFT_OUT, Report
from verifier.evidence.file import SPEC, SPEC_2, EvidenceFile, decode_evidence, encode_evidence
from verifier.record.entry import decode_entry
from verifier.record.index import Index, IndexHead
from verifier.record.participant import Role
from verifier.record.statement import Kind
from verifier.tree.merkle import leaf_hash

PREFIX = "9521234"


def story(*, sealed: bool) -> tuple[Sim, MadeBatch, int]:
    """A batch of a maker whose suspension took effect before; the index was sealed after that, or before it."""
    sim = Sim.found(checked=False)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    then = sim.clock
    batch = sim.register_batch(maker, public=True)
    if not sealed:
        _seal(sim, auditor)
    sim.suspend(maker, kind=3, effective_at=then)
    suspended = sim.size() - 1
    if sealed:
        _seal(sim, auditor)
    return sim, batch, suspended


def _seal(sim: Sim, auditor: Actor) -> None:
    sim.seal_index()
    sim.confirm_index(auditor)


def without(sim: Sim, batch: MadeBatch, suspended: int) -> EvidenceFile:
    """The proof that the operator hands out: the honest one, less the suspension."""
    file = decode_evidence(sim.proofs().for_unit(batch.code("S0001")))
    return replace(file, entries=tuple(shown for shown in file.entries if shown.index != suspended))


def check(sim: Sim, file: EvidenceFile) -> Report:
    return check_evidence(encode_evidence(file), pin=sim.pin)


def failed(report: Report) -> str | None:
    return report.failed.step if report.failed else None


def test_leaving_the_newest_suspension_out_of_a_proof() -> None:
    """leave the newest suspension out of a proof | whoever checks the proof | the row of all decisions, confirmed"""
    sim, batch, suspended = story(sealed=True)
    honest = check_evidence(sim.proofs().for_unit(batch.code("S0001")), pin=sim.pin)
    assert (honest.ok, honest.shows["batch"]["registered_while_suspended"]) == (True, True)
    assert failed(check(sim, without(sim, batch, suspended))) == "decisions"


def test_leaving_out_a_suspension_that_no_index_lists_yet() -> None:
    """leave out a suspension since the last index | whoever checks the proof | every entry since stands in the file"""
    sim, batch, suspended = story(sealed=False)
    file = without(sim, batch, suspended)
    assert file.index is not None
    place = suspended - file.index.seal
    later = list(file.index.later)
    assert failed(check(sim, file)) == "index", "its place in the tail is empty"
    later[place] = sim.entries[suspended]
    assert failed(check(sim, replace(file, index=replace(file.index, later=tuple(later))))) == "decisions"


def test_handing_out_proofs_that_show_no_decisions() -> None:
    """show no row of decisions, so that none is missed | whoever checks the proof | nothing good is said"""
    sim, batch, suspended = story(sealed=True)
    for spec in (SPEC_2, SPEC):
        report = check(sim, replace(without(sim, batch, suspended), decisions=None, spec=spec))
        facts = report.shows["batch"]
        names = ("maker_standing", "maker_suspended", "registered_while_suspended", "maker_holds_prefix")
        assert (report.ok, [facts[name] for name in names]) == (True, ["not_checked"] * 4)
        assert NO_DECISION_LEFT_OUT in report.does_not_show


def head_less(sim: Sim, batch: MadeBatch, left_out: int | None) -> IndexHead:
    """The index of the whole log as one would seal it who leaves an entry out of both lists."""
    index = Index()
    for at, raw in enumerate(sim.entries):
        if at != left_out:
            index.note(decode_entry(raw).kind, leaf_hash(raw), listed=True)
    index.add(batch.gtin, batch.lot, leaf_hash(sim.entries[batch.index]))
    return index.view(sim.size()).head


def test_sealing_an_index_that_lists_one_decision_less() -> None:
    """list one decision less in the sealed index | every mirror and auditor | the index as they recompute it"""
    sim, batch, suspended = story(sealed=False)
    assert head_less(sim, batch, None) == sim.record.index.view(sim.size()).head
    at = sim.force(Kind.INDEX_SEALED, head_less(sim, batch, suspended).body(), None, None)
    assert {finding.at: finding.code for finding in sim.audit().findings} == {f"entry {at}": "index_differs"}
