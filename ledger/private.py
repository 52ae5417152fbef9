"""What a home holds is its owner's: folders 0700, files 0600, whatever umask it was made under."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""The bits of everybody else: read, write, search."""


def make_private(home: Path) -> list[str]:
    """Take from everybody else what a home and its parts give them; returns what was mended, for people.

    Looks at the home, its files, its folders and what lies in those that hold secrets. Below the others nothing can be
    reached once the home is closed; `published` is for everybody, wherever it is copied to.
    """
    return [words for path in _parts(home) if (words := close_to_others(path)) is not None]


def close_to_others(path: Path) -> str | None:
    """Take from everybody else what a file or folder of ours gives them; what it was, if anything was changed.

    Left as it is: what is somebody else's, a link, a folder for everybody such as /tmp, a medium that is read only.
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
    with suppress(OSError):  # it is there; or SQLite says better what is wrong
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
