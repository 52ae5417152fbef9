"""A witness's memory: an SQLite database of its own, with the trusted keys, the last heads and everything seen.

Never restore it from a backup: the witness would forget later cosignatures, and could contradict them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from ledger.services.outward.witness import Cosigned, Decide, Decision, Seen
from ledger.storage.database import open_database, unavailable, writing
from verifier.errors import Malformed, Refused, Stopped
from verifier.tree.note_key import VerifierKey
from verifier.tree.witness import Head

SCHEMA = 1
"""Version of the tables, kept as SQLite's user_version."""
MAX_UNPROVED = 10_000
"""Heads kept of one log that are neither cosigned nor a contradiction: a log's key can sign without end."""

metadata = MetaData()
trusted_key = Table(
    "trusted_key",
    metadata,
    Column("vkey", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("added_ms", Integer, nullable=False),
    sqlite_strict=True,
)
cosigned = Table(
    "cosigned",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, CheckConstraint("length(root) = 32"), nullable=False),
    Column("time_s", Integer, nullable=False),
    Column("note", LargeBinary, nullable=False),
    sqlite_strict=True,
)
"""One row a log: the compare-and-swap row."""
seen = Table(
    "seen",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, CheckConstraint("length(root) = 32"), primary_key=True),
    Column("note", LargeBinary, nullable=False),
    Column("cosigned", Integer, CheckConstraint("cosigned IN (0, 1)"), nullable=False),
    Column("seen_ms", Integer, nullable=False),
    sqlite_strict=True,
)
"""Every checkpoint that a log's key signed, as it came first."""


def _key(text: str) -> VerifierKey | None:
    """A stored key; None if today's rule refuses it. One such row must not stop the witness for other logs."""
    try:
        return VerifierKey.parse(text)
    except Malformed:
        return None


class WitnessDatabase:
    """The port `WitnessStore` over one SQLite file, which is made when it is missing."""

    def __init__(self, path: Path) -> None:
        """Raises Refused (`schema_newer`), Unavailable (`database`)."""
        self._engine = open_database(f"sqlite:///{path.resolve()}")
        _prepare(self._engine)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def trust(self, key: VerifierKey) -> bool:
        with writing(self._engine) as connection:
            if connection.execute(select(trusted_key).where(trusted_key.c.vkey == key.format())).first():
                return False
            row = {"vkey": key.format(), "origin": key.name, "added_ms": int(time.time() * 1000)}
            connection.execute(insert(trusted_key), row)
            return True

    def trusted(self) -> Sequence[VerifierKey]:
        return [key for _, key in self._keys() if key is not None]

    def unusable(self) -> Sequence[str]:
        """Vkeys that were trusted once but are refused by today's rule for keys; they count for nothing."""
        return [text for text, key in self._keys() if key is None]

    def keys(self, origin: str) -> Sequence[VerifierKey]:
        return [key for key in self.trusted() if key.name == origin]

    def _keys(self) -> Sequence[tuple[str, VerifierKey | None]]:
        rows = self._all(select(trusted_key.c.vkey).order_by(trusted_key.c.origin, trusted_key.c.added_ms))
        return [(row.vkey, _key(row.vkey)) for row in rows]

    def last(self, origin: str) -> Cosigned | None:
        rows = self._all(select(cosigned).where(cosigned.c.origin == origin))
        return _cosigned(rows[0]) if rows else None

    def decide(self, origin: str, decide: Decide) -> Decision:
        # The write lock is taken before the head is read: nobody else, thread or process, can decide in between.
        with writing(self._engine) as connection:
            row = connection.execute(select(cosigned).where(cosigned.c.origin == origin)).first()
            last = _cosigned(row) if row else None
            decision = decide(last, connection.execute(select(func.max(cosigned.c.time_s))).scalar() or 0)
            _keep(connection, decision.seen, decision.cosigned is not None)
            if decision.cosigned is not None:
                _replace(connection, origin, last, decision.cosigned)
            # If we stop before the commit, restart finds the head before, and no cosignature has left; after it,
            # the head after, and the client that got no answer asks again and is told its size.
        return decision

    def seen(self, origin: str) -> Sequence[Seen]:
        rows = self._all(select(seen).where(seen.c.origin == origin).order_by(seen.c.size, seen.c.seen_ms))
        return [Seen(row.origin, Head(row.size, row.root), row.note, bool(row.cosigned), row.seen_ms) for row in rows]

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except SQLAlchemyError as error:
            raise unavailable(error) from error


def _prepare(engine: Engine) -> None:
    with writing(engine) as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
        if version > SCHEMA:
            raise Refused(
                f"couldn't open the witness's database: got schema {version}, expected at most {SCHEMA}; "
                "it was written by a newer Carnet",
                code="schema_newer",
            )
        if version < SCHEMA:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")


def _replace(connection: Connection, origin: str, last: Cosigned | None, new: Cosigned) -> None:
    row = {"size": new.head.size, "root": new.head.root, "time_s": new.time, "note": new.note}
    if last is None:
        connection.execute(insert(cosigned), {"origin": origin, **row})
        return
    swap = update(cosigned).where(
        cosigned.c.origin == origin, cosigned.c.size == last.head.size, cosigned.c.root == last.head.root
    )
    if connection.execute(swap.values(row)).rowcount != 1:
        # Cannot be, under the write lock; if it is, the lock does not hold here and nothing may be cosigned.
        raise Stopped("couldn't replace the last head: it changed under the database's lock", code="witness_race")


def _keep(connection: Connection, new: Seen, is_cosigned: bool) -> None:
    """Keep a head once.

    Beyond the limit only cosigned heads, and heads that contradict one of the same size, are kept.
    """
    same_size = (seen.c.origin == new.origin, seen.c.size == new.head.size)
    known = {row.root: row.cosigned for row in connection.execute(select(seen).where(*same_size))}
    if new.head.root in known:
        if is_cosigned and not known[new.head.root]:
            connection.execute(update(seen).where(*same_size, seen.c.root == new.head.root).values(cosigned=1))
        return
    if not is_cosigned and len(known) != 1 and _unproved(connection, new.origin) >= MAX_UNPROVED:
        return
    row = {"origin": new.origin, "size": new.head.size, "root": new.head.root, "note": new.note}
    connection.execute(insert(seen), {**row, "cosigned": int(is_cosigned), "seen_ms": new.seen_at})


def _unproved(connection: Connection, origin: str) -> int:
    count = select(func.count()).select_from(seen).where(seen.c.origin == origin, seen.c.cosigned == 0)
    return connection.execute(count).scalar() or 0


def _cosigned(row: Any) -> Cosigned:
    return Cosigned(Head(row.size, row.root), row.time_s, row.note)
