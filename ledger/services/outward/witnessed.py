"""The cosigned heads that answers rest on: read from storage at most once a second, and kept in memory.

`/v1/verify` asks on every request, so asking costs a comparison and no read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ledger.ports import Cosignature
from verifier.errors import Unavailable
from verifier.tree.note import Note, NoteSignature
from verifier.tree.policy import Policy
from verifier.tree.witnessed import Witnessed, witnessed

RENEW_SECONDS = 1.0
"""How old the last reading may be: another process may be asking the witnesses."""
_PAGES = 2  # of storage, read back each time; W is never further behind while a quorum answers


class Cosignatures(Protocol):
    """Where cosignatures are kept."""

    def put(self, cosignature: Cosignature) -> None:
        """Keep one, replacing an older one of the same witness and size. Durable when it returns."""
        ...

    def of_size(self, size: int) -> list[Cosignature]:
        """All that are kept for a size."""
        ...

    def newest(self, pages: int | None = None) -> Iterator[Cosignature]:
        """All, larger sizes first; `pages` bounds how far back is read."""
        ...

    def last(self, name: str) -> int:
        """The largest size that a witness has cosigned; 0 if none."""
        ...


class WitnessedHead:
    """W of one log. Any thread may ask. `policy` None: there are no witnesses, and no W."""

    def __init__(self, policy: Policy | None, kept: Cosignatures, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy, self._kept, self._clock = policy, kept, clock
        self._lock = threading.Lock()
        self._w: Witnessed | None = None
        self._read_at: float | None = None

    @property
    def policy(self) -> Policy | None:
        """Who must have cosigned."""
        return self._policy

    def current(self) -> Witnessed | None:
        """W, or None while there is none. If storage cannot be read, the last W stays; its freshness ends by itself."""
        if self._policy is not None and (self._read_at is None or self._clock() - self._read_at >= RENEW_SECONDS):
            self.renew()
        return self._w

    def renew(self) -> None:
        """Read storage again."""
        if self._policy is None:
            return
        with self._lock:
            pages = None if self._w is None else _PAGES
            try:
                found = witnessed(self._policy, ((c.size, c.name, c.time) for c in self._kept.newest(pages)))
            except Unavailable:
                found = None
            if found is not None and (self._w is None or found.size >= self._w.size):
                self._w = found
            self._read_at = self._clock()

    def lines(self, size: int) -> list[str]:
        """The cosignature lines kept for a size, in the policy's order."""
        if self._policy is None:
            return []
        kept = {cosignature.name: cosignature.line for cosignature in self._kept.of_size(size)}
        return [kept[name] for name in self._policy.witnesses if name in kept]


def with_cosignatures(note: bytes, lines: Iterable[str]) -> bytes:
    """A signed checkpoint with cosignature lines below the log's own."""
    signed = Note.parse(note)
    return Note(signed.text, (*signed.signatures, *map(NoteSignature.parse, lines))).format()
