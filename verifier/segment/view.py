"""The segment of a batch: the immutable, sorted set of its unit keys, read from one file.

Trust only a view's proofs. `membership` and `absence` check each proof against the signed root, so a damaged file gives
an error and never a wrong answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

from verifier.errors import ProofInvalid
from verifier.segment.check import Buffer, Progress, check_frame, check_segment
from verifier.segment.key import KEY_SIZE, SALT_SIZE, UnitKeys, blind, salt_commitment, unit_key
from verifier.segment.layout import (
    HEADER_SIZE,
    LEAF_WIDTH,
    MAX_UNITS,
    Layout,
    SegmentHeader,
    decode_header,
    encode_header,
)
from verifier.segment.proof import (
    AbsenceProof,
    LeafProof,
    MembershipProof,
    decode_absence,
    decode_membership,
    encode_absence,
    encode_membership,
    verify_absence,
    verify_membership,
)
from verifier.tree.merkle import inclusion_proof, leaf_hash, verify_inclusion

__all__ = [
    "HEADER_SIZE",
    "KEY_SIZE",
    "LEAF_WIDTH",
    "MAX_UNITS",
    "SALT_SIZE",
    "AbsenceProof",
    "Buffer",
    "Layout",
    "LeafProof",
    "MembershipProof",
    "Progress",
    "SegmentHeader",
    "SegmentView",
    "UnitKeys",
    "blind",
    "check_segment",
    "decode_absence",
    "decode_header",
    "decode_membership",
    "encode_absence",
    "encode_header",
    "encode_membership",
    "salt_commitment",
    "subset",
    "unit_key",
    "verify_absence",
    "verify_membership",
]

_BLOCK = 4_096  # keys read in one go where many are wanted: 128 KiB


class SegmentView:
    """The keys of a segment file and their proofs; `len`, `in` and iteration (in order) work as on a set.

    `n` and `root` (32 bytes) come from the signed registration; the header of the file is only
    compared with them. Opening does not read the keys: `check_segment` does, before a file is stored.

    Raises ProofInvalid (`segment_header`, `segment_count`, `segment_root`, `segment_empty`) when opened
    on a file that is meant for other units or another root.
    """

    __slots__ = ("_buffer", "_layout", "_offsets", "root")

    def __init__(self, buffer: Buffer, *, n: int, root: bytes) -> None:
        self._layout = check_frame(buffer, n, root)
        self._buffer = buffer
        self._offsets = self._layout.level_offsets()
        self.root = root

    @property
    def n(self) -> int:
        """The number of units, 1 to 2^32."""
        return self._layout.n

    def __len__(self) -> int:
        return self._layout.n

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, self.n, _BLOCK):
            yield from self._keys(start, min(start + _BLOCK, self.n))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.find(key) is not None

    def key(self, position: int) -> bytes:
        """Return the key at that position, 0 to n − 1."""
        start = HEADER_SIZE + position * KEY_SIZE
        return bytes(self._buffer[start : start + KEY_SIZE])

    def find(self, key: bytes) -> int | None:
        """Return the position of `key`, or None. None alone proves nothing: `absence` does."""
        position = self._insertion_point(key)
        return position if position < self.n and self.key(position) == key else None

    def membership(self, position: int, blind: bytes) -> MembershipProof:
        """Return the proof for the unit at that position, with the blind that its key was made of.

        Raises ProofInvalid if the file does not bear it out.
        """
        return MembershipProof(blind=blind, leaf=self._leaf(position // LEAF_WIDTH))

    def absence(self, key: bytes) -> AbsenceProof:
        """Return the proof that `key` is not in the segment.

        Raises ProofInvalid: `absence_present` if it is, or what is wrong with the file.
        """
        position = self._insertion_point(key)
        first = max(position - 1, 0) // LEAF_WIDTH
        last = min(position, self.n - 1) // LEAF_WIDTH
        proof = AbsenceProof(tuple(self._leaf(leaf) for leaf in range(first, last + 1)))
        verify_absence(proof, key, self.n, self.root)
        return proof

    def check(self, progress: Progress | None = None) -> None:
        """Derive the whole file anew from its keys, as intake did. Raises ProofInvalid as `check_segment` does."""
        check_segment(self._buffer, self.n, self.root, progress)

    def _insertion_point(self, key: bytes) -> int:
        buffer = self._buffer
        if isinstance(buffer, memoryview):  # views have no order, their bytes do
            return bisect_left(range(self.n), key, key=self.key)
        low, high = 0, self.n
        while low < high:  # bisect_left spelled out: half the time of a call for each probe
            middle = (low + high) >> 1
            start = HEADER_SIZE + middle * KEY_SIZE
            if buffer[start : start + KEY_SIZE] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _leaf(self, leaf: int) -> LeafProof:
        start = leaf * LEAF_WIDTH
        keys = tuple(self._keys(start, start + self._layout.keys_in(leaf)))
        path = inclusion_proof(leaf, self._layout.leaves, self._node)
        # a bit that flipped in the stored file must not leave this process inside a proof
        verify_inclusion(leaf_hash(b"".join(keys)), leaf, self._layout.leaves, path, self.root)
        return LeafProof(leaf=leaf, keys=keys, path=path)

    def _node(self, level: int, index: int) -> bytes:
        start = self._offsets[level] + index * KEY_SIZE
        return bytes(self._buffer[start : start + KEY_SIZE])

    def _keys(self, start: int, stop: int) -> list[bytes]:
        block = bytes(self._buffer[HEADER_SIZE + start * KEY_SIZE : HEADER_SIZE + stop * KEY_SIZE])
        return [block[at : at + KEY_SIZE] for at in range(0, len(block), KEY_SIZE)]


def subset(keys: Iterable[bytes], view: SegmentView) -> bool:
    """Tell whether all `keys` are in the view. `keys` strictly increase, as those of a segment do.

    Reads each stretch of the view once and skips those between keys, so few keys and all keys are
    both cheap. Raises ProofInvalid (`segment_unsorted`, `segment_duplicate`) on keys out of order.
    """
    remaining = iter(keys)
    last = b""
    while wanted := list(islice(remaining, _BLOCK)):
        _check_increasing(last, wanted)
        last = wanted[-1]
        low, high = view._insertion_point(wanted[0]), view._insertion_point(last) + 1
        if high - low > 4 * _BLOCK:  # far apart: a search for each costs less than reading the keys between
            if not all(key in view for key in wanted):
                return False
        elif not set(wanted) <= set(view._keys(low, min(high, view.n))):
            return False
    return True


def _check_increasing(last: bytes, keys: list[bytes]) -> None:
    for left, right in zip((last, *keys), keys, strict=False):
        if left >= right:
            code = "segment_duplicate" if left == right else "segment_unsorted"
            raise ProofInvalid(
                f"couldn't compare the keys: {right.hex()} comes after {left.hex()}, expected strict order",
                code=code,
            )
