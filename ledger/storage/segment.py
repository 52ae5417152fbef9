"""The segment store: a folder of files named by their roots, each checked before it can be seen.

A file is written once and never changed, so many processes read it without a lock, and a copy of the folder is a
backup. Only the log knows which files are needed.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EXDEV
from math import inf
from mmap import MADV_RANDOM, MADV_SEQUENTIAL
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from ledger.storage.segment_folder import (
    FREE_FLOOR,
    MAX_UNITS,
    SUFFIX,
    SegmentFolder,
    StoredSegment,
    map_file,
    unavailable,
)
from ledger.storage.segment_upload import SegmentUpload
from verifier.segment.view import HEADER_SIZE, Progress, SegmentHeader, SegmentView, check_segment

__all__ = ["DAY", "FREE_FLOOR", "MAX_UNITS", "SegmentStore", "SegmentUpload", "StoredSegment"]

DAY: Final = 86_400  # seconds; docs/spec/segment.md, unreferenced segments are swept after a day
MAX_OPEN: Final = 4_608  # segments kept mapped: all that one public look-up may search, and some more
_COPY: Final = 2**20  # bytes copied at a time


class SegmentStore:
    """Keeps segments in `folder`, which is made if it is not there. Safe for threads and processes.

    `max_units` bounds one segment, `free_floor` (bytes) is what uploads must leave free on the disk:
    a full disk cost the log Mammoth2024h1 two promised entries, so uploads stop before the log does.
    """

    def __init__(
        self, folder: Path, *, max_units: int = MAX_UNITS, free_floor: int = FREE_FLOOR, max_open: int | None = None
    ) -> None:
        self._folder = SegmentFolder(folder, max_units, free_floor)
        self._max_open = max_open or most_open()
        self._views: OrderedDict[tuple[bytes, int], SegmentView] = OrderedDict()
        self._views_lock = Lock()
        with unavailable("open the segment store"):
            if folder.is_dir() and not os.access(folder, os.W_OK):
                return  # read only: nothing will come in
            self._folder.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def has(self, root: bytes) -> bool:
        """Tell whether the segment with that root (32 bytes) is here."""
        return self._folder.file(root).exists()

    def file(self, root: bytes) -> Path:
        """The file of the segment with that root (32 bytes), if it is here."""
        return self._folder.file(root)

    def open(self, root: bytes, n: int) -> SegmentView:
        """Return the segment; `n` and `root` come from the signed registration.

        Costs a dictionary look-up while the segment is among the last `max_open` used. Raises NotFound
        (`segment_not_found`) if it is not here, which says nothing about any unit; ProofInvalid if the
        file is for other units; Unavailable if it cannot be read.
        """
        with self._views_lock:
            view = self._views.get((root, n))
            if view is not None:
                self._views.move_to_end((root, n))
                return view
        with self._folder.reading(root) as file:
            view = SegmentView(map_file(file, MADV_RANDOM), n=n, root=root)
        with self._views_lock:
            self._views[root, n] = view
            while len(self._views) > self._max_open:
                self._views.popitem(last=False)  # unmapped when its last user drops it
        return view

    def claim(self, root: bytes) -> SegmentHeader:
        """Return count and root of a stored segment, checked when it was stored. Raises NotFound, Unavailable."""
        return self._folder.claim(root)

    def put(
        self,
        root: bytes,
        source: BinaryIO | Path,
        n: int | None = None,
        *,
        move: bool = False,
        progress: Progress | None = None,
    ) -> StoredSegment:
        """Store the segment read from `source`; when this returns it is checked and on the disk.

        Without `n` the count is the one that the file claims, and that is checked. A segment that is here
        already is not read again. With `move` a file at `source` becomes the stored one, without a copy
        where source and store share a file system (see `scratch`); nobody may hold it open for writing.

        Raises ProofInvalid (codes of `check_segment`), Refused (`segment_too_large`), Unavailable
        (`disk_floor`, `segment_store`). On any error the store is as before.
        """
        if not isinstance(source, Path):
            return self._copy(root, source, n, progress)
        with unavailable("store the segment"), source.open("rb") as file:
            stored = self._move(root, source, file, n, progress) if move else None
            if stored is None:
                stored = self._copy(root, file, n, progress)
            if move:
                source.unlink(missing_ok=True)
            return stored

    def receive(self, root: bytes, n: int | None = None) -> SegmentUpload:
        """Return an upload to be written piece by piece, for a source that pushes, such as a request body."""
        return SegmentUpload(self._folder, root, n)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a path on the store's file system for building a segment. A file left there is removed."""
        with tempfile.TemporaryDirectory(dir=self._folder.incoming, prefix="build-") as folder:
            yield Path(folder) / f"new{SUFFIX}"

    def check(self, root: bytes, n: int, progress: Progress | None = None) -> None:
        """Derive the stored segment anew from its keys. Raises as `open` and `check_segment` do."""
        with self._folder.reading(root) as file:
            check_segment(map_file(file, MADV_SEQUENTIAL), n, root, progress)

    def discard(self, root: bytes) -> None:
        """Remove a segment that was found damaged, or whose statement was refused; it can be stored again.

        Raises Unavailable.
        """
        with unavailable("remove the segment"), self._folder.locked():
            self._folder.file(root).unlink(missing_ok=True)
            self._folder.sync()
        with self._views_lock:
            for key in [key for key in self._views if key[0] == root]:
                del self._views[key]

    def hold(self, root: bytes) -> bool:
        """Make the segment as young as a new one; False if it is not here.

        Registration calls this before it appends the entry that refers to the segment: for a day from
        then no sweep takes it, and by the end of the day the entry is there.
        """
        return self._folder.hold(root)

    def sweep(
        self, is_referenced: Callable[[bytes], bool], *, older_than: float = DAY, now: float | None = None
    ) -> list[bytes]:
        """Remove segments and remains of uploads older than `older_than` seconds that nothing refers to.

        `is_referenced` says whether the log names a root; it is asked about old ones only. `now` is in
        seconds since 1970. Returns the roots removed.
        """
        limit = (time.time() if now is None else now) - older_than
        with unavailable("sweep the segment store"):
            removed = [root for root in self._old_roots(limit) if not is_referenced(root) and self._remove(root, limit)]
            for path in self._folder.incoming.iterdir():
                if _modified(path) < limit:
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            self._folder.sync()
        with self._views_lock:
            for key in [key for key in self._views if key[0] in removed]:
                del self._views[key]
        return removed

    def _copy(self, root: bytes, stream: BinaryIO, n: int | None, progress: Progress | None) -> StoredSegment:
        with self.receive(root, n) as upload:
            while not upload.complete and (chunk := stream.read(_COPY)):
                upload.write(chunk)
            return upload.commit(progress)

    def _move(
        self, root: bytes, path: Path, file: BinaryIO, n: int | None, progress: Progress | None
    ) -> StoredSegment | None:
        """Publish the file itself; None if the store has it already or it lies on another file system."""
        if self.has(root):
            return None
        header = self._folder.admit(root, file.read(HEADER_SIZE), n)
        try:
            return self._folder.publish(file, path, header, progress)
        except OSError as error:
            if error.errno != EXDEV:
                raise
            file.seek(0)
            return None

    def _old_roots(self, limit: float) -> Iterator[bytes]:
        for path in sorted(self._folder.path.glob(f"*{SUFFIX}")):
            root = _root_of(path)
            if root is not None and _modified(path) < limit:
                yield root

    def _remove(self, root: bytes, limit: float) -> bool:
        path = self._folder.file(root)
        with self._folder.locked():
            if _modified(path) >= limit:
                return False  # held since we looked, or another sweep came first
            os.unlink(path)
            return True


def most_open() -> int:
    """How many segments may be kept mapped: each takes one descriptor, and half of the process's are for others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_OPEN if soft == resource.RLIM_INFINITY else max(1, min(MAX_OPEN, soft // 2))


def _modified(path: Path) -> float:
    """Seconds since 1970; for a file that is gone, later than any limit."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return inf


def _root_of(path: Path) -> bytes | None:
    try:
        root = bytes.fromhex(path.stem)
    except ValueError:
        return None  # not ours: leave it alone
    return root if len(root) == 32 and root.hex() == path.stem else None
