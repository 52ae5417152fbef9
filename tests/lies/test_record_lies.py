"""Lies about the record: what stands in the log, who said it, and whose history it is.

The operator holds the log's key, so everything here is signed again, root and chain included. Nobody who catches a lie
asks the operator: they have the pin, a proof file, their own segment, or a node of the chain.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim import Actor, MadeBatch, Sim, actor, secret, sign_unit
from verifier.audit.ages import PAUSE
from verifier.audit.audit import audit
from verifier.audit.decisions import MIRROR_LIMIT
from verifier.errors import ProofInvalid, Refused
from verifier.evidence.evidence import check_evidence
from verifier.reading.label import LabelCheck, verify_label
from verifier.record.batch import RetireReason
from verifier.record.index import Index
from verifier.record.participant import Role, name_commitment
from verifier.record.statement import Domain, Kind, Proposal, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import blind, unit_key, verify_absence
from verifier.tree.note_key import SigningKey
from verifier.verdict.facts import BatchFacts, Facts, Label, Readable, Unit
from verifier.verdict.judge import judge
from verifier.verdict.reason import Verdict

PREFIX = "9521234"


def story(*, checked: bool = False) -> tuple[Sim, Actor, MadeBatch]:
    """A ledger with one maker and one batch; `checked` False lets the operator append what it likes."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, units=40)
    sim.checked = checked
    return sim, maker, batch


def codes(sim: Sim, *, chain: bool = False) -> dict[str, str]:
    """What an auditor with the pin alone (and its own node) reports: place to code."""
    return {finding.at: finding.code for finding in sim.audit(chain=chain).findings}


def test_inventing_a_maker() -> None:
    """invent a maker nobody admitted | any auditor with the pin | the entry: its signer is no participant"""
    sim, _, batch = story()
    ghost = actor("ghost")
    body = {**sim.header(), "batch": batch.id, "reason": "made up", "noticeUrl": "", "supersedes": ZERO32}
    index = sim.force(
        Kind.BATCH_RECALLED, body, ghost.address, sign(Kind.BATCH_RECALLED, body, sim.domain, ghost.secret)
    )
    assert codes(sim) == {f"entry {index}": "not_admitted"}


def test_forging_an_admission() -> None:
    """admit a maker without k of n countries | any auditor with the pin | the entry: signatures of too few countries"""
    sim, _, _ = story()
    ghost = actor("ghost")
    body = {
        **sim.header(),
        "participant": ghost.address,
        "role": int(Role.MANUFACTURER),
        "country": "NL",
        "nameHash": "0x" + name_commitment(secret("name"), "Ghost").hex(),
    }
    mirrored = sim.executed(Proposal.PARTICIPANT_ADMITTED, body, [sim.authorities[0], ghost])
    index = sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)
    assert codes(sim) == {f"entry {index}": "not_approved"}


def test_mirroring_a_decision_that_the_registry_never_took() -> None:
    """mirror a decision that the registry never executed | an auditor with a node | the registry counts fewer"""
    sim, _, _ = story()
    kept, contracts = list(sim.events), dict(sim.contracts)
    sim.admit("kin", Role.CARRIER, "KE")
    sim.events[:], sim.contracts = kept, contracts
    assert "mirror_unseen" in codes(sim, chain=True).values()


def test_dating_an_invented_decision_into_the_far_future() -> None:
    """invent a decision in a block that no node will have for years | an auditor with a node | its block's own time"""
    sim, _, _ = story()
    events, contracts, blocks, now = list(sim.events), dict(sim.contracts), dict(sim.blocks), sim.clock
    sim.record.standing.position = (10**12, 0)
    sim.clock += 10 * 365 * MIRROR_LIMIT
    body = {"participant": actor("invented").address, "role": 3, "country": "KE", "nameHash": ZERO32}
    invented = sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, sim.authorities)
    sim.clock = now
    index = sim.append(Kind.PARTICIPANT_MIRRORED, invented.to_body(), None, None)
    sim.events, sim.contracts, sim.blocks = events, contracts, blocks
    report = sim.audit()
    assert [(finding.at, finding.code) for finding in report.findings] == [(f"entry {index}", "mirror_unseen")]
    assert report.not_checked == ()


def test_moving_the_instant_of_a_decision() -> None:
    """date a suspension later, so that a batch seems older than it | an auditor with a node | the block's own time"""
    sim, maker, _ = story()
    true = sim.executed(
        Proposal.PARTICIPANT_SUSPENDED,
        {**sim.header(), "participant": maker.address, "suspensionKind": 3, "effectiveAt": str(sim.clock)},
        sim.authorities,
    )
    moved = replace(true, block_time=true.block_time + 20_000)
    index = sim.force(Kind.PARTICIPANT_MIRRORED, moved.to_body(), None, None)
    assert codes(sim) == {}
    assert codes(sim, chain=True) == {f"entry {index}": "mirror_differs"}


def test_keeping_a_suspension_out_of_the_log() -> None:
    """never mirror a suspension | an auditor with a node, after a day | the registry's event, and its age"""
    sim, maker, _ = story()
    body = {"participant": maker.address, "suspensionKind": 3, "effectiveAt": str(sim.clock)}
    sim.executed(Proposal.PARTICIPANT_SUSPENDED, {**sim.header(), **body}, sim.authorities)
    report = audit(sim, sim.pin, chain=sim, now=sim.clock + MIRROR_LIMIT + 1)
    assert [(finding.at, finding.code) for finding in report.findings] == [
        ("decision 4 (participant_suspended)", "decision_unmirrored")
    ]
    assert audit(sim, sim.pin, chain=sim, now=sim.clock + MIRROR_LIMIT).ok


def test_keeping_a_suspension_out_of_proof_files() -> None:
    """never mirror a suspension, and hand out proof files | whoever checks one with a node | the registry's event"""
    sim, maker, batch = story()
    body = {"participant": maker.address, "suspensionKind": 3, "effectiveAt": str(sim.clock)}
    sim.executed(Proposal.PARTICIPANT_SUSPENDED, {**sim.header(), **body}, sim.authorities)
    raw = sim.proofs().for_unit(batch.code("S0001"))
    assert check_evidence(raw, pin=sim.pin).ok, "the log alone can't tell, and the file says so"
    report = check_evidence(raw, pin=sim.pin, chain=sim)
    assert (report.ok, report.unproved, report.shows["register"]["code"]) == (False, "register", "register_stale")
    assert report.shows["batch"]["maker_suspended"]["kind"] == "fraud"


def test_anchoring_no_more() -> None:
    """show the contract no more heads, so that history can be changed | an auditor with a node, after a day | ages"""
    sim, maker, batch = story()
    sim.anchor()
    for _ in range(5):
        sim.clock += PAUSE
        sim.undo(maker, sim.recall(maker, batch))
        sim.seal_index()
        sim.seal()
    assert audit(sim, sim.pin, served=True).ok
    found = audit(sim, sim.pin, chain=sim, served=True).findings
    assert [(finding.at, finding.code) for finding in found] == [("anchors", "anchors_stopped")]


def test_sealing_the_index_no_more() -> None:
    """seal no more indexes, so that "no recall" rests on an old one | any auditor, after a day | ages"""
    sim, maker, batch = story()
    sim.seal_index()
    for _ in range(5):
        sim.clock += PAUSE
        sim.undo(maker, sim.recall(maker, batch))
        sim.seal()
    found = audit(sim, sim.pin, served=True).findings
    assert [(finding.at, finding.code) for finding in found] == [("index seals", "index_seals_stopped")]


def test_sealing_no_scan_ever() -> None:
    """seal no scans at all, as if none were made | any auditor, after a day | ages"""
    sim, maker, batch = story()
    for _ in range(5):
        sim.clock += PAUSE
        sim.undo(maker, sim.recall(maker, batch))
        sim.seal_index()
    found = audit(sim, sim.pin, served=True).findings
    assert [(finding.at, finding.code) for finding in found] == [("scan seals", "scan_seals_stopped")]


def test_registering_in_a_maker_s_name() -> None:
    """register a batch in a maker's name | any auditor with the pin | the entry: the signature is not the maker's"""
    sim, maker, _ = story()
    statement, _ = sim.registration(maker, lot="FALSE")
    forged = sign(Kind.BATCH_REGISTERED, statement.body, sim.domain, actor("operator").secret)
    index = sim.force(Kind.BATCH_REGISTERED, statement.body, maker.address, forged)
    assert codes(sim) == {f"entry {index}": "signature_wrong"}


def test_taking_a_statement_from_another_log() -> None:
    """replay a maker's statement from another log | any auditor with the pin | the entry: signed for another domain"""
    sim, maker, _ = story()
    other = Domain(sim.founding.chain_id, sim.founding.registry, secret("another log"))
    statement, _ = sim.registration(maker, lot="REPLAYED")
    elsewhere = sign(Kind.BATCH_REGISTERED, statement.body, other, maker.secret)
    index = sim.force(Kind.BATCH_REGISTERED, statement.body, maker.address, elsewhere)
    assert codes(sim) == {f"entry {index}": "signature_wrong"}


def test_back_dating_an_entry() -> None:
    """back-date an entry before those it follows | any auditor with the pin | the entry: its clock goes back"""
    sim, maker, _ = story()
    statement, _ = sim.registration(maker, lot="EARLIER")
    sim.clock -= 3_600_000
    index = sim.force(statement.kind, statement.body, statement.actor, statement.signature)
    assert codes(sim)[f"entry {index}"] in ("clock", "not_yet_valid")
    assert not sim.audit(chain=False).ok


def test_adding_units_to_a_batch_afterwards() -> None:
    """add units to a registered batch | whoever checks a proof, any auditor | another root than the maker signed"""
    sim, _, batch = story()
    root = sim.batch(batch).segment_root
    larger = sim.store([batch.key(serial) for serial in (*batch.serials, "SLIPPED-IN")])
    sim.segments[root] = sim.segments[larger]
    assert any(code.startswith("segment_") for code in codes(sim).values())


def test_proving_a_present_unit_absent() -> None:
    """prove a registered unit absent | whoever checks the proof | its key lies inside the gap that is shown"""
    sim, _, batch = story()
    view, root = sim.segment(sim.batch(batch).segment_root, 40), sim.batch(batch).segment_root
    present = batch.key(batch.serials[7])
    for serial in ("NOT-THERE-1", "NOT-THERE-2", "NOT-THERE-3"):
        honest = view.absence(batch.key(serial))
        with pytest.raises(ProofInvalid):
            verify_absence(honest, present, 40, root)


def test_swapping_a_salt() -> None:
    """swap a batch's salt, so that its units look absent | whoever has the salt | the maker signed its commitment"""
    sim, _, batch = story()
    raw = sim.proofs().for_absence(batch.code("NOT-THERE"))
    assert check_evidence(raw, pin=sim.pin, salt=batch.salt).ok
    other = secret("another salt")
    report = check_evidence(raw, pin=sim.pin, salt=other)
    assert report.failed is not None
    assert report.failed.step == "unit"
    key = unit_key(blind(other, batch.gtin, batch.lot, batch.serials[0]), batch.serials[0])
    assert sim.segment(sim.batch(batch).segment_root, 40).find(key) is None  # that is what the lie would have shown


def test_swapping_the_founding() -> None:
    """found the same log again with other authorities | whoever holds the pin | entry 0 has another digest"""
    sim, _, batch = story()
    friends = Sim.found(("XA", "XB"), checked=False)
    friend = friends.maker("friend", PREFIX)
    made = friends.register_batch(friend, gtin=batch.gtin, units=3)
    raw = friends.proofs().for_unit(made.code(made.serials[0]))
    assert check_evidence(raw, pin=friends.pin).ok
    report = check_evidence(raw, pin=sim.pin)
    assert report.failed is not None
    assert report.failed.step == "founding"
    assert friends.audit(pin=sim.pin, chain=False).findings[0].code == "pin"


def test_rewriting_entry_3_and_signing_everything_again() -> None:
    """rewrite entry 3, sign all again | holders of proofs, auditors with a node | two signed heads, the anchor"""
    sim, _, batch = story()
    kept = sim.proofs().for_unit(batch.code(batch.serials[0]))
    sim.anchor()
    honest = dict(sim.notes)
    sim.forge(3, lambda entry: {**entry, "recorded_at": entry["recorded_at"].replace("000Z", "007Z")})
    assert check_evidence(kept, pin=sim.pin).ok  # what somebody kept still proves the first history
    size = len(sim.entries)
    assert honest[size] != sim.notes[size]  # two heads of one size, both signed by the log: nobody can explain that
    assert "anchor_foreign" in codes(sim, chain=True).values()


def test_reusing_a_leaked_label_key() -> None:
    """sign labels for more units with a leaked label key | every officer's scan | valid signature of an absent unit"""
    sim, _, batch = story()
    invented = "INVENTED-UNIT"
    signature = sign_unit(sim, batch, invented)
    key = sim.batch(batch).label_key
    assert key is not None
    log_id = sim.founding.log_id
    assert verify_label(key, log_id, batch.gtin, batch.lot, invented, signature) is LabelCheck.VALID
    known = BatchFacts(batch.id, batch.index, batch.lot, True, (), None, None, False, {}, None, False, True)
    facts = Facts(Readable.GS1, "2026-11-23", holder=batch.maker.address, unit=Unit.ABSENT, label=Label.VALID)
    assert judge(facts).verdict is Verdict.STOP
    assert judge(Facts(Readable.GS1, "2026-11-23", unit=Unit.ABSENT, label=Label.VALID, batches=(known,))).verdict is (
        Verdict.STOP
    )


def test_reporting_a_rival_s_goods_stolen() -> None:
    """let a friendly carrier call a rival's goods stolen | any auditor with the pin | the entry: its author may not"""
    sim, _, batch = story()
    carrier = sim.admit("fleet", Role.CARRIER, "KE")
    statement = sim.retirement(carrier, batch, RetireReason.STOLEN, batch.serials[:1])
    with pytest.raises(Refused):
        sim.say(statement)
    index = sim.force(statement.kind, statement.body, statement.actor, statement.signature)
    assert codes(sim) == {f"entry {index}": "not_entitled"}


def test_letting_a_log_key_that_entry_0_does_not_name_sign() -> None:
    """sign a fork with a fresh key of the same name | whoever holds the pin | entry 0 names the log's keys"""
    sim, _, batch = story()
    sim.log_key = SigningKey(sim.log_key.name, secret("fresh"))
    sim.sign_head()
    raw = sim.notes[len(sim.entries)]
    assert raw.startswith(sim.founding.origin.encode())
    with pytest.raises(ProofInvalid, match="proof"):
        sim.proofs().for_unit(batch.code(batch.serials[0]))
    assert f"checkpoint {len(sim.entries)}" in codes(sim)


def test_sealing_an_index_that_leaves_a_recall_out() -> None:
    """hide a recall from the sealed index | every mirror and auditor | the index that they recompute is another one"""
    sim, maker, batch = story()
    honest = Index()
    honest.add(batch.gtin, batch.lot, bytes.fromhex(batch.id[2:]))
    sim.recall(maker, batch)
    without = honest.view(len(sim.entries)).head
    index = sim.force(Kind.INDEX_SEALED, without.body(), None, None)
    assert codes(sim) == {f"entry {index}": "index_differs"}


def test_confirming_one_s_own_index() -> None:
    """confirm the operator's own index as if somebody had checked it | whoever checks the proof | its signer may not"""
    sim, _, _ = story()
    operator = actor("operator")
    head = sim.record.index.view(len(sim.entries)).head
    sim.append(Kind.INDEX_SEALED, head.body(), None, None)
    body = {**sim.header(), **head.body()}
    index = sim.force(
        Kind.INDEX_CONFIRMED, body, operator.address, sign(Kind.INDEX_CONFIRMED, body, sim.domain, operator.secret)
    )
    assert codes(sim) == {f"entry {index}": "not_admitted"}
