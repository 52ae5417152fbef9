"""What a published log says at any size, folded from its entries alone: no segments, no secrets, no server asked.

The entries are those under a signed head. That each was signed by somebody entitled is an audit's to check; here the
question is only what a log said when somebody was told something about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from verifier.errors import NotFound
from verifier.record.batch import Batch, RetireReason
from verifier.record.entry import decode_entry
from verifier.record.index import IndexHead
from verifier.record.record import Record
from verifier.segment.view import SegmentView
from verifier.tree.tiles import TILE_WIDTH


class PublishedRecord(Record):
    """The record of a log whose units nobody here has. Grows with `fold_to`, and never back."""

    def __init__(self, bundle: Callable[[int], list[bytes]]) -> None:
        """`bundle`: the checked entries of bundle n (`verifier.tree.checked_tiles`)."""
        super().__init__(_no_segments)
        self._bundle = bundle

    def fold_to(self, size: int) -> None:
        """Take in all entries below `size`. Raises what a broken rule raises, and what reading raises."""
        while self.size < size:
            n, at = divmod(self.size, TILE_WIDTH)
            for raw in self._bundle(n)[at : size - n * TILE_WIDTH]:
                entry = decode_entry(raw)
                self.admit(entry.kind, entry.body, entry.actor, entry.recorded_at)
                self.integrate(entry)

    def _check_stored(self, root: bytes, count: int) -> None:
        pass  # a published log holds no segments

    def _check_index(self, head: IndexHead) -> None:
        pass  # an audit recomputes it; here nothing rests on it

    def _admit_retired(self, batch: Batch, reason: RetireReason, body: Mapping[str, Any]) -> None:
        pass  # that all keys are the batch's, only the segments can show


def _no_segments(root: bytes, count: int) -> SegmentView:
    raise NotFound(f"couldn't open segment {root.hex()} of {count} units: no log holds it", code="segment_missing")
