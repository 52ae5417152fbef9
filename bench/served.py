"""A server under load: a process of its own, and the loopback addresses that its clients come from.

The limits of production stay on, so no address may ask too often.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_numbers = cycle(range(1, 2**22))


def next_address() -> str:
    """A loopback address that has asked for nothing lately."""
    if sys.platform != "linux":  # others have but one loopback address; there the limits would have to be lifted
        return "127.0.0.1"
    number = next(_numbers)
    return f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


@contextmanager
def serving(module: str, *arguments: Path) -> Iterator[tuple[int, int]]:
    """Run a module that prints its port and serves; gives that port and the process id, and ends it afterwards."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()
