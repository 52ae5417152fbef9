"""The writer lock: one process writes a ledger. Another one learns who holds the lock and where to send its request."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from verifier.errors import Refused, Unavailable

_TRIES = 5
_PAUSE = 0.02  # seconds; `server` holds a shared lock for microseconds, which must not look like a second writer


class WriterLock:
    """An advisory lock on a file that names its holder.

    The kernel releases it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock. Raises Refused (`writer_busy`) while another process does, Unavailable (`home`)."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"couldn't lock {self._path.parent}: {error.strerror}", code="home") from error
        try:
            _lock(descriptor)
            _write(descriptor, None)
            try:
                yield
            finally:
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def announce(self, url: str) -> None:
        """Say where the holder listens. For the holder only."""
        descriptor = os.open(self._path, os.O_RDWR)  # closing another descriptor does not release a flock
        try:
            _write(descriptor, url)
        finally:
            os.close(descriptor)

    def server(self) -> str | None:
        """The address the present holder announced, if somebody holds the lock and did."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(descriptor).get("url")
        else:
            return None  # nobody holds it: the file's content was left by a process that was killed
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if left == 0:
                raise _busy(_read(descriptor)) from error
            time.sleep(_PAUSE)
        else:
            return


def _write(descriptor: int, url: str | None) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)


def _read(descriptor: int) -> dict[str, Any]:
    """The holder's note about itself; empty for the instant before it is written."""
    try:
        value = json.loads(os.pread(descriptor, 4_096, 0))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _busy(holder: dict[str, Any]) -> Refused:
    pid, url = holder.get("pid", "unknown"), holder.get("url")
    if url is None:
        cause = f"another command is writing to this home (pid {pid}); wait until it is done"
    else:
        cause = f"a server is running on this home (pid {pid}): use --server {url}"
    return Refused(f"couldn't write to this ledger: {cause}", code="writer_busy")
