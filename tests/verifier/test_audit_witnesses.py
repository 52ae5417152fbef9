"""The audit of a witnessed log: lines, quorum and clock; and going on from a former report."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim import Actor, MadeBatch, Sim, actor, secret
from verifier.audit.audit import audit
from verifier.audit.report import Former
from verifier.errors import Malformed, Refused
from verifier.instant import MINUTE
from verifier.record.entry import decode_entry
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.note import Note, NoteSignature, cosign_note
from verifier.tree.note_key import KeyType, SigningKey

SIZE = 8


@cache
def witnessed() -> Sim:
    """A log whose every head two witnesses cosigned."""
    sim = Sim.found(checked=False, witnesses=("douane", "custos"))
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker)
    while sim.size() < SIZE:
        sim.undo(maker, sim.recall(maker, batch))
    return sim


def story() -> Sim:
    return deepcopy(witnessed())


def found(sim: Sim) -> set[tuple[str, str]]:
    return {(finding.at, finding.code) for finding in sim.audit(chain=False).findings}


def recosign(sim: Sim, size: int, at: int) -> None:
    """The witnesses saw the head of this size at another time (ms)."""
    bare = sign_checkpoint(Checkpoint(sim.log_key.name, size, sim.root(size)), sim.log_key)
    sim.notes[size] = sim.cosigned(bare, at=at).format()


def recorded(sim: Sim, index: int) -> int:
    return decode_entry(sim.entries[index]).recorded_at


def test_a_witnessed_log_passes_and_every_line_was_looked_at() -> None:
    report = story().audit(chain=False)
    assert report.ok, report.findings
    assert report.counts["cosignatures"] == 2 * len(witnessed().notes)
    assert not [note for note in report.notes if "witness" in note]


def test_entries_that_await_their_witnesses_are_a_note() -> None:
    sim = story()
    size = sim.size()
    sim.notes[size] = sign_checkpoint(Checkpoint(sim.log_key.name, size, sim.root()), sim.log_key).format()
    report = sim.audit(chain=False)
    assert report.ok
    assert f"entries {size - 1} to {size - 1} await their witnesses" in report.notes


def test_a_log_that_no_quorum_confirmed_is_named() -> None:
    sim = story()
    for size in sim.notes:
        note = Note.parse(sim.notes[size])
        sim.notes[size] = Note(note.text, note.signatures[:2]).format()
    assert found(sim) == {("checkpoints", "quorum_missing")}


def test_a_cosignature_of_another_head_is_named() -> None:
    sim = story()
    note, other = Note.parse(sim.notes[5]), Note.parse(sim.notes[6])
    sim.notes[5] = Note(note.text, (note.signatures[0], other.signatures[1], note.signatures[2])).format()
    assert found(sim) == {("cosignature of douane at 5", "cosignature_invalid")}


def test_a_line_with_half_of_a_witness_is_named_and_a_strangers_is_not() -> None:
    sim = story()
    note = Note.parse(sim.notes[5])
    line = note.signatures[1]
    stranger = NoteSignature("stranger.example/w", b"abcd", line.signature)
    sim.notes[5] = Note(note.text, (*note.signatures, stranger)).format()
    assert found(sim) == set()
    for half in (NoteSignature(line.name, b"abcd", line.signature), NoteSignature("x", line.key_id, line.signature)):
        sim.notes[5] = Note(note.text, (*note.signatures, half)).format()
        assert found(sim) == {(f"cosignature of {half.name} at 5", "cosignature_unknown")}


@given(size=st.integers(1, SIZE), at=st.integers(0, 1_000), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_cosigned_note_is_found(size: int, at: int, bit: int) -> None:
    sim = story()
    raw = bytearray(sim.notes[size])
    raw[at % len(raw)] ^= 1 << bit
    sim.notes[size] = bytes(raw)
    assert any(place.startswith(("checkpoint", "cosignature")) for place, _ in found(sim))


def test_an_entry_dated_before_a_head_that_was_seen_without_it_is_named() -> None:
    sim = story()
    recosign(sim, 5, recorded(sim, 5) + 5 * MINUTE)
    assert found(sim) == set()
    recosign(sim, 5, recorded(sim, 5) + 5 * MINUTE + 1_000)
    assert found(sim) == {("entry 5", "backdated")}


def test_an_entry_dated_after_a_head_that_was_seen_with_it_is_named() -> None:
    sim = story()
    recosign(sim, 5, recorded(sim, 4) - 5 * MINUTE)
    assert found(sim) == set()
    recosign(sim, 5, recorded(sim, 4) - 5 * MINUTE - 1_000)
    assert found(sim) == {("entry 4", "postdated")}


def test_one_witness_with_a_wrong_clock_proves_nothing() -> None:
    """The quorum's time counts: what one witness says alone may be its own fault."""
    sim = story()
    bare = sign_checkpoint(Checkpoint(sim.log_key.name, 5, sim.root(5)), sim.log_key)
    first, second = sim.witnesses.values()
    note = cosign_note(cosign_note(bare, first, sim.clock // 1_000 + 9_999_999), second, recorded(sim, 4) // 1_000)
    sim.notes[5] = note.format()
    assert found(sim) == set()


def test_a_key_of_the_log_is_no_witness() -> None:
    sim = story()
    bare = sign_checkpoint(Checkpoint(sim.log_key.name, 5, sim.root(5)), sim.log_key)
    own = SigningKey(sim.log_key.name, secret("log"), KeyType.COSIGNATURE_V1)
    sim.notes[5] = cosign_note(bare, own, 1).format()
    report = sim.audit(chain=False)
    assert [finding.code for finding in report.findings] == ["cosignature_unknown"]


# going on from a former report


def former(sim: Sim, **over: Any) -> Former:
    return Former.from_json(sim.audit(chain=False).to_json() | over)


def test_signatures_below_a_former_report_are_not_verified_again_and_that_is_said() -> None:
    sim = story()
    before = former(sim)
    sim.undo(maker := _maker(sim), sim.recall(maker, _batch(sim)))
    report = audit(sim, sim.pin, former=before)
    assert report.ok
    assert f"signatures of statements below entry {before.size} were verified by the former report" in report.notes[-1]


def test_a_former_report_with_findings_saves_nothing() -> None:
    sim = story()
    report = audit(sim, sim.pin, former=former(sim, ok=False))
    assert report.ok
    assert "every signature was verified again" in report.notes[-1]


def test_a_rewritten_history_is_caught_by_the_former_report() -> None:
    sim = story()
    before = former(sim)
    sim.forge(3, lambda entry: {**entry, "recorded_at": entry["recorded_at"].replace("000Z", "001Z")})
    report = audit(sim, sim.pin, former=before)
    assert (f"the first {before.size} entries", "since_differs") in {(f.at, f.code) for f in report.findings}


def test_a_log_cut_short_is_caught_by_the_former_report() -> None:
    sim = story()
    before = former(sim)
    sim.entries = sim.entries[:5]
    sim.notes = {size: note for size, note in sim.notes.items() if size <= 5}
    assert audit(sim, sim.pin).ok
    report = audit(sim, sim.pin, former=before)
    assert [finding.code for finding in report.findings] == ["since_missing"]


def test_a_report_about_another_log_or_of_another_form_is_refused() -> None:
    sim = story()
    with pytest.raises(Refused, match="another log"):
        audit(sim, sim.pin, former=former(sim, pin="00" * 32))
    for change in ({"pin": 5}, {"root": "0x00"}, {"size": "7"}, {"size": 0}, {"root": None}):
        with pytest.raises(Malformed, match="former report"):
            former(sim, **change)
    with pytest.raises(Malformed):
        Former.from_json([])


def _maker(sim: Sim) -> Actor:
    assert sim.record.standing.participants[actor("aurora").address]
    return actor("aurora")


def _batch(sim: Sim) -> MadeBatch:
    batch = next(iter(sim.record.batches.values()))
    return MadeBatch("0x" + batch.id.hex(), batch.index, _maker(sim), batch.gtin, batch.lot, (), bytes(32), bytes(32))
