"""The view, its proofs and the helpers, against a slow and obvious model of a segment."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from segment_model import (
    GTIN,
    HIGHEST,
    LOT,
    LOWEST,
    SALT,
    VECTORS,
    NaiveSegment,
    after,
    naive_blind,
    naive_key,
    serials_of,
    vectors,
)

from verifier.errors import Malformed, ProofInvalid
from verifier.segment.view import (
    SegmentView,
    UnitKeys,
    blind,
    check_segment,
    decode_absence,
    decode_membership,
    encode_absence,
    encode_membership,
    salt_commitment,
    subset,
    unit_key,
    verify_absence,
    verify_membership,
)

CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
serial_texts = st.text(CSET82, min_size=1, max_size=20)
key_bytes = st.binary(min_size=32, max_size=32)
# short alphabets bring common prefixes and neighbours that differ in their last bits
close_keys = st.builds(lambda a, b: bytes(30) + bytes([a, b]), st.integers(0, 3), st.integers(0, 255))
key_sets = st.sets(key_bytes | close_keys, min_size=1, max_size=120)


def view_of(segment: NaiveSegment) -> SegmentView:
    return SegmentView(segment.file(), n=segment.n, root=segment.root)


# keys


@given(serial=serial_texts, lot=serial_texts, salt=st.binary(min_size=32, max_size=32))
def test_keys_are_those_of_the_hmac_of_the_standard_library(serial, lot, salt):
    assert blind(salt, GTIN, lot, serial) == naive_blind(salt, GTIN, lot, serial)
    expected = naive_key(serial, salt, GTIN, lot)
    assert unit_key(blind(salt, GTIN, lot, serial), serial) == expected
    assert (
        UnitKeys(salt, GTIN, lot).derive([serial, "x", serial]) == expected + naive_key("x", salt, GTIN, lot) + expected
    )


def test_an_hmac_key_is_the_salt_itself_not_a_hash_of_it():
    # 32 bytes is below the block size, so HMAC must pad it with zeros: RFC 2104 2
    assert hmac.digest(SALT, b"", "sha256") == hmac.digest(SALT + bytes(32), b"", "sha256")
    assert UnitKeys(SALT, GTIN, LOT).derive(["S0000"]) == naive_key("S0000")


@pytest.mark.parametrize("serial", ["", "x" * 21, "a b", "a\x1db", "naïve", "\ud800", "a\n", "\x00"])
def test_what_cannot_be_a_serial_is_refused_one_by_one_and_in_bulk(serial):
    calls = [
        lambda: blind(SALT, GTIN, LOT, serial),
        lambda: unit_key(bytes(32), serial),
        lambda: UnitKeys(SALT, GTIN, LOT).derive(["good", serial]),
    ]
    for call in calls:
        with pytest.raises(Malformed) as caught:
            call()
        assert caught.value.code == "serial"


@pytest.mark.parametrize(
    ("salt", "gtin", "lot", "code"),
    [
        (SALT[:31], GTIN, LOT, "salt"),
        (SALT + b"\0", GTIN, LOT, "salt"),
        (SALT, GTIN[1:], LOT, "gtin"),
        (SALT, "0952012345678٨", LOT, "gtin"),
        (SALT, GTIN, "", "lot"),
        (SALT, GTIN, "L\x1dX", "lot"),
    ],
)
def test_a_batch_that_cannot_be_one_is_refused(salt, gtin, lot, code):
    for call in (lambda: blind(salt, gtin, lot, "S"), lambda: UnitKeys(salt, gtin, lot)):
        with pytest.raises(Malformed) as caught:
            call()
        assert caught.value.code == code


def test_lengths_of_salt_and_blind_are_checked():
    for call in (lambda: salt_commitment(b"short"), lambda: unit_key(b"short", "S")):
        with pytest.raises(Malformed):
            call()


# the view


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 100, 257])
@pytest.mark.parametrize("wrap", [bytes, memoryview])
def test_every_unit_is_found_and_proved_and_every_gap_too(n, wrap):
    segment = NaiveSegment.of(serials_of(n))
    view = SegmentView(wrap(segment.file()), n=n, root=segment.root)
    assert list(view) == segment.keys
    assert len(view) == n
    for serial in serials_of(n):
        position = view.find(naive_key(serial))
        assert position == segment.keys.index(naive_key(serial))
        proof = view.membership(position, naive_blind(SALT, GTIN, LOT, serial))
        assert encode_membership(proof) == segment.membership_json(serial)
        verify_membership(proof, serial, n, segment.root)
    for key in [LOWEST, HIGHEST, *map(after, segment.keys)]:
        assert view.find(key) is None
        proof = view.absence(key)
        assert encode_absence(proof) == segment.absence_json(key)
        verify_absence(proof, key, n, segment.root)


@given(keys=key_sets, probes=st.lists(key_bytes | close_keys, max_size=20))
@example(keys={LOWEST}, probes=[LOWEST, HIGHEST, after(LOWEST)])
@example(keys={HIGHEST}, probes=[LOWEST, HIGHEST])
@settings(max_examples=60, deadline=None)
def test_the_view_answers_as_a_set_does(keys, probes):
    segment = NaiveSegment(sorted(keys))
    check_segment(segment.file(), segment.n, segment.root)
    view = view_of(segment)
    for key in [*probes, *keys]:
        assert (key in view) == (key in keys)
        if key in keys:
            with pytest.raises(ProofInvalid) as caught:
                view.absence(key)
            assert caught.value.code == "absence_present"
        else:
            verify_absence(view.absence(key), key, segment.n, segment.root)


@given(keys=key_sets, others=st.sets(close_keys, max_size=5), data=st.data())
@settings(max_examples=60, deadline=None)
def test_subset_answers_as_sets_do(keys, others, data):
    view = view_of(NaiveSegment(sorted(keys)))
    some = data.draw(st.sets(st.sampled_from(sorted(keys)))) | others
    assert subset(sorted(some), view) == (some <= keys)


@pytest.mark.parametrize("step", [1, 2, 5_000, 19_999])
def test_subset_of_a_large_view(step):
    keys = sorted(naive_key(f"{number}") for number in range(40_000))
    view = view_of(NaiveSegment(keys))
    assert subset(keys[::step], view)
    assert not subset(sorted({*keys[::step], after(keys[step])}), view)
    assert subset(view, view)
    assert subset([], view)


def test_subset_refuses_keys_out_of_order():
    keys = NaiveSegment.of(serials_of(5)).keys
    view = view_of(NaiveSegment(keys))
    for wrong, code in (([keys[1], keys[0]], "segment_unsorted"), ([keys[0], keys[0]], "segment_duplicate")):
        with pytest.raises(ProofInvalid) as caught:
            subset(wrong, view)
        assert caught.value.code == code


def test_a_key_of_another_length_is_never_in_a_view():
    view = view_of(NaiveSegment.of(serials_of(20)))
    assert view.find(b"") is None
    assert view.key(3)[:31] not in view
    with pytest.raises(ProofInvalid):
        view.absence(b"short")


def test_a_flipped_bit_gives_an_error_and_never_a_wrong_proof():
    segment = NaiveSegment.of(serials_of(100))
    intact = segment.file()
    for at in range(128, len(intact), 7):
        damaged = bytearray(intact)
        damaged[at] ^= 0x10
        view = SegmentView(bytes(damaged), n=segment.n, root=segment.root)
        for position in range(0, 100, 9):
            key = segment.keys[position]
            with pytest.raises(ProofInvalid):
                view.absence(key)
            try:
                leaf = view.membership(position, bytes(32)).leaf
            except ProofInvalid:
                continue
            assert key in leaf.keys


# proofs


def altered(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def refuses(check, *values) -> bool:
    try:
        check(*values)
    except ProofInvalid:
        return True
    return False


def damaged_leaves(leaf):
    """Every way to alter one field of a leaf proof, by name."""
    yield "leaf + 1", replace(leaf, leaf=leaf.leaf + 1)
    yield "leaf - 1", replace(leaf, leaf=leaf.leaf - 1)
    yield "no keys", replace(leaf, keys=())
    yield "key added", replace(leaf, keys=(*leaf.keys, HIGHEST))
    yield "path empty" if leaf.path else "path added", replace(leaf, path=() if leaf.path else (LOWEST,))
    yield "path longer", replace(leaf, path=(*leaf.path, LOWEST))
    for at in range(len(leaf.keys)):
        rest = leaf.keys[:at], leaf.keys[at + 1 :]
        yield f"key {at} gone", replace(leaf, keys=(*rest[0], *rest[1]))
        yield f"key {at} altered", replace(leaf, keys=(*rest[0], altered(leaf.keys[at], 31), *rest[1]))
        yield f"key {at} short", replace(leaf, keys=(*rest[0], leaf.keys[at][:31], *rest[1]))
        yield f"key {at} twice", replace(leaf, keys=(*leaf.keys[: at + 1], *leaf.keys[at:]))
    for at in range(len(leaf.path)):
        rest = leaf.path[:at], leaf.path[at + 1 :]
        yield f"path {at} gone", replace(leaf, path=(*rest[0], *rest[1]))
        yield f"path {at} altered", replace(leaf, path=(*rest[0], altered(leaf.path[at]), *rest[1]))
        yield f"path {at} short", replace(leaf, path=(*rest[0], leaf.path[at][:31], *rest[1]))


@pytest.mark.parametrize("n", [1, 16, 17, 33, 100])
def test_a_membership_proof_with_any_field_altered_is_refused(n):
    segment = NaiveSegment.of(serials_of(n))
    for serial in serials_of(n)[:: max(1, n // 5)]:
        proof = decode_membership(segment.membership_json(serial))
        verify_membership(proof, serial, n, segment.root)
        wrong = [
            (name, replace(proof, leaf=leaf), serial, n, segment.root) for name, leaf in damaged_leaves(proof.leaf)
        ]
        wrong += [
            ("blind", replace(proof, blind=altered(proof.blind)), serial, n, segment.root),
            ("blind short", replace(proof, blind=proof.blind[:31]), serial, n, segment.root),
            ("serial", proof, serial + "x", n, segment.root),
            ("root", proof, serial, n, altered(segment.root)),
            ("n far less", proof, serial, proof.leaf.leaf * 16, segment.root),
            ("n far more", proof, serial, n + 1600, segment.root),
        ]
        for name, bad, its_serial, its_n, root in wrong:
            assert refuses(verify_membership, bad, its_serial, its_n, root), name


@pytest.mark.parametrize("n", [1, 16, 17, 33, 100])
def test_an_absence_proof_with_any_field_altered_is_refused(n):
    segment = NaiveSegment.of(serials_of(n))
    for key in [LOWEST, HIGHEST, *map(after, segment.keys[:: max(1, n // 7)]), after(segment.keys[min(15, n - 1)])]:
        proof = decode_absence(segment.absence_json(key))
        verify_absence(proof, key, n, segment.root)
        for at, leaf in enumerate(proof.leaves):
            others = proof.leaves[:at], proof.leaves[at + 1 :]
            for name, bad in damaged_leaves(leaf):
                damaged = replace(proof, leaves=(*others[0], bad, *others[1]))
                assert refuses(verify_absence, damaged, key, n, segment.root), name
        for bad in ((), proof.leaves[:-1], (*proof.leaves, proof.leaves[-1]), proof.leaves[::-1] * 2):
            with pytest.raises(ProofInvalid):
                verify_absence(replace(proof, leaves=bad), key, n, segment.root)
        with pytest.raises(ProofInvalid):
            verify_absence(proof, key, n, altered(segment.root))


@pytest.mark.parametrize("n", [1, 16, 17, 33, 100])
def test_no_leaf_nor_pair_of_leaves_proves_a_present_key_absent(n):
    segment = NaiveSegment.of(serials_of(n))
    leaves = [decode_absence({"leaves": [segment.leaf_json(leaf)]}).leaves[0] for leaf in range(len(segment.leaves))]
    template = decode_absence({"leaves": [segment.leaf_json(0)]})
    combinations = [(leaf,) for leaf in leaves] + [(left, right) for left in leaves for right in leaves]
    for key in segment.keys[:: max(1, n // 6)]:
        for chosen in combinations:
            with pytest.raises(ProofInvalid):
                verify_absence(replace(template, leaves=chosen), key, n, segment.root)


def test_a_segment_signed_out_of_order_proves_nothing():
    keys = NaiveSegment.of(serials_of(16)).keys
    keys[3], keys[9] = keys[9], keys[3]
    segment = NaiveSegment(keys)
    with pytest.raises(ProofInvalid) as caught:
        verify_absence(decode_absence({"leaves": [segment.leaf_json(0)]}), LOWEST, 16, segment.root)
    assert caught.value.code == "leaf_order"


def test_a_signed_count_that_is_not_the_true_one_proves_nothing_about_the_last_leaf():
    segment = NaiveSegment.of(serials_of(20))
    proof = decode_absence(segment.absence_json(HIGHEST))
    for n in (17, 19, 21, 32):
        with pytest.raises(ProofInvalid):
            verify_absence(proof, HIGHEST, n, segment.root)


# JSON


@given(keys=key_sets, data=st.data())
@settings(max_examples=40, deadline=None)
def test_proofs_survive_json(keys, data):
    view = view_of(NaiveSegment(sorted(keys)))
    membership = view.membership(data.draw(st.integers(0, len(keys) - 1)), data.draw(key_bytes))
    assert decode_membership(json.loads(json.dumps(encode_membership(membership)))) == membership
    key = data.draw(key_bytes.filter(lambda key: key not in keys))
    absence = view.absence(key)
    assert decode_absence(json.loads(json.dumps(encode_absence(absence)))) == absence


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("blind", None),
        ("blind", "00" * 31),
        ("blind", "0x" + "00" * 31),
        ("blind", "AB" * 32),
        ("blind", "٠" * 64),
        ("leaf", "3"),
        ("leaf", 3.0),
        ("leaf", True),
        ("leaf", -1),
        ("leaf", 2**28),
        ("keys", []),
        ("keys", ["00" * 32] * 17),
        ("keys", "00" * 32),
        ("keys", [3]),
        ("path", None),
        ("path", ["00" * 32] * 29),
        ("path", {"0": "00" * 32}),
        ("extra", 1),
    ],
)
def test_a_proof_that_is_not_exactly_its_format_is_malformed(field, value):
    good = NaiveSegment.of(serials_of(20)).membership_json("S0003")
    decode_membership(good)
    without = {name: given for name, given in good.items() if name != field}
    for bad in ({**good, field: value}, without, [good], None):
        if bad == good:
            continue
        with pytest.raises(Malformed) as caught:
            decode_membership(bad)
        assert caught.value.code == "segment_proof"
    leaf = {name: given for name, given in {**good, field: value}.items() if name != "blind"}
    if field != "blind":
        with pytest.raises(Malformed):
            decode_absence({"leaves": [leaf]})


@pytest.mark.parametrize("leaves", [[], [None], "", None, [{}], 3])
def test_an_absence_proof_has_one_leaf_or_two(leaves):
    good = NaiveSegment.of(serials_of(20)).absence_json(LOWEST)
    with pytest.raises(Malformed):
        decode_absence({"leaves": leaves})
    with pytest.raises(Malformed):
        decode_absence({"leaves": good["leaves"] * 3})
    with pytest.raises(Malformed):
        decode_absence({**good, "n": 20})


# vectors shared with the other implementations

SHARED = json.loads(VECTORS.read_text())


def test_the_shared_vectors_are_those_of_the_model():
    assert vectors() == SHARED


@pytest.mark.parametrize("case", SHARED["segments"], ids=lambda case: case["n"])
def test_vector_of_keys_and_root(case):
    salt = bytes.fromhex(SHARED["salt"])
    assert salt_commitment(salt).hex() == SHARED["salt_commitment"]
    keys = [unit_key(blind(salt, SHARED["gtin"], SHARED["lot"], serial), serial) for serial in case["serials"]]
    assert [key.hex() for key in sorted(keys)] == case["keys"]
    segment = NaiveSegment(sorted(keys))
    check_segment(segment.file(), case["n"], bytes.fromhex(case["root"]))


@pytest.mark.parametrize("case", SHARED["membership"], ids=lambda case: case["name"])
def test_vector_of_membership(case):
    proof, root = decode_membership(case["proof"]), bytes.fromhex(case["root"])
    verify(case, verify_membership, proof, case["serial"], case["n"], root)


@pytest.mark.parametrize("case", SHARED["absence"], ids=lambda case: case["name"])
def test_vector_of_absence(case):
    proof, root = decode_absence(case["proof"]), bytes.fromhex(case["root"])
    verify(case, verify_absence, proof, bytes.fromhex(case["key"]), case["n"], root)


def verify(case, call, *values):
    if case["code"] is None:
        call(*values)
        return
    with pytest.raises(ProofInvalid) as caught:
        call(*values)
    assert caught.value.code == case["code"]
