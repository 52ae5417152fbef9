"""Files that show all decisions: what they say of the maker's standing, and when they may not say it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.sim import MadeBatch, Sim
from tests.verifier.decision_vectors import CASES, FOLDER, PREFIX, SERIAL, file_about, listed, pin
from tests.verifier.evidence_vectors import complete_file, indexed, part_of, with_part
from verifier.evidence.decisions import DECISIONS_MAX
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import NO_DECISION_LEFT_OUT, Report, explain
from verifier.evidence.file import ENTRIES_MAX, SPEC, SPEC_2, decode_evidence, encode_evidence
from verifier.record.participant import Role
from verifier.record.rules import FIRST
from verifier.tree.merkle import consistency_proof


def check(name: str, **options: Any) -> Report:
    return check_evidence(CASES[name].raw(), pin=pin(name), **options)


def standing(report: Report) -> tuple[Any, ...]:
    names = ("maker_standing", "maker_suspended", "registered_while_suspended", "maker_holds_prefix")
    return tuple(report.shows["batch"][name] for name in names)


@pytest.mark.parametrize("name", CASES)
def test_each_flaw_is_found_at_its_step(name: str) -> None:
    report, case = check(name), CASES[name]
    assert (report.failed.step if report.failed else None, report.unproved) == (case.failed, case.unproved)
    assert explain(report)


@pytest.mark.parametrize("name", CASES)
def test_the_shared_vectors_are_these_files(name: str) -> None:
    """Written by `python -m tests.verifier.decision_vectors`; other implementations read them."""
    listed_ = {case["file"]: case for case in json.loads((FOLDER / "cases.json").read_text())}
    assert len(listed_) == len(CASES)
    assert (FOLDER / f"{name}.tlog-proof").read_bytes() == CASES[name].raw()
    said = listed_[f"{name}.tlog-proof"]
    assert (said["pin"], said["failed"], said["unproved"]) == (pin(name).hex(), CASES[name].failed, None)


def test_with_all_decisions_the_maker_s_standing_is_said() -> None:
    report = check("complete")
    assert standing(report) == ("complete", None, False, True)
    assert report.shows["decisions"] == {"count": 10, "complete_to": listed().sim.size()}
    assert NO_DECISION_LEFT_OUT not in report.does_not_show
    assert standing(check("suspended-before"))[2:] == (True, True)
    late = standing(check("suspended-since"))
    assert (late[0], late[1]["kind"], late[2:]) == ("complete", "fraud", (True, True))


@pytest.mark.parametrize("name", ["decisions-not-shown", "version-2-without-the-suspension"])
def test_without_them_nothing_good_is_said_of_the_maker(name: str) -> None:
    """The second is the file that once said `registered_while_suspended: false` of a suspended maker."""
    report = check(name)
    assert report.ok
    assert standing(report) == ("not_checked",) * 4
    assert report.shows["decisions"] is None
    assert NO_DECISION_LEFT_OUT in report.does_not_show
    assert "standing is not checked" in "\n".join(explain(report))


def test_without_them_what_speaks_against_the_maker_is_said_all_the_same() -> None:
    here = listed()
    for batch in (here.bad, here.late):
        raw = encode_evidence(replace(file_about(batch), decisions=None))
        found = standing(check_evidence(raw, pin=here.sim.pin))
        assert (found[0], found[2], found[3]) == ("not_checked", True, "not_checked")
        assert found[1]["kind"] in ("administrative", "fraud")


def test_files_of_older_rules_hold_and_say_what_they_cannot_show() -> None:
    report = check_evidence(encode_evidence(complete_file()), pin=indexed().sim.pin)
    assert report.ok
    assert complete_file().spec == SPEC_2
    assert standing(report) == ("not_checked",) * 4
    assert NO_DECISION_LEFT_OUT in report.does_not_show
    assert next(step for step in report.steps if step.step == "decisions").ok is None


def test_the_verifier_s_own_node_shows_as_much_as_the_row() -> None:
    here = listed()
    raw = encode_evidence(replace(file_about(here.good), decisions=None))
    assert standing(check_evidence(raw, pin=here.sim.pin, chain=here.sim)) == ("complete", None, False, True)


def test_a_ledger_that_was_raised_lists_the_decisions_of_before() -> None:
    sim = Sim.found(rules=FIRST)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    sim.seal_index()
    sim.confirm_index(auditor)
    before = decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))
    assert (before.spec, before.decisions) == (SPEC_2, None)
    sim.raise_rules()
    between = decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))
    assert (between.spec, between.decisions) == (SPEC, None), "the newest index is of older rules"
    sim.seal_index()
    sim.confirm_index(auditor)
    raw = sim.proofs().for_unit(batch.code(SERIAL))
    report = check_evidence(raw, pin=sim.pin)
    assert report.ok
    assert standing(report) == ("complete", None, False, True)
    assert report.shows["decisions"]["count"] == 5
    for hidden in (entry for entry in decode_evidence(raw).entries if b'"rules_raised"' in entry.data):
        file = decode_evidence(raw)
        cut = replace(file, entries=tuple(entry for entry in file.entries if entry.index != hidden.index))
        refused = check_evidence(encode_evidence(cut), pin=sim.pin)
        assert refused.failed is not None
        assert refused.failed.step == "decisions"


def test_a_file_reaches_no_further_for_people_than_for_goods() -> None:
    """Cut off honestly before a suspension, it claims less; nothing after that is called complete."""
    here = listed()
    file = file_about(here.good)
    part = part_of(file)
    end = here.since
    shorter = with_part(
        replace(file, entries=tuple(entry for entry in file.entries if entry.index < end)),
        later=part.later[: end - part.seal],
        consistency=consistency_proof(end, here.sim.size(), here.sim.tree()),
    )
    report = check_evidence(encode_evidence(shorter), pin=here.sim.pin)
    assert report.ok, report.failed
    assert report.shows["decisions"] == {"count": 9, "complete_to": end}
    assert report.shows["log"]["size"] > end
    assert standing(report) == ("not_checked", "not_checked", "not_checked", "not_checked"), (
        "the newest may be left out"
    )


def test_without_all_decisions_nothing_good_rests_on_who_confirmed() -> None:
    """The decision that takes a confirmer's right may be left out with the row."""
    file = file_about(listed().good)
    assert file.decisions is not None
    for spec in (SPEC, SPEC_2):
        bare = replace(file, decisions=None, spec=spec)
        report = check_evidence(encode_evidence(bare), pin=listed().sim.pin)
        assert report.ok, report.failed
        index = report.shows["index"]
        assert index["independent"] == "not_checked"
        assert (index["no_recall_up_to"], index["lot_absent_up_to"]) == (None, None)


def many(decisions: int) -> tuple[Sim, MadeBatch]:
    """A ledger of so many decisions with a confirmed index, and a batch in it."""
    sim = Sim.found(checked=False)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    while sim.record.index.decisions < decisions:
        sim.admit(f"person {sim.size()}")
    sim.seal_index()
    sim.confirm_index(auditor)
    return sim, batch


def proof(sim: Sim, batch: MadeBatch) -> bytes:
    return sim.proofs().for_unit(batch.code(SERIAL))


@pytest.mark.parametrize(("decisions", "most"), [(10, 60_000), (100, 400_000)])
def test_a_file_has_the_size_that_the_page_says(decisions: int, most: int, record_property: Any) -> None:
    sim, batch = many(decisions)
    raw = proof(sim, batch)
    assert standing(check_evidence(raw, pin=sim.pin))[0] == "complete"
    assert len(raw) < most
    record_property("said", f"a proof with {decisions} decisions: {len(raw):,} bytes")


def test_beyond_so_many_decisions_a_file_is_made_without_them_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DECISIONS_MAX < ENTRIES_MAX, "there is room for what was said of the goods"
    monkeypatch.setattr("ledger.services.proofs.index.DECISIONS_MAX", 20)
    sim, batch = many(20)
    assert standing(check_evidence(proof(sim, batch), pin=sim.pin))[0] == "complete"
    sim.admit("one more")
    report = check_evidence(proof(sim, batch), pin=sim.pin)
    assert report.ok
    assert standing(report)[0] == "not_checked"
    assert report.shows["index"]["complete_to"] == sim.size()


def test_of_too_many_bytes_the_decisions_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.services.proofs.proof.ENTRY_BYTES_MAX", 12_000)
    sim, batch = many(20)
    report = check_evidence(proof(sim, batch), pin=sim.pin)
    assert (report.ok, standing(report)[0], report.shows["index"] is not None) == (True, "not_checked", True)


def shortened(sim: Sim, raw: bytes, end: int) -> Report:
    """A file whose tail is cut off honestly at `end`, while it goes on showing what came after that."""
    file = decode_evidence(raw)
    part = part_of(file)
    way = consistency_proof(end, sim.size(), sim.tree())
    return check_evidence(
        encode_evidence(with_part(file, later=part.later[: end - part.seal], consistency=way)), pin=sim.pin
    )


def test_a_reinstatement_beyond_what_is_complete_clears_nobody() -> None:
    sim = Sim.found(checked=False)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    sim.suspend(maker)
    sim.seal_index()
    sim.confirm_index(auditor)
    end = sim.size()
    sim.reinstate(maker)
    raw = proof(sim, batch)
    assert standing(check_evidence(raw, pin=sim.pin))[:2] == ("complete", None)
    report = shortened(sim, raw, end)
    assert report.ok, report.failed
    assert standing(report)[:2] == ("not_checked", "not_checked")


def test_a_batch_registered_beyond_what_is_complete_may_be_a_suspended_maker_s() -> None:
    sim = Sim.found(checked=False)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    sim.seal_index()
    sim.confirm_index(auditor)
    end = sim.size()
    batch = sim.register_batch(maker, public=True)
    raw = proof(sim, batch)
    assert standing(check_evidence(raw, pin=sim.pin))[2] is False
    report = shortened(sim, raw, end)
    assert report.ok, report.failed
    assert standing(report)[2] == "not_checked"


def test_an_undo_beyond_what_is_complete_is_no_word_that_there_was_no_recall() -> None:
    sim = Sim.found(checked=False)
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    recall = sim.recall(maker, batch)
    sim.seal_index()
    sim.confirm_index(auditor)
    end = sim.size()
    sim.undo(maker, recall)
    raw = proof(sim, batch)
    assert check_evidence(raw, pin=sim.pin).shows["index"]["no_recall_up_to"] == sim.size()
    report = shortened(sim, raw, end)
    assert (report.ok, report.shows["index"]["no_recall_up_to"]) == (True, None)
