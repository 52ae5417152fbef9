"""Segments: from serials in memory to a checked, durable file, and the look-ups that it answers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

from bench import Bench, Figure, benchmark, paired
from ledger.services.units.segment import build
from ledger.storage.segment import SegmentStore, StoredSegment
from verifier.segment.view import SegmentView, blind, unit_key, verify_membership

GTIN, LOT, SALT = "09520123456788", "BENCH", bytes(range(32))
_SYMBOLS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LOOKUPS = 2_000
_LARGE = 10_000_000
_MEMORY = """
import resource, sys, tempfile
from pathlib import Path
from bench.segment import GTIN, LOT, SALT, serials_of
from ledger.services.units.segment import build
with tempfile.TemporaryDirectory() as folder:
    build(GTIN, LOT, serials_of(int(sys.argv[1])), SALT, Path(folder) / "segment")
print(*(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""


@benchmark("segment")
def segment(bench: Bench) -> list[Figure]:
    """10^6 units against the floor; with `large` 10^7 too."""
    figures = _at(bench, 1_000_000, bench.repeat)
    if bench.large:
        figures += _at(bench, _LARGE, min(bench.repeat, 3))
    return figures


def _at(bench: Bench, n: int, repeat: int) -> list[Figure]:
    bench.say(f"{n:,} units")
    serials = serials_of(n)
    store = SegmentStore(bench.folder / f"store-{n}", free_floor=0)
    stored: dict[str, StoredSegment] = {}

    def register(processes: int | None) -> None:
        if stored:  # a segment that is there already would not be stored again
            store.sweep(lambda _: False, older_than=-60)
        with store.scratch() as path:
            built = build(GTIN, LOT, serials, SALT, path, processes=processes)
            stored["segment"] = store.put(built.root, path, built.n, move=True)

    times = paired(
        repeat,
        floor=lambda: floor(serials, bench.folder / "floor"),
        one=lambda: register(1),
        all=lambda: register(None),
        check=lambda: store.check(stored["segment"].root, n),
    )
    least, size = times["floor"], stored["segment"].size
    return [
        Figure(f"{n:,} units: floor, one process", least, "s"),
        Figure(f"{n:,} units: built, checked, durable", times["all"], "s", times["all"] / least, 3.0),
        *_promised(n, times["all"]),
        Figure(f"{n:,} units: the same in one process", times["one"], "s", times["one"] / least),
        Figure(f"{n:,} units: full check alone", times["check"], "s", times["check"] / least),
        Figure(f"{n:,} units: bytes a unit", size / n, "B", limit=40.0),
        *_lookups(n, serials, store.open(stored["segment"].root, n), repeat),
    ]


def _promised(n: int, took: float) -> list[Figure]:
    """The promises for the largest size, and its memory, measured in a process that does nothing else."""
    if n < _LARGE:
        return []
    command = [sys.executable, "-c", _MEMORY, str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    own, worker = (int(kib) / 2**20 for kib in done.stdout.split())
    return [
        Figure(f"{n:,} units: seconds", took, "s", limit=25.0),
        Figure(f"{n:,} units: memory of the builder, serials too", own, "GiB"),
        Figure(f"{n:,} units: memory of a worker at most", worker, "GiB"),
    ]


def floor(serials: list[str], path: Path) -> None:
    """One SHA-256 a unit, sort, write, fsync: the least that any such file costs."""
    keys = b"".join([sha256(serial.encode("ascii")).digest() for serial in serials])
    rows = np.frombuffer(keys, dtype=">u8").reshape(-1, 4)
    rows = rows[np.argsort(rows[:, 0].astype(np.uint64))]
    with path.open("wb") as file:
        file.write(rows.data)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _lookups(n: int, serials: list[str], view: SegmentView, repeat: int) -> list[Figure]:
    chosen = random.Random(n).sample(serials, _LOOKUPS)
    blinds = [blind(SALT, GTIN, LOT, serial) for serial in chosen]
    keys = [unit_key(blinded, serial) for blinded, serial in zip(blinds, chosen, strict=True)]
    positions = [position for key in keys if (position := view.find(key)) is not None]
    absent = [sha256(key).digest() for key in keys]
    proofs = [view.membership(position, blinded) for position, blinded in zip(positions, blinds, strict=True)]

    def each(call: Callable[..., object], *arguments: list[object]) -> Callable[[], object]:
        return lambda: [call(*values) for values in zip(*arguments, strict=True)]

    times = paired(
        repeat,
        find=each(view.find, [*keys]),
        membership=each(view.membership, [*positions], [*blinds]),
        verify=each(lambda proof, serial: verify_membership(proof, serial, n, view.root), [*proofs], [*chosen]),
        absence=each(view.absence, [*absent]),
    )
    names = {
        "find": "look-up",
        "membership": "membership proof",
        "verify": "membership verified",
        "absence": "absence proof",
    }
    limits = {"find": 50.0}
    return [
        Figure(f"{n:,} units: {names[name]}", elapsed / _LOOKUPS * 1e6, "µs", limit=limits.get(name))
        for name, elapsed in times.items()
    ]


def serials_of(n: int) -> list[str]:
    """Distinct serials of 20 characters; how they come about is not measured."""
    source = random.Random(1)
    text = source.randbytes(20 * n).translate(bytes(ord(_SYMBOLS[octet % 32]) for octet in range(256))).decode("ascii")
    return [text[start : start + 20] for start in range(0, 20 * n, 20)]
