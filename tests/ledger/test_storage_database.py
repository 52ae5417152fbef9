"""Settings of both databases, the write transaction, and short reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, bindparam, event, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from ledger.storage.database import Query, create_all, open_database, writing
from ledger.storage.schema import detail, metadata
from verifier.errors import Malformed, Stopped, Unavailable


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    create_all(engine)
    yield engine
    engine.dispose()


def is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def put(engine: Engine, subject: str) -> None:
    with writing(engine) as connection:
        connection.execute(insert(detail), {"subject": subject, "json": "{}"})


def subjects(engine: Engine) -> list[str]:
    return [row[0] for row in Query(engine, select(detail.c.subject).order_by(detail.c.subject)).all()]


def test_every_connection_is_durable(engine: Engine) -> None:
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            if is_sqlite(engine):
                pragma = {
                    name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
                assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
            else:
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


@pytest.mark.postgres
def test_a_server_without_durable_commits_is_overruled(postgres_server: str) -> None:
    url = postgres_server + "&options=-csynchronous_commit%3Doff"
    engine = open_database(url)
    assert Query(engine, select(text("current_setting('synchronous_commit')"))).first() == ("on",)
    engine.dispose()
    stronger = open_database(postgres_server + "&options=-csynchronous_commit%3Dremote_apply")
    assert Query(stronger, select(text("current_setting('synchronous_commit')"))).first() == ("remote_apply",)
    stronger.dispose()


def test_create_all_twice(engine: Engine) -> None:
    put(engine, "kept")
    create_all(engine)
    assert subjects(engine) == ["kept"]
    assert set(inspect(engine).get_table_names()) >= set(metadata.tables)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_hash_blobs_lie_uncompressed(engine: Engine) -> None:
    storage = text("SELECT attstorage FROM pg_attribute WHERE attrelid = 'tile'::regclass AND attname = 'hashes'")
    with engine.connect() as connection:
        assert connection.execute(storage).scalar() in ("e", b"e")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_memory_is_no_record(url: str) -> None:
    with pytest.raises(Malformed, match="in memory"):
        open_database(url)


@pytest.mark.parametrize("url", ["", "ledger.db", "mysql://root@localhost/x", "://"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(Malformed, match="expected sqlite:///path or postgresql://"):
        open_database(url)


def test_nobody_answers(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/such/folder/ledger.db", f"postgresql://app@/x?host={tmp_path}"):
        engine = open_database(url)
        for call in (
            lambda engine=engine: create_all(engine),
            lambda engine=engine: put(engine, "x"),
            lambda engine=engine: subjects(engine),
        ):
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.code == "database"


def test_a_broken_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database, " * 500)
    engine = open_database(f"sqlite:///{path}")
    with pytest.raises(Unavailable):
        subjects(engine)
    with pytest.raises(Unavailable):
        put(engine, "x")


def test_an_error_in_the_block_changes_nothing(engine: Engine) -> None:
    put(engine, "before")

    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(detail), {"subject": "lost", "json": "{}"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with pytest.raises(IntegrityError):
        put(engine, "before")
    with pytest.raises((ProgrammingError, Unavailable)), writing(engine) as connection:
        connection.execute(text("INSERT INTO no_such_table VALUES (1)"))
    put(engine, "after")
    assert subjects(engine) == ["after", "before"]


def test_writers_wait_for_each_other(engine: Engine) -> None:
    """Read, then write, from many threads: each sees what the one before it wrote."""
    put(engine, "00")

    def add() -> None:
        for _ in range(10):
            with writing(engine) as connection:
                if not is_sqlite(engine):  # one row to queue at, as the log has its head
                    connection.execute(select(detail).where(detail.c.subject == "00").with_for_update())
                last = connection.execute(select(detail.c.subject).order_by(detail.c.subject.desc())).scalars().first()
                connection.execute(insert(detail), {"subject": f"{int(last or 0) + 1:02d}", "json": "{}"})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert subjects(engine) == [f"{n:02d}" for n in range(41)]


def test_threads_take_turns_also_when_they_wait_longer_than_the_timeout(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'turns.db'}")
    create_all(engine)

    @event.listens_for(engine, "connect")
    def _impatient(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    engine.dispose()
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(10):
                put(engine, f"{name}{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(subjects(engine)) == 80
    engine.dispose()


def test_a_turn_that_does_not_come_is_unavailable_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'turns.db'}")
    create_all(engine)
    monkeypatch.setattr("ledger.storage.database.BUSY_TIMEOUT_MS", 50)
    refused: list[BaseException] = []

    def impatient() -> None:
        try:
            put(engine, "late")
        except BaseException as error:
            refused.append(error)

    with writing(engine) as connection:
        connection.execute(insert(detail), {"subject": "first", "json": "{}"})
        thread = threading.Thread(target=impatient)
        thread.start()
        thread.join()
    (error,) = refused
    assert isinstance(error, Unavailable)
    assert error.code == "database"
    put(engine, "next")
    assert subjects(engine) == ["first", "next"]
    engine.dispose()


def test_reads_do_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(detail), {"subject": "unseen", "json": "{}"})
        assert subjects(engine) == []
    assert subjects(engine) == ["unseen"]


def test_query_takes_parameters_by_name(engine: Engine) -> None:
    put(engine, "a")
    put(engine, "b")
    query = Query(
        engine,
        select(detail.c.subject, bindparam("echo", type_=detail.c.json.type).label("echo"))
        .where(detail.c.subject >= bindparam("low"), detail.c.json == "{}", detail.c.subject >= bindparam("low"))
        .order_by(detail.c.subject)
        .limit(1),
    )
    assert query.first(low="a", echo="x") == ("a", "x")
    assert query.all(low="b", echo="100 % sure?") == [("b", "100 % sure?")]
    assert query.first(low="c", echo="") is None


def test_commit_that_fails_stops(engine: Engine) -> None:
    """Whether it took effect or not, the writer cannot know; both are reported as such and both are possible."""
    for persisted in (False, True):

        def fail(connection: object, persisted: bool = persisted) -> None:
            if persisted:
                connection.connection.dbapi_connection.commit()  # type: ignore[attr-defined]
            raise OperationalError("COMMIT", {}, RuntimeError("connection lost"))

        event.listen(engine, "commit", fail)
        with pytest.raises(Stopped, match="couldn't tell whether the database committed: connection lost"):
            put(engine, str(persisted))
        event.remove(engine, "commit", fail)
    put(engine, "later")
    assert subjects(engine) == ["True", "later"]


@pytest.mark.postgres
def test_reads_survive_a_restart_of_the_server(postgres_server: str) -> None:
    engine = open_database(postgres_server)
    query = Query(engine, select(text("42")))
    assert query.first() == (42,)
    killer = open_database(postgres_server)
    kill = Query(
        killer,
        select(
            text("pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'idle'")
        ),
    )
    assert kill.all()
    assert query.first() == (42,)
    engine.dispose()
    killer.dispose()


def test_a_pool_with_nothing_left_is_unavailable(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.pool, "_timeout", 0.05)

    def hold_all(held: ExitStack) -> None:
        for _ in range(100):
            held.enter_context(engine.connect())
            with writing(engine):
                pass

    with ExitStack() as held, pytest.raises(Unavailable):
        hold_all(held)
