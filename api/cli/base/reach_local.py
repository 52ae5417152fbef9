"""The ledger in this home, as a command reaches it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.base.batch_name import split_batch
from api.cli.base.options import anchor
from api.cli.base.output import Out
from verifier.instant import format_instant
from verifier.record.statement import Domain, Statement
from verifier.segment.view import Progress

if TYPE_CHECKING:
    from ledger.opened import Ledger
    from ledger.services.record.append import Receipt


class LocalLedger:
    """The ledger in this home, opened by this command."""

    def __init__(self, ledger: Ledger, out: Out) -> None:
        self._ledger, self._out = ledger, out

    @property
    def domain(self) -> Domain:
        """What statements are signed over."""
        return self._ledger.founding.domain

    @property
    def base_url(self) -> str:
        """Scheme and host of printed links."""
        return self._ledger.home.base_url

    def put_segment(self, path: Path, root: bytes, n: int, progress: Progress) -> None:
        """Move a segment file into the store, and remove files that no entry has named for a day."""
        self._ledger.segments.sweep(self._ledger.record.segment_roots.__contains__)
        self._ledger.segments.put(root, path, n, move=True, progress=progress)

    def register(self, statement: Statement, salt: bytes) -> dict[str, Any]:
        """Register a batch and anchor it."""
        if self._ledger.mirror is not None:
            self._ledger.mirror.sync()  # a home without a server has nobody else to read the registry
        receipt = self._ledger.batches.register(statement, salt)
        anchor(self._ledger, self._out)
        return _receipt(receipt)

    def change(self, statement: Statement) -> dict[str, Any]:
        """Send a recall, a retirement or an undo, and anchor it."""
        receipt = self._ledger.batches.change(statement)
        anchor(self._ledger, self._out)
        return _receipt(receipt)

    def batch(self, batch: str) -> dict[str, Any]:
        """A batch, described."""
        service = self._ledger.batches
        found = service.find(batch) if batch.startswith("0x") else service.find_lot(*split_batch(batch))
        return {**service.describe(found), "history": service.history(found)}

    def batches(self, gtin: str | None) -> list[dict[str, Any]]:
        """Batches, newest first."""
        record = self._ledger.record
        found = iter(record.by_gtin.get(gtin, ())) if gtin is not None else reversed(record.batches.values())
        return [self._ledger.batches.describe(batch) for batch in found]

    def entry_proof(self, index: int) -> bytes:
        """The proof file of an entry."""
        return self._ledger.proofs.for_entry(index)

    def salt(self, batch_id: str) -> bytes | None:
        """The batch's salt: whoever can open the home can open its vault."""
        return self._ledger.batches.salt(self._ledger.batches.find(batch_id))

    def retired_keys(self, batch_id: str, reason: str) -> list[bytes]:
        """The unit keys reported for a reason so far."""
        from verifier.record.batch import RetireReason

        batch = self._ledger.batches.find(batch_id)
        return list(self._ledger.record.retired_units(batch, RetireReason[reason.upper()]))


def _receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON."""
    return {
        "entry": receipt.index,
        "leaf": "0x" + receipt.leaf.hex(),
        "log_size": receipt.size,
        "recorded_at": format_instant(receipt.recorded_at),
        "duplicate": receipt.duplicate,
    }
