"""Upkeep: it goes on after whatever happens, says what did, and keeps no upload that no entry names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from errno import EMFILE
from pathlib import Path
from typing import Any, cast

import pytest
from ledger_world import World, gtin

from ledger.opened import Ledger
from ledger.services.copies.mirroring import Following, Mirroring
from ledger.services.outward.anchoring import Anchoring
from ledger.services.outward.upkeep import Upkeep
from ledger.services.record.participant import Mirror
from ledger.services.units.segment import build, build_from_keys
from ledger.wiring.reader import open_ledger
from verifier.errors import ProofInvalid, Unavailable
from verifier.record.batch import RetireReason
from verifier.record.statement import Kind
from verifier.record.struct import ZERO32


class Quiet:
    """A registry with nothing new, and nothing to anchor; `faults` are raised first, one a round."""

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.rounds, self.followed = list(faults), 0, 0

    def sync(self) -> int:
        self.rounds += 1
        if self.faults:
            raise self.faults.pop(0)
        return 0

    def follow(self) -> None:
        self.followed += 1

    def final(self) -> None: ...

    def check(self) -> None: ...


def upkeep(quiet: Quiet, sweep: Callable[[], object]) -> Upkeep:
    return Upkeep(lambda: (cast("Mirror", quiet), cast("Anchoring", quiet)), lambda: None, 0.01, sweep)


def wait(until: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("fault", [ProofInvalid("a gap", code="proposal_gap"), KeyError("blockNumber")])
def test_a_part_that_fails_is_said_and_tried_again_and_stops_no_other(fault: Exception) -> None:
    quiet, seen = Quiet(fault, fault), list[dict[str, str]]()
    kept = upkeep(quiet, lambda: None)
    quiet.final = lambda: seen.append({name: t.code for name, t in kept.troubles.items()})  # type: ignore[method-assign]
    kept.start()
    wait(lambda: quiet.rounds >= 4)
    kept.close()
    assert quiet.followed == quiet.rounds, "anchors are followed although the registry can't be read"
    assert seen[:4] == [{}, *[{"registry": getattr(fault, "code", "fault")}] * 2, {}]


class Followed:
    """A log that is followed; `faults` are raised first, one a round."""

    of, alarm, paused, checked_at, newest, seal_trouble = "log", None, None, None, None, None

    def __init__(self, *faults: Exception) -> None:
        self.faults, self.rounds = list(faults), 0

    def round(self) -> int:
        self.rounds += 1
        if self.faults:
            raise self.faults.pop(0)
        return 7


def test_a_lack_of_files_ends_no_mirror() -> None:
    followed, seen = Followed(OSError(EMFILE, "files"), MemoryError()), list[str]()
    mirroring = Mirroring(cast("Following", followed), interval=0.01)
    first = [OSError(EMFILE, "files")]

    def after() -> None:
        seen.append(mirroring.trouble.code if mirroring.trouble else "ok")
        if first:
            raise first.pop()  # what comes behind a round may meet it as well

    mirroring.after = after
    mirroring.start()
    wait(lambda: len(seen) >= 3)
    mirroring.close()
    assert seen[:3] == ["fault", "fault", "ok"]


def test_a_caller_gets_the_error_after_everything_was_tried() -> None:
    quiet = Quiet(ProofInvalid("a gap", code="proposal_gap"))
    with pytest.raises(ProofInvalid):
        upkeep(quiet, lambda: None).round()
    assert quiet.followed == 1


def test_two_parts_that_fail_are_both_said() -> None:
    def broken() -> None:
        raise Unavailable("no disk", code="segment_store")

    kept = upkeep(Quiet(*[Unavailable("no node", code="chain_unavailable")] * 9_999), broken)
    kept.start()
    wait(lambda: bool(kept.troubles))
    kept.close()
    assert {name: t.code for name, t in kept.troubles.items()} == {
        "registry": "chain_unavailable",
        "uploads": "segment_store",
    }


@pytest.mark.node
def test_a_chain_that_comes_later_is_opened_and_anchored_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.found(tmp_path / "home")

    def missing() -> Path:
        raise Unavailable("couldn't start the local chain: no Node.js", code="node_missing")

    monkeypatch.setattr("ledger.wiring.writer.ANCHOR_SECONDS", 0.1)
    told: list[str] = []
    with monkeypatch.context() as without_node:
        without_node.setattr("ledger.chain.node.find_node", missing)
        with pytest.raises(Unavailable), open_ledger(world.home, write=True, chain=True):
            pass
        opening = open_ledger(world.home, write=True, chain=True, chain_down=told.append)
        ledger = opening.__enter__()
        ledger.start()
        wait(lambda: ledger.upkeep is not None and bool(ledger.upkeep.troubles))
        assert ledger.upkeep is not None
        assert {name: t.code for name, t in ledger.upkeep.troubles.items()} == {"chain": "node_missing"}
        assert "going on without the chain" in told[0]
        assert (ledger.chain, ledger.mirror) == (None, None)
    try:
        wait(lambda: ledger.upkeep is not None and not ledger.upkeep.troubles and ledger.mirror is not None, 60)
        wait(lambda: (final := ledger.anchors.final_size()) is not None and final == ledger.record.size)
        world.maker(ledger, "Aurora", "9521234")
        wait(lambda: ledger.anchors.final_size() == ledger.record.size)
    finally:
        opening.__exit__(None, None, None)
    assert len(told) == 1


def test_uploads_are_swept_at_once_and_then_hourly() -> None:
    swept: list[int] = []
    quiet = Quiet()
    kept = upkeep(quiet, lambda: swept.append(1))
    kept.start()
    wait(lambda: quiet.rounds >= 3)
    kept.close()
    assert swept == [1]


def test_sign_ins_are_forgotten_step_by_step_until_nothing_is_left() -> None:
    quiet, left = Quiet(), [True, True, False, True]
    kept = Upkeep(
        lambda: (cast("Mirror", quiet), cast("Anchoring", quiet)),
        lambda: None,
        0.01,
        lambda: None,
        forget=lambda: left.pop(0),
    )
    kept.start()
    wait(lambda: quiet.rounds >= 6)
    kept.close()
    assert left == [True], "a step a round, and then not for an hour"


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
