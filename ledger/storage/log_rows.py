"""Rows beside the log that are derived from it, read one after another for an audit to compare with the entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

from sqlalchemy import Engine, bindparam, func, select

from ledger.services.audit.home import STATEMENTS_AT_ONCE
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
        row = schema.statement.c
        self._named = Query(
            engine,
            select(row.digest, row.statement_id, row.idx).where(
                row.digest.in_([bindparam(f"digest_{at}") for at in range(STATEMENTS_AT_ONCE)])
            ),
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

    def statements(self, digests: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Digest -> statementId and entry index, of up to STATEMENTS_AT_ONCE statements that have a row."""
        padded = [*digests, *repeat(digests[-1], STATEMENTS_AT_ONCE - len(digests))]
        rows = self._named.all(**{f"digest_{at}": digest for at, digest in enumerate(padded)})
        return {bytes(digest): (bytes(statement_id), int(idx)) for digest, statement_id, idx in rows}

    def anchor_sizes(self) -> list[int]:
        """The sizes of all anchors that were ever built, rising."""
        return [int(row[0]) for row in self._anchored.all()]
