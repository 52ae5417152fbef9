"""Segments of a foreign log: fetched by root, and checked whole before anything is read from them."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from ledger.remote.files import PublishedFiles
from ledger.storage.segment import SegmentStore
from verifier.errors import CarnetError, ProofInvalid, Unavailable
from verifier.segment.view import MAX_UNITS, Layout, SegmentView

FREE_FLOOR = 2**28
"""Bytes left free on the auditor's disk."""
ATTEMPTS = 3
"""How often a segment is requested if its answer breaks off."""


class RemoteSegments:
    """Fetches missing segments. A segment that fails its check is not kept, and not fetched again."""

    def __init__(self, files: PublishedFiles, folder: Path) -> None:
        self._files = files
        self._store = SegmentStore(folder, max_units=MAX_UNITS, free_floor=FREE_FLOOR)
        self._lock = Lock()
        self._checked: set[tuple[bytes, int]] = set()
        self._refused: dict[tuple[bytes, int], CarnetError] = {}

    def open(self, root: bytes, n: int) -> SegmentView:
        """The segment with that root (32 bytes) and `n` keys, from the signed registration.

        Raises NotFound (`segment_not_found`), ProofInvalid as `check_segment`, Unavailable.
        """
        key = root, n
        with self._lock:
            if key in self._refused:
                raise self._refused[key]
            if key not in self._checked:
                try:
                    self._fetch(root, n)
                except ProofInvalid as error:
                    self._refused[key] = error
                    raise
                self._checked.add(key)
        return self._store.open(root, n)

    def _fetch(self, root: bytes, n: int) -> None:
        if self._store.has(root):
            try:
                self._store.check(root, n)
                return
            except ProofInvalid:
                self._store.discard(root)  # our copy is damaged, or was never this segment: the log's copy counts
        fetch_segment(self._files, self._store, root, n)


def fetch_segment(files: PublishedFiles, store: SegmentStore, root: bytes, n: int) -> None:
    """Fetch a segment into a store, which takes it only after the full check. Raises as `RemoteSegments.open`."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with store.receive(root, n) as upload:
                if not upload.complete:
                    for piece in files.stream(f"segment/{root.hex()}", Layout(n).size):
                        upload.write(piece)
                upload.commit()
                return
        except Unavailable:
            if attempt == ATTEMPTS:
                raise
