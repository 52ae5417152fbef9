"""Scan evidence built from storage. Each file is checked as its reader will check it before it is handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.services.outward.publishing import SealLeaves
from ledger.services.proofs.proof import ProofLog
from verifier.errors import NotFound, ProofInvalid, Unavailable
from verifier.evidence.file import ShownEntry
from verifier.record.record import Record
from verifier.record.seal import find_leaf, prove_leaf
from verifier.record.sealed import Sealed
from verifier.scan.evidence import Promise, check_scan_evidence
from verifier.scan.evidence_file import ScanEvidence, encode_scan_evidence
from verifier.scan.receipt import ScanReceipt
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import HashReader, inclusion_proof
from verifier.tree.note import Note


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    note: bytes
    hashes: HashReader


class SealProofs:
    """Shows whether receipts were kept. It only reads; any thread may call it."""

    def __init__(
        self, record: Record, log: ProofLog, leaves: SealLeaves, published: Callable[[], bytes | None] = lambda: None
    ) -> None:
        """`published`: the newest note that bears witnesses' cosignatures, taken where it covers what is shown."""
        self._record, self._log, self._leaves, self._published = record, log, leaves, published

    def sealed(self, number: int) -> Sealed | None:
        """The seal with a number, once the log has it."""
        return self._record.seals[number] if number < len(self._record.seals) else None

    def state(self, number: int, leaf: bytes, deadline: int, now: int) -> Promise | None:
        """The state of a promise as this server knows it, without proof; None while its time is not up.

        Raises Unavailable (`seal_row`).
        """
        sealed = self.sealed(number)
        if sealed is None:
            return Promise.OVERDUE if now > deadline else None
        if find_leaf(self._row(number), leaf) is None:
            return Promise.MISSING
        return Promise.LATE if sealed.recorded_at > deadline else Promise.KEPT

    def evidence(self, receipt: ScanReceipt) -> bytes:
        """The file that shows whether the receipt's seal holds its scan: kept, late or missing, whichever is true.

        Raises NotFound (`seal_pending`) before there is that seal, Unavailable, ProofInvalid (`proof_unsound`).
        """
        sealed = self.sealed(receipt.seal)
        if sealed is None:
            raise NotFound(f"couldn't prove anything yet: seal {receipt.seal} is still open", code="seal_pending")
        leaves = self._row(receipt.seal)
        head = self._head(sealed.index)
        shown = self._show(head, (0, sealed.index))
        raw = encode_scan_evidence(ScanEvidence(receipt, head.note, shown, prove_leaf(leaves, receipt.leaf)))
        report = check_scan_evidence(raw, pin=self._record.founding.pin)
        if report.failed is not None:
            raise ProofInvalid(f"couldn't build the scan evidence: {report.failed.words}", code="proof_unsound")
        return raw

    def _row(self, number: int) -> bytes:
        leaves = self._leaves.leaves(number)
        if leaves is None:
            raise Unavailable(f"couldn't read seal {number}: its leaves are not here", code="seal_row")
        return leaves

    def _show(self, head: _Head, indexes: Iterable[int]) -> tuple[ShownEntry, ...]:
        return tuple(
            ShownEntry(at, self._log.read_entries(at, at + 1)[0], inclusion_proof(at, head.size, head.hashes))
            for at in sorted(set(indexes))
        )

    def _head(self, index: int) -> _Head:
        note = self._published()
        if note is not None and (size := Checkpoint.decode(Note.parse(note).text).size) > index:
            return _Head(size, note, self._log.hashes())
        newest = self._log.latest_checkpoint()
        if newest is None or newest[0] <= index:
            raise Unavailable(
                f"couldn't prove entry {index}: no signed checkpoint covers it yet", code="not_signed_yet"
            )
        return _Head(*newest, self._log.hashes())
