"""Seals: an officer's scans committed to by one entry of the log, so that none can be dropped or added afterwards.

A scan is no entry: its leaf is salted, and an entry `scans_sealed` carries only the root over the sorted leaves of one
seal. Random leaves pad their number to a power of two, so that it tells little about how busy a port is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import Malformed, ProofInvalid
from verifier.record.statement import check_hex
from verifier.tree.merkle import HASH_SIZE, MemoryTree, inclusion_proof, root_of, verify_inclusion

LEAVES_MIN = 16
"""Leaves of the smallest seal, an empty one included."""
LEAVES_MAX = 2**24
"""Leaves of the largest seal; own limit, a busier log seals more often."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Seal:
    """What one `scans_sealed` entry says: number (0, 1, 2 …), leaves (a power of two of 16 … 2^24), their root."""

    number: int
    leaves: int
    root: bytes

    def body(self) -> dict[str, Any]:
        """The body of the entry."""
        return {"seal": str(self.number), "leaves": str(self.leaves), "root": "0x" + self.root.hex()}


def parse_seal(body: Mapping[str, Any]) -> Seal:
    """Read the body of a `scans_sealed` entry. Raises Malformed (`seal`)."""
    if set(body) != {"seal", "leaves", "root"}:
        raise Malformed("couldn't read the seal: expected exactly seal, leaves, root", code="seal")
    for name in ("seal", "leaves"):
        if not isinstance(body[name], str) or not _DECIMAL.fullmatch(body[name]):
            raise Malformed(f"couldn't read the seal: {name} is no decimal text", code="seal", at=name)
    check_hex("root", body["root"], HASH_SIZE)
    leaves = int(body["leaves"])
    if not LEAVES_MIN <= leaves <= LEAVES_MAX or leaves & (leaves - 1):
        raise Malformed(
            f"couldn't read the seal: got {leaves} leaves, expected a power of two of {LEAVES_MIN} … {LEAVES_MAX}",
            code="seal",
            at="leaves",
        )
    return Seal(int(body["seal"]), leaves, bytes.fromhex(body["root"][2:]))


@dataclass(frozen=True, slots=True)
class SealMembership:
    """A leaf's place among the sorted leaves of a seal, and the hashes from its sibling upwards (32 bytes each)."""

    position: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SealNeighbour:
    """A leaf that stands in a seal, shown with its place."""

    leaf: bytes
    place: SealMembership


@dataclass(frozen=True, slots=True)
class SealAbsence:
    """Two neighbours with nothing between them, or the first or last leaf of a seal beyond which nothing stands."""

    neighbours: tuple[SealNeighbour, ...]


def padded_leaves(leaves: Iterable[bytes], random: Callable[[int], bytes]) -> bytes:
    """The sorted leaves of a seal, one after another, padded with random ones to a power of two of at least 16.

    `random`: gives so many unpredictable bytes. Raises Malformed (`seal`) for a leaf that is not 32 bytes, or more than
    2^24 of them.
    """
    sealed = set(leaves)
    if any(len(leaf) != HASH_SIZE for leaf in sealed):
        raise Malformed("couldn't build the seal: a leaf is not 32 bytes", code="seal")
    size = max(LEAVES_MIN, 1 << max(len(sealed) - 1, 0).bit_length())
    if size > LEAVES_MAX:
        raise Malformed(f"couldn't build the seal: {len(sealed)} leaves, at most {LEAVES_MAX}", code="seal")
    while len(sealed) < size:
        sealed.add(random(HASH_SIZE))
    return b"".join(sorted(sealed))


def build_seal(number: int, leaves: bytes) -> Seal:
    """The seal over leaves as published: sorted, padded, one after another.

    Raises Malformed with what is wrong: `seal_length` (no whole leaves), `seal_count` (no power of two of
    16 … 2^24), `seal_unsorted` (not strictly rising).
    """
    split = split_leaves(leaves)
    count = len(split)
    if not LEAVES_MIN <= count <= LEAVES_MAX or count & (count - 1):
        raise Malformed(
            f"couldn't read seal {number}: got {count} leaves, expected a power of two of {LEAVES_MIN} … {LEAVES_MAX}",
            code="seal_count",
        )
    at = next((at for at in range(1, count) if split[at - 1] >= split[at]), None)
    if at is not None:
        raise Malformed(f"couldn't read seal {number}: leaf {at} is not above leaf {at - 1}", code="seal_unsorted")
    return Seal(number, count, root_of(split))


def check_leaves(seal: Seal, leaves: bytes) -> None:
    """Check that published leaves are the ones a seal commits to.

    Raises Malformed as `build_seal`; ProofInvalid (`seal_count`, `seal_root`) when they are another seal's.
    """
    built = build_seal(seal.number, leaves)
    if built.leaves != seal.leaves:
        raise ProofInvalid(
            f"couldn't match seal {seal.number}: got {built.leaves} leaves, the entry says {seal.leaves}",
            code="seal_count",
        )
    if built.root != seal.root:
        raise ProofInvalid(
            f"couldn't match seal {seal.number}: its leaves give root {built.root.hex()}, the entry {seal.root.hex()}",
            code="seal_root",
        )


def split_leaves(leaves: bytes) -> list[bytes]:
    """Published leaves as a list. Raises Malformed (`seal_length`)."""
    if len(leaves) % HASH_SIZE:
        raise Malformed(
            f"couldn't read a seal: got {len(leaves)} bytes, expected a multiple of {HASH_SIZE}", code="seal_length"
        )
    return [leaves[at : at + HASH_SIZE] for at in range(0, len(leaves), HASH_SIZE)]


def find_leaf(leaves: bytes, leaf: bytes) -> int | None:
    """The place of a leaf among published leaves, or None. Takes their order for granted: check it once."""
    split = split_leaves(leaves)
    at = bisect_left(split, leaf)
    return at if at < len(split) and split[at] == leaf else None


def prove_leaf(leaves: bytes, leaf: bytes) -> SealMembership | SealAbsence:
    """That a leaf is, or is not, among published leaves. Raises Malformed (`seal_length`)."""
    split = split_leaves(leaves)
    tree, at = MemoryTree(split), bisect_left(split, leaf)

    def place(position: int) -> SealMembership:
        return SealMembership(position, inclusion_proof(position, len(split), tree))

    if at < len(split) and split[at] == leaf:
        return place(at)
    return SealAbsence(
        tuple(SealNeighbour(split[near], place(near)) for near in (at - 1, at) if 0 <= near < len(split))
    )


def verify_seal_membership(seal: Seal, leaf: bytes, proof: SealMembership) -> None:
    """Check that a leaf is in a seal. Raises ProofInvalid as `verify_inclusion`."""
    verify_inclusion(leaf, proof.position, seal.leaves, proof.path, seal.root)


def verify_seal_absence(seal: Seal, leaf: bytes, proof: SealAbsence) -> None:
    """Check that a leaf is not in a seal, whose leaves an honest operator sorted.

    Of a seal that is not sorted this shows that the leaf is not where it was promised to be. Raises ProofInvalid
    (`seal_absence`, or as `verify_inclusion`).
    """
    for neighbour in proof.neighbours:
        verify_seal_membership(seal, neighbour.leaf, neighbour.place)
    match proof.neighbours:
        case (one,) if one.place.position == 0 and leaf < one.leaf:
            return
        case (one,) if one.place.position == seal.leaves - 1 and leaf > one.leaf:
            return
        case (low, high) if high.place.position == low.place.position + 1 and low.leaf < leaf < high.leaf:
            return
    raise ProofInvalid(
        f"couldn't verify absence from seal {seal.number}: the leaves shown leave room for {leaf.hex()}",
        code="seal_absence",
    )
