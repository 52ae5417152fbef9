"""What fails × for how long × did it persist anyway → the writer waits it out, and what it took stands once.

Faults are real exceptions at the calls that meet them; the writer, its database and `signed_head` are real.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from errno import EMFILE, ENOSPC
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import OperationalError

from ledger.services.record import append
from ledger.services.record.append import Submission
from ledger.services.scans.scan import Scans
from ledger.services.scans.token import Officer
from ledger.storage.database import is_writable, open_database
from ledger.storage.log import LogStore
from ledger.storage.signed_head import SignedHeadFile
from tests.ledger.seal_world import Desk, Open, founded, scan_of
from verifier import canonical
from verifier.errors import CarnetError, ProofInvalid, Stopped, Unavailable
from verifier.record.record import Record
from verifier.record.seal import build_seal
from verifier.record.statement import Kind
from verifier.scan.receipt import ADMINISTRATION
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.note import Note

OFFICER = Officer("port", "NL")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(append, "RETRY_SECONDS", 0.02)
    return Desk.found(engine, tmp_path / "home")


def seal(number: int) -> Submission:
    """The seal of a number: an entry that is taken once."""
    leaves = b"".join(bytes([number, at]) * 16 for at in range(16))
    return Submission(Kind.SCANS_SEALED, build_seal(number, leaves).body(), None, None, None, frozenset({"seal"}))


def raising(error: Callable[[], BaseException]) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error()

    return fail


@contextmanager
def patched(of: Any, name: str, error: Callable[[], BaseException]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, raising(error))
        yield


@contextmanager
def database_away(engine: Engine) -> Iterator[None]:
    def fail(*_: Any) -> None:
        raise OperationalError("a statement", {}, RuntimeError("the server is starting up"))

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fail)


@contextmanager
def commits_lost(engine: Engine, *, persisted: bool) -> Iterator[None]:
    def fail(connection: Any) -> None:
        if persisted:
            connection.connection.dbapi_connection.commit()
        raise OperationalError("COMMIT", {}, RuntimeError("disk full"))

    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


FAULTS: dict[str, Callable[[Engine], Any]] = {
    "no descriptor for the signed head": lambda _: patched(
        SignedHeadFile, "read", lambda: Unavailable("couldn't read: Too many open files", code="signed_head")
    ),
    "no room for the signed head": lambda _: patched(SignedHeadFile, "_replace", lambda: OSError(ENOSPC, "full")),
    "the root cannot be derived again": lambda _: patched(LogStore, "hashes", lambda: OSError(EMFILE, "files")),
    "no memory": lambda _: patched(LogStore, "hashes", MemoryError),
    "the note is not kept": lambda _: patched(LogStore, "save_checkpoint", lambda: Unavailable("x", code="database")),
    "the database is away": database_away,
    "the commit is lost and took effect": lambda engine: commits_lost(engine, persisted=True),
    "the commit is lost": lambda engine: commits_lost(engine, persisted=False),
}


def held_up(opened: Open) -> bool:
    return isinstance(opened.sequencer.stopped, Unavailable)


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lack_that_passes_stops_the_writer_no_longer_than_it_lasts(desk: Desk, engine: Engine, fault: str) -> None:
    said: list[str] = []
    with desk.open() as opened:
        opened.sequencer.report = said.append
        with FAULTS[fault](engine):
            with pytest.raises(Unavailable):
                opened.sequencer.submit(seal(0))
            assert held_up(opened)
            with pytest.raises(Unavailable):  # the next one is told at once, and not left waiting
                opened.sequencer.submit(seal(0))
            size = opened.record.size
        wait_until(lambda: opened.sequencer.stopped is None)
        stands = bool(opened.record.seals)
        assert opened.record.size == size + stands
        if not stands:
            opened.sequencer.submit(seal(0))
        receipt = opened.sequencer.submit(seal(1))
        assert (receipt.index, receipt.size) == (size + 1, size + 2)
        note = opened.log.latest_checkpoint()
        assert note is not None
        assert Checkpoint.decode(Note.parse(note[1]).text).size == size + 2
    assert [line.split(":")[0].split(";")[0] for line in said] == ["the writer is held up", "the writer goes on"]
    with desk.open() as opened:  # and a fresh process folds the same
        assert [one.seal.number for one in opened.record.seals] == [0, 1]


@pytest.mark.parametrize("fault", [name for name in FAULTS if "database" not in name])
def test_a_fault_that_comes_once_costs_nobody_more_than_a_repeat(desk: Desk, engine: Engine, fault: str) -> None:
    """Committed before it failed: the receipt comes as if nothing had been. Not committed: refused, and taken again."""
    with desk.open() as opened, ExitStack() as stack:
        stack.enter_context(FAULTS[fault](engine))
        real = opened.log.settle

        def settle() -> Any:
            stack.close()  # the fault is over as soon as storage is asked
            return real()

        opened.log.settle = settle  # type: ignore[method-assign]
        if fault == "the commit is lost":
            with pytest.raises(Unavailable, match="nothing was written"):
                opened.sequencer.submit(seal(0))
        else:
            assert opened.sequencer.submit(seal(0)).index == 2
        assert opened.sequencer.stopped is None


def test_a_group_that_was_half_taken_in_is_taken_in_to_its_end(desk: Desk) -> None:
    """A record that rests on a saved fold reads storage while it takes entries in, and that may fail in between."""
    with desk.open() as opened, pytest.MonkeyPatch.context() as patch:
        integrate, failed = opened.record.integrate, []

        def fails_once(entry: Any) -> None:
            integrate(entry)
            if not failed:
                failed.append(entry)
                raise Unavailable("couldn't read an entry", code="database")

        patch.setattr(opened.record, "integrate", fails_once)
        assert opened.sequencer.submit(seal(0)).index == 2
        assert failed
        assert opened.sequencer.submit(seal(1)).index == 3


@pytest.mark.parametrize("error", [lambda: OSError(EMFILE, "files"), MemoryError])
def test_a_lack_before_anything_is_written_refuses_that_one_alone(
    desk: Desk, error: Callable[[], BaseException]
) -> None:
    with desk.open() as opened:
        with patched(Record, "admit", error), pytest.raises(Unavailable, match="nothing was written"):
            opened.sequencer.submit(seal(0))
        assert opened.sequencer.stopped is None
        assert opened.sequencer.submit(seal(0)).index == 2


def test_closed_while_it_is_held_up_it_ends_and_the_next_start_goes_on(desk: Desk, engine: Engine) -> None:
    with desk.open() as opened, FAULTS["no room for the signed head"](engine):
        with pytest.raises(Unavailable):
            opened.sequencer.submit(seal(0))
        threading.Thread(target=opened.sequencer.close, daemon=True).start()
        wait_until(lambda: not opened.sequencer._thread.is_alive())
    with desk.open() as opened:
        assert [one.seal.number for one in opened.record.seals] == [0]
        assert SignedHeadFile(desk.folder / "signed_head").read() is not None


@pytest.mark.parametrize(
    ("of", "name", "error"),
    [
        (SignedHeadFile, "read", lambda: Stopped("x", code="signed_head_damaged")),
        (SignedHeadFile, "write", lambda: Stopped("x", code="signed_head_fork")),
        (LogStore, "save_checkpoint", lambda: Stopped("x", code="checkpoint_fork")),
        (LogStore, "append", lambda: Stopped("x", code="lost_the_race")),
        (LogStore, "append", lambda: ProofInvalid("x", code="leaf_differs")),
    ],
)
def test_what_does_not_pass_stops_for_good(desk: Desk, of: type, name: str, error: Callable[[], BaseException]) -> None:
    """Two histories, a damaged memory, another writer: going on would make it worse."""
    with desk.open() as opened:
        with patched(of, name, error), pytest.raises(Stopped):
            opened.sequencer.submit(seal(0))
        time.sleep(0.1)  # many rounds of what would try again
        assert not held_up(opened)
        with pytest.raises(CarnetError):
            opened.sequencer.submit(seal(0))
        assert len(opened.record.seals) == 0


def test_a_log_that_somebody_else_wrote_meanwhile_is_not_gone_on_from(desk: Desk, engine: Engine) -> None:
    """A commit that is not known, and then a head that is neither the one before nor ours."""
    with desk.open() as opened, desk.open() as other:
        with commits_lost(engine, persisted=False):
            with pytest.raises(Unavailable):
                opened.sequencer.submit(seal(0))
            opened_settle, opened.log.settle = opened.log.settle, raising(lambda: Unavailable("x"))  # type: ignore[method-assign]
        other.sequencer.submit(seal(0))
        other.sequencer.submit(seal(1))
        opened.log.settle = opened_settle  # type: ignore[method-assign]
        wait_until(lambda: not held_up(opened))
        stopped = opened.sequencer.stopped
        assert stopped is not None
        assert stopped.code == "lost_the_race"


def test_no_room_on_a_real_disk(tmp_path: Path) -> None:
    """The signed head on a file system of its own that is full, and then is not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 64 * 1024):
        head = SignedHeadFile(disk / "signed_head")
        note = founded().notes[1]
        head.write(note)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(256 * 1024))
        with pytest.raises(Stopped, match="No space left on device") as stopped:
            head.write(note)
        assert str(disk / "signed_head") in str(stopped.value)
        assert head.read() == note
        (disk / "filler").unlink()
        head.write(note)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A file system of so many bytes, in memory."""
    import subprocess

    options = ["mount", "-t", "tmpfs", "-o", f"size={size}", "carnet-test", str(folder)]
    if os.geteuid() or subprocess.run(options, check=False, capture_output=True).returncode:
        pytest.skip("no small disk to be had: run as root where `mount -t tmpfs` is allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_scan_kept_while_the_writer_is_held_up_is_promised_when_it_is_sent_again(desk: Desk, engine: Engine) -> None:
    """Nothing is promised that may not be kept; what was kept is not without a promise for ever."""
    with desk.open() as opened:
        scans = Scans(opened.scans)
        scans.use(opened.seals)
        with FAULTS["no room for the signed head"](engine):
            with pytest.raises(Unavailable):
                opened.seals.round()
            assert opened.seals.deadline() is None
            made = scan_of("A", None)
            body = canonical.encode({**canonical.decode(made.body), ADMINISTRATION: "NL"})
            kept = opened.scans.put(replace(made, body=body))
            assert kept is not None
            answer = scans.answer(kept)
            assert answer["receipt"] is None
            assert "held up" in answer["receipt_why"]
            repeated = scans.repeated(kept.scan, OFFICER)
            assert repeated is not None
            assert repeated.deadline is None
        wait_until(lambda: opened.sequencer.stopped is None)
        repeated = scans.repeated(kept.scan, OFFICER)
        assert repeated is not None
        assert repeated == opened.scans.get(kept.id)
        receipt = scans.answer(repeated)["receipt"]
        assert receipt == scans.answer(scans.repeated(kept.scan, OFFICER) or kept)["receipt"]
        assert int(receipt["seal"]) == repeated.seal == opened.table.open_number()
        scans.close()


def test_whether_a_database_takes_writes_is_told(engine: Engine, database_url: str) -> None:
    assert is_writable(engine)
    if engine.dialect.name == "postgresql":
        standby = make_url(database_url).update_query_dict({"options": "-c default_transaction_read_only=on"})
        reading = open_database(standby.render_as_string(hide_password=False))
        assert not is_writable(reading)
        reading.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_switchover_of_the_database(desk: Desk, engine: Engine, database_url: str, postgres_server: str) -> None:
    """Its connections end, what answers is a standby for a while, and then it takes writes."""
    name = make_url(database_url).database

    def on_the_server(statement: str) -> None:
        admin = open_database(postgres_server).execution_options(isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.connection.dbapi_connection.execute(statement)  # type: ignore[union-attr]
        admin.dispose()

    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    with desk.open() as opened:
        on_the_server(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        on_the_server(cut)
        with pytest.raises(Unavailable):
            opened.sequencer.submit(seal(0))
        assert held_up(opened)
        assert not is_writable(engine)
        on_the_server(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        on_the_server(cut)
        wait_until(lambda: opened.sequencer.stopped is None)
        assert opened.sequencer.submit(seal(0)).index == 2
