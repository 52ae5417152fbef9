"""Evidence: what a file proves to somebody who holds one value, and that every change of it is refused."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim import ANCHOR, Sim, actor, secret, sign_unit
from tests.verifier.evidence_vectors import (
    CASES,
    FOLDER,
    MISSING,
    PREFIX,
    SERIAL,
    absence_file,
    pin,
    scene,
    shown,
    unit_file,
    with_anchor,
)
from verifier import canonical
from verifier.chain.event import Block
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.evidence.evidence import check_evidence
from verifier.evidence.explain import STEPS, Report, explain
from verifier.evidence.file import SPEC, EvidenceFile, decode_evidence, encode_evidence
from verifier.record.batch import RetireReason
from verifier.record.participant import Role
from verifier.record.statement import Kind, Proposal
from verifier.tree.merkle import leaf_hash
from verifier.tree.tlog_proof import TlogProof


def check(file: EvidenceFile | bytes, sim: Sim | None = None, **options: Any) -> Report:
    raw = file if isinstance(file, bytes) else encode_evidence(file)
    return check_evidence(raw, pin=(sim or scene().sim).pin, **options)


def failed(report: Report) -> str | None:
    return report.failed.step if report.failed else None


# what files prove


def test_a_registered_unit_is_proved_step_by_step() -> None:
    here = scene()
    signed = sign_unit(here.sim, here.open, SERIAL)
    report = check(unit_file(), code=here.open.code(SERIAL, signature=signed), chain=here.sim)
    assert report.ok
    assert [step.step for step in report.steps] == list(STEPS)
    assert {step.step for step in report.steps if not step.ok} == {"witnesses", "index", "decisions"}, "it has none"
    assert report.shows["unit"]["state"] == "present"
    assert report.shows["batch"]["maker"] == here.maker.address
    assert report.shows["label"] == "valid"
    assert report.shows["anchor"]["seen_on_chain"]
    assert report.shows["log"]["size"] == here.sim.size()


def test_adverse_facts_stand_in_the_same_file() -> None:
    here = scene()
    sold = check(here.sim.proofs().for_unit(here.open.code(SERIAL)))
    assert sold.shows["unit"]["retired"] == {"sold": {"entry": 9, "this_unit": "yes"}}
    assert sold.shows["batch"]["recall"] is None  # recalled, and undone: both entries are in the file
    unsold = check(here.sim.proofs().for_unit(here.open.code("S0080")))
    assert unsold.shows["unit"]["retired"]["sold"]["this_unit"] == "no"
    stolen = check(here.sim.proofs().for_unit(here.hidden.code(SERIAL)))
    assert stolen.shows["unit"]["retired"]["stolen"]["this_unit"] == "yes"
    assert stolen.shows["batch"]["recall"]["reason"] == "seal may leak"
    lines = "\n".join(explain(stolen))
    assert "was recalled in entry 11: seal may leak" in lines
    assert "This unit was reported stolen in entry 10" in lines


def test_the_retired_set_may_be_left_out_but_not_made_up() -> None:
    file = unit_file()
    assert file.unit is not None
    silent = check(replace(file, unit=replace(file.unit, retired=())))
    assert silent.ok
    assert silent.shows["unit"]["retired"]["sold"]["this_unit"] == "not_shown"
    assert "doesn't say" in "\n".join(explain(silent))
    other = decode_evidence(scene().sim.proofs().for_unit(scene().open.code("S0080"))).unit
    assert other is not None
    assert failed(check(replace(file, unit=replace(file.unit, retired=other.retired)))) == "unit"
    elsewhere = replace(file.unit.retired[0], entry=10)
    assert failed(check(replace(file, unit=replace(file.unit, retired=(elsewhere,))))) == "unit"


def test_an_absent_unit_is_proved_where_the_salt_is_public() -> None:
    report = check(absence_file(), code=scene().open.code(MISSING))
    assert report.ok
    assert report.shows["unit"]["state"] == "absent"
    assert "is not among the registered units" in "\n".join(explain(report))


def test_absence_under_a_hidden_salt_needs_the_salt() -> None:
    file, batch = absence_file(hidden=True), scene().hidden
    untold = check(file)
    assert (untold.ok, untold.failed, untold.unproved) == (False, None, "unit")
    assert untold.shows["unit"]["state"] == "not_proved"
    assert untold.shows["unit"]["retired"]["stolen"]["this_unit"] == "not_shown"
    assert "could not be told" in "\n".join(explain(untold))
    assert batch.salt.hex().encode() not in (file.proof.extra or b"")
    assert all(batch.salt.hex().encode() not in entry.data for entry in file.shown())
    assert check(file, salt=batch.salt).ok
    assert failed(check(file, salt=secret("another salt"))) == "unit"


def test_a_made_up_blind_never_makes_a_registered_unit_absent() -> None:
    raw = CASES["absence-forged-blind"].raw()
    assert not check(raw).ok
    assert failed(check(raw, salt=scene().hidden.salt)) == "unit"
    assert not check(CASES["absence-forged-blind-public-salt"].raw()).ok


@pytest.mark.parametrize("index", range(scene().sim.size()))
def test_every_entry_has_a_receipt(index: int) -> None:
    sim = scene().sim
    report = check(sim.proofs().for_entry(index), chain=sim)
    assert report.ok
    assert report.shows["entry"]["index"] == index
    assert report.shows["entry"]["leaf"] == "0x" + leaf_hash(sim.entries[index]).hex()


def test_a_file_is_about_the_code_that_was_read() -> None:
    here = scene()
    assert check(unit_file(), code=here.open.code(SERIAL)).ok
    assert check(unit_file(), code=here.open.code(SERIAL, lot=None)).ok  # a code without a lot names no other one
    receipt = here.sim.proofs().for_entry(here.open.index)
    for code in (here.open.code("S0004"), here.open.code(SERIAL, lot="HIDDEN"), here.open.code(SERIAL, lot="open")):
        assert failed(check(unit_file(), code=code)) == "code"
    assert failed(check(receipt, code=here.open.code(SERIAL))) == "code"
    forged = here.open.code(SERIAL, signature=sign_unit(here.sim, here.open, "S0004"))
    assert failed(check(unit_file(), code=forged)) == "label"
    assert failed(check(unit_file(), code=here.open.code(SERIAL, signature="garbage"))) == "label"


def test_what_is_not_shown_is_always_said() -> None:
    sim = scene().sim
    for report in (check(CASES[name].raw()) for name in CASES):
        if report.failed is not None:
            assert report.does_not_show == (), "of a file that fails only where it does"
            continue
        said = " ".join(report.does_not_show)
        assert "recall" in said
        assert "left out" in said
        assert "no witnesses" in said
    assert "no node of that chain was asked" in " ".join(check(unit_file()).does_not_show)
    assert "no node of that chain" not in " ".join(check(unit_file(), chain=sim).does_not_show)
    assert "carries no anchor" in " ".join(check(replace(unit_file(), anchor=None)).does_not_show)
    assert "does not show that this item is genuine" in " ".join(check(unit_file()).does_not_show)


def test_a_file_that_fails_says_where_and_nothing_of_what_was_not_looked_at() -> None:
    lines = explain(check_evidence(encode_evidence(unit_file()), pin=bytes(32)))
    assert [line.split()[1] for line in lines[:-2]] == ["file:", "code:", "founding:"]
    assert lines[-2] == "This file proves nothing: it fails at 'founding'."
    assert lines[-1].startswith("The check stopped there and did not look at: checkpoint, witnesses, inclusion")
    assert not any(word in " ".join(lines[:-1]) for word in ("recall", "anchor", "genuine", "chain"))
    whole = check_evidence(b"", pin=bytes(32))
    assert (whole.failed and whole.failed.step, whole.does_not_show, dict(whole.shows)) == ("file", (), {})


# flaws


@pytest.mark.parametrize("name", CASES)
def test_each_flaw_is_named_by_its_step(name: str) -> None:
    case = CASES[name]
    report = check_evidence(case.raw(), pin=pin(name))
    assert (failed(report), report.unproved) == (case.failed, case.unproved)
    assert report.ok == (case.failed is None and case.unproved is None)
    later = list(STEPS)[list(STEPS).index(case.failed) + 1 :] if case.failed else []
    assert all(step.ok is None for step in report.steps if step.step in later)
    assert report.shows == {} or report.failed is None
    assert json.loads(json.dumps(report.to_json()))["ok"] == report.ok
    assert explain(report)


@pytest.mark.parametrize("name", CASES)
def test_the_shared_vectors_are_these_files(name: str) -> None:
    """Written by `python -m tests.verifier.evidence_vectors`; other implementations read them."""
    listed = {case["file"]: case for case in json.loads((FOLDER / "cases.json").read_text())}
    assert (FOLDER / f"{name}.tlog-proof").read_bytes() == CASES[name].raw()
    assert listed[f"{name}.tlog-proof"] == {
        "file": f"{name}.tlog-proof",
        "pin": pin(name).hex(),
        "failed": CASES[name].failed,
        "unproved": CASES[name].unproved,
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every single value in JSON."""
    if isinstance(value, Mapping):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for key, element in enumerate(value):
            yield from places(element, (*path, key))
    elif value is not None:
        yield path


def mutated(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, int):
        return value + 1
    if len(value) > 200:  # bytes of an entry: flip one bit in the middle of what they stand for
        data = bytearray(base64.b64decode(value))
        data[len(data) // 2] ^= 1
        return base64.b64encode(data).decode()
    last = value[-1]
    return value[:-1] + ("B" if last == "A" else "A" if last.isupper() else "1" if last == "0" else "0")


def changed_at(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return mutated(value)
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = changed_at(copy[path[0]], path[1:])
    return copy


FILES = ("unit", "unit-hidden-salt", "absence", "receipt-of-a-recall")


@pytest.mark.parametrize("name", FILES)
def test_one_changed_value_is_refused_wherever_it_stands(name: str) -> None:
    raw = CASES[name].raw()
    proof = TlogProof.decode(raw)
    extra = canonical.decode(proof.extra or b"")
    code = scene().sim
    paths = list(places(extra))
    assert {path[0] for path in paths} >= {"spec", "entry", "entries", "anchor"}
    for path in paths:
        other = replace(proof, extra=canonical.encode(changed_at(extra, path))).encode()
        report = check(other, chain=code)
        assert report.failed is not None, path
    for line in range(len(proof.path)):
        path_ = tuple(bytes([node[0] ^ 1]) + node[1:] if at == line else node for at, node in enumerate(proof.path))
        assert failed(check(replace(proof, path=path_).encode())) == "inclusion"
    for index in (proof.index + 1, proof.index - 1, 10**6):
        assert not check(replace(proof, index=index).encode()).ok


@pytest.mark.parametrize("name", FILES)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_no_flipped_bit_survives(name: str, at: int, bit: int) -> None:
    raw = bytearray(CASES[name].raw())
    raw[at % len(raw)] ^= 1 << bit
    assert not check(bytes(raw), chain=scene().sim).ok


@given(raw=st.binary(max_size=400))
def test_no_bytes_make_the_check_fail_in_another_way(raw: bytes) -> None:
    for given_ in (raw, b"c2sp.org/tlog-proof@v1\nextra " + base64.b64encode(raw) + b"\nindex 0\n\n" + raw):
        report = check(given_)
        assert failed(report) == "file"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", ["unit", "absence"])
@given(data=st.data())
@settings(deadline=None)
def test_no_json_in_any_place_makes_it_fail_in_another_way(name: str, data: st.DataObject) -> None:
    proof = TlogProof.decode(CASES[name].raw())
    extra = canonical.decode(proof.extra or b"")
    path = data.draw(st.sampled_from([*places(extra), ("unit",), ("anchor",), ("entries",), ("unit", "absence")]))
    value = data.draw(json_values)

    def put(into: Any, rest: tuple[Any, ...]) -> Any:
        if not rest:
            return value
        copy: Any = dict(into) if isinstance(into, Mapping) else list(into)
        copy[rest[0]] = put(copy[rest[0]], rest[1:])
        return copy

    report = check(replace(proof, extra=canonical.encode(put(extra, path))).encode())
    assert report.failed is None or report.failed.step in STEPS


def test_lists_longer_than_any_honest_file_are_refused() -> None:
    proof = TlogProof.decode(CASES["unit"].raw())
    extra = canonical.decode(proof.extra or b"")
    many = [{**extra["entries"][0], "index": index} for index in range(100, 100 + 1_025)]
    for key, value in (("entries", many), ("entry", "AAAA" * 30_000), ("label", "A" * 104), ("label", "")):
        raw = replace(proof, extra=canonical.encode({**extra, key: value})).encode()
        with pytest.raises(Malformed):
            decode_evidence(raw)
    small = replace(proof, extra=canonical.encode({**extra, "label": extra["label"].lower()})).encode()
    with pytest.raises(Malformed):
        decode_evidence(small)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].failed != "file"])
def test_files_come_back_as_they_were(name: str) -> None:
    raw = CASES[name].raw()
    assert encode_evidence(decode_evidence(raw)) == raw


# the chain


class Node:
    """A node that answers what it is told to."""

    def __init__(self, sim: Sim, **changes: Any) -> None:
        self._sim, self._changes = sim, changes

    def chain_id(self) -> int:
        return int(self._changes.get("chain_id", self._sim.chain_id()))

    def logs(self, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        if self._changes.get("down"):
            raise Unavailable("couldn't reach the chain")
        return [{**log, **self._changes.get("log", {})} for log in self._sim.logs(query)]

    def block(self, number: int | None = None) -> Block | None:
        return self._sim.block(number)

    def call(self, address: str, data: bytes, block: int) -> bytes:
        return bytes(self._changes.get("state", self._sim.call(address, data, block)))


def word(number: int) -> str:
    return f"0x{number:064x}"


LIES: list[dict[str, Any]] = [
    {"transactionHash": word(5)},
    {"blockHash": word(5)},
    {"blockNumber": "0x1"},
    {"data": word(5) + word(0)[2:]},
    {"data": "0x"},
    {"data": None},
    {"topics": []},
    {"topics": "0x"},
    {"address": "0x" + "33" * 20},
    {"address": None},
    {"removed": True},
    {"blockNumber": None},
    {"logIndex": "x"},
    {"transactionHash": "0x00"},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_an_event_that_differs_is_not_the_anchor(lie: dict[str, Any]) -> None:
    assert failed(check(unit_file(), chain=Node(scene().sim, log=lie))) == "chain"


def test_a_node_of_another_chain_or_without_the_event_is_no_help() -> None:
    sim = scene().sim
    assert failed(check(unit_file(), chain=Node(sim, chain_id=1))) == "chain"
    never = Sim.found(checked=False)
    never.blocks = sim.blocks  # the same blocks, and no anchor in any
    assert failed(check(unit_file(), chain=never)) == "chain"
    assert failed(check(with_anchor(transaction=word(9)), chain=sim)) == "chain"
    assert failed(check(with_anchor(block_number=2), chain=sim)) == "chain"
    assert failed(check(with_anchor(block_number=10**6), chain=sim)) == "chain"
    assert failed(check(with_anchor(previous_size=1), chain=sim)) == "chain"


def test_a_node_that_does_not_answer_leaves_the_step_open() -> None:
    report = check(unit_file(), chain=Node(scene().sim, down=True))
    assert report.ok
    assert {step.step: step.ok for step in report.steps}["chain"] is None
    assert "no node of that chain was asked" in " ".join(report.does_not_show)


def test_a_node_that_cannot_know_does_not_deny_an_anchor() -> None:
    """It lags behind the block, or it has pruned the events that the contract counts all the same."""
    sim = scene().sim
    behind, pruned = Sim.found(checked=False), Sim.found(checked=False)
    pruned.blocks, pruned.contracts = sim.blocks, sim.contracts
    for node in (behind, pruned):
        report = check(unit_file(), chain=node)
        assert {step.step: step.ok for step in report.steps}["chain"] is None


def test_an_anchor_of_a_size_that_the_contract_had_before_is_denied() -> None:
    """A real block, and a size that was anchored long before it: no node need keep old events to deny that."""
    sim = scene().sim
    number = next(int(one["blockNumber"], 16) for one in sim.events if one["address"] == ANCHOR)
    for earlier, ok in ((bytes(64), None), (b"", None), (sim.contracts[ANCHOR], False)):
        pruned = Sim.found(checked=False)
        pruned.blocks = {**sim.blocks, number - 1: Block(number - 1, word(7), sim.clock)}
        states = {number - 1: earlier, number: sim.contracts[ANCHOR]}
        pruned.call = lambda _address, _data, block, states=states: states[block]  # type: ignore[misc]
        report = check(unit_file(), chain=pruned)
        assert {step.step: step.ok for step in report.steps}["chain"] is ok


# votes and people over time


def test_votes_are_counted_as_they_were_when_it_was_decided() -> None:
    """Five countries, two of them suspended: two of three may admit, and the file shows why."""
    sim = Sim.found(("NL", "KE", "BR", "ZA", "JP"))
    sim.suspend(sim.authorities[0])
    sim.suspend(sim.authorities[1])
    maker = actor("aurora")
    body = {"participant": maker.address, "role": 1, "country": "NL", "nameHash": "0x" + "00" * 32}
    executed = sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, list(sim.authorities[2:4]))
    sim.append(Kind.PARTICIPANT_MIRRORED, executed.to_body(), None, None)
    sim.grant(maker, PREFIX)
    batch = sim.register_batch(maker, public=True)
    raw = sim.proofs().for_unit(batch.code(SERIAL))
    assert check(raw, sim).ok
    file = decode_evidence(raw)
    forgetful = replace(file, entries=tuple(entry for entry in file.entries if entry.index not in (2, 3)))
    assert failed(check(forgetful, sim)) == "participants"


def test_a_registration_after_the_suspension_took_effect_is_said_also_when_that_is_over() -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", "9521234")
    before = sim.clock
    batch = sim.register_batch(maker, units=3, markets=["KE", "NL"], expires="2031-01-31")
    sim.suspend(maker, 3, effective_at=before)
    sim.reinstate(maker)
    report = check_evidence(sim.proofs().for_unit(batch.code(batch.serials[0])), pin=sim.pin)
    assert (report.ok, report.shows["batch"]["registered_while_suspended"]) == (True, True)
    lines = "\n".join(explain(report))
    assert "after a suspension of its maker had taken effect" in lines
    assert "The maker is suspended since" not in lines
    assert "declared for KE, NL only" in lines
    assert "expiry date 2031-01-31" in lines


def test_a_prefix_that_moved_and_a_maker_suspended_later_are_shown() -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    sim.withdraw(maker, PREFIX)
    holder = sim.maker("borealis", PREFIX)
    sim.recall(holder, batch, "not ours")
    sim.suspend(maker, 3)
    report = check(sim.proofs().for_unit(batch.code(SERIAL)), sim)
    assert report.ok
    shows = report.shows["batch"]
    assert (shows["maker_holds_prefix"], shows["maker_suspended"]["kind"]) == (False, "fraud")
    lines = "\n".join(explain(report))
    assert "The maker is suspended since" in lines
    assert "no longer holds the company prefix" in lines


def test_a_withdrawn_registration_is_shown_as_such() -> None:
    sim = Sim.found()
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    sim.undo(maker, batch.id)
    report = check(sim.proofs().for_unit(batch.code(SERIAL)), sim)
    assert report.ok
    assert report.shows["batch"]["withdrawn"]
    assert "withdrawn that registration" in "\n".join(explain(report))


def test_customs_that_are_no_authority_bring_their_admission() -> None:
    sim = Sim.found()
    maker, customs = sim.maker("aurora", PREFIX), sim.admit("douane", Role.CUSTOMS, "FR")
    batch = sim.register_batch(maker, public=True)
    sim.retire(customs, batch, RetireReason.STOLEN, [SERIAL])
    report = check(sim.proofs().for_unit(batch.code(SERIAL)), sim)
    assert report.shows["unit"]["retired"]["stolen"]["this_unit"] == "yes"


def test_a_long_history_is_cut_to_what_is_in_force() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, units=40, public=True)
    for count in range(1, 40):
        sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:count])
    for number in range(100):
        recall = sim.recall(maker, batch, f"recall {number}")
        if number < 99:
            sim.undo(maker, recall)
    file = decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))
    assert len(file.entries) < 10
    report = check(file, sim)
    assert report.ok
    assert report.shows["batch"]["recall"]["reason"] == "recall 99"
    assert report.shows["unit"]["retired"]["sold"]["this_unit"] == "yes"
    kinds = {check(sim.proofs().for_entry(index), sim).shows["entry"]["kind"] for index in (4, 5, 30, 60, 61, 200, 201)}
    assert kinds == {"batch_registered", "units_retired", "batch_recalled", "undone"}
    sim.undo(maker, batch.id)
    assert check(sim.proofs().for_unit(batch.code(SERIAL)), sim).shows["batch"]["withdrawn"]
    sim.check()


# building


def test_proofs_are_refused_where_there_is_nothing_to_prove() -> None:
    here = scene()
    proofs = here.sim.proofs()
    nothing = replace(here.open.code(SERIAL), serial=None)
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: proofs.for_entry(here.sim.size()), NotFound, "entry_missing"),
        (lambda: proofs.for_entry(-1), NotFound, "entry_missing"),
        (lambda: proofs.for_unit(here.open.code(MISSING)), NotFound, "unit_unknown"),
        (lambda: proofs.for_unit(nothing), Refused, "no_serial"),
        (lambda: proofs.for_absence(nothing), Refused, "no_serial"),
        (lambda: proofs.for_absence(here.open.code(MISSING, lot=None)), Refused, "no_lot"),
        (lambda: proofs.for_absence(here.open.code(MISSING, lot="NONE")), NotFound, "batch_unknown"),
        (lambda: proofs.for_absence(here.open.code(SERIAL)), Refused, "unit_present"),
    ]
    for ask, kind, code in cases:
        with pytest.raises(kind) as refusal:
            ask()
        assert refusal.value.code == code  # type: ignore[attr-defined]


def test_a_unit_printed_with_another_lot_is_proved_in_the_lot_it_is_in() -> None:
    here = scene()
    code = here.open.code("S0050", lot="HIDDEN")  # HIDDEN has 17 units
    report = check(here.sim.proofs().for_unit(code))
    assert report.shows["unit"]["lot"] == "OPEN"
    assert failed(check(here.sim.proofs().for_unit(code), code=code)) == "code"


def test_a_wrong_label_signature_is_left_out_of_the_file() -> None:
    here = scene()
    for text in (sign_unit(here.sim, here.open, "S0004"), "garbage"):
        assert decode_evidence(here.sim.proofs().for_unit(here.open.code(SERIAL, signature=text))).label is None
    small = sign_unit(here.sim, here.open, SERIAL).lower()
    assert decode_evidence(here.sim.proofs().for_unit(here.open.code(SERIAL, signature=small))).label == small.upper()


def test_nothing_unsound_leaves_a_damaged_storage() -> None:
    def damaged() -> tuple[Sim, Any]:
        sim = Sim.found(checked=False)
        batch = sim.register_batch(sim.maker("aurora", PREFIX), public=True)
        return sim, batch

    sim, batch = damaged()
    sim.tamper(2, lambda entry: {**entry, "recorded_at": "2026-09-21T14:13:21.000Z"})
    with pytest.raises(ProofInvalid):
        sim.proofs().for_unit(batch.code(SERIAL))
    sim, batch = damaged()
    sim.notes[sim.size()] = sim.notes[sim.size()].replace(b"\n5\n", b"\n4\n").replace(b"\n4\n", b"\n3\n")
    with pytest.raises(ProofInvalid):
        sim.proofs().for_unit(batch.code(SERIAL))
    sim, batch = damaged()
    root = sim.batch(batch).segment_root
    data = bytearray(sim.segments[root])
    data[200] ^= 1
    sim.segments[root] = bytes(data)
    with pytest.raises((ProofInvalid, NotFound)):
        _ = [sim.proofs().for_unit(batch.code(serial)) for serial in batch.serials]


def test_an_entry_that_is_not_signed_yet_has_to_wait() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", PREFIX)
    del sim.notes[sim.size()]
    with pytest.raises(Unavailable) as refusal:
        sim.proofs().for_entry(sim.size() - 1)
    assert refusal.value.code == "not_signed_yet"
    assert check(sim.proofs().for_entry(1), sim).ok
    sim.notes.clear()
    with pytest.raises(Unavailable):
        sim.proofs().for_entry(0)
    assert maker.address in sim.record.standing.participants


def test_a_hidden_salt_that_was_lost_gives_no_answer() -> None:
    sim = Sim.found()
    batch = sim.register_batch(sim.maker("aurora", PREFIX))
    sim.salts.clear()
    for ask in (sim.proofs().for_unit, sim.proofs().for_absence):
        with pytest.raises(Unavailable) as refusal:
            ask(batch.code(SERIAL))
        assert refusal.value.code == "salt_missing"


def test_entries_shown_carry_their_own_paths() -> None:
    file = unit_file()
    indexes = [entry.index for entry in file.shown()]
    assert indexes == sorted(indexes)
    assert file.proof.index in indexes
    assert shown(scene().sim, file.proof.index) in file.shown()


def test_the_page_lists_every_step_in_order() -> None:
    page = (Path(__file__).parents[2] / "docs/spec/proof.md").read_text()
    table = page[page.index("| step |") : page.index("Entries are folded")]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(STEPS)
    assert SPEC in page
