"""Label signatures: the shared vectors, the base32, and what a key may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import Malformed
from verifier.reading.gs1 import CSET82
from verifier.reading.label import (
    LABEL_TEXT_LENGTH,
    LabelCheck,
    check_label_key,
    decode_signature,
    encode_signature,
    label_message,
    sign_label,
    verify_label,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "label.json").read_text(encoding="utf-8"))
EXAMPLE = VECTORS["example"]
VALUES = st.text(CSET82, min_size=1, max_size=20)
P = 2**255 - 19


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", named(VECTORS["signatures"]))
def test_a_signature_is_judged_as_its_vector_says(case: dict[str, Any]) -> None:
    public, log_id = bytes.fromhex(case["public_key"]), bytes.fromhex(case["log_id"])
    got = verify_label(public, log_id, case["gtin"], case["lot"], case["serial"], case["signature"])
    assert got == LabelCheck(case["expect"])


@pytest.mark.parametrize("case", named(VECTORS["keys"]))
def test_a_key_is_accepted_or_refused_as_its_vector_says(case: dict[str, Any]) -> None:
    public = bytes.fromhex(case["public_key"])
    if case["expect"] == "good":
        check_label_key(public)
        return
    with pytest.raises(Malformed) as caught:
        check_label_key(public)
    assert caught.value.code == case["expect"]
    with pytest.raises(Malformed):  # nor does it verify anything
        verify_label(public, bytes(32), "09506000134352", "A", "1", encode_signature(bytes(64)))


def test_the_signature_is_the_one_that_the_vectors_print() -> None:
    log_id = bytes.fromhex(EXAMPLE["log_id"])
    unit = (EXAMPLE["gtin"], EXAMPLE["lot"], EXAMPLE["serial"])
    assert label_message(log_id, *unit).hex() == EXAMPLE["message"]
    assert sign_label(bytes.fromhex(EXAMPLE["seed"]), log_id, *unit) == EXAMPLE["signature"]


@given(st.binary(min_size=64, max_size=64))
def test_base32_round_trips_in_either_case(signature: bytes) -> None:
    text = encode_signature(signature)
    assert len(text) == LABEL_TEXT_LENGTH
    assert not set(text) & set("YZ01")
    assert decode_signature(text) == decode_signature(text.lower()) == signature


@given(st.binary(min_size=64, max_size=64))
def test_base32_counts_from_the_most_significant_bit(signature: bytes) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWX23456789"
    number = int.from_bytes(signature, "big") << 3
    assert encode_signature(signature) == "".join(alphabet[number >> 5 * i & 31] for i in reversed(range(103)))


@given(lot=VALUES, serial=VALUES, other=VALUES)
def test_a_signature_holds_for_its_unit_and_no_other(lot: str, serial: str, other: str) -> None:
    private, log_id, gtin = Ed25519PrivateKey.generate(), bytes(range(32)), "09506000134352"
    public = private.public_key().public_bytes_raw()
    text = sign_label(private, log_id, gtin, lot, serial)
    assert verify_label(public, log_id, gtin, lot, serial, text) is LabelCheck.VALID
    if other != serial:
        assert verify_label(public, log_id, gtin, lot, other, text) is LabelCheck.WRONG


def test_the_keys_refused_as_small_are_exactly_the_points_whose_order_divides_eight() -> None:
    """RFC 8032 5.1: multiply points of the curve by the base point's order; what is left has order 1, 2, 4 or 8."""
    d = -121665 * pow(121666, -1, P) % P
    order = 2**252 + 27742317777372353535851937790883648493

    def add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
        k = d * p[0] * q[0] * p[1] * q[1] % P
        x, y = p[0] * q[1] + q[0] * p[1], p[1] * q[1] + p[0] * q[0]
        return x * pow(1 + k, -1, P) % P, y * pow(1 - k, -1, P) % P

    def times(n: int, p: tuple[int, int]) -> tuple[int, int]:
        total = (0, 1)
        while n:
            total, p, n = (add(total, p) if n & 1 else total), add(p, p), n >> 1
        return total

    def point(y: int) -> tuple[int, int] | None:
        square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        root = pow(square, (P + 3) // 8, P)
        root = root if root * root % P == square else root * pow(2, (P - 1) // 4, P) % P
        return (root, y) if root * root % P == square else None

    small = {times(order, found) for y in range(2, 60) if (found := point(y))}
    generator = next(p for p in small if times(4, p) != (0, 1))
    small = {times(i, generator) for i in range(8)}
    assert len(small) == 8
    for x, y in small:
        with pytest.raises(Malformed, match="small order"):
            check_label_key((y | (x & 1) << 255).to_bytes(32, "little"))
    assert len({y for _, y in small}) == 5  # the five that verifier.reading.label lists


def test_real_keys_are_accepted() -> None:
    for seed in range(64):
        check_label_key(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw())


def test_the_page_on_labels_prints_the_example_of_the_vectors() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "label.md").read_text(encoding="utf-8")
    for name in ("seed", "public_key", "log_id", "signature"):
        assert f"`{EXAMPLE[name]}`" in page
    assert f"`{EXAMPLE['gtin']}, {EXAMPLE['lot']}, {EXAMPLE['serial']}`" in page
