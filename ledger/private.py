"""A home belongs to its owner: folders 0700, files 0600, whatever the umask was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""The bits of everybody else: read, write, search."""


def make_private(home: Path) -> list[str]:
    """Remove everybody else's rights to a home and its parts; returns what was changed, in words.

    Checks the home, its files, its folders and the files in folders with secrets. Other folders cannot be reached once
    the home is closed. `published` is for everybody, wherever it is copied to.
    """
    return [words for path in _parts(home) if (words := close_to_others(path)) is not None]


def close_to_others(path: Path) -> str | None:
    """Remove everybody else's rights to one of our files or folders; returns its former mode if it was changed.

    Other people's files, links, shared folders such as /tmp and read-only media are left unchanged.
    """
    with suppress(OSError):
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode)
        ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and not mode & stat.S_ISVTX
        if ours and mode & OTHERS:
            path.chmod(mode & ~OTHERS)
            return f"{path} (was {mode:04o})"
    return None


def create_private(path: Path) -> None:
    """Make an empty file with mode 0600 if there is none. SQLite gives the files beside its own the same mode."""
    with suppress(OSError):  # it exists; or SQLite gives the better error
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _parts(home: Path) -> Iterator[Path]:
    yield home
    for path in sorted(home.iterdir()) if home.is_dir() else ():
        if path.name == "published":
            continue
        yield path
        if path.is_dir() and path.name in ("keys", "batches", "receipts", "chain"):
            yield from sorted(path.rglob("*"))
        elif path.name == "segments":
            yield path / "incoming"
