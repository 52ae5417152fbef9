"""Rows beside the log that are derived from it, read one after another: what an audit compares with the entries."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, bindparam, func, select

from ledger.storage import schema
from ledger.storage.database import Query

_PAGE = 1_000  # rows read at a time


class LogRows:
    """Reads the checkpoint, statement and anchor tables. Every method raises Unavailable when there is no answer."""

    def __init__(self, engine: Engine) -> None:
        signed, anchored = schema.checkpoint.c, schema.anchor.c
        self._signed = Query(
            engine,
            select(signed.size, signed.root, signed.note)
            .where(signed.size > bindparam("after"))
            .order_by(signed.size)
            .limit(_PAGE),
        )
        self._statements = Query(
            engine,
            select(func.count()).select_from(schema.statement).where(schema.statement.c.idx < bindparam("size")),
        )
        self._anchored = Query(engine, select(anchored.size).order_by(anchored.size))

    def checkpoints(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Size, root and note of every kept checkpoint, by rising size."""
        after = -1
        while rows := self._signed.all(after=after):
            for size, root, note in rows:
                yield int(size), bytes(root), bytes(note)
            after = int(rows[-1][0])

    def statement_count(self, size: int) -> int:
        """How many statements the index of statements holds for the first `size` entries."""
        return int(self._statements.all(size=size)[0][0])

    def anchor_sizes(self) -> list[int]:
        """The sizes of all anchors that were ever built, rising."""
        return [int(row[0]) for row in self._anchored.all()]
