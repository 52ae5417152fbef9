"""One segment on its way into the store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

from ledger.storage.segment_folder import SegmentFolder, StoredSegment, check_count, unavailable
from verifier.errors import ProofInvalid
from verifier.segment.view import HEADER_SIZE, Layout, Progress, SegmentHeader

_FLOOR_EVERY: Final = 2**26  # bytes received between two looks at the free space


class SegmentUpload:
    """Takes a segment piece by piece. Nobody can see any of it until `commit`. Leaving the block discards it.

    Raises ProofInvalid, Refused and Unavailable as `SegmentStore.put` does, as soon as the bytes so far
    show it, so a wrong upload is refused after its first 128 bytes.
    """

    def __init__(self, folder: SegmentFolder, root: bytes, n: int | None) -> None:
        self._folder, self._root, self._n = folder, root, n
        self._stored = self._find()
        self._start = b""
        self._header: SegmentHeader | None = None
        self._received = 0
        self._since_look = 0
        with unavailable("store the segment"):
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed in __exit__
                dir=folder.incoming, prefix="upload-", delete=False
            )

    def __enter__(self) -> SegmentUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)  # gone already after `commit`

    @property
    def complete(self) -> bool:
        """Whether the store has this segment already, so that the rest need not be sent."""
        return self._stored is not None

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the file, any number of them."""
        if self._stored is not None:
            return
        self._received += len(chunk)
        if self._header is None:
            self._start = (self._start + chunk)[:HEADER_SIZE]
            if len(self._start) == HEADER_SIZE:
                self._header = self._folder.admit(self._root, self._start, self._n)
        if self._header is not None:
            self._check_size(self._header, len(chunk))
        with unavailable("store the segment"):
            self._file.write(chunk)

    def commit(self, progress: Progress | None = None) -> StoredSegment:
        """Check the whole and make it visible and durable. It is fine if the segment is here already."""
        if self._stored is not None:
            return self._stored
        if self._header is None:
            raise ProofInvalid(
                f"couldn't store the segment: got only {self._received} bytes, expected a header of {HEADER_SIZE}",
                code="segment_header",
            )
        size = Layout(self._header.n).size
        if self._received != size:
            raise ProofInvalid(
                f"couldn't store the segment: got only {self._received} bytes, expected {size}", code="segment_count"
            )
        with unavailable("store the segment"):
            self._file.flush()
            return self._folder.publish(self._file.file, Path(self._file.name), self._header, progress)

    def _find(self) -> StoredSegment | None:
        """The segment, if it is here; from now on no sweep takes it for a day."""
        if not self._folder.hold(self._root):
            return None
        with unavailable("store the segment"):
            self._folder.sync()  # its first writer may have been stopped before its name was durable
        header = self._folder.claim(self._root)
        check_count(header, self._n)
        return StoredSegment(n=header.n, root=self._root, size=Layout(header.n).size, created=False)

    def _check_size(self, header: SegmentHeader, more: int) -> None:
        size = Layout(header.n).size
        if self._received > size:
            raise ProofInvalid(
                f"couldn't store the segment: got more than the {size} bytes of {header.n} units", code="segment_count"
            )
        self._since_look += more
        if self._since_look > _FLOOR_EVERY:  # others write to the same disk meanwhile
            self._folder.check_floor(size - self._received)
            self._since_look = 0
