"""The newest checkpoint that this log's key has ever signed, in a file of its own outside of backups.

A database can be restored from an old copy, but a signed head that somebody has seen cannot be taken back. This file
remembers it, so that a log restored too far back is noticed before it forks.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from verifier.errors import Malformed, Stopped, Unavailable
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.note import Note


class SignedHeadFile:
    """The file. One writer; the folder must exist."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The note's bytes, or None when nothing was ever written here.

        Raises:
            Stopped: there is a file, but no checkpoint in it (`signed_head_damaged`).
            Unavailable: it cannot be read.
        """
        try:
            note = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"couldn't read {self._path}: {error.strerror}", code="signed_head") from error
        self._decode(note)
        return note

    def write(self, note: bytes) -> None:
        """Replace the note by a newer one; durable when this returns. The same head again is fine.

        Raises:
            Malformed: not a checkpoint.
            Stopped: a smaller size (`signed_head_ahead`), the same size with another root (`signed_head_fork`), or
                the file system failed and it is not known which of the two notes it will give back.
        """
        new = Checkpoint.decode(Note.parse(note).text)
        before = self.read()
        if before is not None:
            self._check_newer(self._decode(before), new)
        try:
            self._replace(note)
        except OSError as error:
            raise Stopped(f"couldn't write {self._path}: {error.strerror}", code="signed_head_write") from error

    def _replace(self, note: bytes) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        # Held open over the whole write: an error of the folder could otherwise be reported to nobody.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                view = memoryview(note)
                while view:
                    view = view[os.write(file, view) :]
                os.fsync(file)
            finally:
                os.close(file)
            # If we stop before this line, restart finds the old note (and a file that the next write replaces).
            os.rename(temporary, self._path)
            # If we stop here, restart finds the old or the new note: both were allowed, no signature has left yet.
            os.fsync(folder)
            # From here on restart finds the new note.
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(folder)

    def _decode(self, note: bytes) -> Checkpoint:
        try:
            return Checkpoint.decode(Note.parse(note).text)
        except Malformed as error:
            raise Stopped(f"couldn't use the signed head: {error}", code="signed_head_damaged") from error

    def _check_newer(self, before: Checkpoint, new: Checkpoint) -> None:
        if new.size < before.size:
            raise Stopped(
                f"couldn't write the signed head: got size {new.size}, expected at least {before.size}, "
                "which has been signed",
                code="signed_head_ahead",
            )
        if new.origin != before.origin or (new.size == before.size and new.root != before.root):
            raise Stopped(
                f"couldn't write the signed head: got another origin or root at size {new.size} than was signed",
                code="signed_head_fork",
            )
