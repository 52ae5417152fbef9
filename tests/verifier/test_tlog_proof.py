"""Proof files: worked bytes, round trips, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import LEAVES, LOG, LOG_VKEY, NOTE, PROOF, WITNESS_VKEY
from verifier.errors import CarnetError, Malformed, ProofInvalid
from verifier.tree.checkpoint import open_checkpoint
from verifier.tree.merkle import MemoryTree, inclusion_proof
from verifier.tree.tlog_proof import TlogProof

HASH = st.binary(min_size=32, max_size=32)


def test_worked_example() -> None:
    proof = TlogProof(1, inclusion_proof(1, 3, MemoryTree(LEAVES)), NOTE)
    assert proof.encode() == PROOF
    assert TlogProof.decode(PROOF) == proof
    checkpoint = open_checkpoint(proof.checkpoint, LOG.verifier).checkpoint
    proof.verify(LEAVES[1], checkpoint)
    for leaf in (LEAVES[0], LEAVES[2]):
        with pytest.raises(ProofInvalid):
            proof.verify(leaf, checkpoint)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(HASH, max_size=63),
    st.binary(min_size=1, max_size=60),
    st.none() | st.binary(min_size=1, max_size=60),
)
def test_round_trip(index: int, path: list[bytes], checkpoint: bytes, extra: bytes | None) -> None:
    proof = TlogProof(index, tuple(path), checkpoint, extra)
    assert TlogProof.decode(proof.encode()) == proof


@given(st.integers(0, len(PROOF) - 1), st.sampled_from([b"", b"\n", b" ", b"A", b"="]))
def test_whatever_decodes_encodes_back(at: int, instead: bytes) -> None:
    changed = PROOF[:at] + instead + PROOF[at + 1 :]
    try:
        proof = TlogProof.decode(changed)
    except Malformed:
        return
    assert proof.encode() == changed


@given(st.integers(0, len(PROOF) * 8 - 1))
def test_no_bit_can_be_turned_unseen(bit: int) -> None:
    """A changed file fails somewhere, unless only a signature line that we do not know was changed."""
    changed = bytearray(PROOF)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        proof = TlogProof.decode(bytes(changed))
        proof.verify(LEAVES[1], open_checkpoint(proof.checkpoint, LOG.verifier).checkpoint)
    except CarnetError:
        return
    assert bit // 8 > PROOF.index("— customs".encode()), "a change before the witness's line went through"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        PROOF.replace(b"@v1", b"@v2"),
        PROOF.replace(b"index 1", b"index 01"),
        PROOF.replace(b"index 1", b"index -1"),
        PROOF.replace(b"index 1", b"index  1"),
        PROOF.replace(b"index 1\n", b""),
        PROOF.replace(b"index 1", b"Index 1"),
        PROOF.replace(b"index 1", b"index 9223372036854775808"),
        PROOF.replace(b"index 1", b"index 1\nextra aGk="),
        PROOF.replace(b"index 1", b"extra \nindex 1"),
        PROOF.replace(b"index 1", b"extra aGl=\nindex 1"),
        PROOF.replace(b"index 1", b"extra aGk\nindex 1"),
        PROOF.replace(b"index 1", b"extra aGk=\nextra aGk=\nindex 1"),
        PROOF.replace(b"+ek=", b"+ek"),
        PROOF.replace(b"+ek=", b"+ek=\r"),
        PROOF.replace(b"0Nc2", b"Nc2c"[:0] + "Ñc2".encode()),
        PROOF.replace(b"index 1\n", b"index 1\naGk=\n"),
        PROOF[: PROOF.index(b"\n\n") + 2],
        PROOF.replace(b"75Q=\n\n", b"75Q=\n" * 62 + b"\n"),
        b"x" * 16_000_001,
    ],
)
def test_other_files_are_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        TlogProof.decode(raw)


def test_values_that_no_file_can_hold() -> None:
    for index, path, extra in [(-1, (), None), (2**63, (), None), (0, (b"x",), None), (0, (), b"")]:
        with pytest.raises(Malformed):
            TlogProof(index, path, NOTE, extra)
    with pytest.raises(Malformed):
        TlogProof(0, (bytes(32),) * 64, NOTE)


def test_the_specification_shows_these_bytes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "log.md").read_text()
    assert NOTE.decode() in page
    assert f"{LOG_VKEY}\n{WITNESS_VKEY}\n" in page
    assert PROOF[: PROOF.index(b"\n3\n") + 3].decode() in page
