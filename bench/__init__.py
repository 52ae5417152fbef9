"""The cost of Carnet, as ratios against floors measured in the same run.

A benchmark is a function in a module of this folder: `@benchmark("name")` registers it, it takes a
`Bench` and returns its `Figure`s. `python -m bench [name …]` runs all or those named.
"""

from __future__ import annotations

import importlib
import pkgutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    `ratio` is against a floor of the same run and `limit` what is promised: at most it, or with
    `at_least` no less. The limit is on the ratio if there is one, otherwise on the value.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    limit: float | None = None
    at_least: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept; None if there is none."""
        if self.limit is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured >= self.limit if self.at_least else measured <= self.limit


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark's input: an empty folder on the target disk, the number of repeats, whether to run large sizes."""

    folder: Path
    repeat: int
    large: bool
    say: Callable[[str], None]


Benchmark = Callable[[Bench], list[Figure]]
_registered: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register the decorated function under that name."""

    def register(function: Benchmark) -> Benchmark:
        if name in _registered:
            raise ValueError(f"two benchmarks are called {name!r}")
        _registered[name] = function
        return function

    return register


def benchmarks() -> dict[str, Benchmark]:
    """Import every module of this folder and return the benchmarks by name."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return dict(sorted(_registered.items()))


def seconds(function: Callable[[], object]) -> float:
    """Run once and return the wall-clock seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired(repeat: int, **functions: Callable[[], object]) -> dict[str, float]:
    """Run the functions in turn, `repeat` rounds, and return the median seconds of each.

    They run in turn because the load of a shared machine changes: an earlier floor is not comparable.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeat):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(samples) for name, samples in times.items()}
