"""A published log as an audit reads it: files are fetched ahead, and those that lead to the signed root are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Self

from ledger.remote.cache import FileCache
from ledger.remote.files import PublishedFiles, read_checkpoint, read_seal, read_tile
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused
from verifier.record.founding import Founding, open_founding
from verifier.record.head import claimed_head, open_head
from verifier.record.rules import KNOWN, Rules
from verifier.segment.view import SegmentView
from verifier.tree.checked_tiles import CheckedTiles
from verifier.tree.tiles import TILE_WIDTH, Level, decode_bundle, tile_path, width_of

READERS = 4
"""Requests under way at one time."""
AHEAD = 8
"""Bundles, with their tiles, asked for before they are needed."""

LOOKS = (0.0, 1.0, 3.0, 6.0)
"""Seconds to wait before each look for a newer checkpoint: ten in all, several times what publishing takes, and what a
cache in between may be late."""

SegmentSource = Callable[[bytes, int], SegmentView]
_NO_LOG = (Malformed, ProofInvalid, NotFound, Refused)
"""What a log that does not hold says; no answer (Unavailable) says nothing and is passed on."""


class PublishedSource:
    """An `AuditSource` over published files. The newest checkpoint is read once, so the log's size stays the same.

    With a `cache`, tiles and bundles that are proved to belong to that checkpoint are kept and not fetched again; every
    head that the log's key signed is kept as well. Close it when done (it is a context manager).
    """

    def __init__(
        self,
        files: PublishedFiles,
        segments: SegmentSource,
        pin: bytes,
        *,
        cache: FileCache | None = None,
        looks: Sequence[float] = LOOKS,
    ) -> None:
        """`looks`: seconds before each look for a newer checkpoint; empty for a copy, which has none.

        Raises NotFound (`not_published`), Unavailable, ProofInvalid (`file_size`)."""
        self._files, self._segments, self._cache, self._looks = files, segments, cache, looks
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._coming: dict[tuple[Level, int], Future[bytes]] = {}
        self._served: dict[tuple[Level, int, int], Future[bytes]] = {}
        self._lock = Lock()
        self.fetched, self.kept = 0, 0
        self.note = read_checkpoint(files)
        self._size = _claimed_size(self.note)
        self._tiles: CheckedTiles | None = None
        self._tiles = self._believe(pin) if cache is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._files.end()  # what was read ahead is of no more use, and a slow log would keep Ctrl-C waiting
        self._pool.shutdown(cancel_futures=True)

    def size(self) -> int:
        """How many entries the newest checkpoint claims."""
        return self._size

    def checkpoints(self) -> Iterable[bytes]:
        """The newest checkpoint, and every head of this log that was ever kept here."""
        kept = self._cache.heads() if self._cache is not None else ()
        return [self.note, *(note for note in kept if note != self.note)]

    def newest(self, size: int, /) -> bytes | None:
        """The newest checkpoint by now; while it covers less than `size` entries it is looked for again."""
        note: bytes | None = None
        for pause in self._looks:
            time.sleep(pause)
            note = read_checkpoint(self._files)
            if _claimed_size(note) >= size:
                break
        return note

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A tile or bundle, as it was kept or as it is served."""
        coming = self._coming.pop((level, n), None)
        if level == "entries":
            self._look_ahead(n)
        try:
            return coming.result() if coming is not None else self._tile(level, n, width)
        finally:
            with self._lock:
                self._served.pop((level, n, width), None)

    def segment(self, root: bytes, n: int) -> SegmentView:
        """A segment."""
        return self._segments(root, n)

    def seal(self, number: int) -> bytes:
        """The sorted leaves of a seal."""
        return read_seal(self._files, number)

    def _look_ahead(self, n: int) -> None:
        last = (self._size - 1) // TILE_WIDTH
        for at in range(n + 1, min(n + AHEAD, last) + 1):
            for level in ("entries", 0):
                if (level, at) not in self._coming:
                    width = width_of(level, at, self._size)
                    self._coming[level, at] = self._pool.submit(self._tile, level, at, width)

    def _tile(self, level: Level, n: int, width: int) -> bytes:
        """1. what is kept, if it still belongs to this tree; 2. what is served, kept if it does."""
        path, tiles = tile_path(level, n, width), self._tiles
        if self._cache is not None and tiles is not None:
            kept = self._cache.read(path)  # 1
            if kept is not None and tiles.holds(level, n, kept):
                self.kept += 1
                return kept
        data = self._serve(level, n, width)  # 2
        if self._cache is not None and tiles is not None and tiles.holds(level, n, data):
            self._cache.write(path, data)
        return data

    def _raw(self, level: Level, n: int, width: int) -> bytes:
        """What `CheckedTiles` reads, which checks it by itself."""
        kept = self._cache.read(tile_path(level, n, width)) if self._cache is not None else None
        return kept if kept is not None else self._serve(level, n, width)

    def _serve(self, level: Level, n: int, width: int) -> bytes:
        """What the log serves, asked for once until the audit has taken it: its check needs the tile as well."""
        key = level, n, width
        with self._lock:
            answer = self._served.get(key)
            first = answer is None
            if answer is None:
                answer = self._served[key] = Future()
        if first:
            try:
                answer.set_result(read_tile(self._files, level, n, width))
                self.fetched += 1
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()

    def _believe(self, pin: bytes) -> CheckedTiles | None:
        """The tree under the newest head, if pin, entry 0, its keys and the checkpoint lead there."""
        try:
            head = open_head(self.note, read_founding(self._raw, self._size, pin))
            if self._cache is not None:
                self._cache.keep_head(self._size, self.note)
            return CheckedTiles(self._raw, self._size, head.checkpoint.root)
        except _NO_LOG:
            return None


def read_founding(fetch: Callable[[Level, int, int], bytes], size: int, pin: bytes, known: Rules = KNOWN) -> Founding:
    """Entry 0 of a log of `size` entries, believed because of the pin (32 bytes).

    Raises ProofInvalid (`pin`), Malformed, RulesUnknown, NotFound, Unavailable.
    """
    width = width_of("entries", 0, size)
    return open_founding(decode_bundle(fetch("entries", 0, width), width)[0] if width else b"", pin, known)


def _claimed_size(note: bytes) -> int:
    try:
        return claimed_head(note).size
    except Malformed:
        return 0  # the audit says what is wrong with it
