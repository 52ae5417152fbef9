"""The machine that figures come from: without it they mean nothing."""

from __future__ import annotations

import os
import platform
import ssl
import statistics
import time
from importlib import metadata
from pathlib import Path

_FSYNCS = 400  # enough that the 99th percentile is not the maximum


def describe(folder: Path) -> dict[str, str | int | float]:
    """Return processor, cores, memory, load, versions, and the fsync times of `folder` in milliseconds."""
    p50, p99 = fsync_times(folder)
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "cores usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "numpy": metadata.version("numpy"),
        "fsync p50 ms": round(p50, 3),
        "fsync p99 ms": round(p99, 3),
    }


def fsync_times(folder: Path) -> tuple[float, float]:
    """Return median and 99th percentile, in milliseconds, of appending 4 KiB to a file and syncing it."""
    path = folder / "fsync"
    samples = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            samples.append((time.perf_counter() - start) * 1000)
    path.unlink()
    return statistics.median(samples), statistics.quantiles(samples, n=100)[98]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
