"""The publisher: tiles before the checkpoint, the same files after any stop, and never in a registration's way."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from errno import EMFILE
from pathlib import Path

import pytest

from ledger.services.outward.publishing import Publisher
from ledger.storage.database import create_all, open_database
from ledger.storage.log import LogStore
from ledger.storage.published import PublishedFolder
from ledger.storage.seal import SealTable
from tests.ledger.growing import LOG_ID, Growing
from tests.log_server import SimSeals, SimTiles
from tests.sim import Sim
from verifier.errors import Unavailable
from verifier.record.record import Record
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.merkle import leaf_hash, root_at
from verifier.tree.note_key import SigningKey
from verifier.tree.tiles import Tile, TileHashes, decode_bundle, parse_tile_path, tiles_of

KEY = SigningKey("log.example/goods", bytes(range(32)))


class Scene:
    """A log whose heads are signed as it grows, and the folder it is published in."""

    def __init__(self, path: Path) -> None:
        self.engine = open_database(f"sqlite:///{path / 'ledger.db'}")
        create_all(self.engine)
        self.growing = Growing(LogStore(self.engine, LOG_ID))
        self.path = path / "published"

    def grow(self, count: int) -> None:
        self.growing.grow(count)
        head = self.growing.log.head()
        note = sign_checkpoint(Checkpoint(KEY.name, head.size, head.root), KEY).format()
        self.growing.log.save_checkpoint(head.size, head.root, note)

    def publisher(self, interval: float = 0.01) -> Publisher:
        folder = PublishedFolder(self.path)
        return Publisher(self.growing.log, Record(lambda *_: None), folder, SealTable(self.engine), interval=interval)

    def check(self, *sizes: int) -> None:
        """What is published is whole at these sizes, and its checkpoint is that of the last one."""
        folder = PublishedFolder(self.path)
        head = open_checkpoint(folder.checkpoint() or b"", KEY.verifier).checkpoint
        assert head.size == sizes[-1]
        for size in sizes:
            hashes = TileHashes(lambda level, n, width: folder.tile(Tile(level, n, width)), size)
            assert root_at(size, hashes) == root_at(size, self.growing.log.hashes(size))
            for tile in tiles_of(size):
                if tile.level == "entries":
                    for offset, data in enumerate(decode_bundle(folder.tile(tile), tile.width)):
                        assert leaf_hash(data) == self.growing.entries[tile.n * 256 + offset].leaf
        for file in self.path.rglob("*"):
            if file.is_file() and file.name != "checkpoint" and not file.name.startswith("."):
                parse_tile_path(str(file.relative_to(self.path)))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.engine.dispose()


def test_every_published_size_stays_readable(scene: Scene) -> None:
    publisher, sizes = scene.publisher(), []
    assert publisher.round() == 0, "nothing is signed yet"
    for count in (1, 2, 252, 1, 1, 300, 511):
        scene.grow(count)
        sizes.append(publisher.round())
        scene.check(*sizes)
    assert publisher.round() == sizes[-1], "a repeat changes nothing"


def test_what_was_signed_and_not_published_is_published_at_the_next_start(scene: Scene) -> None:
    scene.grow(5)
    scene.publisher().round()
    scene.grow(700)
    scene.publisher().round()
    scene.check(5, 705)


def test_a_lost_folder_is_written_anew(scene: Scene) -> None:
    scene.grow(600)
    scene.publisher().round()
    scene.path.rename(scene.path.with_name("lost"))
    scene.publisher().round()
    scene.check(600)


class Stop(Exception):
    """The process is gone."""


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_after_a_stop_at_any_write_the_next_start_publishes_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real: Callable[..., None] = getattr(os, call)
    left = 0

    def stopping(*arguments: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Stop
        real(*arguments)

    scene.grow(3)
    scene.publisher().round()
    before = scene.path.rename(scene.path.with_name("before"))
    scene.grow(255)
    for stops in range(1, 100):
        shutil.rmtree(scene.path, ignore_errors=True)
        shutil.copytree(before, scene.path)
        left = stops
        with monkeypatch.context() as patch:
            patch.setattr(os, call, stopping)
            try:
                scene.publisher().round()
            except Stop:
                pass
            else:
                break
        # Whatever the stop left behind, the checkpoint that stands speaks only of files that are there.
        scene.check(PublishedFolder(scene.path).size())
        scene.publisher().round()
        scene.check(3, 258)
    assert stops > 6, "every write was a stop once"


def test_a_disk_that_says_no_is_remembered_and_tried_again(scene: Scene) -> None:
    scene.grow(3)
    scene.path.write_bytes(b"a file where the folder should be")
    publisher = scene.publisher()
    publisher.start()
    try:
        wait_for(lambda: publisher.trouble is not None)
        assert publisher.trouble is not None
        assert publisher.trouble.code == "published"
        scene.path.unlink()
        wait_for(lambda: publisher.trouble is None)
    finally:
        publisher.close()
    scene.check(3)


def test_a_lack_of_files_or_memory_ends_no_publishing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.grow(3)
    publisher, lack = scene.publisher(), [OSError(EMFILE, "files"), MemoryError()]
    real, seen = publisher.round, list[str]()

    def round_() -> None:
        seen.append(publisher.trouble.code if publisher.trouble else "ok")
        if lack:
            raise lack.pop()
        real()

    monkeypatch.setattr(publisher, "round", round_)
    publisher.start()
    try:
        wait_for(lambda: len(seen) > 2 and publisher.trouble is None)
    finally:
        publisher.close()
    assert seen[:3] == ["ok", "fault", "fault"]
    scene.check(3)


def test_a_database_older_than_what_is_published_publishes_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.grow(9)
    scene.publisher().round()
    (tmp_path / "old").mkdir()
    old = Scene(tmp_path / "old")
    old.grow(3)
    old.path = scene.path
    with pytest.raises(Unavailable) as caught:
        old.publisher().round()
    assert caught.value.code == "published_ahead"
    scene.check(9)


def test_new_heads_are_published_at_once_and_then_at_a_pace(scene: Scene) -> None:
    """Twenty heads at once make one checkpoint, which comes with the next beat."""
    folder = PublishedFolder(scene.path)
    slow = scene.publisher(interval=3600)
    slow.start()
    try:
        scene.grow(1)
        slow.nudge()
        wait_for(lambda: folder.size() == 1)  # idle before, so long before the hour is over
        for _ in range(20):
            scene.grow(1)
            slow.nudge()
    finally:
        slow.close()
    assert folder.size() == 1
    fast = scene.publisher(interval=0.1)
    fast.start()
    try:
        wait_for(lambda: folder.size() == 21)
        for more, size in ((1, 22), (5, 27)):  # and so it goes on, beat by beat
            scene.grow(more)
            fast.nudge()
            wait_for(lambda size=size: folder.size() == size)
    finally:
        fast.close()
    assert {file.name for file in scene.path.glob("tile/0/000.p/*")} == {"1", "21", "22", "27"}


def test_a_seal_whose_leaves_are_lost_is_owed_and_holds_up_nothing(tmp_path: Path) -> None:
    sim = Sim.found(checked=False)
    sim.seal()
    sim.seal()
    lost = sim.sealed.pop(0)
    folder = PublishedFolder(tmp_path / "published")

    def publisher() -> Publisher:
        return Publisher(SimTiles(sim), sim.record, folder, SimSeals(sim))

    first = publisher()
    assert first.round() == sim.size()
    assert folder.size() == sim.size()
    assert folder.seal(1) == sim.sealed[1]
    assert not folder.has_seal(0)
    assert first.trouble is not None
    assert first.trouble.code == "seal_missing"
    sim.seal()
    assert first.round() == sim.size(), "and so it goes on"
    assert folder.has_seal(2)
    later = publisher()  # a fresh start still knows of it
    later.round()
    assert later.trouble is not None
    sim.sealed[0] = lost
    later.round()
    assert later.trouble is None
    assert folder.seal(0) == lost
    shutil.rmtree(tmp_path / "published")
    later.round()
    assert [folder.seal(number) for number in range(3)] == [sim.sealed[number] for number in range(3)], "written anew"


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)
