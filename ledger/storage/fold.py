"""The saved fold as a file: written whole or not at all, and believed only with the server's key.

    carnet-fold/1 LF ‖ u16 length ‖ sealed value ‖ body

The sealed value holds length and SHA-256 of the body, encrypted and authenticated with the server's key and the log's
id. Whoever can write files but has no key can damage the file, or put back one that this server has written.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ledger.fold.table import Buffer
from ledger.keys.file import write_file
from ledger.keys.vault import Vault
from verifier.errors import ProofInvalid, Unavailable

_MAGIC = b"carnet-fold/1\n"
_LENGTH = struct.Struct(">H")
_SEALED = struct.Struct(">Q32s")  # length of the body, SHA-256 of it
_CONTEXT = b"carnet/fold/v1/"


class FoldFile:
    """The file of one log. `log_id`: 32 bytes. One writer, any number of readers."""

    def __init__(self, path: Path, vault: Vault, log_id: bytes) -> None:
        self._path, self._vault, self._context = path, vault, _CONTEXT + log_id

    def read(self) -> memoryview | None:
        """The body that was written last, or None when there is no file.

        Raises ProofInvalid (`fold_damaged`, `sealed_value`) for anything but what `write` made with this key for this
        log, Unavailable (`home`).
        """
        try:
            with self._path.open("rb") as file:
                length, digest = self._claimed(file)
                # Before anything is read: a file of any size may have been put here.
                if os.fstat(file.fileno()).st_size - file.tell() != length:
                    raise _damaged("it was cut or grew")
                body = bytearray(length)
                if file.readinto(body) != length:
                    raise _damaged("it was cut")
        except FileNotFoundError:
            return None
        except (OSError, MemoryError) as error:
            raise Unavailable(f"couldn't read {self._path}: {error}", code="home") from error
        if hashlib.sha256(body).digest() != digest:
            raise _damaged("its bytes are not those that were written")
        return memoryview(body).toreadonly()

    def write(self, parts: Sequence[Buffer]) -> None:
        """Replace the body; durable when this returns. Raises Unavailable (`home`)."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        sealed = self._vault.seal(_SEALED.pack(sum(map(len, parts)), digest.digest()), self._context)
        for left in self._path.parent.glob(f".{self._path.name}.*"):  # of a writer that was killed while it saved
            left.unlink(missing_ok=True)
        # If we stop before this ends, restart finds the old file: it speaks of fewer entries, and more are read.
        write_file(self._path, [_MAGIC, _LENGTH.pack(len(sealed)), sealed, *parts])

    def _claimed(self, file: BinaryIO) -> tuple[int, bytes]:
        start = file.read(len(_MAGIC) + _LENGTH.size)
        if len(start) < len(_MAGIC) + _LENGTH.size or not start.startswith(_MAGIC):
            raise _damaged("it does not begin as one")
        (size,) = _LENGTH.unpack_from(start, len(_MAGIC))
        claimed = self._vault.unseal(file.read(size), self._context)
        length, digest = _SEALED.unpack(claimed)
        return length, digest


def _damaged(how: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't read the saved fold: {how}", code="fold_damaged")
