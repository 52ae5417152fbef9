"""The log: registrations a second through the sequencer, and what opening a log of 10,000 entries costs.

A registration here is a signed statement whose segment is stored: the signature is verified, the salt sealed and kept,
the entry admitted, committed, integrated and signed for before its receipt resolves. Making statements and segments is
the maker's work and not measured.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import Bench, Figure, benchmark, paired
from bench.scene import Registrations, Scene, grow
from ledger.opened import Ledger
from verifier.record.statement import Statement

SUBMITTERS = (1, 8, 64)
FOLDED = 10_000
_A_ROUND = {1: 150, 8: 400, 64: 1_000}  # registrations a round: about a second each


@benchmark("log")
def log(bench: Bench) -> list[Figure]:
    """Throughput at 1, 8 and 64 submitters against bare durable commits, then the fold."""
    scene = Scene.found(bench.folder / "home")
    with scene.open() as ledger:
        figures = _appends(bench, scene, ledger)
        bench.say(f"growing the log to {FOLDED:,} entries")
        grow(scene, ledger, FOLDED)
    return figures + _opening(bench, scene)


def _appends(bench: Bench, scene: Scene, ledger: Ledger) -> list[Figure]:
    maker = Registrations(scene, ledger)
    floor_file = bench.folder / "floor.db"
    made: dict[int, Iterator[list[tuple[Statement, bytes]]]] = {}
    for submitters in SUBMITTERS:
        count = _A_ROUND[submitters]
        bench.say(f"{submitters} submitters: {bench.repeat} rounds of {count} registrations")
        made[submitters] = iter([maker.make(count) for _ in range(bench.repeat)])
    times = paired(
        bench.repeat,
        floor=lambda: _bare_commits(floor_file, _A_ROUND[1]),
        **{f"at_{n}": lambda n=n: _submit(ledger, next(made[n]), n) for n in SUBMITTERS},
    )
    floor = _A_ROUND[1] / times["floor"]
    figures = [Figure("floor: one row, one durable commit, one writer", floor, "/s")]
    for submitters in SUBMITTERS:
        rate = _A_ROUND[submitters] / times[f"at_{submitters}"]
        figures.append(Figure(f"registrations, {submitters} at a time", rate, "/s", rate / floor))
    return figures


def _submit(ledger: Ledger, statements: list[tuple[Statement, bytes]], submitters: int) -> None:
    with ThreadPoolExecutor(submitters) as pool:
        list(pool.map(lambda one: ledger.batches.register(*one), statements))


def _bare_commits(path: Path, count: int) -> None:
    """What the database alone takes for as many commits, with the durability that the ledger asks of it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS entry (idx INTEGER PRIMARY KEY, data BLOB) STRICT")
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entry (data) VALUES (?)", [bytes(1_200)])
        connection.execute("COMMIT")
    connection.close()


_OPEN = """
import gc, json, resource, sys, time
from pathlib import Path
from ledger.home import Home, Settings
from ledger.wiring.reader import open_ledger
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
home = Home(Path(sys.argv[1]), Settings(home=Path(sys.argv[1])))
gc.collect()
before, start = resident(), time.perf_counter()
with open_ledger(home) as ledger:
    took = time.perf_counter() - start
    gc.collect()
    print(json.dumps([took, resident() - before, ledger.record.size]))
"""


def _opening(bench: Bench, scene: Scene) -> list[Figure]:
    """Open it in fresh processes: time and resident memory that the fold takes."""
    samples = []
    for _ in range(bench.repeat):
        done = subprocess.run(
            [sys.executable, "-c", _OPEN, str(scene.home.path)], check=True, capture_output=True, text=True
        )
        samples.append(json.loads(done.stdout))
    took, memory, size = (sorted(values)[len(values) // 2] for values in zip(*samples, strict=True))
    name = f"opening a log of {size:,} entries"
    return [
        Figure(name, took, "s"),
        Figure(f"{name}: an entry", took / size * 1e6, "µs"),
        Figure(f"{name}: memory an entry", memory / size, "B"),
    ]
