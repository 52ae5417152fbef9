"""Checkpoints: bytes, refusals, and who must have signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import LEAVES, LOG, LOG_LINE, LOG_VKEY, NOTE, TEXT, WITNESS
from verifier.errors import Malformed, ProofInvalid
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.merkle import EMPTY_ROOT, root_of
from verifier.tree.note import NoteSignature, cosign_note, sign_note
from verifier.tree.note_key import SigningKey, VerifierKey

origins = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=0x20), min_size=1, max_size=40)


def test_worked_example() -> None:
    checkpoint = Checkpoint("ledger.example/goods", 3, root_of(LEAVES))
    assert checkpoint.encode() == TEXT
    assert sign_checkpoint(checkpoint, LOG).format() == f"{TEXT}\n{LOG_LINE}\n".encode()
    opened = open_checkpoint(NOTE, VerifierKey.parse(LOG_VKEY), [WITNESS.verifier])
    assert opened.checkpoint == checkpoint
    assert opened.opened.raw == NOTE
    assert [found.time for found in opened.opened.verified] == [None, 1_790_000_000]


@given(origins, st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(origins, max_size=3))
def test_round_trip(origin: str, size: int, root: bytes, extension: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extension))
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT[:-1],
        TEXT + "\n",
        "\n" + TEXT,
        TEXT.replace("\n3\n", "\n03\n"),
        TEXT.replace("\n3\n", "\n+3\n"),
        TEXT.replace("\n3\n", "\n-3\n"),
        TEXT.replace("\n3\n", "\n3 \n"),
        TEXT.replace("\n3\n", "\n٣\n"),
        TEXT.replace("\n3\n", "\n3_0\n"),
        TEXT.replace("\n3\n", "\n9223372036854775808\n"),
        TEXT.replace("\n3\n", "\n0\n"),
        TEXT.replace("\n3\n", "\n\n"),
        TEXT.replace("vKk=", "vKk"),
        TEXT.replace("vKk=", "vKl="),
        TEXT.replace("vKk=", "vKkA"),
        TEXT.replace("ledger.example/goods\n", ""),
        TEXT + "extension\n\n",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.decode(text)


def test_sizes_at_the_edges() -> None:
    assert Checkpoint("o", 0, EMPTY_ROOT).encode() == "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert Checkpoint("o", 2**63 - 1, bytes(32)).encode().split("\n")[1] == "9223372036854775807"
    for size, root in [(-1, bytes(32)), (2**63, bytes(32)), (1, bytes(31)), (0, bytes(32))]:
        with pytest.raises(Malformed):
            Checkpoint("o", size, root)


def test_extension_lines_are_kept_and_never_ours() -> None:
    foreign = Checkpoint("ledger.example/goods", 3, root_of(LEAVES), ("made 2026-01-01", "x"))
    raw = sign_note(foreign.encode(), LOG).format()
    assert open_checkpoint(raw, LOG.verifier, own=False).checkpoint == foreign
    with pytest.raises(ProofInvalid) as caught:
        open_checkpoint(raw, LOG.verifier)
    assert caught.value.code == "checkpoint_extension"
    with pytest.raises(Malformed):
        sign_checkpoint(foreign, LOG)


def test_only_the_logs_own_key_counts() -> None:
    checkpoint = Checkpoint("ledger.example/goods", 3, root_of(LEAVES))
    with pytest.raises(Malformed, match="expected the origin"):
        sign_checkpoint(checkpoint, SigningKey("ledger.example/other", bytes(32)))
    # a witness's cosignature alone makes no checkpoint
    note = cosign_note(sign_checkpoint(checkpoint, LOG), WITNESS, 1)
    alone = type(note)(note.text, note.signatures[1:]).format()
    with pytest.raises(ProofInvalid) as caught:
        open_checkpoint(alone, LOG.verifier, [WITNESS.verifier])
    assert caught.value.code == "signature_missing"
    # a key that signs under its own name, over another log's origin
    stranger = SigningKey("ledger.example/other", bytes(32))
    with pytest.raises(ProofInvalid) as caught:
        open_checkpoint(sign_note(TEXT, stranger).format(), stranger.verifier)
    assert caught.value.code == "checkpoint_origin"


def test_a_wrong_cosignature_rejects_the_note() -> None:
    note = sign_checkpoint(Checkpoint("ledger.example/goods", 3, root_of(LEAVES)), LOG)
    bad = NoteSignature(WITNESS.name, WITNESS.verifier.key_id, bytes(72))
    raw = type(note)(note.text, (*note.signatures, bad)).format()
    assert open_checkpoint(raw, LOG.verifier).checkpoint.size == 3  # not known, so ignored
    with pytest.raises(ProofInvalid) as caught:
        open_checkpoint(raw, LOG.verifier, [WITNESS.verifier])
    assert caught.value.code == "signature_invalid"
