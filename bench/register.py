"""Registering: from a file of 10^6 serials to a durable receipt, on the maker's side and the ledger's together.

What `carnet batch register --serials` does on a home of its own: every row read and checked, serials and statement kept
for the maker, the segment built, checked and stored, the entry in the log and under a signed checkpoint. Making serials
and label signatures are other steps and timed apart.
"""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from api.cli.base.output import Out
from api.cli.base.reach import LocalLedger
from api.cli.maker.batch_folder import BatchFolder
from api.cli.maker.registration import Order, Registered
from api.cli.maker.registration import register as register_batch
from bench import Bench, Figure, benchmark, paired
from bench.scene import GTIN, Scene
from bench.segment import floor, serials_of
from ledger.opened import Ledger
from ledger.services.units.serial import generate
from ledger.services.units.serial_file import Target, read_serial_csv
from verifier.reading.label import sign_label

UNITS = 1_000_000
LIMIT = 3.0
"""Times the floor: one SHA-256 a unit, sort, write, fsync."""
BYTES_LIMIT = 40.0
"""Bytes a unit that the ledger stores."""
_LABELS = 5_000  # signatures timed; there is nothing to gain from a million of them


@benchmark("register")
def register(bench: Bench) -> list[Figure]:
    """A serial file to durable receipt against the floor, and the steps around it."""
    serials = serials_of(UNITS)
    source = bench.folder / "serials.csv"
    source.write_text("serial\r\n" + "\r\n".join(serials) + "\r\n")
    scene = Scene.found(bench.folder / "home")
    lots, reading = (f"R{n}" for n in count()), []
    with scene.open() as ledger:
        before = _stored(ledger)

        def run() -> None:
            start = time.perf_counter()
            given = read_serial_csv(source, Target(GTIN)).serials
            reading.append(time.perf_counter() - start)
            done = _register(scene, ledger, next(lots), given)
            assert done.kept.unit_count == UNITS
            assert ledger.signed_head.read() is not None

        bench.say(f"{bench.repeat} rounds of {UNITS:,} units")
        times = paired(bench.repeat, floor=lambda: floor(serials, bench.folder / "floor"), run=run)
        stored = (_stored(ledger) - before) / UNITS / bench.repeat
    median_reading = sorted(reading)[len(reading) // 2]
    apart = paired(1, generate=lambda: generate(UNITS), sign=lambda: _sign(scene, serials[:_LABELS]))
    return [
        Figure(f"{UNITS:,} units: floor", times["floor"], "s"),
        Figure(f"{UNITS:,} units: file to durable receipt", times["run"], "s", times["run"] / times["floor"], LIMIT),
        Figure("of which reading and checking the file", median_reading, "s"),
        Figure("bytes a unit stored", stored, "B", limit=BYTES_LIMIT),
        Figure(f"apart: {UNITS:,} serials generated", apart["generate"], "s"),
        Figure("apart: a label signature", apart["sign"] / _LABELS * 1e6, "µs"),
    ]


def _register(scene: Scene, ledger: Ledger, lot: str, serials: list[str]) -> Registered:
    order = Order(GTIN, lot, scene.maker, serials, 0, 20, (), "", (), allow_repeats=True)  # one file, many lots
    out = Out(json=True)
    return register_batch(BatchFolder.of(scene.home, GTIN, lot), order, LocalLedger(ledger, out), out)


def _stored(ledger: Ledger) -> int:
    """Bytes of segments and database; what the maker keeps for itself is not the ledger's."""
    home: Path = ledger.home.path
    return sum(path.stat().st_size for part in ("segments", "ledger.db*") for path in _files(home, part))


def _files(home: Path, part: str) -> list[Path]:
    return [path for top in home.glob(part) for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]


def _sign(scene: Scene, serials: list[str]) -> None:
    for serial in serials:
        sign_label(scene.maker.secret, bytes(32), GTIN, "R0", serial)
