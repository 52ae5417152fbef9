"""An excerpt: some entries of a log, folded by the rules of the whole log.

A proof file carries the few entries that one answer rests on. What is shown is checked exactly as in the whole log;
what lies between two shown entries is not known, so an excerpt never says that something did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verifier.errors import NotFound, ProofInvalid, Refused
from verifier.record.batch import Batch, RetireReason, Slot
from verifier.record.entry import Entry
from verifier.record.index import IndexHead
from verifier.record.participant import Mirrored
from verifier.record.record import Record
from verifier.record.rules import KNOWN, Rules
from verifier.record.seal import Seal
from verifier.record.sealed_index import SealedIndex
from verifier.record.statement import Kind, verify
from verifier.record.struct import ZERO32
from verifier.segment.view import SegmentView


class Excerpt(Record):
    """A record of chosen entries, taken in the order of their indexes, entry 0 first."""

    def __init__(self, known: Rules = KNOWN) -> None:
        super().__init__(_no_segments, known)
        self._at = 0

    def take(self, index: int, entry: Entry) -> None:
        """Check an entry and fold it in: its order, its signature, its author's standing and right.

        Raises Malformed, Refused or ProofInvalid with the code of the rule that it breaks.
        """
        if index < self.size or (index == 0) != (entry.kind is Kind.FOUNDED):
            raise ProofInvalid(
                f"couldn't take entry {index} of kind {entry.kind}: expected the founding as entry 0, then rising "
                "indexes",
                code="excerpt_order",
            )
        self._at = index
        if entry.actor is not None:
            verify(entry.statement, self.founding.domain)
        self.admit(entry.kind, entry.body, entry.actor, entry.recorded_at)
        if index > self.size:  # the chain is broken by what was left out; the tree stands for it
            self.size, self.head = index, entry.previous
        self.integrate(entry)

    def subject(self, entry: Entry) -> tuple[str, str] | None:
        """GTIN and lot that an entry speaks of, as far as the entries taken so far tell; it need not be one of them."""
        match entry.kind:
            case Kind.BATCH_REGISTERED:
                return entry.body["gtin"], entry.body["lot"]
            case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED:
                batch = self.batches.get(bytes.fromhex(entry.body["batch"][2:]))
            case Kind.UNDONE:
                target = self.target(entry.body["target"])
                batch = target.batch if target is not None else None
            case _:
                batch = None
        return (batch.gtin, batch.lot) if batch is not None else None

    def _check_decision(self, mirrored: Mirrored) -> None:
        self.standing.check(mirrored, gaps=True)

    def _check_seal(self, seal: Seal) -> None:
        pass  # how many seals came before is not shown

    def _check_index(self, head: IndexHead) -> None:
        # Only the whole log gives the index; that somebody else recomputed it, a confirmation shows.
        if head.size != self._at:
            raise Refused(
                f"couldn't take the index: got size {head.size} in entry {self._at}, expected its own index",
                code="index_differs",
            )

    def _check_confirmed(self, head: IndexHead, actor: str) -> None:
        if self.standing.operator is None:
            raise Refused(
                "couldn't take the confirmation: the decision that names the operator is not shown, so it could be "
                "the operator's own",
                code="not_entitled",
            )
        super()._check_confirmed(head, actor)

    def _forget(self, sealed: SealedIndex) -> None:
        pass  # a file may rest on any of the few that it shows

    def _check_stored(self, root: bytes, count: int) -> None:
        pass  # the unit's own proof stands for the segment

    def _check_supersedes(self, slot: Slot, body: Mapping[str, Any]) -> None:
        # A leaf that is not shown may lie in a gap; one that is shown, and "none", can be held to.
        if body["supersedes"] == ZERO32 or self.target(body["supersedes"]) is not None:
            super()._check_supersedes(slot, body)

    def _admit_retired(self, batch: Batch, reason: RetireReason, body: Mapping[str, Any]) -> None:
        pass  # that all keys are the batch's and none was dropped, only the whole segments can show


def _no_segments(root: bytes, count: int) -> SegmentView:
    raise NotFound(f"couldn't open segment {root.hex()} of {count} units: not in an excerpt", code="segment_missing")
