"""The newest signed checkpoint as text, read once for each size of the log: answers that carry it come in hundreds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.opened import Ledger


class Newest:
    """The newest signed checkpoint of a ledger, which covers every receipt that was given out before."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: tuple[int, str | None] = -1, None

    def note(self) -> str | None:
        """The note, or None before the first signature. Raises Unavailable."""
        size = self._ledger.record.size  # grows after the note of that size was kept
        if self._kept[0] != size:
            newest = self._ledger.log.latest_checkpoint()
            self._kept = size, newest[1].decode() if newest is not None else None
        return self._kept[1]
