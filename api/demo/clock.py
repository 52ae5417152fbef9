"""The time that somebody has waited, from the start of the process, so that loading Python counts as well."""

from __future__ import annotations

import os
import time
from pathlib import Path

_LOADED = time.monotonic()
_STARTED = 19  # starttime, the 22nd field of proc(5); the first two end with the last bracket


def since_start() -> float:
    """Seconds since the operating system started this process, or, if it does not say, since this module was loaded."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        return time.monotonic() - _LOADED
