"""Proofs that a unit key is in a segment, or that it is not, from a few leaves and their tree paths.

The unit count and the root come from the signed registration of the batch. A proof does not contain the size of the
segment, so it cannot lie about it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import lt
from typing import Any, Final

from verifier.errors import Malformed, ProofInvalid
from verifier.segment.key import KEY_SIZE, unit_key
from verifier.segment.layout import LEAF_WIDTH, Layout
from verifier.tree.merkle import leaf_hash, verify_inclusion

_LONGEST_PATH: Final = 28  # hashes; 2^32 units in leaves of 16


@dataclass(frozen=True, slots=True)
class LeafProof:
    """One leaf of a segment: its number, its 1 to 16 keys, and the hashes that lead to the root."""

    leaf: int
    keys: tuple[bytes, ...]
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class MembershipProof:
    """Shows that the unit with this blind is in the segment: the leaf that holds its key.

    The blind is shown, never the salt: it opens this one unit only.
    """

    blind: bytes
    leaf: LeafProof


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """Shows that a key is not in the segment: the leaf where it would stand.

    There are two leaves if the key would be between the last key of one and the first key of the next. A checker must
    know the key, and so must have the salt.
    """

    leaves: tuple[LeafProof, ...]


def verify_membership(proof: MembershipProof, serial: str, n: int, root: bytes) -> None:
    """Check that the unit of this serial is in the segment of `n` keys with that root.

    A caller who has the salt compares `proof.blind` with `blind(salt, gtin, lot, serial)` as well;
    without the salt it is the signed registration that ties the root to the GTIN and the lot.

    Raises ProofInvalid (`membership_key`, or what is wrong with the leaf). docs/spec/segment.md.
    """
    _check_leaf(proof.leaf, Layout(n), root)
    if len(proof.blind) != KEY_SIZE:
        raise ProofInvalid(
            f"couldn't verify membership: the blind has {len(proof.blind)} bytes, expected {KEY_SIZE}",
            code="membership_key",
        )
    if unit_key(proof.blind, serial) not in proof.leaf.keys:
        raise ProofInvalid(
            f"couldn't verify membership: the key of {serial!r} is not among those of leaf {proof.leaf.leaf}",
            code="membership_key",
        )


def verify_absence(proof: AbsenceProof, key: bytes, n: int, root: bytes) -> None:
    """Check that `key` (32 bytes) is not in the segment of `n` keys with that root.

    Raises ProofInvalid: `absence_gap` if the leaves leave room for the key, `absence_present` if it
    stands in one of them, or what is wrong with a leaf. docs/spec/segment.md.
    """
    layout = Layout(n)
    if len(key) != KEY_SIZE:
        raise ProofInvalid(
            f"couldn't verify absence: the key has {len(key)} bytes, expected {KEY_SIZE}", code="absence_gap"
        )
    for leaf in proof.leaves:
        _check_leaf(leaf, layout, root)
        if key in leaf.keys:
            raise ProofInvalid(f"couldn't verify absence: the key is in leaf {leaf.leaf}", code="absence_present")
    match proof.leaves:
        case (leaf,):
            closed = _closes_below(leaf, key) and _closes_above(leaf, key, layout)
        case (left, right):
            closed = left.leaf + 1 == right.leaf and left.keys[-1] < key < right.keys[0]
        case _:
            closed = False
    if not closed:
        numbers = [leaf.leaf for leaf in proof.leaves]
        raise ProofInvalid(
            f"couldn't verify absence: the key can stand outside of leaves {numbers}, expected its two neighbours",
            code="absence_gap",
        )


def encode_membership(proof: MembershipProof) -> dict[str, Any]:
    """Return the proof as JSON values: `blind`, `leaf`, `keys`, `path`; bytes in lower-case hex."""
    return {"blind": proof.blind.hex(), **_encode_leaf(proof.leaf)}


def decode_membership(value: object) -> MembershipProof:
    """Return the proof that `encode_membership` wrote. Raises Malformed (`segment_proof`) on any other value."""
    fields = _object(value, {"blind", "leaf", "keys", "path"})
    return MembershipProof(blind=_hash("blind", fields["blind"]), leaf=_decode_leaf(fields))


def encode_absence(proof: AbsenceProof) -> dict[str, Any]:
    """Return the proof as JSON values: `leaves`, each with `leaf`, `keys`, `path`; bytes in lower-case hex."""
    return {"leaves": [_encode_leaf(leaf) for leaf in proof.leaves]}


def decode_absence(value: object) -> AbsenceProof:
    """Return the proof that `encode_absence` wrote. Raises Malformed (`segment_proof`) on any other value."""
    leaves = _list("leaves", _object(value, {"leaves"})["leaves"], 1, 2)
    return AbsenceProof(tuple(_decode_leaf(_object(leaf, {"leaf", "keys", "path"})) for leaf in leaves))


def _check_leaf(proof: LeafProof, layout: Layout, root: bytes) -> None:
    """The leaf is in the tree, with exactly the keys that belong there, in order."""
    if not 0 <= proof.leaf < layout.leaves:
        raise ProofInvalid(
            f"couldn't verify the leaf: got number {proof.leaf}, expected one below {layout.leaves}",
            code="leaf_index",
        )
    if len(proof.keys) != layout.keys_in(proof.leaf) or any(len(key) != KEY_SIZE for key in proof.keys):
        raise ProofInvalid(
            f"couldn't verify leaf {proof.leaf}: got {len(proof.keys)} keys, "
            f"expected {layout.keys_in(proof.leaf)} of {KEY_SIZE} bytes",
            code="leaf_keys",
        )
    # a maker who signed an unsorted segment could prove one unit both present and absent
    if not all(lt(left, right) for left, right in pairwise(proof.keys)):
        raise ProofInvalid(f"couldn't verify leaf {proof.leaf}: its keys do not strictly increase", code="leaf_order")
    verify_inclusion(leaf_hash(b"".join(proof.keys)), proof.leaf, layout.leaves, proof.path, root)


def _closes_below(leaf: LeafProof, key: bytes) -> bool:
    return bisect_left(leaf.keys, key) > 0 or leaf.leaf == 0


def _closes_above(leaf: LeafProof, key: bytes, layout: Layout) -> bool:
    return bisect_left(leaf.keys, key) < len(leaf.keys) or leaf.leaf == layout.leaves - 1


def _encode_leaf(proof: LeafProof) -> dict[str, Any]:
    return {
        "leaf": proof.leaf,
        "keys": [key.hex() for key in proof.keys],
        "path": [node.hex() for node in proof.path],
    }


def _decode_leaf(fields: Mapping[str, object]) -> LeafProof:
    number = fields["leaf"]
    if type(number) is not int or not 0 <= number < 2**_LONGEST_PATH:  # a bool is an int to isinstance
        raise _malformed("leaf", number, f"a whole number below 2^{_LONGEST_PATH}")
    keys = _list("keys", fields["keys"], 1, LEAF_WIDTH)
    path = _list("path", fields["path"], 0, _LONGEST_PATH)
    return LeafProof(
        leaf=number,
        keys=tuple(_hash("keys", key) for key in keys),
        path=tuple(_hash("path", node) for node in path),
    )


def _object(value: object, names: set[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or set(value) != names:
        got = sorted(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise _malformed("object", got, f"exactly {sorted(names)}")
    return value


def _list(name: str, value: object, least: int, most: int) -> Sequence[object]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        got = f"{len(value)} values" if isinstance(value, list) else type(value).__name__
        raise _malformed(name, got, f"a list of {least} to {most}")
    return value


def _hash(name: str, value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * KEY_SIZE or set(value) - set("0123456789abcdef"):
        raise _malformed(name, value, f"{2 * KEY_SIZE} lower-case hex digits")
    return bytes.fromhex(value)


def _malformed(name: str, got: object, expected: str) -> Malformed:
    return Malformed(
        f"couldn't read the segment proof: {name}: got {str(got)[:80]!r}, expected {expected}",
        code="segment_proof",
        at=name,
    )
