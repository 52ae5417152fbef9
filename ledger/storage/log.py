"""Writing the log: entries, tiles and head in one transaction, ended by a compare-and-swap on the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ledger.ports import LogHead, NewEntry
from ledger.storage import schema
from ledger.storage.database import flush, writing
from ledger.storage.log_reader import EMPTY_HEAD, LogReader
from ledger.storage.tile import TileWriter
from verifier.errors import Malformed, ProofInvalid, Refused, Stopped
from verifier.tree.merkle import leaf_hash
from verifier.tree.tiles import MAX_ENTRY_SIZE, TILE_WIDTH, encode_bundle

_head = schema.log_head.c
_HEAD = (
    select(_head.size, _head.root, _head.chain_head, _head.recorded_at_ms)
    .where(_head.log_id == bindparam("of_log"))
    .with_for_update()  # PostgreSQL; on SQLite the transaction holds the only write lock already
)
_SWAP = (
    update(schema.log_head)
    .where(
        _head.log_id == bindparam("of_log"), _head.size == bindparam("old_size"), _head.root == bindparam("old_root")
    )
    .values({name: bindparam(name) for name in ("size", "root", "chain_head", "recorded_at_ms")})
)
_TOUCH = update(schema.log_head).where(_head.log_id == bindparam("of_log")).values(size=_head.size)
_SECRET = text("INSERT INTO secret (name, sealed) VALUES (:name, :sealed) ON CONFLICT DO NOTHING")
_ROWS = select(schema.open_entry.c.idx, schema.open_entry.c.data, schema.open_entry.c.leaf).order_by(
    schema.open_entry.c.idx
)


class LogStore(LogReader):
    """One log's only writer. After an outcome that is not known it refuses to write until that is settled."""

    def __init__(self, engine: Engine, log_id: bytes) -> None:
        super().__init__(engine, log_id)
        self._stopped: Stopped | None = None

    def append(self, expected: LogHead, entries: Sequence[NewEntry], new: LogHead) -> None:
        """Store entries, tiles and head in one transaction. Durable when it returns.

        1. claim the head; 2. remember the statements, and keep what is secret beside them; 3. store the entries,
        folding what fills up; 4. swap the head.

        Args:
            expected: the head that `new` extends, as `head()` gave it.
            entries: at least one, in order; each 1 … 65,535 bytes with its leaf hash.
            new: the head after them.

        Raises:
            Malformed: entries and heads that do not fit together; nothing was written.
            Refused: a statement digest or statementId that is known (`statement_known`); nothing was written.
            Unavailable: the database failed before the commit; nothing was written.
            ProofInvalid: an open entry does not hash to its stored leaf any more; nothing was written.
            Stopped: another writer was faster (`lost_the_race`, nothing was written), or the outcome of the commit is
                not known. Reload from storage.
        """
        if self._stopped is not None:
            raise Stopped(f"couldn't append: the writer has stopped ({self._stopped})", code=self._stopped.code)
        _check_request(expected, entries, new)
        try:
            with writing(self._engine) as connection:
                self._claim(connection, expected)  # 1
                _remember(connection, expected.size, entries)  # 2
                _keep(connection, entries)
                _store(connection, expected.size, entries)  # 3
                self._swap(connection, expected, new)  # 4
                # If we stop before the commit that follows, restart finds the old head and none of these entries.
            # If we stop here, restart finds the new head, its entries and its tiles; nobody was told yet.
        except Stopped as error:
            self._stopped = error
            raise

    def settle(self) -> LogHead:
        """Find out what is stored after an outcome that was not known, and be writable again.

        Read under the lock that a commit on its way would hold, and with a write of its own: a disk that is full, or a
        standby that only reads, is not settled. Raises Unavailable; Stopped (`commit_unknown`, or `lost_the_race`,
        `checkpoint_fork`, after which nothing can be settled).
        """
        if self._stopped is not None and self._stopped.code != "commit_unknown":
            raise self._stopped
        with writing(self._engine) as connection:
            row = connection.execute(_HEAD, {"of_log": self._log_id}).first()
            connection.execute(_TOUCH, {"of_log": self._log_id})
        if self._stopped is not None:
            # A commit that was reported lost may lie in files that were never made durable; then this writes it anew.
            flush(self._engine)
        self._stopped = None
        return LogHead(*row) if row else EMPTY_HEAD

    def save_checkpoint(self, size: int, root: bytes, note: bytes) -> None:
        """Keep a signed checkpoint; the same size and root again is a no-op.

        Raises:
            Stopped: another root is stored for this size (`checkpoint_fork`), or the outcome is not known.
            Unavailable: the database failed before the commit; nothing was written.
        """
        if self._stopped is not None:
            raise Stopped(f"couldn't keep a checkpoint: the writer has stopped ({self._stopped})")
        try:
            with writing(self._engine) as connection:
                kept = select(schema.checkpoint.c.root).where(schema.checkpoint.c.size == size)
                stored = connection.execute(kept).scalar()
                if stored is None:
                    connection.execute(insert(schema.checkpoint), {"size": size, "root": root, "note": note})
                elif stored != root:
                    raise Stopped(
                        f"couldn't keep a checkpoint: got root {root.hex()} at size {size}, expected {stored.hex()}, "
                        "which has been signed",
                        code="checkpoint_fork",
                    )
        except Stopped as error:
            self._stopped = error
            raise

    def _claim(self, connection: Connection, expected: LogHead) -> None:
        row = connection.execute(_HEAD, {"of_log": self._log_id}).first()
        head = LogHead(*row) if row else EMPTY_HEAD
        if head != expected:
            raise _lost(f"size {head.size}", f"size {expected.size}")
        if row is None:
            # Nothing to lock yet: two first writers meet in the primary key, and the second waits there.
            try:
                connection.execute(insert(schema.log_head), {"log_id": self._log_id, **asdict(EMPTY_HEAD)})
            except IntegrityError as error:
                raise _lost("a first entry", "none") from error

    def _swap(self, connection: Connection, expected: LogHead, new: LogHead) -> None:
        old = {"of_log": self._log_id, "old_size": expected.size, "old_root": expected.root}
        if connection.execute(_SWAP, {**old, **asdict(new)}).rowcount != 1:
            raise _lost("another head", f"size {expected.size}")


def _check_request(expected: LogHead, entries: Sequence[NewEntry], new: LogHead) -> None:
    if not entries or new.size != expected.size + len(entries):
        raise Malformed(
            f"couldn't append: got {len(entries)} entries from size {expected.size} to {new.size}, expected as many "
            "as the sizes say",
            code="append",
        )
    if new.recorded_at_ms < expected.recorded_at_ms:  # docs/spec/entry.md: recorded_at never decreases
        raise Malformed(
            f"couldn't append: got recorded_at {new.recorded_at_ms}, expected at least {expected.recorded_at_ms}",
            code="append",
        )
    for entry in entries:
        if not 1 <= len(entry.data) <= MAX_ENTRY_SIZE:
            raise Malformed(
                f"couldn't append: got an entry of {len(entry.data)} bytes, expected 1 … {MAX_ENTRY_SIZE}",
                code="entry_size",
            )


def _remember(connection: Connection, size: int, entries: Sequence[NewEntry]) -> None:
    said = [
        {"digest": entry.digest, "statement_id": entry.statement_id, "idx": size + offset}
        for offset, entry in enumerate(entries)
        if entry.digest is not None
    ]
    if not said:
        return
    try:
        connection.execute(insert(schema.statement), said)
    except IntegrityError as error:
        raise Refused(
            "couldn't append: a statement with this digest or statementId stands in the log already",
            code="statement_known",
        ) from error


def _keep(connection: Connection, entries: Sequence[NewEntry]) -> None:
    """Secrets of the entries. A name is bound to its value by a hash, so what is there already is the same."""
    given = dict(entry.secret for entry in entries if entry.secret is not None)
    if given:
        # In one step: on PostgreSQL somebody else may put the same name at this instant.
        connection.execute(_SECRET, [{"name": name, "sealed": value} for name, value in given.items()])


def _store(connection: Connection, size: int, entries: Sequence[NewEntry]) -> None:
    """Entries of full bundles go into bundles and tiles, the rest into rows."""
    first_open, first_row = size - size % TILE_WIDTH, size
    full_until = size + len(entries) - (size + len(entries)) % TILE_WIDTH
    if full_until > first_open:
        _fold(connection, first_open, full_until, [*_open_rows(connection, first_open, size), *entries])
        first_row = full_until
    rows = [
        {"idx": first_row + offset, "data": entry.data, "leaf": entry.leaf}
        for offset, entry in enumerate(entries[first_row - size :])
    ]
    if rows:
        connection.execute(insert(schema.open_entry), rows)


def _open_rows(connection: Connection, first: int, size: int) -> list[NewEntry]:
    """The rows of the open bundle, read back and hashed anew: from here on only the bundle is kept."""
    rows = connection.execute(_ROWS).all()
    if [row.idx for row in rows] != list(range(first, size)):
        raise ProofInvalid(
            f"couldn't fold the open bundle: got {len(rows)} rows, expected {first} … {size - 1}", code="entry_missing"
        )
    return [NewEntry(row.data, row.leaf) for row in rows]


def _fold(connection: Connection, start: int, end: int, entries: Sequence[NewEntry]) -> None:
    tiles = TileWriter(connection)
    bundles = []
    for at in range(0, end - start, TILE_WIDTH):
        part = entries[at : at + TILE_WIDTH]
        for offset, entry in enumerate(part):
            if leaf_hash(entry.data) != entry.leaf:
                raise ProofInvalid(
                    f"couldn't fold entry {start + at + offset}: it does not hash to its leaf", code="leaf_differs"
                )
        n = (start + at) // TILE_WIDTH
        bundles.append({"n": n, "data": encode_bundle([entry.data for entry in part])})
        tiles.add_full(n, [entry.leaf for entry in part])
    connection.execute(insert(schema.bundle), bundles)
    tiles.write()
    connection.execute(delete(schema.open_entry))


def _lost(got: str, expected: str) -> Stopped:
    return Stopped(
        f"couldn't append: got a stored log of {got}, expected {expected}; another writer was faster",
        code="lost_the_race",
    )
