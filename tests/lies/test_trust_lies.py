"""Lies about who stands behind something: keys that are no keys, confirmations that are the operator's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim import Sim, actor
from tests.verifier.test_ed25519 import FIXED, NEUTRAL, SAME_NEUTRAL, vkey
from verifier.errors import Malformed
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import Report
from verifier.reading.gs1 import Gtin, Lot, Serial, UnitCode
from verifier.record.entry import CHAIN_START, Entry
from verifier.record.founding import parse_founding
from verifier.record.head import open_head
from verifier.record.participant import Role
from verifier.record.statement import Kind, Proposal
from verifier.tree.checked_tiles import CheckedTiles
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.note_key import KeyType, verify_ed25519
from verifier.tree.seen_head import behind, contradiction


def test_two_witnesses_that_sign_everything() -> None:
    """name witnesses whose keys sign everything by one fixed signature | whoever reads entry 0 | the keys' encoding"""
    sim = Sim.found(checked=False)
    pair = {"W1": NEUTRAL, "W2": SAME_NEUTRAL}
    for public in pair.values():  # what the lie rests on: the library alone takes both, for any head
        verify_ed25519(public, b"any head at all", FIXED, "a head")
    lines = [f"witness {name} {vkey(name, KeyType.COSIGNATURE_V1, public)}" for name, public in pair.items()]
    policy = "\n".join([*lines, "group both all W1 W2", "quorum both", ""])
    body = replace(sim.founding, witness_policy=policy).body()
    with pytest.raises(Malformed, match="small order"):
        parse_founding(Entry(Kind.FOUNDED, body, None, None, sim.clock, CHAIN_START, b""))


def indexed(*, operator_in: str | None = None) -> Sim:
    """A ledger with one batch and a sealed index; the operator's address is admitted from a country, or from none."""
    sim = Sim.found(checked=False)
    if operator_in is not None:
        sim.admit("operator", Role.CARRIER, operator_in)
    sim.register_batch(sim.maker("aurora", "9521234"), public=True)
    sim.seal_index()
    return sim


def proof(sim: Sim) -> Report:
    """What a reader finds in the proof of a product, which rests on the confirmed index if there is one."""
    (batch,) = sim.record.batches.values()
    unit = UnitCode(Gtin(batch.gtin), Lot(batch.lot), Serial("S0001"))
    return check_evidence(sim.proofs().for_unit(unit), pin=sim.pin, unwitnessed=True)


def test_confirming_by_a_former_operator_key() -> None:
    """confirm the index with a key that was the operator's before | whoever checks, any auditor | who was named when"""
    sim = indexed()
    former = sim.admit("operator", Role.AUDITOR, "BR")
    sim.decide(Proposal.OPERATOR_SET, logId="0x" + sim.founding.log_id.hex(), operator=actor("next").address)
    sim.confirm_index(former)
    assert sim.record.confirmed_index is None, "nothing rests on it"
    assert proof(sim).shows["index"] is None
    assert any("nobody but the operator" in note for note in sim.audit().notes)
    sim.confirm_index(sim.authorities[1])
    assert any("was, the operator" in note for note in sim.audit().notes)


def test_confirming_from_the_operator_s_own_country() -> None:
    """confirm the index by an auditor of the operator's own country | whoever checks, any auditor | both admissions"""
    sim = indexed(operator_in="NL")
    sim.confirm_index(sim.admit("friendly auditor", Role.AUDITOR, "NL"))
    assert sim.record.confirmed_index is None
    assert proof(sim).shows["index"] is None
    sim.confirm_index(sim.authorities[2])
    report = proof(sim)
    assert report.ok
    assert report.shows["index"]["independent"] is True
    assert [(one["country"], one["counts"]) for one in report.shows["index"]["confirmed_by"]] == [("BR", True)]


def test_confirming_alone_from_a_country_that_may_be_the_operator_s() -> None:
    """call one friendly country's confirmation independent | whoever checks, any auditor | the countries, one or two"""
    sim = indexed()
    sim.confirm_index(sim.authorities[0])
    alone = proof(sim)
    assert alone.ok
    assert alone.shows["index"]["independent"] is False
    assert any(words.startswith("That NL, which alone confirmed") for words in alone.does_not_show)
    assert any("NL alone confirmed the index" in note for note in sim.audit().notes)
    sim.confirm_index(sim.authorities[2])
    both = proof(sim)
    assert [one["country"] for one in both.shows["index"]["confirmed_by"]] == ["NL", "BR"]
    assert both.shows["index"]["independent"] is True
    assert not any("alone confirmed" in words for words in both.does_not_show)


def test_confirming_with_a_stolen_key() -> None:
    """let a stolen auditor's key confirm | whoever checks after its suspension, any auditor | when that took effect"""
    sim = indexed(operator_in="KE")
    auditor = sim.admit("auditor", Role.AUDITOR, "BR")
    before = sim.clock
    sim.confirm_index(auditor)
    assert proof(sim).shows["index"]["independent"] is True
    sim.suspend(auditor, kind=2, effective_at=before)
    assert proof(sim).shows["index"] is None
    assert any("suspension had taken effect" in note for note in sim.audit().notes)


def head(sim: Sim) -> Checkpoint:
    """The head that a ledger shows."""
    return open_head(sim.notes[sim.size()], sim.founding).checkpoint


def test_showing_one_device_two_histories() -> None:
    """show a device another history, or a shorter one, than before | `receipt check` | both signed heads, kept"""
    sim = indexed()
    seen = head(sim)
    sim.seal()
    tree = CheckedTiles(sim.tile, sim.size(), sim.root()).hashes
    now = head(sim)
    assert contradiction(seen, now, tree) is None
    assert contradiction(now, now, tree) is None
    assert behind(seen, now) is None
    assert (behind(now, seen) or "").startswith(f"{seen.size} entries are shown now, and {now.size} were signed before")
    rival = Sim.found(checked=False)
    while rival.size() <= seen.size:
        rival.seal()
    fork = CheckedTiles(rival.tile, rival.size(), rival.root()).hashes
    wrong = contradiction(seen, head(rival), fork)
    assert wrong is not None
    assert "signed two histories" in wrong
