"""Ed25519 cosignatures: worked bytes, and everything they cover."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import COSIGNED_AT, LOG, NOTE, TEXT, WITNESS, WITNESS_LINE
from verifier.errors import Malformed, ProofInvalid
from verifier.tree.cosignature import cosign, verify_cosignature
from verifier.tree.note import cosign_note, sign_note

PAYLOAD = base64.b64decode(WITNESS_LINE.split(" ")[2])[4:]


def test_worked_example() -> None:
    assert cosign(TEXT, WITNESS, COSIGNED_AT) == PAYLOAD
    assert PAYLOAD[:8].hex() == "000000006ab13b80"
    assert verify_cosignature(WITNESS.verifier, TEXT, PAYLOAD) == COSIGNED_AT
    assert cosign_note(sign_note(TEXT, LOG), WITNESS, COSIGNED_AT).format() == NOTE


@given(st.integers(1, 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_round_trip(time: int, text: str) -> None:
    assert verify_cosignature(WITNESS.verifier, text, cosign(text, WITNESS, time)) == time


@given(st.integers(0, 72 * 8 - 1))
def test_every_bit_counts(bit: int) -> None:
    changed = bytearray(PAYLOAD)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProofInvalid):
        verify_cosignature(WITNESS.verifier, TEXT, bytes(changed))


@pytest.mark.parametrize("payload", [b"", PAYLOAD[:-1], PAYLOAD + b"\0", PAYLOAD[8:]])
def test_other_lengths_are_refused(payload: bytes) -> None:
    with pytest.raises(ProofInvalid):
        verify_cosignature(WITNESS.verifier, TEXT, payload)


def test_extension_lines_are_covered() -> None:
    with pytest.raises(ProofInvalid):
        verify_cosignature(WITNESS.verifier, TEXT + "extension\n", PAYLOAD)


def test_a_time_past_the_limit_is_refused() -> None:
    time = 2**63
    message = f"cosignature/v1\ntime {time}\n{TEXT}".encode()
    payload = time.to_bytes(8, "big") + WITNESS.sign_bytes(message)
    with pytest.raises(ProofInvalid, match="expected at most"):
        verify_cosignature(WITNESS.verifier, TEXT, payload)


def test_only_cosigner_keys_and_real_times() -> None:
    with pytest.raises(Malformed):
        cosign(TEXT, LOG, COSIGNED_AT)
    for time in (0, -1, 2**63):
        with pytest.raises(Malformed):
            cosign(TEXT, WITNESS, time)
