"""Signed notes: the worked example, round trips, and one refusal per flaw."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import LOG, LOG_LINE, LOG_VKEY, NOTE, TEXT, WITNESS, WITNESS_VKEY
from verifier.errors import CarnetError, Malformed, ProofInvalid
from verifier.tree.note import MAX_NOTE_SIZE, Note, NoteSignature, open_note, sign_note
from verifier.tree.note_key import KeyType, SigningKey, VerifierKey, check_name

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "note.json").read_bytes())
# The example printed in C2SP signed-note.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="+"), min_size=1, max_size=20
).filter(lambda name: not any(char.isspace() for char in name))
texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"], min_codepoint=0x20), st.just("\n")), max_size=80
).map(lambda text: text + "\n")
lines = st.builds(NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=90))


def test_specification_example() -> None:
    opened = open_note(SPEC_NOTE, [VerifierKey.parse(SPEC_VKEY)])
    assert opened.note.text == "This is an example message.\n"
    assert opened.note.format() == opened.raw == SPEC_NOTE


def test_worked_example() -> None:
    assert (LOG.verifier.format(), WITNESS.verifier.format()) == (LOG_VKEY, WITNESS_VKEY)
    assert sign_note(TEXT, LOG).format() == f"{TEXT}\n{LOG_LINE}\n".encode()
    opened = open_note(NOTE, [VerifierKey.parse(LOG_VKEY), VerifierKey.parse(WITNESS_VKEY)])
    assert [(found.key.name, found.time) for found in opened.verified] == [
        ("ledger.example/goods", None),
        ("customs.example/witness", 1_790_000_000),
    ]


@pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
def test_vectors(case: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(text) for text in case["keys"]]
    raw = base64.b64decode(case["note"])
    if case["error"] is None:
        opened = open_note(raw, keys)
        assert [found.key.name for found in opened.verified] == case["verified"]
        assert opened.note.format() == raw
        return
    with pytest.raises(CarnetError) as caught:
        open_note(raw, keys)
    assert caught.value.code == case["error"]


@given(texts, st.lists(lines, min_size=1, max_size=20))
def test_notes_round_trip(text: str, signatures: list[NoteSignature]) -> None:
    note = Note(text, tuple(signatures))
    assert Note.parse(note.format()) == note


@given(st.binary(max_size=200) | st.just(NOTE).flatmap(lambda raw: st.integers(0, len(raw) - 1).map(raw.__getitem__)))
def test_bytes_that_parse_format_back(raw: bytes | int) -> None:
    data = NOTE.replace(bytes([raw]), b"", 1) if isinstance(raw, int) else raw
    try:
        note = Note.parse(data)
    except Malformed:
        return
    assert note.format() == data


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_no_bit_can_be_turned(bit: int) -> None:
    """Every byte of a note is covered: by a signature, or by its place in the format, or its line drops out."""
    keys = [LOG.verifier, WITNESS.verifier]
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        opened = open_note(bytes(changed), keys)
    except (Malformed, ProofInvalid):
        return
    assert opened.note.text == TEXT
    assert len(opened.verified) == 1  # the line whose name or key id changed is a stranger's now


@given(names, st.binary(min_size=32, max_size=32), st.sampled_from(KeyType))
def test_keys_round_trip(name: str, seed: bytes, key_type: KeyType) -> None:
    key = SigningKey(name, seed, key_type)
    assert VerifierKey.parse(key.verifier.format()) == key.verifier
    assert seed.hex() not in repr(key)
    assert repr(seed) not in repr(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+13cb6ca3",
        LOG_VKEY.replace("ledger", "Ledger"),  # the id is of another name
        LOG_VKEY.replace("13cb6ca3", "13cb6ca4"),
        LOG_VKEY.replace("13cb6ca3", "13CB6CA3"),
        LOG_VKEY[:-4],
        LOG_VKEY + "=",
        LOG_VKEY + "\n",
        "+" + LOG_VKEY.split("+", 1)[1],
        "two words+13cb6ca3+" + LOG_VKEY.split("+", 2)[2],
        "name+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
        "name+00000000+" + base64.b64encode(b"\x06" + bytes(1312)).decode(),
        "name+00000000+",
    ],
)
def test_broken_vkeys_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2003", "a\n", "\x1f", "a\tb"])
def test_broken_names_are_refused(name: str) -> None:
    with pytest.raises(Malformed):
        check_name(name)
    with pytest.raises(Malformed):
        SigningKey(name, bytes(32))


def test_limits() -> None:
    line = NoteSignature("stranger", b"abcd", b"x")
    signed = sign_note("text\n", LOG)
    crowd = Note("text\n", (*[line] * 99, *signed.signatures))
    assert len(open_note(crowd.format(), [LOG.verifier]).note.signatures) == 100
    with pytest.raises(Malformed, match="101 signatures"):
        Note.parse(Note("text\n", (*crowd.signatures, line)).format())
    with pytest.raises(Malformed, match="1000001 bytes"):
        Note.parse(b"x" * (MAX_NOTE_SIZE + 1))


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "return\r\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(Malformed):
        sign_note(text, LOG)


def test_a_cosigner_key_signs_no_notes() -> None:
    with pytest.raises(Malformed):
        sign_note("text\n", WITNESS)
    with pytest.raises(Malformed):
        sign_note("text\n")
    with pytest.raises(Malformed):
        SigningKey("name", b"short")
    with pytest.raises(Malformed):
        VerifierKey("name", KeyType.ED25519, b"short")
