"""Published files by their path: the port through which a foreign log is read from a server or a copied folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from mmap import MADV_RANDOM
from pathlib import Path
from typing import Protocol

from ledger.storage.segment_folder import map_file
from verifier.errors import NotFound, ProofInvalid, Unavailable
from verifier.record.seal import LEAVES_MAX
from verifier.segment.view import SegmentView
from verifier.tree.merkle import HASH_SIZE
from verifier.tree.note import MAX_NOTE_SIZE
from verifier.tree.tiles import (
    MAX_ENTRY_SIZE,
    TILE_WIDTH,
    Level,
    decode_bundle,
    encode_bundle,
    tile_path,
)

CHECKPOINT = "checkpoint"
_MISSING = {"tile": "tile_missing", "segment": "segment_not_found", "seal": "seal_missing", CHECKPOINT: "not_published"}


class PublishedFiles(Protocol):
    """Files below `/log/`. Safe for threads. The bytes are not trusted, but their size is bounded."""

    @property
    def name(self) -> str:
        """Their source, for people."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """A whole file of at most `limit` bytes.

        Raises NotFound (`tile_missing`, `segment_not_found`, `seal_missing`, `not_published`), ProofInvalid
        (`file_size`) for a larger one, Unavailable when there is no answer.
        """
        ...

    def stream(self, path: str, limit: int) -> Iterator[bytes]:
        """The same, piece by piece."""
        ...

    def end(self) -> None:
        """Stop reading. Reads of other threads at this moment fail with Unavailable."""
        ...


class FolderFiles:
    """A copied `published/` folder; segments lie below `segment/`, or beside it as a home keeps them."""

    def __init__(self, folder: Path) -> None:
        """Raises NotFound (`not_published`) for a folder without a checkpoint."""
        self._folder = folder
        if not (folder / CHECKPOINT).is_file():
            raise NotFound(f"couldn't read a published log in {folder}: it holds no checkpoint", code="not_published")

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    def read(self, path: str, limit: int) -> bytes:
        """See `PublishedFiles.read`."""
        try:
            with self._place(path).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise not_found(path, self.name) from error
        except OSError as error:
            raise Unavailable(f"couldn't read {path} in {self.name}: {error.strerror}", code="published") from error
        if len(data) > limit:
            raise too_large(path, limit)
        return data

    def stream(self, path: str, limit: int) -> Iterator[bytes]:
        """See `PublishedFiles.stream`."""
        yield self.read(path, limit)

    def end(self) -> None:
        """See `PublishedFiles.end`: a folder keeps nobody waiting."""

    def segment(self, root: bytes, n: int) -> SegmentView:
        """A segment, mapped where it lies. Raises as `SegmentStore.open`."""
        path = f"segment/{root.hex()}"
        try:
            with self._place(path).open("rb") as file:
                return SegmentView(map_file(file, MADV_RANDOM), n=n, root=root)
        except FileNotFoundError as error:
            raise not_found(path, self.name) from error
        except OSError as error:
            raise Unavailable(f"couldn't read {path} in {self.name}: {error.strerror}", code="published") from error

    def _place(self, path: str) -> Path:
        here = self._folder / path
        if path.startswith("segment/") and not here.exists():
            return self._folder.parent / "segments" / f"{path.removeprefix('segment/')}.seg"
        return here


def read_checkpoint(files: PublishedFiles) -> bytes:
    """The newest published note. Raises as `PublishedFiles.read`."""
    return files.read(CHECKPOINT, MAX_NOTE_SIZE)


def read_tile(files: PublishedFiles, level: Level, n: int, width: int) -> bytes:
    """A tile or bundle; a partial one that is gone is the beginning of the full one (C2SP tlog-tiles).

    Raises as `PublishedFiles.read`, and Malformed (`bundle_length`).
    """
    limit = TILE_WIDTH * (2 + MAX_ENTRY_SIZE) if level == "entries" else TILE_WIDTH * HASH_SIZE
    try:
        return files.read(tile_path(level, n, width), limit)
    except NotFound:
        if width == TILE_WIDTH:
            raise
        missing = f"couldn't find {tile_path(level, n, width)} in {files.name}"
    try:
        full = files.read(tile_path(level, n), limit)
    except NotFound as error:
        raise NotFound(missing, code=error.code) from error
    if level == "entries":
        return encode_bundle(decode_bundle(full, TILE_WIDTH)[:width])
    return full[: width * HASH_SIZE]


def read_seal(files: PublishedFiles, number: int) -> bytes:
    """The sorted leaves of a seal. Raises as `PublishedFiles.read`."""
    return files.read(f"seal/{number}", LEAVES_MAX * HASH_SIZE)


def not_found(path: str, where: str) -> NotFound:
    """The error for a file that is not there."""
    kind = path.partition("/")[0]
    return NotFound(f"couldn't find {path} in {where}", code=_MISSING.get(kind, "not_found"))


def too_large(path: str, limit: int) -> ProofInvalid:
    """The error for a file that is larger than any of its kind."""
    return ProofInvalid(f"couldn't read {path}: got more than {limit} bytes", code="file_size")


Sleep = Callable[[float], None]
"""Waits so many seconds."""
