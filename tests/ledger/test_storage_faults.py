"""Which write fails × did it persist anyway → what the next start finds.

Faults are real exceptions at real statements of both databases and at the system calls of the signed head.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from ledger.storage.database import create_all, open_database
from ledger.storage.log import LogStore
from ledger.storage.log_reader import LogReader
from ledger.storage.signed_head import SignedHeadFile
from tests.ledger.growing import LOG_ID, Growing, entry, head_after
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import root_of
from verifier.tree.note_key import SigningKey

KEY = SigningKey("ledger.example/goods", bytes(range(32)))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    create_all(engine)
    yield engine
    engine.dispose()


@contextmanager
def listening(engine: Engine, name: str, listener: Callable[..., None]) -> Iterator[None]:
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)


def lost(*_: Any) -> None:
    raise OperationalError("a statement", {}, RuntimeError("disk full"))


def failing_commit(persist: bool) -> Callable[..., None]:
    def fail(connection: Any) -> None:
        if persist:
            connection.connection.dbapi_connection.commit()
        lost()

    return fail


def batch_after(growing: Growing, count: int) -> list[Any]:
    return [entry(len(growing.entries) + n) for n in range(count)]


# 254 + 1 adds rows only; 254 + 3 folds a bundle, writes tiles and leaves a row; 0 + 1 is the very first entry.
SHAPES = [(0, 1), (254, 1), (254, 3), (511, 300)]


@pytest.mark.parametrize(("before", "count"), SHAPES)
@pytest.mark.parametrize("persisted", [False, True])
def test_append_whose_commit_fails(engine: Engine, before: int, count: int, persisted: bool) -> None:
    """Outcome unknown → Stopped, until storage has said what it holds: all of it or nothing, as the next start."""
    growing = Growing(LogStore(engine, LOG_ID))
    if before:
        growing.grow(before)
    batch, old = batch_after(growing, count), growing.log.head()
    new = head_after([*growing.entries, *batch])
    with listening(engine, "commit", failing_commit(persisted)), pytest.raises(Stopped) as caught:
        growing.log.append(old, batch, new)
    assert caught.value.code == "commit_unknown"
    for _ in range(2):  # the fault is over, the writer stays stopped: it does not know its own head
        with pytest.raises(Stopped):
            growing.log.append(old, batch, new)
        with pytest.raises(Stopped):
            growing.log.append(new, [entry(new.size)], head_after([*growing.entries, *batch, entry(new.size)]))

    restarted = Growing(LogStore(engine, LOG_ID))
    restarted.entries = [*growing.entries, *(batch if persisted else [])]
    restarted.check(restarted.log)
    # a client that heard nothing sends the same again: found if it persisted, taken in if not
    assert restarted.log.find_statement(batch[0].digest) == (before if persisted else None)
    # and the one that was stopped asks, and goes on as well
    assert growing.log.settle() == restarted.log.head() == (new if persisted else old)
    growing.entries = restarted.entries
    if not persisted:
        growing.grow(count)
    growing.grow(5)
    restarted.check(LogReader(engine, LOG_ID))


@pytest.mark.parametrize(("before", "count"), SHAPES)
def test_append_that_fails_at_any_statement(engine: Engine, before: int, count: int) -> None:
    """Before the commit the outcome is known: nothing was written, the writer may try again."""
    growing = Growing(LogStore(engine, LOG_ID))
    if before:
        growing.grow(before)
    batch, old = batch_after(growing, count), growing.log.head()
    new = head_after([*growing.entries, *batch])
    failed_at = 0
    for fail_at in range(1, 100):
        seen = 0

        def fail(*_: Any, fail_at: int = fail_at) -> None:
            nonlocal seen
            seen += 1
            if seen == fail_at:
                lost()

        try:
            with listening(engine, "before_cursor_execute", fail):
                growing.log.append(old, batch, new)
        except Unavailable:
            failed_at = fail_at
            growing.check(LogReader(engine, LOG_ID))
            continue
        break
    growing.entries += batch
    growing.check(LogReader(engine, LOG_ID))
    # BEGIN, head, statements, rows or bundles, swap: each of them has failed once
    assert failed_at >= (5 if count == 1 else 8), failed_at


@pytest.mark.parametrize("persisted", [False, True])
def test_two_faults_in_a_row(engine: Engine, persisted: bool) -> None:
    """The reload after a fault meets a fault as well: still all or nothing."""
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(250)
    first, old = batch_after(growing, 10), growing.log.head()
    with listening(engine, "commit", failing_commit(persisted)):
        with pytest.raises(Stopped):
            growing.log.append(old, first, head_after([*growing.entries, *first]))
        growing.entries += first if persisted else []
        again = LogStore(engine, LOG_ID)
        second = batch_after(growing, 4)
        with pytest.raises(Stopped):
            again.append(again.head(), second, head_after([*growing.entries, *second]))
        growing.entries += second if persisted else []
    growing.log = LogStore(engine, LOG_ID)
    growing.check(growing.log)
    growing.grow(300)
    growing.check(LogReader(engine, LOG_ID))


@pytest.mark.parametrize("persisted", [False, True])
def test_checkpoint_whose_commit_fails(engine: Engine, persisted: bool) -> None:
    log = LogStore(engine, LOG_ID)
    with listening(engine, "commit", failing_commit(persisted)), pytest.raises(Stopped):
        log.save_checkpoint(1, b"r" * 32, b"note")
    restarted = LogStore(engine, LOG_ID)
    assert restarted.latest_checkpoint() == ((1, b"note") if persisted else None)
    restarted.save_checkpoint(1, b"r" * 32, b"note")
    assert restarted.latest_checkpoint() == (1, b"note")


def note_of(size: int, flavour: bytes = b"", key: SigningKey = KEY) -> bytes:
    root = root_of([entry(n, flavour).leaf for n in range(size)])
    return sign_checkpoint(Checkpoint(key.name, size, root), key).format()


# system call of one write → may restart find the new note already?
SIGNED_HEAD_FAULTS = [
    ("open", False),
    ("write", False),
    ("fsync file", False),
    ("rename", False),
    ("fsync folder", True),
]


@pytest.mark.parametrize(("fault", "finds_new"), SIGNED_HEAD_FAULTS)
def test_signed_head_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, finds_new: bool) -> None:
    path = tmp_path / "signed_head"
    SignedHeadFile(path).write(note_of(3))
    calls: list[str] = []

    def failing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            label = {1: "fsync file", 2: "fsync folder"}[calls.count("fsync")] if name == "fsync" else name
            if label == fault and not (name == "open" and calls.count("open") == 1):  # the first opens the folder
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for name in ("open", "write", "fsync", "rename"):
            patched.setattr(os, name, failing(name, getattr(os, name)))
        with pytest.raises(Stopped, match="No space left") as caught:
            SignedHeadFile(path).write(note_of(4))
    assert caught.value.code == "signed_head_write"
    restarted = SignedHeadFile(path)
    assert restarted.read() == (note_of(4) if finds_new else note_of(3))
    assert [child.name for child in tmp_path.iterdir()] == ["signed_head"]
    restarted.write(note_of(4))
    assert restarted.read() == note_of(4)


def test_signed_head_failing_for_real(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        SignedHeadFile(tmp_path / "missing" / "signed_head").write(note_of(1))
    (tmp_path / "signed_head.new").mkdir()
    with pytest.raises(Stopped):
        SignedHeadFile(tmp_path / "signed_head").write(note_of(1))
    assert SignedHeadFile(tmp_path / "signed_head").read() is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unavailable):
        SignedHeadFile(tmp_path / "folder").read()


def test_signed_head_only_grows(tmp_path: Path) -> None:
    head = SignedHeadFile(tmp_path / "signed_head")
    assert head.read() is None
    for size in (0, 1, 5, 5):
        head.write(note_of(size))
        assert SignedHeadFile(tmp_path / "signed_head").read() == note_of(size)
    assert (tmp_path / "signed_head").stat().st_mode & 0o777 == 0o600
    other = SigningKey("ledger.example/other", bytes(32))
    for note, code in [
        (note_of(4), "signed_head_ahead"),
        (note_of(0), "signed_head_ahead"),
        (note_of(5, b"forged"), "signed_head_fork"),
        (note_of(6, key=other), "signed_head_fork"),
    ]:
        with pytest.raises(Stopped) as caught:
            head.write(note)
        assert caught.value.code == code
    with pytest.raises(CarnetError):
        head.write(b"no note")
    assert head.read() == note_of(5)


@pytest.mark.parametrize("content", [b"", b"garbage", note_of(3)[:-20], b"text\n\n" + note_of(3).split(b"\n\n")[1]])
def test_a_damaged_signed_head_stops(tmp_path: Path, content: bytes) -> None:
    """It is never taken for a missing one: what was signed is not known any more."""
    path = tmp_path / "signed_head"
    path.write_bytes(content)
    for call in (SignedHeadFile(path).read, lambda: SignedHeadFile(path).write(note_of(9))):
        with pytest.raises(Stopped) as caught:
            call()
        assert caught.value.code == "signed_head_damaged"
    assert path.read_bytes() == content


WRITER = """
import sys
from tests.ledger.growing import Growing, LOG_ID, entry
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
log = LogStore(open_database(sys.argv[1]), LOG_ID)
growing = Growing(log)
growing.entries = [entry(n) for n in range(log.head().size)]
while True:
    growing.grow(1 + len(growing.entries) % 37)
    print(len(growing.entries), flush=True)
"""


def test_killed_writers_lose_nothing_they_reported(engine: Engine, database_url: str) -> None:
    """SIGKILL at any instant, five times on one log: all that was reported is there, and the rest is whole."""
    reported = 0
    for lines in (1, 2, 4, 6, 9):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database_url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        reported = int([*said, *writer.stdout.readlines()][-1])
        writer.wait()
        growing = Growing(LogStore(engine, LOG_ID))
        growing.entries = [entry(n) for n in range(growing.log.head().size)]
        assert len(growing.entries) >= reported
        growing.check(growing.log)
    assert reported > 256, said
    growing.grow(300)
    growing.check(LogReader(engine, LOG_ID))
