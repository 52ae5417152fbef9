"""Where the parts of a segment file lie: header, keys, then the levels of its Merkle tree.

Everything but the keys is a function of the number of units and the root, so there is one file for
one set of keys, byte for byte. `docs/spec/segment.md` says the same in tables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from verifier.errors import ProofInvalid
from verifier.segment.key import KEY_SIZE

LEAF_WIDTH: Final = 16  # keys a leaf; 36 bytes a unit and proofs of about 1 kB
MAX_UNITS: Final = 2**32  # docs/spec/segment.md, n
HEADER_SIZE: Final = 128  # bytes; a multiple of 32, so no key lies across two pages
_MAGIC: Final = b"carnet/segment\r\n"  # the line end shows a transfer in text mode
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">16sIIQQQQ8x32s32x")


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a segment of `n` units, 1 to 2^32. Raises ProofInvalid for any other number."""

    n: int

    def __post_init__(self) -> None:
        if self.n == 0:
            raise ProofInvalid("couldn't lay out the segment: it has no units", code="segment_empty")
        if not 1 <= self.n <= MAX_UNITS:
            raise ProofInvalid(
                f"couldn't lay out the segment: got {self.n} units, expected 1 to {MAX_UNITS}",
                code="segment_count",
            )

    @property
    def leaves(self) -> int:
        """The number of leaves, ⌈n/16⌉."""
        return -(-self.n // LEAF_WIDTH)

    def keys_in(self, leaf: int) -> int:
        """The number of keys in that leaf: 16, in the last one 1 to 16."""
        return min(LEAF_WIDTH, self.n - leaf * LEAF_WIDTH)

    def key_offset(self, position: int) -> int:
        """The byte offset of the key at that position."""
        return HEADER_SIZE + position * KEY_SIZE

    def level_offsets(self) -> tuple[int, ...]:
        """The byte offset of each level, leaf hashes first, and at last the size of the file.

        Level L holds the ⌊leaves/2^L⌋ hashes of complete subtrees of 2^L leaves; the hashes on the
        right edge that stand for incomplete ones are computed from these.
        """
        offsets = [self.key_offset(self.n)]
        count = self.leaves
        while count:
            offsets.append(offsets[-1] + count * KEY_SIZE)
            count //= 2
        return tuple(offsets)

    @property
    def size(self) -> int:
        """The size of the file in bytes: at most 36 a unit and 188 more."""
        return self.level_offsets()[-1]


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment file says of itself; a claim until it is compared with a signed registration."""

    n: int
    root: bytes


def encode_header(header: SegmentHeader) -> bytes:
    """Return the 128 bytes that a file with these units and this root starts with."""
    layout = Layout(header.n)
    offsets = layout.level_offsets()
    return _HEADER.pack(_MAGIC, _VERSION, LEAF_WIDTH, header.n, HEADER_SIZE, offsets[0], offsets[-1], header.root)


def decode_header(data: bytes) -> SegmentHeader:
    """Return what the first 128 bytes of a file claim.

    Raises ProofInvalid (`segment_header`, `segment_empty`, `segment_count`) if they are not exactly
    the header of the units and the root named in them.
    """
    if len(data) != HEADER_SIZE:
        raise _bad_header(f"got {len(data)} bytes, expected {HEADER_SIZE}")
    magic, version, width, n, _, _, _, root = _HEADER.unpack(data)
    if magic != _MAGIC:
        raise _bad_header(f"it starts with {magic!r}, expected {_MAGIC!r}")
    if (version, width) != (_VERSION, LEAF_WIDTH):
        raise _bad_header(f"got version {version} and {width} keys a leaf, expected {_VERSION} and {LEAF_WIDTH}")
    header = SegmentHeader(n=n, root=root)
    if encode_header(header) != data:
        raise _bad_header("its offsets or its padding differ from those of its unit count")
    return header


def _bad_header(cause: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't read the segment header: {cause}", code="segment_header")
