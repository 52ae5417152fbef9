"""Files that are complete: what they show about goods, up to which size, and when they may not claim it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.ports import Cosignature
from ledger.services.outward.witnessed import WitnessedHead
from ledger.services.proofs.proof import Proofs
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import create_all, open_database
from tests.sim import Sim, gtin_of
from tests.verifier.evidence_vectors import (
    CASES,
    PREFIX,
    SERIAL,
    absent_lot_file,
    complete_file,
    file_of,
    indexed,
    part_of,
    scene,
    too_few_witnesses,
    with_part,
)
from verifier.errors import Refused, Unavailable
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import NO_DECISION_LEFT_OUT, NO_OMISSION, NO_QUORUM, NO_WITNESSES, Report, explain
from verifier.evidence.file import EvidenceFile, decode_evidence, encode_evidence
from verifier.evidence.index import LATER_MAX
from verifier.reading.gs1 import Carrier, Gtin, Lot, Serial, UnitCode
from verifier.record.batch import RetireReason
from verifier.record.participant import Role
from verifier.tree.note import Note


def check(file: EvidenceFile | bytes, sim: Sim | None = None, **options: Any) -> Report:
    raw = file if isinstance(file, bytes) else encode_evidence(file)
    return check_evidence(raw, pin=(sim or indexed().sim).pin, **options)


def failed(report: Report) -> str | None:
    return report.failed.step if report.failed else None


def test_a_complete_file_says_up_to_where_nothing_was_said() -> None:
    here = indexed()
    report = check(complete_file())
    size = here.sim.size()
    assert report.ok
    shown = report.shows["index"]
    assert (shown["complete_to"], shown["no_recall_up_to"], shown["lot_absent_up_to"]) == (size, size, None)
    assert [who["by"] for who in shown["confirmed_by"]] == [here.auditor.address]
    assert report.shows["unit"]["retired"]["sold"]["this_unit"] == "yes"
    assert NO_OMISSION not in report.does_not_show
    assert NO_DECISION_LEFT_OUT in report.does_not_show
    assert NO_WITNESSES not in report.does_not_show
    assert f"not recalled or withdrawn in the first {size} entries" in "\n".join(explain(report))


def test_a_recall_takes_that_word_back_and_is_shown() -> None:
    report = check(CASES["complete-recalled"].raw())
    assert report.ok
    assert report.shows["batch"]["recall"]["reason"] == "seal may leak"
    assert report.shows["index"]["no_recall_up_to"] is None
    assert report.shows["index"]["complete_to"] == indexed().sim.size()
    assert "not recalled" not in "\n".join(explain(report))


def test_without_a_confirmed_index_nothing_is_said_to_be_complete() -> None:
    here = scene()
    report = check(here.sim.proofs().for_unit(here.open.code(SERIAL)), here.sim)
    assert report.shows["index"] is None
    assert NO_OMISSION in report.does_not_show
    assert NO_DECISION_LEFT_OUT not in report.does_not_show
    with pytest.raises(Unavailable) as refusal:
        here.sim.proofs().for_absent_lot(here.open.gtin, "NONE")
    assert refusal.value.code == "index_unconfirmed"
    plain = check(replace(complete_file(), index=None))
    assert plain.ok
    assert NO_OMISSION in plain.does_not_show


def code(gtin: str, lot: str | None) -> UnitCode:
    return UnitCode(Gtin(gtin), Lot(lot) if lot else None, Serial("X1"), None, Carrier.QR)


def test_a_lot_that_was_never_registered_is_proved_absent() -> None:
    here, gtin = indexed(), indexed().quiet.gtin
    report = check(absent_lot_file(), code=code(gtin, "NONE"))
    assert report.ok
    assert report.shows["index"]["lot_absent_up_to"] == here.sim.size()
    assert report.shows["index"]["no_recall_up_to"] is None
    assert report.shows["batch"] is None
    for other in (code(gtin, "OTHER"), code(gtin, None), code(gtin_of(PREFIX, 9), "NONE")):
        assert failed(check(absent_lot_file(), code=other)) == "code"
    whole = absent_lot_file(gtin_of(PREFIX, 9), None)
    for read in (code(gtin_of(PREFIX, 9), None), code(gtin_of(PREFIX, 9), "ANY")):
        assert check(whole, code=read).ok
    assert failed(check(whole, code=code(gtin, None))) == "code"
    for lot in ("QUIET", None):
        with pytest.raises(Refused) as refusal:
            here.sim.proofs().for_absent_lot(gtin, lot)
        assert refusal.value.code == "lot_present"


def test_a_product_is_shown_with_everything_said_of_it() -> None:
    here = indexed()
    file = complete_file()
    gtin = here.quiet.gtin
    view = here.sim.record.index_seals[part_of(file).seal].view
    assert view is not None
    batches = [here.sim.batch(made) for made in (here.quiet, here.recalled)]
    wanted = {index for batch in batches for index in batch.history} | {entry.index for entry in file.entries}
    whole = file_of(here.sim, here.quiet.index, sorted(wanted - {here.quiet.index}))
    part = replace(part_of(file), lot=None, proof=view.prove(gtin), later=())
    later = tuple(None if at in wanted else here.sim.entries[at] for at in range(part.seal, here.sim.size()))
    whole = replace(whole, index=replace(part, later=later), unit=file.unit)
    report = check(whole)
    assert report.ok, report.failed
    assert report.shows["index"]["no_recall_up_to"] is None, "one of its batches was recalled"
    assert failed(check(with_part(whole, lot="RECALLED"))) == "index"


def test_a_registration_after_the_index_is_no_absence() -> None:
    sim = Sim.found(checked=False)
    maker, auditor = sim.maker("aurora", PREFIX), sim.admit("vera", Role.AUDITOR, "FR")
    sim.register_batch(maker, lot="ONE")
    sim.seal_index()
    sim.confirm_index(auditor)
    sim.register_batch(maker, lot="TWO")
    gtin = gtin_of(PREFIX)
    with pytest.raises(Refused):
        sim.proofs().for_absent_lot(gtin, "TWO")
    sealed = sim.record.confirmed_index
    assert sealed is not None
    assert sealed.view is not None
    file = decode_evidence(sim.proofs().for_absent_lot(gtin, "THREE"))
    lying = with_part(file, lot="TWO", proof=sealed.view.prove(gtin, "TWO"))
    report = check(lying, sim)
    assert failed(report) == "index"
    assert "speaks of this too" in str(report.failed and report.failed.words)


def test_a_file_is_complete_only_as_far_as_it_reaches() -> None:
    sim = Sim.found(checked=False)
    maker, auditor = sim.maker("aurora", PREFIX), sim.admit("vera", Role.AUDITOR, "FR")
    quiet = sim.register_batch(maker, lot="QUIET", public=True)
    late = sim.register_batch(maker, lot="LATE", public=True)
    other = sim.register_batch(maker, gtin=gtin_of(PREFIX, 2), public=True)
    sim.undo(maker, sim.recall(maker, other))
    seal = sim.seal_index()
    sim.confirm_index(auditor)
    for _ in range(LATER_MAX // 2 + 2):
        sim.undo(maker, sim.recall(maker, other))
    sim.recall(maker, late)
    end = seal + LATER_MAX
    assert sim.size() > end
    report = check(sim.proofs().for_unit(quiet.code(SERIAL)), sim)
    assert report.ok
    assert report.shows["index"]["complete_to"] == end
    assert report.shows["index"]["no_recall_up_to"] == end
    assert f"from entry {end} on" in " ".join(report.does_not_show)
    recalled = check(sim.proofs().for_unit(late.code(SERIAL)), sim)
    assert recalled.shows["batch"]["recall"] is not None, "what is known beyond is shown all the same"
    assert recalled.shows["index"]["no_recall_up_to"] is None
    # A batch with more said about it than a file carries is shown as before, and nothing is claimed.
    busy = check(sim.proofs().for_unit(other.code(SERIAL)), sim)
    assert busy.ok
    assert busy.shows["index"] is None
    sim.seal_index()
    sim.confirm_index(auditor)
    assert check(sim.proofs().for_unit(quiet.code(SERIAL)), sim).shows["index"]["no_recall_up_to"] == sim.size()


def test_a_long_history_is_shown_whole_where_an_index_counts_it() -> None:
    sim = Sim.found(checked=False)
    maker, auditor = sim.maker("aurora", PREFIX), sim.admit("vera", Role.AUDITOR, "FR")
    batch = sim.register_batch(maker, units=200, public=True)
    for count in range(1, 40):
        sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:count])
    for _ in range(50):
        sim.undo(maker, sim.recall(maker, batch))
    cut = decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))
    sim.seal_index()
    sim.confirm_index(auditor)
    whole = decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))
    assert len(cut.entries) < 10 < 139 < len(whole.entries)
    assert check(whole, sim).shows["index"]["no_recall_up_to"] == sim.size()


def test_receipts_of_seals_and_confirmations_check_out() -> None:
    sim = indexed().sim
    for index in range(sim.size()):
        report = check(sim.proofs().for_entry(index))
        assert report.ok, (index, report.failed)


def test_too_few_witnesses_prove_nothing_unless_one_does_without() -> None:
    report = check(too_few_witnesses())
    assert (report.ok, report.failed, report.unproved) == (False, None, "witnesses")
    assert NO_QUORUM in report.does_not_show
    assert report.shows["witnesses"]["quorum_at"] is None
    assert list(report.shows["witnesses"]["cosigned"]) == ["nl"]
    lenient = check(too_few_witnesses(), unwitnessed=True)
    assert lenient.ok
    assert NO_QUORUM in lenient.does_not_show


def test_proofs_rest_on_the_witnessed_head_unless_something_adverse_came_after(tmp_path: Path) -> None:
    here = indexed()
    sim = here.sim
    old = sim.batch(here.recalled).history[-1]  # the recall is the first entry that the witnesses have not seen
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    create_all(engine)
    kept, names = CosignatureTable(engine), sim.founding.policy
    assert names is not None
    for name, key in names.witnesses.items():
        for line in Note.parse(sim.notes[old]).signatures:
            if line.name == key.name:
                kept.put(Cosignature(old, name, sim.clock // 1000, line.format()))
    witnessed = WitnessedHead(names, kept)
    proofs = Proofs(sim.record, sim, sim, lambda batch: sim.salts.get(batch.salt_commitment), sim.anchors, witnessed)
    sim.notes[sim.size()], whole = unwitnessed(sim.notes[sim.size()]), sim.notes[sim.size()]
    try:
        sold = sim.batch(here.quiet).history[-1]
        assert sold < old
        quiet = check(proofs.for_unit(here.quiet.code(SERIAL)))
        assert quiet.ok
        assert quiet.shows["log"]["size"] == quiet.shows["index"]["complete_to"] == old
        absent = check(proofs.for_absent_lot(here.quiet.gtin, "NONE"))
        assert absent.shows["index"]["lot_absent_up_to"] == old
        recalled = check(proofs.for_unit(here.recalled.code(SERIAL)))
        assert recalled.shows["log"]["size"] == sim.size()
        assert recalled.shows["batch"]["recall"] is not None
        assert recalled.unproved == "witnesses"
    finally:
        sim.notes[sim.size()] = whole
        engine.dispose()


def unwitnessed(note: bytes) -> bytes:
    """A checkpoint as the log itself signed it."""
    parsed = Note.parse(note)
    return Note(parsed.text, parsed.signatures[:1]).format()
