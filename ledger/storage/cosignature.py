"""Cosignatures of our checkpoints, as witnesses gave them: the newest of each witness for each size."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, bindparam, func, insert, select, update

from ledger.ports import Cosignature
from ledger.storage import schema
from ledger.storage.database import Query, writing

_PAGE = 512  # rows read at a time
_of = schema.cosignature.c
_ONE = (_of.size == bindparam("of_size"), _of.name == bindparam("of_name"))
_KEPT = select(_of.time_s).where(*_ONE)
_RENEW = update(schema.cosignature).where(*_ONE).values(time_s=bindparam("time_s"), line=bindparam("line"))


class CosignatureTable:
    """Keeps cosignatures that were verified. Raises Unavailable when the database gives no answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of_size = Query(
            engine,
            select(_of.size, _of.name, _of.time_s, _of.line).where(_of.size == bindparam("size")).order_by(_of.name),
        )
        self._below = Query(
            engine,
            select(_of.size, _of.name, _of.time_s, _of.line)
            .where(_of.size < bindparam("below"))
            .order_by(_of.size.desc(), _of.name)
            .limit(_PAGE),
        )
        self._last = Query(engine, select(func.max(_of.size)).where(_of.name == bindparam("name")))

    def put(self, cosignature: Cosignature) -> None:
        """Keep one; a newer one replaces an older one of the same witness and size. Durable when it returns."""
        key = {"of_size": cosignature.size, "of_name": cosignature.name}
        value = {"time_s": cosignature.time, "line": cosignature.line}
        # If we stop before this commits, restart asks the witness again: it gives the same size again, later.
        with writing(self._engine) as connection:
            kept = connection.execute(_KEPT, key).scalar()
            if kept is None:
                row = {"size": cosignature.size, "name": cosignature.name, **value}
                connection.execute(insert(schema.cosignature), row)
            elif kept < cosignature.time:
                connection.execute(_RENEW, {**key, **value})

    def of_size(self, size: int) -> list[Cosignature]:
        """All that are kept for a size, by name."""
        return [Cosignature(*row) for row in self._of_size.all(size=size)]

    def newest(self, pages: int | None = None) -> Iterator[Cosignature]:
        """All, larger sizes first; those of one size stand together. `pages` bounds how far back is read."""
        below = 2**63 - 1
        while pages is None or pages > 0:
            rows = [Cosignature(*row) for row in self._below.all(below=below)]
            if len(rows) < _PAGE:
                yield from rows
                return
            # A page may end inside a size: that one is read again, whole, with the next page.
            below = rows[-1].size + 1
            yield from (row for row in rows if row.size >= below)
            pages = pages - 1 if pages is not None else None

    def last(self, name: str) -> int:
        """The largest size that a witness has cosigned; 0 if none."""
        row = self._last.first(name=name)
        return int(row[0]) if row and row[0] is not None else 0
