"""One database behind the ledger: SQLite or PostgreSQL through SQLAlchemy, with the durability a record needs.

Drivers never open a transaction by themselves here: single reads are autocommitted, and BEGIN is ours. Writes go
through `writing`, which on SQLite takes the write lock at once; a read that becomes a write later could not wait
for that lock and would fail. Threads of one process queue for it here: SQLite lets those who wait sleep and try again,
in no order, so that on a busy machine one of them can run into the timeout.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, LargeBinary, Select, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ledger.private import create_private
from ledger.storage.schema import metadata
from verifier.errors import Malformed, Stopped, Unavailable

BUSY_TIMEOUT_MS = 10_000  # a writer waits this long for its turn, and then for the lock of SQLite's other processes
POSTGRESQL_PATIENCE = {"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Unless the URL says otherwise, in seconds: libpq would wait for minutes, and for a host that is gone two hours."""
ORPHAN_TIMEOUT_MS = 60_000  # after which a server ends a transaction, and lets its locks go, whose client is gone
_WRITE = "carnet_write"
_IMMUTABLE = "carnet_immutable"

_turns: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()
"""Of each SQLite engine: held by the thread that writes."""


def open_database(url: str) -> Engine:
    """An engine with full durability.

    Args:
        url: `sqlite:///path/to/file` or `postgresql://user@host/name`.

    Raises:
        Malformed: another kind of database, or one in memory.

    Nothing is connected yet; the first use raises Unavailable when nobody answers.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _bad_url("a text that is no URL") from error
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in (None, "", ":memory:") or "mode=memory" in url:
                raise _bad_url("a database in memory")
            engine = create_engine(parsed.set(drivername="sqlite+pysqlite"))
            event.listen(engine, "do_connect", _connect_sqlite)
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            _turns[engine] = threading.Lock()
        case "postgresql":
            patience = {name: given for name, given in POSTGRESQL_PATIENCE.items() if name not in parsed.query}
            address = parsed.set(drivername="postgresql+psycopg")
            engine = create_engine(address, isolation_level="AUTOCOMMIT", connect_args=patience)
            event.listen(engine, "connect", _set_up_postgresql)
            event.listen(engine, "begin", _begin_postgresql)
        case other:
            raise _bad_url(other)
    return engine


def create_all(engine: Engine) -> None:
    """Make the ledger's tables where they are missing.

    Raises:
        Unavailable: the database cannot be reached or written.
    """
    try:
        metadata.create_all(engine)
    except SQLAlchemyError as error:
        raise unavailable(error) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction, committed when the block ends and durable when `writing` returns. Not to be nested.

    Raises:
        Unavailable: the database failed before the commit; nothing was written.
        Stopped: the commit failed, so it is not known whether it was written (`commit_unknown`).
        Whatever the block raises, after a rollback.
    """
    with _turn(engine), _writer(engine) as connection:
        try:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                # If we stop here, the connection closes and the database rolls back by itself.
                transaction.rollback()
                raise
        except (IntegrityError, ProgrammingError, DataError):
            raise  # the statement was wrong, not the database away
        except DBAPIError as error:
            _let_go(engine, connection)
            raise unavailable(error) from error
        try:
            # If we stop before this line, restart finds the state before; after it, the state after. If the line
            # itself fails, either: the server may have committed and its answer been lost.
            transaction.commit()
        except BaseException as error:
            _let_go(engine, connection)
            words = f"couldn't tell whether the database committed: {_cause(error)}"
            raise Stopped(words, code="commit_unknown") from error


def _let_go(engine: Engine, connection: Connection) -> None:
    """Forget every pooled connection: they may lead to a server that has become a standby, or is gone."""
    connection.invalidate()
    engine.dispose()


def is_writable(engine: Engine) -> bool:
    """Whether a write would be let begin now: no standby, no read-only file. Raises Unavailable.

    It says nothing of room on the disk: that shows when something is written.
    """
    if engine.dialect.name != "sqlite":
        return bool(Query(engine, select(func.current_setting("transaction_read_only"))).all()[0][0] == "off")
    turn = _turns[engine]
    if not turn.acquire(blocking=False):
        return True  # somebody is at it
    try:
        with _writer(engine) as connection, connection.begin() as transaction:
            transaction.rollback()
    except DBAPIError as error:
        raise unavailable(error) from error
    finally:
        turn.release()
    return True


def flush(engine: Engine) -> None:
    """Make durable what the database gives back, whatever became of the writes that put it there.

    PostgreSQL does that by itself when it starts again after a failed fsync. SQLite may read from its write-ahead log
    what the disk never took: it is copied into the database file, and that synced. Raises Unavailable.
    """
    if engine.dialect.name != "sqlite":
        return
    try:
        with engine.connect() as connection:
            # The pragma does not run inside a transaction, and none is open on the driver before the first statement.
            raw = connection.connection.dbapi_connection
            assert raw is not None  # noqa: S101 - it is checked out
            busy = raw.cursor().execute("PRAGMA wal_checkpoint(FULL)").fetchone()[0]
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise unavailable(error) from error
    if busy:
        raise Unavailable("couldn't use the database: others were reading while it was synced", code="database")


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    turn = _turns.get(engine)
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
        raise Unavailable(
            f"couldn't use the database: others were writing for {BUSY_TIMEOUT_MS / 1000:g} s", code="database"
        )
    try:
        yield
    finally:
        turn.release()


def _writer(engine: Engine) -> Connection:
    try:
        return engine.execution_options(**{_WRITE: True}).connect()
    except (DBAPIError, TimeoutError) as error:  # or every connection of the pool is in use, for half a minute
        raise unavailable(error) from error


class Query:
    """A SELECT compiled once and run on a bare driver connection: the short reads of hot routes.

    About 10 µs on SQLite where a SQLAlchemy connection costs 60. Takes integers, text and bytes only: bind and
    result processors of column types are not run.
    """

    __slots__ = ("_defaults", "_engine", "_order", "_sql")

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self._engine = engine
        self._sql = str(compiled)
        self._defaults = dict(compiled.params)
        self._order = compiled.positiontup if compiled.positional else None

    def all(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """All rows.

        Raises:
            Unavailable: the database did not answer.
        """
        try:
            return self._run(parameters)
        except Unavailable:
            # Pooled connections do not survive a restart of the server; the read is tried once on a fresh one.
            return self._run(parameters)

    def first(self, **parameters: Any) -> tuple[Any, ...] | None:
        """The first row, or None.

        Raises:
            Unavailable: the database did not answer.
        """
        rows = self.all(**parameters)
        return rows[0] if rows else None

    def _run(self, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        values: Any = {**self._defaults, **parameters}
        if self._order is not None:
            values = tuple(values[name] for name in self._order)
        try:
            connection = self._engine.raw_connection()
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise unavailable(error) from error
        try:
            cursor = connection.cursor()
            cursor.execute(self._sql, values)
            return list(cursor.fetchall())
        except self._engine.dialect.loaded_dbapi.Error as error:
            connection.invalidate()
            self._engine.dispose()
            raise unavailable(error) from error
        finally:
            connection.close()


class raw(FunctionElement[bytes]):
    """The bytes of a text column, so that one text that is no UTF-8 does not end the read of all rows.

    PostgreSQL keeps no such text; SQLite keeps what a damaged disk or another program wrote.
    """

    type = LargeBinary()
    inherit_cache = True


@compiles(raw, "sqlite")
def _raw_on_sqlite(element: raw, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(raw, "postgresql")
def _raw_on_postgresql(element: raw, compiler: SQLCompiler, **options: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


def unavailable(error: Exception) -> Unavailable:
    """The error as what a caller can act on: the database gave no answer."""
    return Unavailable(f"couldn't use the database: {_cause(error)}", code="database")


def _cause(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).splitlines()
    # SQLite's driver would go on with the very bytes that are no text.
    return lines[0].partition(" with text ")[0] if lines else type(cause).__name__


def _connect_sqlite(_dialect: Any, record: Any, arguments: list[Any], named: dict[str, Any]) -> Any:
    """Open the file, made for its owner only. On a medium that is read only as a file that nobody changes.

    SQLite would write beside it even to read: the index of a write-ahead log. Raises Unavailable (`database`) for one
    whose log was not emptied into it: what stands there could not be read.
    """
    path = Path(arguments[0])
    record.info[_IMMUTABLE] = path.exists() and not os.access(path.parent, os.W_OK)
    if not record.info[_IMMUTABLE]:
        create_private(path)
        return None  # the driver connects
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise Unavailable(
            f"couldn't open {path}: {log.name} beside it holds writes that are not in it yet, and its folder cannot be "
            "written; copy the home to where it can, or close its server before it is copied",
            code="database",
        )
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?immutable=1", **{**named, "uri": True})


def _set_up_sqlite(connection: Any, record: Any) -> None:
    if record.info[_IMMUTABLE]:
        connection.isolation_level = None
        return
    connection.isolation_level = None  # the driver would open transactions of its own, and never IMMEDIATE ones
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # NORMAL loses commits that were acknowledged on a power cut
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, and not only left out


def _begin_sqlite(connection: Connection) -> None:
    kind = "IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {kind}")


def _set_up_postgresql(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # A server may run with "off"; stronger settings such as remote_apply are its administrator's and stay.
    if cursor.execute("SHOW synchronous_commit").fetchone()[0] == "off":
        cursor.execute("SET synchronous_commit TO on")
    cursor.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute(f"SET idle_in_transaction_session_timeout = {ORPHAN_TIMEOUT_MS}")
    cursor.close()


def _begin_postgresql(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _bad_url(got: str) -> Malformed:
    return Malformed(
        f"couldn't open a database: got {got}, expected sqlite:///path or postgresql://user@host/name", code="database"
    )
