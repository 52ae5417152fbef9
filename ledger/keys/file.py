"""Files for their owner only, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ledger.private import close_to_others
from verifier.errors import Unavailable


def make_folder(folder: Path) -> None:
    """Make a folder with mode 0700, with its parents. Raises Unavailable (`home`)."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        close_to_others(folder)  # it may have been there
    except OSError as error:
        raise Unavailable(f"couldn't make the folder {folder}: {error.strerror}", code="home") from error


def write_file(
    path: Path, data: bytes | Sequence[bytes | memoryview], *, mode: int = 0o600, replace: bool = True
) -> None:
    """Write a file, given whole or in parts, that is never seen half done; durable when this returns.

    Raises FileExistsError if it is there and `replace` is False, Unavailable (`home`) if it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines([data] if isinstance(data, bytes) else data)
                file.flush()
                os.fsync(file.fileno())
            # If we stop before this line, restart finds the old file, or none, and a dot file nobody reads.
            if replace:
                os.rename(temporary, path)
            else:
                os.link(temporary, path)  # unlike a rename it fails when the name is taken
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise Unavailable(f"couldn't write {path}: {error.strerror}", code="home") from error


def overwrite_and_unlink(path: Path) -> None:
    """Fill a file with random bytes, then remove it. Raises Unavailable (`home`).

    File systems that copy on write, and the spare blocks of an SSD, may keep the old bytes: encrypt the disk.
    """
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        os.unlink(path)
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"couldn't destroy {path}: {error.strerror}", code="home") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
