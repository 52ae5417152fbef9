"""Seals in the database: the number of the open one, and the leaves of closed ones.

The open seal is the one after the last row. A scan learns its number inside its own transaction, and a seal is closed
in a transaction that waits for those: no scan can slip into a seal that is closed, whichever process keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, LargeBinary, and_, bindparam, func, insert, or_, select, text

from ledger.services.scans.seal import PromisedScan
from ledger.storage.database import Query, raw, writing
from ledger.storage.schema import scan, seal
from verifier.errors import Refused
from verifier.foreign import shown
from verifier.scan.receipt import scan_leaf

DEADLINE = "seal_deadline_ms"
"""A key in a scan's kept response, beside the answer: the promised deadline of its seal (ms)."""

_LOCK = 0x6361726E736C  # PostgreSQL advisory lock: "carnsl"; scans share it, closing a seal takes it alone
_PAGE = 1_000  # rows read at a time
_NEXT = select(func.coalesce(func.max(seal.c.number), -1) + 1)


class SealTable:
    """The seals of one ledger. Every method raises Unavailable when the database gives no answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = Query(engine, _NEXT)
        self._leaves = Query(engine, select(seal.c.leaves).where(seal.c.number == bindparam("number")))
        self._waiting = Query(engine, select(func.count()).where(scan.c.seal >= bindparam("number")))
        self._numbers = Query(engine, select(seal.c.number).order_by(seal.c.number))
        self._promised = Query(
            engine,
            select(raw(scan.c.id), scan.c.seal, scan.c.salt, scan.c.body, raw(scan.c.response))
            .where(
                or_(
                    scan.c.seal > bindparam("seal"),
                    and_(scan.c.seal == bindparam("seal"), raw(scan.c.id) > bindparam("after", type_=LargeBinary)),
                )
            )
            .order_by(scan.c.seal, raw(scan.c.id))
            .limit(_PAGE),
        )

    def open_number(self) -> int:
        """The number of the seal that scans are promised a place in now."""
        return int(self._next.all()[0][0])

    def waiting(self) -> int:
        """The number of kept scans with a promised place in a seal that is not closed yet."""
        return int(self._waiting.all(number=self.open_number())[0][0])

    def leaves(self, number: int) -> bytes | None:
        """The leaves of a closed seal, one after another, or None."""
        row = self._leaves.first(number=number)
        return bytes(row[0]) if row is not None else None

    def close(self, number: int, pad: Callable[[list[bytes]], bytes]) -> bytes:
        """Close the open seal: gather its scans' leaves, let `pad` sort and pad them, keep the result.

        Durable when it returns; from then on scans get the next number. Raises Refused (`seal_gap`) when another number
        is open, Stopped when it is not known whether it was closed.
        """
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                # Waits for every transaction that is putting a scan into this seal, those of lost connections included.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            open_ = connection.execute(_NEXT).scalar_one()
            if open_ != number:
                raise Refused(f"couldn't close seal {number}: seal {open_} is the open one", code="seal_gap")
            rows = connection.execute(select(scan.c.salt, scan.c.body).where(scan.c.seal == number))
            leaves = pad([scan_leaf(salt, body) for salt, body in rows])
            connection.execute(insert(seal).values(number=number, leaves=leaves))
            # If we stop before the commit that follows, restart finds the seal open and closes it with the same scans.
        # If we stop here, restart finds the row without an entry and submits exactly these leaves.
        return leaves

    def numbers(self) -> list[int]:
        """The numbers of all closed seals, rising."""
        return [int(number) for (number,) in self._numbers.all()]

    def keep(self, number: int, leaves: bytes) -> None:
        """Keep the leaves of a seal that another ledger closed, checked already; the same number again is a no-op."""
        with writing(self._engine) as connection:
            there = select(seal.c.number).where(seal.c.number == number)
            if connection.execute(there).scalar() is None:
                connection.execute(insert(seal).values(number=number, leaves=leaves))

    def promised(self) -> Iterator[PromisedScan]:
        """Every scan with a promise, by rising number of its seal, for an audit to compare with the leaves."""
        number, after = -1, b""
        while rows := self._promised.all(seal=number, after=after):
            for scan_id, in_seal, salt, body, response in rows:
                leaf = scan_leaf(bytes(salt), bytes(body))
                yield PromisedScan(_name(bytes(scan_id)), int(in_seal), leaf, *_deadline(bytes(response)))
            number, after = int(rows[-1][1]), bytes(rows[-1][0])


def open_seal(connection: Connection) -> int:
    """The number of the open seal, which stays open until this transaction ends.

    On SQLite a writing transaction is alone. On PostgreSQL it shares a lock that closing a seal takes alone.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK})
    return int(connection.execute(_NEXT).scalar_one())


def _name(scan_id: bytes) -> str:
    """A scan's id for a report; bytes that are no text, or would move a cursor, are replaced."""
    return shown(scan_id.decode(errors="replace"))


def _deadline(response: bytes) -> tuple[int | None, str | None]:
    """The deadline (ms) in a kept response, or what is wrong with the row."""
    try:
        value = json.loads(response)
    except UnicodeDecodeError:
        return None, "its answer is no UTF-8"
    except (ValueError, RecursionError):
        return None, "its answer is no JSON"
    deadline = value.get(DEADLINE) if isinstance(value, dict) else None
    return (deadline, None) if type(deadline) is int else (None, None)
