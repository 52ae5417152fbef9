"""Segments that no entry names yet: what a statement that is refused for good takes along."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from threading import Lock

from ledger.ports import Segments
from verifier.errors import CarnetError, Malformed, Refused
from verifier.record.record import Record
from verifier.record.statement import Statement
from verifier.record.struct import ZERO32


class Staging:
    """Which segments statements under way name. Signatures have been checked before: a root is known to who sent it
    until an entry publishes it."""

    def __init__(self, record: Record, segments: Segments) -> None:
        self._record, self._segments = record, segments
        self._lock, self._under_way = Lock(), Counter[bytes]()

    def begin(self, statement: Statement) -> None:
        """A statement is under way; `end` must follow."""
        with self._lock:
            self._under_way[_root(statement)] += 1

    def end(self, statement: Statement, error: BaseException | None) -> None:
        """What became of it: `error` is None when it was taken in.

        Its segment goes if it was refused, no other statement that names it is under way, and no entry names it. Not
        when the statement may be signed anew (`expired`).
        """
        root = _root(statement)
        refused = isinstance(error, Refused | Malformed) and error.code != "expired"
        with self._lock:
            self._under_way[root] -= 1
            alone = not self._under_way[root]
            if alone:
                del self._under_way[root]
            if refused and alone and any(root) and root not in self._record.segment_roots:
                # If we stop before this line, or it fails, the sweep finds the segment after a day.
                with suppress(CarnetError):
                    self._segments.discard(root)


def _root(statement: Statement) -> bytes:
    return bytes.fromhex(str(statement.body.get("segmentRoot", ZERO32))[2:])
