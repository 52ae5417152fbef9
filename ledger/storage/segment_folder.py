"""The folder that segments lie in: names, limits, and the steps that make a file visible and durable."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from mmap import MADV_SEQUENTIAL, PROT_READ, mmap
from pathlib import Path
from typing import IO, Final

from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.segment.view import HEADER_SIZE, Layout, Progress, SegmentHeader, check_segment, decode_header

MAX_UNITS: Final = 50_000_000  # five times the largest batch planned for; 1.8 GB
FREE_FLOOR: Final = 2**30  # bytes left free on the disk, for the log and its database
SUFFIX: Final = ".seg"


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment in the store: unit count, root (32 bytes), size in bytes, and whether it was new."""

    n: int
    root: bytes
    size: int
    created: bool


@dataclass(frozen=True, slots=True)
class SegmentFolder:
    """A folder of checked segments with an `incoming` folder for everything else.

    `max_units` bounds one segment, `free_floor` (bytes) is what must stay free on the disk.
    """

    path: Path
    max_units: int = MAX_UNITS
    free_floor: int = FREE_FLOOR

    @property
    def incoming(self) -> Path:
        """The folder for unchecked bytes; below `path`, because a rename is atomic within one file system only."""
        return self.path / "incoming"

    def file(self, root: bytes) -> Path:
        """The name of the segment with that root (32 bytes). Raises Malformed."""
        if len(root) != 32:
            raise Malformed(f"couldn't name the segment: its root has {len(root)} bytes, expected 32", code="root")
        return self.path / (root.hex() + SUFFIX)

    @contextmanager
    def reading(self, root: bytes) -> Iterator[IO[bytes]]:
        """Open a stored segment. Raises NotFound (`segment_not_found`), Unavailable (`segment_store`)."""
        with unavailable("read the segment"):
            try:
                file = self.file(root).open("rb")
            except FileNotFoundError as error:
                raise NotFound(
                    f"couldn't open segment {root.hex()}: it is not here", code="segment_not_found"
                ) from error
            with file:
                yield file

    def claim(self, root: bytes) -> SegmentHeader:
        """Return the header of a stored segment, which was checked when it was stored. Raises as `reading`."""
        with self.reading(root) as file:
            return decode_header(file.read(HEADER_SIZE))

    def hold(self, root: bytes) -> bool:
        """Make a stored segment as young as a new one; False if it is not here."""
        with unavailable("hold the segment"), self.locked():
            try:
                os.utime(self.file(root))
            except FileNotFoundError:
                return False
            return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep `hold` and the removal of old segments apart, between processes too."""
        with (self.path / ".lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, or the process dies
            yield

    def admit(self, root: bytes, header: bytes, n: int | None) -> SegmentHeader:
        """Check the first 128 bytes of a coming file: is it the named one, and is there room for it?

        Raises ProofInvalid (`segment_header`, `segment_root`, `segment_count`, `segment_empty`), Refused
        (`segment_too_large`), Unavailable (`disk_floor`).
        """
        claim = decode_header(header)
        if claim.root != root:
            raise ProofInvalid(
                f"couldn't store the segment: its header claims the root {claim.root.hex()}, expected {root.hex()}",
                code="segment_root",
            )
        check_count(claim, n)
        if claim.n > self.max_units:
            raise Refused(
                f"couldn't store the segment: it has {claim.n} units, this ledger takes at most {self.max_units}",
                code="segment_too_large",
            )
        self.check_floor(Layout(claim.n).size)
        return claim

    def check_floor(self, coming: int) -> None:
        """Raise Unavailable (`disk_floor`) if `coming` more bytes would leave less than the floor."""
        with unavailable("look at the free space"):
            free = shutil.disk_usage(self.path).free
        if free - coming < self.free_floor:
            raise Unavailable(
                f"couldn't store the segment: {free} bytes are free, "
                f"expected {coming} for it and {self.free_floor} to spare",
                code="disk_floor",
            )

    def publish(self, file: IO[bytes], path: Path, header: SegmentHeader, progress: Progress | None) -> StoredSegment:
        """Check the file that lies at `path` on this file system, then make it visible, durable and read-only.

        Raises ProofInvalid as `check_segment` does; OSError for the caller to interpret.
        """
        check_segment(map_file(file, MADV_SEQUENTIAL), header.n, header.root, progress)
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
        # if we stop here, restart finds a remain in incoming/, which a sweep removes
        os.rename(path, self.file(header.root))
        # if we stop here, restart finds the segment or does not; nobody was told that it is here
        self.sync()
        return StoredSegment(n=header.n, root=header.root, size=Layout(header.n).size, created=True)

    def sync(self) -> None:
        """Make the names in the folder durable."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_count(header: SegmentHeader, n: int | None) -> None:
    """Raise ProofInvalid (`segment_count`) if `n` is given and is not what the header claims."""
    if n is not None and header.n != n:
        raise ProofInvalid(
            f"couldn't store the segment: its header claims {header.n} units, expected {n}", code="segment_count"
        )


def map_file(file: IO[bytes], advice: int) -> mmap | bytes:
    """Map a file for reading; it must not be cut short while it is mapped, or the process dies."""
    if os.fstat(file.fileno()).st_size == 0:
        return b""  # an empty file cannot be mapped; its missing header is reported
    mapped = mmap(file.fileno(), 0, prot=PROT_READ)
    mapped.madvise(advice)
    return mapped


@contextmanager
def unavailable(action: str) -> Iterator[None]:
    """Turn errors of the file system into Unavailable: `disk_floor` when it is full, else `segment_store`."""
    try:
        yield
    except OSError as error:
        code = "disk_floor" if error.errno in (ENOSPC, EDQUOT) else "segment_store"
        raise Unavailable(f"couldn't {action}: {error.strerror}", code=code) from error
