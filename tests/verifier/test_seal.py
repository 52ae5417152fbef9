"""Seals and receipts: what is promised, what keeps it, what shows that it was broken, and nothing shows the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim import Sim, secret
from tests.verifier import seal_vectors
from tests.verifier.seal_vectors import FILE, code_of, evidence, scene
from verifier import canonical
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused
from verifier.evidence.explain import explain
from verifier.reading.label import label_message
from verifier.record.seal import (
    LEAVES_MIN,
    Seal,
    SealAbsence,
    SealMembership,
    SealNeighbour,
    build_seal,
    check_leaves,
    find_leaf,
    padded_leaves,
    parse_seal,
    prove_leaf,
    split_leaves,
    verify_seal_absence,
    verify_seal_membership,
)
from verifier.record.statement import Kind
from verifier.scan.evidence import SCAN_STEPS, check_scan_evidence
from verifier.scan.evidence_file import decode_scan_evidence, encode_scan_evidence
from verifier.scan.receipt import (
    DEADLINE_MAX,
    SEAL_MAX,
    encode_scan,
    parse_receipt,
    receipt_message,
    scan_leaf,
    sign_receipt,
    verify_receipt,
)
from verifier.tree.merkle import root_of
from verifier.tree.note import Note

SHARED = json.loads(FILE.read_text())
leaf_bytes = st.binary(min_size=32, max_size=32)
# common prefixes, and neighbours that differ in their last bits
close = st.builds(lambda a, b: bytes(30) + bytes([a, b]), st.integers(0, 3), st.integers(0, 255))
leaf_sets = st.sets(leaf_bytes | close, max_size=70)


class Draws:
    """Padding that can be told apart."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, size: int) -> bytes:
        self.number += 1
        return hashlib.sha256(b"pad" + self.number.to_bytes(4, "big")).digest()[:size]


# seals


@given(leaf_sets)
def test_a_seal_holds_its_leaves_padded_to_a_power_of_two_and_nothing_else(given: set[bytes]) -> None:
    draws = Draws()
    data = padded_leaves(given, draws)
    split = split_leaves(data)
    assert len(split) == max(LEAVES_MIN, 1 << max(len(given) - 1, 0).bit_length())
    assert len(split) < 2 * max(len(given), LEAVES_MIN), "no more padding than it takes"
    assert split == sorted(set(split))
    assert given <= set(split)
    assert draws.number == len(split) - len(given)
    seal = build_seal(7, data)
    assert seal == Seal(7, len(split), root_of(split)), "the leaves are leaf hashes of the tree"
    assert parse_seal(seal.body()) == seal
    check_leaves(seal, data)


@given(leaf_sets, leaf_bytes | close)
def test_each_leaf_is_proved_in_and_every_other_one_out(given: set[bytes], other: bytes) -> None:
    data = padded_leaves(given, Draws())
    seal, split = build_seal(0, data), split_leaves(data)
    for leaf in {*given, split[0], split[-1]}:
        proof = prove_leaf(data, leaf)
        assert isinstance(proof, SealMembership)
        assert (find_leaf(data, leaf), split[proof.position]) == (proof.position, leaf)
        verify_seal_membership(seal, leaf, proof)
    proof = prove_leaf(data, other)
    if other in split:
        assert isinstance(proof, SealMembership)
    else:
        assert isinstance(proof, SealAbsence)
        verify_seal_absence(seal, other, proof)
        assert find_leaf(data, other) is None
        for neighbour in proof.neighbours:
            with pytest.raises(ProofInvalid):
                verify_seal_membership(seal, other, neighbour.place)


@given(leaf_sets, st.data())
def test_no_pair_of_leaves_proves_a_sealed_one_absent(given: set[bytes], data: st.DataObject) -> None:
    """Any one or two true leaves of the seal, at their true places: a leaf that is there is never proved absent."""
    leaves = padded_leaves(given, Draws())
    seal, split = build_seal(0, leaves), split_leaves(leaves)
    leaf = data.draw(st.sampled_from(split))
    shown = []
    for at in data.draw(st.lists(st.integers(0, len(split) - 1), max_size=2)):
        proof = prove_leaf(leaves, split[at])
        assert isinstance(proof, SealMembership)
        shown.append(SealNeighbour(split[at], proof))
    with pytest.raises(ProofInvalid):
        verify_seal_absence(seal, leaf, SealAbsence(tuple(shown)))


@given(leaf_sets.filter(bool), st.data())
def test_changed_leaves_are_another_seal(given: set[bytes], data: st.DataObject) -> None:
    leaves = padded_leaves(given, Draws())
    seal = build_seal(3, leaves)
    at, bit = data.draw(st.integers(0, len(leaves) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(leaves)
    changed[at] ^= 1 << bit
    with pytest.raises((Malformed, ProofInvalid)):
        check_leaves(seal, bytes(changed))
    with pytest.raises((Malformed, ProofInvalid)):
        check_leaves(seal, padded_leaves([*split_leaves(leaves), secret("one more")], Draws()))


def test_too_many_leaves_or_no_leaves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Malformed):
        padded_leaves([b"short"], Draws())
    monkeypatch.setattr("verifier.record.seal.LEAVES_MAX", 32)
    assert len(padded_leaves([secret(str(n)) for n in range(32)], Draws())) == 32 * 32
    with pytest.raises(Malformed):
        padded_leaves([secret(str(n)) for n in range(33)], Draws())


# receipts

scan_text = st.text(st.characters(codec="utf-8"), max_size=40)
scans = st.fixed_dictionaries(
    {
        **dict.fromkeys(("id", "code", "scanned_at", "device", "officer", "context", "verdict", "log_size"), scan_text),
        **dict.fromkeys(("country", "unlocode", "latitude", "longitude"), st.none() | scan_text),
        "reasons": st.lists(scan_text, max_size=4),
    }
)
numbers, deadlines = st.integers(0, SEAL_MAX), st.integers(0, DEADLINE_MAX)


@given(scans, leaf_bytes, numbers, deadlines)
def test_a_receipt_comes_back_from_json_and_holds(scan: dict[str, Any], salt: bytes, seal: int, deadline: int) -> None:
    sim, _ = scene()
    raw = encode_scan(scan)
    receipt = sign_receipt(sim.log_key, sim.founding.log_id, raw, salt, seal, deadline)
    again = parse_receipt(json.loads(json.dumps(receipt.to_json())))
    assert again == receipt
    assert sign_receipt(sim.log_key, sim.founding.log_id, raw, salt, seal, deadline) == receipt, "the same bytes again"
    verify_receipt(again, sim.founding.log_id, sim.founding.log_keys)
    assert receipt.leaf == hashlib.sha256(b"\x00\x04" + salt + raw).digest() == scan_leaf(salt, raw)


@given(leaf_bytes, leaf_bytes, numbers, deadlines)
def test_what_is_signed_is_never_a_note_a_cosignature_or_a_label(
    log_id: bytes, leaf: bytes, seal: int, deadline: int
) -> None:
    """The log's key signs notes as well: a promise that reads as a checkpoint would be a forged head."""
    message = receipt_message(log_id, leaf, seal, deadline)
    assert len(message) == 95
    assert 0 in message, "no note text holds a NUL, and no promise goes without"
    with pytest.raises(Malformed):
        Note.parse(message + "\n— carnet/scan/v1 AAAAAAAA\n".encode())
    assert not message.startswith(b"cosignature/v1\n")
    assert not message.startswith(label_message(bytes(32), "", "", "")[:16])


@pytest.mark.parametrize(("seal", "deadline"), [(-1, 0), (SEAL_MAX + 1, 0), (0, -1), (0, DEADLINE_MAX + 1)])
def test_numbers_beyond_what_a_receipt_carries_are_never_signed(seal: int, deadline: int) -> None:
    with pytest.raises(Malformed):
        receipt_message(bytes(32), bytes(32), seal, deadline)


# evidence


def check(value: dict[str, Any]) -> Any:
    return check_scan_evidence(canonical.encode(value), pin=scene()[0].pin)


@pytest.mark.parametrize("state", ["kept", "missing", "late", "overdue"])
def test_a_court_reads_what_became_of_a_promise(state: str) -> None:
    report = check(evidence(state))
    assert report.ok
    assert [step.step for step in report.steps] == list(SCAN_STEPS)
    assert [step.ok for step in report.steps] == [name != "witnesses" or None for name in SCAN_STEPS]
    promise = report.shows["promise"]
    assert (promise["state"], promise["broken"]) == (state, state != "kept")
    assert report.shows["scan"] == evidence(state)["receipt"]["scan"]
    lines = "\n".join(explain(report))
    assert ("The operator broke its promise" in lines) == (state != "kept")
    assert "printed codes can be copied" in lines
    json.dumps(report.to_json())


def test_nothing_is_shown_while_the_time_is_not_up() -> None:
    sim, promises = scene()
    assert sim.evidence(promises["pending"]) is None


def test_a_seal_whose_leaves_are_withheld_shows_nothing() -> None:
    sim, promises = scene()
    taken = sim.sealed.pop(0)
    try:
        with pytest.raises(NotFound) as withheld:
            sim.evidence(promises["kept"])
        assert withheld.value.code == "seal_missing"
    finally:
        sim.sealed[0] = taken


def test_an_overdue_seal_behind_too_many_entries_is_left_to_an_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    sim, promises = scene()
    monkeypatch.setattr("verifier.scan.search.ENTRIES_MAX", 3)
    with pytest.raises(Refused) as refused:
        sim.evidence(promises["overdue"])
    assert refused.value.code == "seal_run"


def test_the_first_seal_of_a_log_can_be_overdue() -> None:
    sim = Sim.found()
    receipt = sim.promise("FIRST", within=0)
    sim.maker("aurora", "9521234")
    raw = sim.evidence(receipt)
    assert raw is not None
    assert check_scan_evidence(raw, pin=sim.pin).shows["promise"]["state"] == "overdue"


def test_witnesses_are_counted_by_the_policy_of_entry_0() -> None:
    sim = Sim.found(witnesses=("kenya", "brazil"))
    receipt = sim.promise("SEEN")
    sim.seal([receipt.leaf])
    raw = sim.evidence(receipt)
    assert raw is not None
    file, whole = decode_scan_evidence(raw), Note.parse(sim.notes[sim.size()])
    notes = [replace(whole, signatures=whole.signatures[:count]) for count in (1, 2, 3)]

    def step(note: bytes) -> tuple[bool, bool | None, str]:
        report = check_scan_evidence(encode_scan_evidence(replace(file, checkpoint=note)), pin=sim.pin)
        found = next(step for step in report.steps if step.step == "witnesses")
        return report.ok, found.ok, found.words + " ".join(report.does_not_show)

    for note in notes[:2]:  # nobody, and one of two
        ok, seen, words = step(note.format())
        assert (ok, seen, "no quorum" in words) == (True, None, True)
    ok, seen, words = step(notes[2].format())
    assert (ok, seen, "no quorum" in words) == (True, True, False)
    assert "cosigned this head" in words
    forged = replace(notes[2].signatures[2], signature=bytes(72))
    ok, seen, _ = step(replace(notes[2], signatures=(*notes[2].signatures[:2], forged)).format())
    assert (ok, seen) == (False, None), "a known witness's wrong signature spoils the whole note"


@given(st.sampled_from(["kept", "missing", "late", "overdue"]), st.data())
@settings(max_examples=300)
def test_no_changed_byte_turns_one_fate_into_another(state: str, data: st.DataObject) -> None:
    """A file with any byte changed shows the same fate of the same scan, or nothing at all."""
    raw = bytearray(canonical.encode(evidence(state)))
    at, value = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 255))
    raw[at] = value
    report = check_scan_evidence(bytes(raw), pin=scene()[0].pin)
    if report.ok:
        assert report.shows["promise"]["state"] == state
        assert report.shows["receipt"] == check(evidence(state)).shows["receipt"]


@given(st.binary(max_size=300))
def test_no_bytes_make_the_check_fall_over(raw: bytes) -> None:
    assert not check_scan_evidence(raw, pin=scene()[0].pin).ok


def test_what_is_decoded_is_encoded_to_the_same_bytes() -> None:
    for name in ("kept", "missing", "late", "overdue"):
        raw = canonical.encode(evidence(name))
        assert encode_scan_evidence(decode_scan_evidence(raw)) == raw


# audit


def damaged(change: Callable[[dict[int, bytes]], None]) -> set[tuple[str, str]]:
    sim, _ = scene()
    kept = dict(sim.sealed)
    try:
        change(sim.sealed)
        return {(finding.at, finding.code) for finding in sim.audit().findings}
    finally:
        sim.sealed.clear()
        sim.sealed.update(kept)


def test_an_audit_derives_every_seal_from_its_leaves() -> None:
    sim, _ = scene()
    report = sim.audit()
    assert report.ok
    assert (report.counts["seals"], report.counts["sealed leaves"]) == (3, 32 + 16 + 16)
    at = f"seal 0 of entry {sim.record.seals[0].index}"
    split = split_leaves(sim.sealed[0])
    assert damaged(lambda kept: kept.pop(0)) == {(at, "seal_missing")}
    assert damaged(lambda kept: kept.update({0: kept[0][:-1]})) == {(at, "seal_length")}
    assert damaged(lambda kept: kept.update({0: kept[0][:-32]})) == {(at, "seal_count")}
    assert damaged(lambda kept: kept.update({0: kept[1]})) == {(at, "seal_count")}
    assert damaged(lambda kept: kept.update({0: b"".join(reversed(split))})) == {(at, "seal_unsorted")}
    other = b"".join(sorted([*split[1:], secret("another")]))
    assert damaged(lambda kept: kept.update({0: other})) == {(at, "seal_root")}


def test_a_gap_between_seals_is_found_once() -> None:
    sim = Sim.found(checked=False)
    sim.seal()
    for number in (2, 3):
        sim.sealed[number] = padded_leaves([], Draws())
        sim.force(Kind.SCANS_SEALED, build_seal(number, sim.sealed[number]).body(), None, None)
    report = sim.audit()
    assert [(finding.at, finding.code) for finding in report.findings] == [("entry 3", "seal_gap")]


# vectors shared with other implementations


def test_the_shared_vectors_are_those_of_the_scene() -> None:
    assert seal_vectors.vectors() == SHARED


@pytest.mark.parametrize("case", SHARED["receipts"], ids=lambda case: case["name"])
def test_vector_of_receipts(case: dict[str, Any]) -> None:
    founding = scene()[0].founding
    code = code_of(lambda: verify_receipt(parse_receipt(case["receipt"]), founding.log_id, founding.log_keys))
    assert (code, code is None) == (case["code"], case["name"] == "good")


@pytest.mark.parametrize("case", SHARED["leaves"], ids=lambda case: case["name"])
def test_vector_of_leaves(case: dict[str, Any]) -> None:
    code = code_of(lambda: build_seal(0, bytes.fromhex(case["leaves"])))
    assert (code, code is None) == (case["code"], case["name"] == "good")


@pytest.mark.parametrize("case", SHARED["membership"], ids=lambda case: case["name"])
def test_vector_of_membership(case: dict[str, Any]) -> None:
    seal, leaf = parse_seal(SHARED["seal"]["body"]), bytes.fromhex(case["leaf"])
    proof = SealMembership(case["proof"]["position"], tuple(bytes.fromhex(node) for node in case["proof"]["path"]))
    code = code_of(lambda: verify_seal_membership(seal, leaf, proof))
    assert (code is None) == (case["name"] == "good")


@pytest.mark.parametrize("case", SHARED["absence"], ids=lambda case: case["name"])
def test_vector_of_absence(case: dict[str, Any]) -> None:
    seal, leaf = parse_seal(SHARED["seal"]["body"]), bytes.fromhex(case["leaf"])
    neighbours = tuple(
        SealNeighbour(
            bytes.fromhex(one["leaf"]),
            SealMembership(one["position"], tuple(bytes.fromhex(node) for node in one["path"])),
        )
        for one in case["proof"]
    )
    code = code_of(lambda: verify_seal_absence(seal, leaf, SealAbsence(neighbours)))
    assert (code is None) == case["name"].startswith("good")


@pytest.mark.parametrize("case", SHARED["evidence"], ids=lambda case: case["name"])
def test_vector_of_evidence(case: dict[str, Any]) -> None:
    report = check_scan_evidence(canonical.encode(case["file"]), pin=bytes.fromhex(SHARED["pin"]))
    assert (report.failed.step if report.failed else None) == case["failed"]
    assert (case["failed"] is None) == (case["name"] in ("kept", "missing", "late", "overdue"))
    if report.ok:
        assert report.shows["promise"]["state"] == case["state"] == case["name"]


def test_the_page_on_seals_prints_the_message_of_the_vectors() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "seal.md").read_text(encoding="utf-8")
    assert SHARED["message"]["bytes"] in page.replace("\n", "")
    assert SHARED["message"]["scan"] in page.replace("\n", "")
