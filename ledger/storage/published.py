"""The published log as files: a folder that any web server could serve as it stands (C2SP tlog-tiles).

    checkpoint                      the newest published note, replaced
    tile/<L>/<N>[.p/<W>]            hashes, written once
    tile/entries/<N>[.p/<W>]        entries, written once
    seal/<number>                   sorted leaves of one seal of scans, written once

The files are a copy of the database's content, so that readers never touch the database. Readers check them against a
signed root; nothing here is trusted.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.keys.file import sync_folder
from verifier.errors import Malformed, NotFound, ProofInvalid, Unavailable
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import HASH_SIZE
from verifier.tree.note import Note
from verifier.tree.tiles import TILE_WIDTH, Tile, decode_bundle, encode_bundle, parse_tile_path, tile_path

CHECKPOINT = "checkpoint"
_SEAL = re.compile(r"seal/(?:0|[1-9][0-9]{0,18})", re.ASCII)


class PublishedFolder:
    """The folder. One writer, any number of readers; it is made when something is first published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoint(self) -> bytes | None:
        """The newest published note, or None before the first. Raises Unavailable (`published`)."""
        with _unavailable("read the published checkpoint"):
            try:
                return (self._folder / CHECKPOINT).read_bytes()
            except FileNotFoundError:
                return None

    def size(self) -> int:
        """The number of entries under the published checkpoint; 0 before the first.

        Raises Unavailable (`published`), ProofInvalid (`published_damaged`): remove the folder, it is written anew.
        """
        note = self.checkpoint()
        if note is None:
            return 0
        try:
            return Checkpoint.decode(Note.parse(note).text).size
        except Malformed as error:
            raise ProofInvalid(f"couldn't use the published checkpoint: {error}", code="published_damaged") from error

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or bundle. A partial one that has grown since is the prefix of the larger one, even if
        its own size was signed but never published.

        Raises NotFound (`tile_missing`), Unavailable (`published`).
        """
        path = tile_path(tile.level, tile.n, tile.width)
        data = self._read(path)
        if data is None and tile.width < TILE_WIDTH:
            data = self._grown(tile)
        if data is None:
            raise NotFound(f"couldn't find {path}: nothing of that name is published", code="tile_missing")
        return data

    def _grown(self, tile: Tile) -> bytes | None:
        """The prefix of the narrowest wider tile, or None if there is none."""
        partial = (self._folder / tile_path(tile.level, tile.n, tile.width)).parent
        with _unavailable(f"look into {partial.name}"):
            names = os.listdir(partial) if partial.is_dir() else []
        widths = sorted(int(name) for name in names if name.isdecimal() and int(name) > tile.width)
        for width in (*widths, TILE_WIDTH):
            wider = self._read(tile_path(tile.level, tile.n, width))
            if wider is not None:  # it may have gone since we looked, because a wider one came
                return _prefix(tile, wider, width)
        return None

    def seal(self, number: int) -> bytes:
        """The sorted leaves of a seal, 32 bytes each. Raises NotFound (`seal_missing`), Unavailable (`published`)."""
        data = self._read(f"seal/{number}") if number >= 0 else None
        if data is None:
            raise NotFound(f"couldn't find seal {number}: it is not published", code="seal_missing")
        return data

    def has_seal(self, number: int) -> bool:
        """Whether a seal is published. Raises Unavailable (`published`)."""
        with _unavailable(f"look for seal {number}"):
            return (self._folder / f"seal/{number}").is_file()

    def put(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write files that stay for ever, each path below the folder; all are durable when this returns.

        A file that is there already must hold the same bytes. When a full tile is there, its partial ones are removed.

        Raises:
            Malformed: a path that no reader would ask for.
            ProofInvalid: another content stands under the name (`published_differs`); nothing is overwritten.
            Unavailable: the disk said no (`published`). What was written stays and is found again.
        """
        with _unavailable("publish"):
            touched = {self._put(path, data) for path, data in files}
            # If we stop before this loop ends, restart finds files without lasting names: it writes them again.
            for folder in touched:
                sync_folder(folder)
            # From here on restart finds every file, and a checkpoint that needs them may be written.

    def put_checkpoint(self, note: bytes) -> None:
        """Replace the checkpoint; durable when this returns. Its tiles must have been put. Raises Unavailable."""
        with _unavailable("publish the checkpoint"):
            self._make(self._folder)
            # If we stop in here, restart finds the old or the new checkpoint; the tiles of both are there.
            _write(self._folder / CHECKPOINT, note)
            sync_folder(self._folder)

    def _put(self, path: str, data: bytes) -> Path:
        tile = None if _SEAL.fullmatch(path) else parse_tile_path(path)
        target = self._folder / path
        self._make(target.parent)
        there = self._read(path)
        if there is None:
            _write(target, data)
        elif there != data:
            raise ProofInvalid(
                f"couldn't publish {path}: {len(there)} other bytes stand under that name already",
                code="published_differs",
            )
        if tile is not None and tile.width == TILE_WIDTH:
            # C2SP tlog-tiles, "Partial tiles": they may go when the full one is there, whose prefixes they are.
            shutil.rmtree(target.with_name(target.name + ".p"), ignore_errors=True)
        return target.parent

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, each with a lasting name."""
        if folder.is_dir():
            return
        if folder != self._folder:
            self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)

    def _read(self, path: str) -> bytes | None:
        with _unavailable(f"read {path}"):
            try:
                return (self._folder / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None


def _write(target: Path, data: bytes) -> None:
    """Write a file under a temporary name, and give it its own name when its bytes are on the disk."""
    temporary = target.with_name(f".{target.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    # If we stop before this line, restart finds a dot file that the next write replaces.
    os.rename(temporary, target)


def _prefix(tile: Tile, wider: bytes, width: int) -> bytes:
    if tile.level == "entries":
        return encode_bundle(decode_bundle(wider, width)[: tile.width])
    return wider[: tile.width * HASH_SIZE]


@contextmanager
def _unavailable(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"couldn't {action}: {error.strerror}", code="published") from error
