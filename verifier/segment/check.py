"""The full check of a segment file: what intake and audit run before anything rests on it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from mmap import mmap
from operator import lt
from typing import Final

from verifier.errors import ProofInvalid
from verifier.segment.key import KEY_SIZE
from verifier.segment.layout import HEADER_SIZE, LEAF_WIDTH, Layout, decode_header
from verifier.tree.merkle import root_at

Buffer = bytes | memoryview | mmap
"""Bytes of a whole segment file. A memory map keeps even the largest one out of memory."""

Progress = Callable[[int, int], None]
"""Called with (units done, units in all), once every 65,536 units."""

_LEAF_SIZE: Final = LEAF_WIDTH * KEY_SIZE
_BLOCK: Final = 65_536  # keys looked at in one go: 2 MiB; a multiple of the leaf width
_NODES: Final = 65_536  # hashes of a level looked at in one go


def check_segment(buffer: Buffer, n: int, root: bytes, progress: Progress | None = None) -> None:
    """Derive everything in a segment file from its keys and compare: order, count, levels, root.

    `n` and `root` (32 bytes) come from the signed registration. A file that passes is exactly the
    one file for its keys. About 0.2 µs a unit; memory is bounded if `buffer` is a memory map.

    Raises ProofInvalid: `segment_empty`, `segment_count`, `segment_header`, `segment_unsorted`,
    `segment_duplicate`, `segment_root`.
    """
    layout = check_frame(buffer, n, root)
    with memoryview(buffer) as view:
        _check_keys(view, layout, progress)
        _check_levels(view, layout)
        offsets = layout.level_offsets()

        def read(level: int, index: int) -> bytes:
            start = offsets[level] + index * KEY_SIZE
            return bytes(view[start : start + KEY_SIZE])

        derived = root_at(layout.leaves, read)
    if derived != root:
        raise _bad_root(f"its keys give the root {derived.hex()}, expected {root.hex()}")


def check_frame(buffer: Buffer, n: int, root: bytes) -> Layout:
    """Check length and header only: that the file is meant to be the one of `n` units with that root.

    Raises ProofInvalid: `segment_empty`, `segment_count`, `segment_header`, `segment_root`.
    """
    layout = Layout(n)
    header = decode_header(bytes(buffer[:HEADER_SIZE]))
    if header.n != layout.n:
        raise _bad_count(f"its header claims {header.n} units, expected {layout.n}")
    if header.root != root:
        raise _bad_root(f"its header claims the root {header.root.hex()}, expected {root.hex()}")
    if len(buffer) != layout.size:
        raise _bad_count(f"it has {len(buffer)} bytes, expected {layout.size} for {layout.n} units")
    return layout


def _check_keys(view: memoryview, layout: Layout, progress: Progress | None) -> None:
    """Keys strictly increase, and each leaf hash is that of its keys."""
    last = b""  # below every key
    leaf_hashes = layout.level_offsets()[0]
    for start in range(0, layout.n, _BLOCK):
        count = min(_BLOCK, layout.n - start)
        offset = layout.key_offset(start)
        block = bytes(view[offset : offset + count * KEY_SIZE])
        _check_order(last, block, start)
        last = block[-KEY_SIZE:]
        hashes = b"".join(
            sha256(b"\x00" + block[at : at + _LEAF_SIZE]).digest() for at in range(0, len(block), _LEAF_SIZE)
        )
        stored = leaf_hashes + start // LEAF_WIDTH * KEY_SIZE
        if view[stored : stored + len(hashes)] != hashes:
            raise _bad_root(f"a leaf hash between keys {start} and {start + count - 1} is not that of its keys")
        if progress is not None:
            progress(start + count, layout.n)


def _check_order(last: bytes, block: bytes, start: int) -> None:
    keys = _keys_of(len(block) // KEY_SIZE).unpack(block)
    if last < keys[0] and all(map(lt, keys, keys[1:])):
        return
    for position, (left, right) in enumerate(zip((last, *keys), keys, strict=False), start=start):
        if left == right:
            raise ProofInvalid(
                f"couldn't check the segment: key {position} is the same as the one before it",
                code="segment_duplicate",
            )
        if left > right:
            raise ProofInvalid(
                f"couldn't check the segment: key {position} is smaller than the one before it",
                code="segment_unsorted",
            )


@cache
def _keys_of(count: int) -> struct.Struct:
    return struct.Struct(f"{KEY_SIZE}s" * count)


def _check_levels(view: memoryview, layout: Layout) -> None:
    """Each level above the leaf hashes is made of pairs of the level below it."""
    offsets = layout.level_offsets()
    for level, (below, here, end) in enumerate(zip(offsets, offsets[1:], offsets[2:], strict=False), start=1):
        for at in range(here, end, _NODES * KEY_SIZE):
            stop = min(end, at + _NODES * KEY_SIZE)
            source = below + 2 * (at - here)
            pairs = bytes(view[source : source + 2 * (stop - at)])
            nodes = b"".join(
                sha256(b"\x01" + pairs[pair : pair + 2 * KEY_SIZE]).digest()
                for pair in range(0, len(pairs), 2 * KEY_SIZE)
            )
            if view[at:stop] != nodes:
                raise _bad_root(f"a hash of level {level} is not that of the two below it")


def _bad_count(cause: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't check the segment: {cause}", code="segment_count")


def _bad_root(cause: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't check the segment: {cause}", code="segment_root")
