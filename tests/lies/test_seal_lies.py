"""Lies about officers' scans: what was scanned, and when.

The operator holds the log's key and the database. The officer holds receipts, and everybody reads `/log/`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tests.sim import Sim, secret
from verifier import canonical
from verifier.errors import Malformed, ProofInvalid
from verifier.instant import DAY, HOUR, MINUTE, SECOND
from verifier.record.batch import RetireReason
from verifier.record.published import PublishedRecord
from verifier.record.seal import (
    SealAbsence,
    SealMembership,
    build_seal,
    check_leaves,
    prove_leaf,
    split_leaves,
    verify_seal_membership,
)
from verifier.record.statement import Kind
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.evidence_file import decode_scan_evidence, encode_scan_evidence
from verifier.scan.judged import Place, compare_answer
from verifier.scan.receipt import ScanReceipt, parse_receipt, scan_leaf, sign_receipt, verify_receipt
from verifier.scan.said import said_about
from verifier.scan.search import ScanSearch
from verifier.scan.sent import NOT_KEPT, Compared, SentScan, compare_promise, compare_scan
from verifier.tree.checked_tiles import CheckedTiles


def promised(*names: str) -> tuple[Sim, list[ScanReceipt]]:
    """A ledger whose officer holds receipts for these scans; their seal is still open."""
    sim = Sim.found(checked=False)
    return sim, [sim.promise(name) for name in names]


def fate(sim: Sim, receipt: ScanReceipt) -> str:
    """What an officer finds in the published log, as a court that has the pin reads it."""
    raw = sim.evidence(receipt)
    assert raw is not None
    report = check_scan_evidence(raw, pin=sim.pin)
    assert report.ok, report.failed
    return str(report.shows["promise"]["state"])


def test_dropping_a_scan() -> None:
    """drop an officer's scan | the officer who holds its receipt | a signed promise, and the seal without the scan"""
    sim, (kept, dropped) = promised("KEPT", "DROPPED")
    sim.seal([kept.leaf])
    assert (fate(sim, kept), fate(sim, dropped)) == ("kept", "missing")
    raw = sim.evidence(dropped)
    assert raw is not None
    lie = decode_scan_evidence(raw)
    other = prove_leaf(sim.sealed[0], kept.leaf)
    assert isinstance(other, SealMembership)
    shown = check_scan_evidence(encode_scan_evidence(replace(lie, place=other)), pin=sim.pin)
    assert shown.failed is not None
    assert shown.failed.step == "promise", "no proof of another scan passes for one of this"


def test_never_sealing_at_all() -> None:
    """never make the seal that was promised | the officer who holds a receipt | later entries, no seal before them"""
    sim, (receipt,) = promised("HELD BACK")
    maker = sim.maker("aurora", "9521234")
    receipt = replace_deadline(sim, receipt)
    sim.register_batch(maker)
    assert fate(sim, receipt) == "overdue"


def test_sealing_too_late() -> None:
    """seal a scan only when something came of it | the officer who holds its receipt | the seal's own late entry"""
    sim, (receipt,) = promised("LATE")
    receipt = replace_deadline(sim, receipt)
    sim.clock += 10 * SECOND
    sim.seal([receipt.leaf])
    assert fate(sim, receipt) == "late"


def test_changing_a_scan_afterwards() -> None:
    """alter a kept scan, say its verdict | the officer who holds its receipt, an audit of the home | another leaf"""
    sim, (receipt,) = promised("CHANGED")
    sim.seal([receipt.leaf])
    told = canonical.encode({**canonical.decode(receipt.scan), "verdict": "stop"})
    assert fate(sim, receipt) == "kept"
    swapped = sign_receipt(sim.log_key, sim.founding.log_id, told, receipt.salt, receipt.seal, receipt.deadline)
    verify_receipt(swapped, sim.founding.log_id, sim.founding.log_keys)
    assert fate(sim, swapped) == "missing", "the operator signs the change, and so convicts itself"
    with pytest.raises(ProofInvalid):
        parse_receipt({**receipt.to_json(), "scan": canonical.decode(told)})


def test_swapping_the_salt_of_a_scan() -> None:
    """swap a scan's salt, so that it looks unsealed | the officer who holds its receipt | the salt inside it"""
    sim, (receipt,) = promised("SALTED")
    sim.seal([receipt.leaf])
    other = secret("another salt")
    assert isinstance(prove_leaf(sim.sealed[0], scan_leaf(other, receipt.scan)), SealAbsence)
    with pytest.raises(ProofInvalid):
        parse_receipt({**receipt.to_json(), "salt": "0x" + other.hex()})
    with pytest.raises(ProofInvalid):
        verify_receipt(replace(receipt, salt=other), sim.founding.log_id, sim.founding.log_keys)
    assert fate(sim, receipt) == "kept"


def test_slipping_a_scan_into_an_earlier_seal() -> None:
    """add a back-dated scan to an old seal | whoever checks its proof, any auditor | its leaves give another root"""
    sim, (receipt,) = promised("TRUE")
    sim.seal([receipt.leaf])
    sealed = sim.record.seals[0].seal
    scan, salt = sim.scan("BACK-DATED")
    added = sign_receipt(sim.log_key, sim.founding.log_id, scan, salt, 0, receipt.deadline)
    assert fate(sim, added) == "missing"
    split = split_leaves(sim.sealed[0])
    padding = next(leaf for leaf in split if leaf != receipt.leaf)
    slipped = b"".join(sorted([added.leaf, *(leaf for leaf in split if leaf != padding)]))
    with pytest.raises(ProofInvalid) as differs:
        check_leaves(sealed, slipped)
    assert differs.value.code == "seal_root"
    place = prove_leaf(slipped, added.leaf)
    assert isinstance(place, SealMembership)
    with pytest.raises(ProofInvalid):
        verify_seal_membership(sealed, added.leaf, place)
    sim.sealed[0] = slipped
    assert [(finding.at, finding.code) for finding in sim.audit().findings] == [("seal 0 of entry 2", "seal_root")]


def test_hiding_a_scan_in_a_seal_out_of_order() -> None:
    """seal leaves out of order, so that a scan is there for one and absent for another | any auditor | the leaves"""
    sim, (receipt,) = promised("TWO-FACED")
    sim.seal([receipt.leaf])
    split = split_leaves(sim.sealed[0])
    split[0], split[1] = split[1], split[0]
    with pytest.raises(Malformed) as refused:
        build_seal(0, b"".join(split))
    assert refused.value.code == "seal_unsorted"
    sim.sealed[0] = b"".join(split)
    assert [finding.code for finding in sim.audit().findings] == ["seal_unsorted"]


def test_skipping_a_seal() -> None:
    """leave a seal out, as if nothing was scanned | any auditor with the pin | the gap in their numbers"""
    sim, (receipt,) = promised("SKIPPED")
    sim.sealed[1] = b"".join(sorted(secret(f"padding-{n}") for n in range(16)))
    sim.force(Kind.SCANS_SEALED, build_seal(1, sim.sealed[1]).body(), None, None)
    assert [(finding.at, finding.code) for finding in sim.audit().findings] == [("entry 2", "seal_gap")]
    assert receipt.seal == 0


def test_promising_a_seal_that_never_comes() -> None:
    """promise a seal or a deadline that never comes | the officer's device | clock and pace of the log, compared"""
    sim, _ = promised()
    for _ in range(3):
        sim.clock += MINUTE
        sim.seal()
    search = ScanSearch(sim.notes[sim.size()], sim, sim.leaves)
    pace, honest = search.pace(), sim.promise("PUT OFF", 2 * MINUTE)
    assert pace is not None
    assert (pace.number, pace.recorded_at, pace.gap) == (2, sim.clock, 61 * SECOND)
    sent = SentScan({}, {}, sim.clock, sim.clock)
    assert compare_promise(honest, sent, pace) == Compared(("seal", "deadline"), (), (), None)
    for change, said in (
        ({"deadline": 253_402_300_799_999}, "days ahead"),
        ({"seal": 2**53 - 1}, "can't come before the deadline"),
        ({"deadline": sim.clock - 10 * MINUTE}, "had passed"),
    ):
        lie = replace(honest, **change)
        signed = sign_receipt(sim.log_key, lie.log_id, lie.scan, lie.salt, lie.seal, lie.deadline)
        verify_receipt(signed, sim.founding.log_id, sim.founding.log_keys)
        (fault,) = compare_promise(signed, sent, pace).faults
        assert said in fault
    slow = SentScan({}, {}, sim.clock - 30 * DAY, None)  # a device whose clock runs behind accuses nobody
    assert compare_promise(honest, slow, pace).faults == ()
    odd = compare_promise(replace(honest, deadline=sim.clock + 30 * HOUR), sent, pace)
    assert (odd.faults, len(odd.odd)) == ((), 1), "a slower cadence may explain it, so it is said and accuses nobody"


def test_signing_another_scan_than_was_sent() -> None:
    """sign another place, time, officer or answer than was sent | the officer's device | its record of what it sent"""
    sim, (first,) = promised("SENT")
    receipt = sim.promise("SENT", administration="NL")
    sent = SentScan(receipt.fields, {}, sim.clock, sim.clock)
    assert SentScan.decode(sent.encode()) == sent
    assert compare_scan(receipt, sent) == Compared(tuple(receipt.fields), (), (), {})
    shown = replace(sent, knows={**receipt.fields, "reasons": ["recalled", "unit_registered"]})
    signed = sim.promise("SENT", administration="NL", reasons=["unit_registered", "recalled"])
    assert "reasons" in compare_scan(signed, shown).same, "an answer is shown by weight, and that is no other answer"
    other = {"reasons": ["recalled"], "unlocode": None, "latitude": "1.00000"}
    for name in receipt.fields:
        lie = sim.promise("SENT", **{"administration": "NL", name: other.get(name, "1")})
        verify_receipt(lie, sim.founding.log_id, sim.founding.log_keys)
        (fault,) = compare_scan(lie, sent).faults
        assert fault.startswith(f"the receipt has {name} ")
    assert set(compare_scan(first, sent).open or ()) == {"administration"}, "left out, and that is said"
    assert compare_scan(receipt, None).open == dict.fromkeys(receipt.fields, NOT_KEPT)
    blind = compare_scan(receipt, replace(sent, knows={}, open={"code": "a photograph was sent"}))
    assert (blind.same, blind.faults, set(blind.open or ())) == ((), (), set(receipt.fields))


def test_telling_an_officer_another_verdict_than_the_log_gives() -> None:
    """tell an officer another verdict than the log gives | `receipt check` | the signed answer, the log at that size"""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, public=True)
    good = sim.size()
    sim.recall(maker, batch)
    sim.retire(maker, sim.register_batch(maker, lot="SOLD", public=True), RetireReason.STOLEN, ["S0001"])
    judged = partial(again, sim)
    told = {"registered": ["unit_registered"], "stop": ["unit_registered", "recalled"]}
    code = f"(01){batch.gtin}(10){batch.lot}(21)S0001"
    stolen = {"code": f"(01){batch.gtin}(10)SOLD(21)S0001"}
    for verdict, over, size, broken in (
        ("registered", {}, good, False),  # the truth of that day, although it was recalled since
        ("stop", {}, sim.size(), False),
        ("stop", {}, good, False),  # an adverse entry counts before the head that covers it is signed
        ("registered", {}, sim.size(), True),
        ("registered", {"reasons": ["unit_registered", "recalled"]}, sim.size(), True),
        ("registered", stolen, sim.size(), True),
        ("stop", {"reasons": ["unit_registered", "stolen"], **stolen}, sim.size(), False),
        ("registered", {"reasons": ["unit_absent"]}, good, True),
        ("registered", {"code": f"(01){batch.gtin}(10)NONE(21)S0001"}, sim.size(), True),
        ("outside", {"reasons": ["prefix_unknown"]}, sim.size(), True),
        ("check", {"reasons": ["unit_registered", "market_mismatch", "recalled"]}, sim.size(), True),
        ("registered", {"reasons": ["unit_registered", "expired"]}, good, True),
        ("stop", {"reasons": ["unit_registered"]}, good, True),
        ("unreadable", {"reasons": ["unit_registered"]}, good, True),
        ("check", {"reasons": ["unit_registered"]}, good, True),
    ):
        scan = {"code": code, "verdict": verdict, "reasons": told.get(verdict, []), "log_size": str(size)} | over
        compared = judged(sim.promise("TOLD", **scan))
        assert bool(compared.faults) is broken, (scan, compared)
        assert {"behaviour", "expired"} <= set(compared.open or ()) or "recalled" not in scan["reasons"]
    hidden = sim.promise("TOLD", code=code, verdict="registered", reasons=["unit_registered"], log_size=str(good))
    assert any("absent" in fault for fault in judged(hidden, Place(None)).faults)
    assert "unit" in judged(hidden, Place(batch.index)).same
    assert "no proof" in (judged(hidden, None).open or {})["unit"]
    later = sim.promise("TOLD", code=code, verdict="registered", reasons=["unit_registered", "x"], log_size=str(good))
    assert "not known to this program" in (judged(later).open or {})["verdict"]
    unread = sim.promise("TOLD", code=code, verdict="unreadable", reasons=["could_not_read"], log_size=str(sim.size()))
    assert (judged(unread).faults, len(judged(unread).odd)) == ((), 1), "a device may have told more than its text"


def test_claiming_a_reason_that_would_end_the_comparison() -> None:
    """claim another lot or an absent unit, so that no recall is compared | `receipt check` | every lot of the log"""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, public=True)
    sim.recall(maker, batch)
    code = f"(01){batch.gtin}(10){batch.lot}(21)S0001"
    for reasons, verdict in (
        (["unit_registered", "lot_mismatch"], "check"),
        (["lot_mismatch"], "check"),
        (["unit_absent"], "not_registered"),
        (["unit_absent", "lot_mismatch"], "not_registered"),
        (["prefix_unknown"], "outside"),
        (["seen_before"], "check"),
        ([], "check"),
        (["could_not_read"], "unreadable"),
        (["not_gs1"], "outside"),
    ):
        receipt = sim.promise("TOLD", code=code, verdict=verdict, reasons=reasons, log_size=str(sim.size()))
        compared = again(sim, receipt)
        assert compared.faults or "recalled" in (compared.open or {}), (reasons, compared)
        assert compared.faults or "verdict" not in compared.same, (reasons, compared)
        unread = {"could_not_read", "not_gs1"} & set(reasons)
        assert unread or again(sim, receipt, Place(batch.index)).faults, (reasons, "the unit's proof settles it")


def again(sim: Sim, receipt: ScanReceipt, place: Place | None = None) -> Compared:
    """A receipt's answer judged again from the published log, as its officer's device does."""
    verify_receipt(receipt, sim.founding.log_id, sim.founding.log_keys)
    record = PublishedRecord(CheckedTiles(sim.tile, sim.size(), sim.root()).bundle)
    record.fold_to(int(receipt.fields["log_size"]))
    then = said_about(record, receipt)
    record.fold_to(sim.size())
    return compare_answer(receipt, then, said_about(record, receipt), place)


def replace_deadline(sim: Sim, receipt: ScanReceipt) -> ScanReceipt:
    """The same promise with a deadline that is now."""
    return sign_receipt(sim.log_key, receipt.log_id, receipt.scan, receipt.salt, receipt.seal, sim.clock)
