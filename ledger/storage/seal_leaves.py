"""The leaves of seals as they are kept beside the log, for whoever publishes them."""

from __future__ import annotations

from sqlalchemy import Engine, bindparam, select

from ledger.storage import schema
from ledger.storage.database import Query


class SealLeaves:
    """Reads the seal table. Raises Unavailable when the database gives no answer."""

    def __init__(self, engine: Engine) -> None:
        self._leaves = Query(engine, select(schema.seal.c.leaves).where(schema.seal.c.number == bindparam("number")))

    def leaves(self, number: int) -> bytes | None:
        """The sorted 32-byte leaves of a seal, one after another, or None when they are not here."""
        row = self._leaves.first(number=number)
        return bytes(row[0]) if row else None
