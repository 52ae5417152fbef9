"""Upkeep: it goes on after whatever happens, says what did, and keeps no upload that no entry names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from ledger_world import World, gtin

from ledger.services.anchoring import Anchoring
from ledger.services.participant import Mirror
from ledger.services.segment import build, build_from_keys
from ledger.services.upkeep import Upkeep
from ledger.wiring import Ledger
from verifier.batch import RetireReason
from verifier.errors import Unavailable
from verifier.statement import Kind
from verifier.struct import ZERO32


class Quiet:
    """A registry with nothing new, and nothing to anchor; `faults` are raised first, one a round."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.rounds = list(faults), 0

    def sync(self) -> int:
        self.rounds += 1
        if self.faults:
            raise self.faults.pop(0)
        return 0

    def follow(self) -> None: ...

    def final(self) -> None: ...


def upkeep(quiet: Quiet, sweep: Callable[[], object]) -> Upkeep:
    return Upkeep(cast("Mirror", quiet), cast("Anchoring", quiet), lambda: None, 0.01, sweep)


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("fault", [Unavailable("no node", code="chain_unavailable"), KeyError("blockNumber")])
def test_a_round_that_fails_is_said_and_tried_again(fault: Exception) -> None:
    quiet = Quiet(fault)
    kept = Upkeep(cast("Mirror", quiet), cast("Anchoring", quiet), lambda: None, 3_600, lambda: None)
    kept.start()
    wait(lambda: kept.trouble is not None)
    assert kept.trouble is not None
    assert kept.trouble.code == getattr(fault, "code", "fault")
    kept.nudge()
    wait(lambda: kept.trouble is None)
    kept.close()
    assert quiet.rounds == 2


def test_uploads_are_swept_at_once_and_then_hourly() -> None:
    swept: list[int] = []
    quiet = Quiet()
    kept = upkeep(quiet, lambda: swept.append(1))
    kept.start()
    wait(lambda: quiet.rounds >= 3)
    kept.close()
    assert swept == [1]


def aged(ledger: Ledger) -> set[bytes]:
    """The roots of all stored segments, each made two days old."""
    files = list(ledger.home.segments.glob("*.seg"))
    for file in files:
        os.utime(file, (time.time() - 172_800,) * 2)
    return {bytes.fromhex(file.stem) for file in files}


@pytest.mark.node
def test_what_an_entry_names_stays_and_the_rest_goes(tmp_path: Path) -> None:
    world = World.found(tmp_path / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", "9521234")
        batch = world.register(ledger, maker, gtin("9521234", 1), "L1", units=80)
        sold = [bytes.fromhex(batch.key(serial)[2:]) for serial in batch.serials[:70]]
        built = build_from_keys(sold, 70, tmp_path / "sold.seg")
        ledger.segments.put(built.root, built.path, n=70)
        body: dict[str, Any] = {
            "batch": batch.id,
            "reason": int(RetireReason.SOLD),
            "keys": [],
            "unitCount": "70",
            "segmentRoot": "0x" + built.root.hex(),
            "supersedes": ZERO32,
        }
        receipt = ledger.batches.change(world.statement(ledger, maker, Kind.UNITS_RETIRED, body))
        world.undo(ledger, maker, receipt.leaf)
        stray = build(batch.gtin, "X", ["A1"], bytes(32), tmp_path / "stray.seg")
        ledger.segments.put(stray.root, stray.path, n=1)
        assert stray.root in aged(ledger)
        assert ledger.upkeep is not None
        ledger.upkeep.start()
        wait(lambda: not ledger.segments.has(stray.root))
        assert ledger.record.segment_roots == {bytes.fromhex(batch.statement.body["segmentRoot"][2:]), built.root}
        assert all(ledger.segments.has(root) for root in ledger.record.segment_roots)
    with world.open(chain=False) as ledger:
        assert len(ledger.record.segment_roots) == 2, "after a restart too"
