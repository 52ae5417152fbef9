"""SIGKILL at random instants, with registrations in flight: what was acknowledged is found, every time.

After each restart every receipt that any client holds is looked up by its index: the leaf must be the one promised,
included under a newer checkpoint signed by the same key, and that checkpoint must be consistent with the one that came
with the receipt. At the end the log must hold nothing else, the audit must find nothing, and anchoring must go on.
"""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kill_world import Clients, Promise, Server, free_port
from ledger_world import World, gtin

from ledger.storage.database import open_database
from ledger.storage.log_reader import LogReader
from ledger.storage.signed_head import SignedHeadFile
from tests.scale import scaled
from verifier.record.entry import decode_entry
from verifier.record.statement import Kind, digest
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.merkle import consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion
from verifier.tree.note_key import VerifierKey

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(sys.platform != "linux", reason="clients call from many loopback addresses"),
]
PREFIX = "9521234"
WATCH = gtin(PREFIX, 1)
ANCHOR_PATIENCE_S = 40.0


@dataclass
class Count:
    """What is printed."""

    kills: int = 0
    in_flight: int = 0
    acknowledged: int = 0
    again: int = 0
    unacknowledged: int = 0
    unacknowledged_found: int = 0
    lost: int = 0
    come_again: int = 0
    checks: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills with {self.in_flight} registrations in flight; {self.acknowledged} acknowledged "
            f"({self.again} of them on asking again), found {self.acknowledged - self.lost}, lost {self.lost}; "
            f"{self.unacknowledged} unacknowledged, of which the log holds {self.unacknowledged_found}; "
            f"{self.checks} receipts looked up after restarts; {self.come_again} times 503"
        )


class Scene:
    """A founded home, a server to kill, and a reader of the storage that shares nothing with the server."""

    def __init__(self, folder: Path, database: str) -> None:
        world = World.found(folder / "home", database)
        with world.open() as ledger:
            self.maker = world.maker(ledger, "Aurora", PREFIX)
            ledger.anchor_now()
            self.domain, self.founding = ledger.founding.domain, ledger.founding
            self.base = ledger.record.size
        self.world, self.home, self.folder = world, world.home, folder
        self.log_key: VerifierKey = self.founding.log_keys[0]
        self.engine = open_database(database)
        self.server = Server(self.home.path, database, free_port())

    def clients(self, seed: int) -> Clients:
        parts = self.folder / f"parts-{seed}"
        parts.mkdir()
        return Clients(self.server.url, WATCH, self.maker, self.domain, self.log_key, parts, seed)

    def reader(self) -> LogReader:
        return LogReader(self.engine, self.founding.log_id)

    def newest(self) -> Checkpoint:
        """The newest checkpoint that the running server hands out, opened with the pinned key."""
        note = self.server.get("/v1/ledger")["checkpoint"].encode()
        return open_checkpoint(note, self.log_key).checkpoint

    def own_entries(self, size: int) -> int:
        """How many of the entries after the scene was set, up to `size`, a server adds by itself."""
        own = {Kind.SCANS_SEALED, Kind.INDEX_SEALED}
        return sum(decode_entry(raw).kind in own for raw in self.reader().read_entries(self.base, size))

    def find_all(self, promises: list[Promise], newest: Checkpoint) -> None:
        """Look every receipt up in storage under the newest checkpoint. Fails on the first that is not there."""
        log, roots = self.reader(), set()
        hashes = log.hashes(newest.size)
        for promise in promises:
            raw = log.entry(promise.index)
            assert leaf_hash(raw) == promise.leaf, f"entry {promise.index} is another one"
            assert decode_entry(raw).body["statementId"] == promise.statement.body["statementId"]
            path = inclusion_proof(promise.index, newest.size, hashes)
            verify_inclusion(promise.leaf, promise.index, newest.size, path, newest.root)
            roots.add((promise.checkpoint.size, promise.checkpoint.root))
        for size, root in sorted(roots):
            assert size <= newest.size, "the log went back behind a checkpoint that a client holds"
            verify_consistency(size, root, newest.size, newest.root, consistency_proof(size, newest.size, hashes))
        signed = SignedHeadFile(self.home.signed_head).read()
        assert signed is not None
        assert open_checkpoint(signed, self.log_key).checkpoint.size >= newest.size


@contextmanager
def scene(folder: Path, database: str) -> Iterator[Scene]:
    made = Scene(folder, database)
    try:
        yield made
    finally:
        made.server.end()
        made.engine.dispose()


def wait_for(what: str, happened: Callable[[], object], seconds: float, every: float = 0.01) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(every)


def kill_and_look(stage: Scene, kills: int, seed: int) -> Count:
    """1. let the clients work; 2. kill at a random instant; 3. restart; 4. look everything up; at the end 5. count."""
    dice, count = random.Random(seed), Count()
    stage.server.start()
    with stage.clients(seed) as clients:
        truth = clients.truth
        for _ in range(kills):
            before = len(truth.acknowledged())
            wait_for("a first receipt", lambda before=before: len(truth.acknowledged()) > before, 60)  # 1
            time.sleep(dice.uniform(0, 1.0))
            wait_for("requests in flight", lambda: clients.in_flight, 60)
            assert truth.refusals == [], stage.server.causes()
            count.in_flight += clients.in_flight
            stage.server.kill()  # 2
            count.kills += 1
            stage.server.start()  # 3
            promises = truth.acknowledged()
            stage.find_all(promises, stage.newest())  # 4
            count.checks += len(promises)
        before = len(truth.acknowledged())
        wait_for("receipts after the last restart", lambda: len(truth.acknowledged()) > before + 8, 60)
    assert truth.refusals == [], stage.server.causes()
    promises = truth.acknowledged()
    stage.find_all(promises, stage.newest())
    log = stage.reader()  # 5
    found = [log.find_statement(digest(said.kind, said.body, stage.domain)) for said in truth.open.values()]
    count.acknowledged, count.again = len(promises), sum(promise.duplicate for promise in promises)
    count.unacknowledged, count.come_again = len(truth.open), truth.come_again
    if truth.come_again:
        print(stage.server.causes())
    count.unacknowledged_found = sum(entry is not None for entry in found)
    assert len({promise.index for promise in promises}) == len(promises)
    size = log.head().size
    sent = count.acknowledged + count.unacknowledged_found
    assert size - stage.own_entries(size) == stage.base + sent, "an entry nobody sent"
    return count


def check_that_life_goes_on(stage: Scene) -> None:
    """The server anchors by itself and stops when asked; what comes after is anchored; the audit finds all well."""
    size = stage.newest().size

    def anchored() -> bool:
        newest = stage.server.get("/v1/ledger")["anchored"]
        return newest is not None and newest["size"] >= size

    wait_for("the server to anchor what is there", anchored, ANCHOR_PATIENCE_S, 1.0)
    assert stage.server.stop() == 0
    with stage.world.open() as ledger:
        assert ledger.chain is not None
        assert ledger.record.size >= size
        after = stage.world.register(ledger, stage.maker, WATCH, "AFTER")
        assert ledger.anchor_now()["anchored"]["size"] == after.receipt.index + 1
        assert ledger.chain.anchored().size == after.receipt.index + 1
    audited = stage.server.run("audit", "--founding", stage.founding.pin.hex(), "--json")
    assert audited["ok"], audited
    assert audited["size"] == after.receipt.index + 1
    wait_for("every local node to end", lambda: not stage.server.nodes_alive(), 10)


def test_nothing_acknowledged_is_lost_by_one_kill(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", 1, record_property)


@pytest.mark.parametrize("kills", scaled(6, 30))
def test_nothing_acknowledged_is_lost(
    tmp_path: Path, database_url: str, kills: int, record_property: Callable[[str, object], None]
) -> None:
    killed(tmp_path, database_url, kills, record_property)


def killed(tmp_path: Path, database_url: str, kills: int, record_property: Callable[[str, object], None]) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    with scene(tmp_path, database_url) as stage:
        count = kill_and_look(stage, kills, seed)
        record_property("said", f"{stage.engine.dialect.name}: {count}")
        assert count.kills == kills
        assert count.in_flight >= kills
        check_that_life_goes_on(stage)


@pytest.mark.slow
def test_killed_while_it_starts(tmp_path: Path) -> None:
    """Migration, fold, resume, replay of the chain: a start that was cut short anywhere does not spoil the next one."""
    dice = random.Random(secrets.randbits(32))
    with scene(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}") as stage:
        for _ in range(5):
            stage.server.launch()
            time.sleep(dice.uniform(0.2, 2.5))
            stage.server.kill()
        stage.server.start()
        size = stage.newest().size
        assert size - stage.own_entries(size) == stage.base
        check_that_life_goes_on(stage)
