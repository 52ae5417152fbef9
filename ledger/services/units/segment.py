"""Builds the segment file of a batch from its serials, on the maker's side.

Keys are derived in chunks by helper processes, spread over buckets by their first bits, sorted bucket
by bucket and written in order, so memory does not grow with the batch (the list of serials is the
caller's). The file is the same for any number of processes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

from ledger.services.units.segment_worker import deriving
from verifier.errors import Malformed
from verifier.segment.view import KEY_SIZE, LEAF_WIDTH, MAX_UNITS, Layout, Progress, SegmentHeader, encode_header
from verifier.tree.merkle import root_at

CHUNK: Final = 32_768  # serials sent to a helper at a time: 30 ms of work
_BUCKET: Final = 2**21  # keys sorted in memory at a time: 64 MiB, twice that while they are sorted
_LEAF_SIZE: Final = LEAF_WIDTH * KEY_SIZE
_WRITE: Final = 2**21  # bytes read or written at a time

Rows = NDArray[np.uint64]  # (keys, 4) big-endian words: one row of 32 bytes a key


@dataclass(frozen=True, slots=True)
class SegmentBuilt:
    """A segment file: unit count 1 to 2^32, root (32 bytes) and where it lies. Not fsynced."""

    n: int
    root: bytes
    path: Path


def build(
    gtin: str,
    lot: str,
    serials: Sequence[str],
    salt: bytes,
    out: Path,
    *,
    progress: Progress | None = None,
    processes: int | None = None,
) -> SegmentBuilt:
    """Write the segment of the batch (`gtin` of 14 digits, `lot`) to the new file `out`.

    `processes` is how many derive keys, by default one for each core that this process may use.
    `progress` is called with (steps done, steps in all), two steps a unit.

    Raises Malformed: `segment_empty`, `segment_count`, `serial`, `gtin`, `lot`, `salt`, or
    `serial_duplicate`, which names the serial; FileExistsError if `out` is there. On any error there
    is no file. docs/spec/segment.md.
    """
    layout = _layout(len(serials))
    steps = _Steps(2 * layout.n, progress)
    with deriving(salt, gtin, lot, layout.n, processes) as derive, _Buckets(layout.n, out.parent) as buckets:
        for keys in derive(_chunks(serials)):
            buckets.add(keys)
            steps.advance(len(keys) // KEY_SIZE)
        try:
            return _write(layout, buckets, out, steps)
        except _SameKeyError:
            raise _duplicate(serials) from None


def build_from_keys(keys: Iterable[bytes], n: int, out: Path) -> SegmentBuilt:
    """Write the segment of `n` unit keys (32 bytes each, any order) to the new file `out`.

    For sets of units that are part of a batch: sold, destroyed, stolen. Raises Malformed
    (`segment_empty`, `segment_count`, `key_duplicate`); on any error there is no file.
    """
    layout = _layout(n)
    remaining = iter(keys)
    with _Buckets(n, out.parent) as buckets:
        while chunk := list(islice(remaining, CHUNK)):
            if any(len(key) != KEY_SIZE for key in chunk):
                raise Malformed(f"couldn't build the segment: a key is not {KEY_SIZE} bytes long", code="key")
            buckets.add(b"".join(chunk))
        if buckets.total != n:
            raise Malformed(f"couldn't build the segment: got {buckets.total} keys, expected {n}", code="segment_count")
        try:
            return _write(layout, buckets, out, _Steps(2 * n, None))
        except _SameKeyError:
            raise Malformed(
                "couldn't build the segment: a key stands there twice, expected once", code="key_duplicate"
            ) from None


class _SameKeyError(Exception):
    """Two keys are the same. Only the caller can say what they stand for."""


class _Steps:
    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def advance(self, steps: int) -> None:
        self._done += steps
        if self._progress is not None:
            self._progress(self._done, self._total)


class _Buckets:
    """Keys spread over nameless files by their first bits: bucket i holds only keys below those of i+1."""

    def __init__(self, n: int, folder: Path) -> None:
        self._bits = min(8, max(0, (n - 1) // _BUCKET).bit_length())
        self._folder = folder
        self._files: list[BinaryIO] = []
        self._stack = ExitStack()
        self.total = 0

    def __enter__(self) -> _Buckets:
        for _ in range(1 << self._bits):  # beside the target: /tmp may be small, or memory
            file = self._stack.enter_context(tempfile.TemporaryFile(dir=self._folder))
            self._files.append(cast("BinaryIO", file))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, keys: bytes) -> None:
        self.total += len(keys) // KEY_SIZE
        if self._bits == 0:
            self._files[0].write(keys)
            return
        rows = np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_SIZE)
        numbers = rows[:, 0] >> (8 - self._bits)
        rows = rows[np.argsort(numbers, kind="stable")]
        ends = np.cumsum(np.bincount(numbers, minlength=len(self._files)))
        for file, part in zip(self._files, np.split(rows, ends[:-1]), strict=True):
            file.write(part.tobytes())

    def in_order(self) -> Iterator[Rows]:
        """Yield each bucket sorted. Raises _SameKeyError."""
        for file in self._files:
            file.seek(0)
            keys = file.read()
            file.truncate(0)  # its keys go to the segment now: do not take the space twice
            if keys:
                yield _sorted(np.frombuffer(keys, dtype=">u8").reshape(-1, KEY_SIZE // 8))


def _sorted(rows: NDArray[Any]) -> Rows:
    """Sort on the first 8 bytes, and on all 32 only where these do not decide."""
    first = rows[:, 0].astype(np.uint64)
    order = np.argsort(first)
    ranked = first[order]
    if bool(np.any(ranked[1:] == ranked[:-1])):  # once in 10^5 batches of 10^7, and whenever a key comes twice
        order = np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))
        rows = rows[order]
        if bool(np.any(np.all(rows[1:] == rows[:-1], axis=1))):
            raise _SameKeyError
        return rows
    return rows[order]


def _write(layout: Layout, buckets: _Buckets, out: Path, steps: _Steps) -> SegmentBuilt:
    """Write keys, leaf hashes, levels and at last the header, each in its place."""
    offsets = layout.level_offsets()
    with out.open("xb+") as file:
        descriptor = file.fileno()
        try:
            _write_keys(descriptor, layout, buckets, steps)
            for below, here, end in zip(offsets, offsets[1:], offsets[2:], strict=False):
                _write_level(descriptor, below, here, end)

            def read(level: int, index: int) -> bytes:
                return os.pread(descriptor, KEY_SIZE, offsets[level] + index * KEY_SIZE)

            root = root_at(layout.leaves, read)
            _put(descriptor, encode_header(SegmentHeader(n=layout.n, root=root)), 0)
        except BaseException:
            out.unlink()  # without its header it is no segment, and a retry needs the name
            raise
    return SegmentBuilt(n=layout.n, root=root, path=out)


def _write_keys(descriptor: int, layout: Layout, buckets: _Buckets, steps: _Steps) -> None:
    key_at, leaf_at = layout.key_offset(0), layout.level_offsets()[0]
    rest = b""  # keys of a leaf that the next bucket completes
    for rows in buckets.in_order():
        for start in range(0, len(rows), _WRITE // KEY_SIZE):
            block = rows[start : start + _WRITE // KEY_SIZE].tobytes()
            _put(descriptor, block, key_at)
            key_at += len(block)
            steps.advance(len(block) // KEY_SIZE)
            pending = rest + block
            whole = len(pending) - len(pending) % _LEAF_SIZE
            hashes = _leaf_hashes(pending[:whole])
            _put(descriptor, hashes, leaf_at)
            leaf_at += len(hashes)
            rest = pending[whole:]
    if rest:
        _put(descriptor, _leaf_hashes(rest), leaf_at)


def _leaf_hashes(keys: bytes) -> bytes:
    leaves = (keys[at : at + _LEAF_SIZE] for at in range(0, len(keys), _LEAF_SIZE))
    return b"".join([sha256(b"\x00" + leaf).digest() for leaf in leaves])  # RFC 9162 2.1.1


def _write_level(descriptor: int, below: int, here: int, end: int) -> None:
    """Hash neighbours of the level that starts at `below` into the one from `here` to `end`."""
    for at in range(here, end, _WRITE // 2):
        stop = min(end, at + _WRITE // 2)
        pairs = os.pread(descriptor, 2 * (stop - at), below + 2 * (at - here))
        nodes = [sha256(b"\x01" + pairs[pair : pair + 64]).digest() for pair in range(0, len(pairs), 64)]
        _put(descriptor, b"".join(nodes), at)


def _put(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:  # a write may be short, and says so only in its result
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _chunks(serials: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(serials), CHUNK):
        yield serials[start : start + CHUNK]


def _layout(n: int) -> Layout:
    if not 1 <= n <= MAX_UNITS:
        code = "segment_count" if n else "segment_empty"
        raise Malformed(f"couldn't build the segment: got {n} units, expected 1 to {MAX_UNITS}", code=code)
    return Layout(n)


def _duplicate(serials: Sequence[str]) -> Malformed:
    """Name the first serial that repeats an earlier one; looked for only when there is one."""
    seen: set[str] = set()
    for position, serial in enumerate(serials, start=1):
        if serial in seen:
            return Malformed(
                f"couldn't build the segment: serial {serial!r} stands at {serials.index(serial) + 1} "
                f"and again at {position}, expected each serial once",
                code="serial_duplicate",
                at=str(position),
            )
        seen.add(serial)
    return Malformed("couldn't build the segment: two serials have the same key", code="serial_duplicate")
