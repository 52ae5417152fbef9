"""Proofs: files of evidence built from storage, each checked as its reader will check it before it is handed out.

What a file carries is chosen here; what it proves is decided in `verifier.evidence.evidence` alone. A damaged tile or
segment therefore gives an error, never a file that fails in somebody's hands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from ledger.services.outward.anchoring import AnchorState, AnchorStore
from ledger.services.outward.witnessed import WitnessedHead, with_cosignatures
from ledger.services.proofs.entries import ProofEntries
from ledger.services.proofs.index import Completeness, absent, completeness
from verifier.errors import NotFound, ProofInvalid, Refused, Unavailable
from verifier.evidence.evidence import check_evidence
from verifier.evidence.file import (
    ENTRIES_MAX,
    ENTRIES_MAX_2,
    SPEC,
    SPEC_2,
    AnchorProof,
    EvidenceFile,
    RetiredProof,
    ShownEntry,
    UnitProof,
    encode_evidence,
)
from verifier.reading.gs1 import UnitCode
from verifier.reading.label import LabelCheck, verify_label
from verifier.record.batch import Batch, Change
from verifier.record.entry import Entry
from verifier.record.independence import independence
from verifier.record.index import LISTED_FROM
from verifier.record.record import Record
from verifier.segment.view import SegmentView, blind, unit_key
from verifier.tree.merkle import HashReader, consistency_proof, inclusion_proof
from verifier.tree.tlog_proof import TlogProof

ENTRY_BYTES_MAX = 4_000_000
"""Bytes of entries in a complete file. Own limit: encoded twice, with paths and tail, they stay below what a reader
takes. Beyond it the file shows fewer, and says so."""


class ProofLog(Protocol):
    """What proofs read of a log."""

    def read_entries(self, start: int, end: int) -> list[bytes]:
        """Stored bytes of entries start … end-1."""
        ...

    def hashes(self) -> HashReader:
        """Subtree hashes read back from storage."""
        ...

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """Size and note of the newest signed checkpoint."""
        ...

    def read_checkpoint(self, size: int) -> bytes | None:
        """The signed checkpoint of a size, or None."""
        ...


class ProofSegments(Protocol):
    """What proofs read of segments."""

    def open(self, root: bytes, n: int) -> SegmentView:
        """A view of a stored segment. Raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class _Head:
    """The checkpoint that a file is built under; everything in it lies below `size`."""

    size: int
    note: bytes
    hashes: HashReader


class Proofs:
    """Builds files of evidence. It only reads; any thread may call it."""

    def __init__(
        self,
        record: Record,
        log: ProofLog,
        segments: ProofSegments,
        salt: Callable[[Batch], bytes | None],
        anchors: AnchorStore | None = None,
        witnessed: WitnessedHead | None = None,
    ) -> None:
        """`salt` gives a batch's salt, published or kept beside the log, or None; `anchors` None: no chain is used.

        `witnessed` None: no cosignatures go into the files.
        """
        self._record, self._log, self._segments, self._salt, self._anchors = record, log, segments, salt, anchors
        self._witnessed = witnessed
        self._entries = ProofEntries(record, log.read_entries)

    def for_entry(self, index: int) -> bytes:
        """The receipt of one entry, with what it rests on.

        Raises NotFound (`entry_missing`), Unavailable (`not_signed_yet`), ProofInvalid when storage is damaged.
        """
        if not 0 <= index < self._record.size:
            raise NotFound(f"couldn't prove entry {index}: the log has {self._record.size}", code="entry_missing")
        return self._build(self._head(), index)

    def for_unit(self, code: UnitCode) -> bytes:
        """That a code's unit is registered, in the lot it names or else in the one it is found in.

        A label signature on the code goes into the file if it holds, and so does what makes it complete about the batch
        as soon as others than the operator have confirmed an index. Raises NotFound (`unit_unknown`), Refused
        (`no_serial`), Unavailable (`salt_missing`, `not_signed_yet`), ProofInvalid when storage is damaged.
        """
        serial = _serial(code)
        printed = self._record.by_lot.get((code.gtin, code.lot)) if code.lot is not None else None
        others = (batch for batch in self._record.by_gtin.get(code.gtin, ()) if batch is not printed)
        for batch in others if printed is None else chain([printed], others):
            salt = self._salt_of(batch)
            hidden = blind(salt, batch.gtin, batch.lot, serial)
            view = self._view(batch)
            position = view.find(unit_key(hidden, serial))
            if position is not None:
                head = self._head()
                membership = view.membership(position, hidden)
                retired = self._retired(batch, hidden, serial, head)
                unit = UnitProof(batch.gtin, batch.lot, serial, hidden, membership, None, retired)
                subject = batch.gtin, batch.lot
                return self._build(head, batch.index, unit, self._label(code, batch), salt, subject)
        raise NotFound(f"couldn't prove GTIN {code.gtin} serial {serial}: no registered unit", code="unit_unknown")

    def for_absence(self, code: UnitCode) -> bytes:
        """That a code's unit is not in the lot it names.

        In a batch with a hidden salt the file shows the blind, never the salt: who checks it needs that too. Raises
        NotFound (`batch_unknown`), Refused (`no_serial`, `no_lot`, `unit_present`), Unavailable, ProofInvalid.
        """
        serial = _serial(code)
        if code.lot is None:
            raise Refused("couldn't prove absence: the code names no lot", code="no_lot")
        batch = self._record.by_lot.get((code.gtin, code.lot))
        if batch is None:
            raise NotFound(f"couldn't find GTIN {code.gtin} lot {code.lot}: not in this ledger", code="batch_unknown")
        salt = self._salt_of(batch)
        hidden = blind(salt, batch.gtin, batch.lot, serial)
        key, view = unit_key(hidden, serial), self._view(batch)
        if view.find(key) is not None:
            raise Refused("couldn't prove absence: the unit is registered", code="unit_present")
        unit = UnitProof(batch.gtin, batch.lot, serial, hidden, None, view.absence(key))
        return self._build(self._head(), batch.index, unit, None, salt, (batch.gtin, batch.lot))

    def for_absent_lot(self, gtin: str, lot: str | None) -> bytes:
        """That no batch of this GTIN-14 and lot is registered, or with lot None, none of this GTIN.

        Raises Refused (`lot_present`), Unavailable (`index_unconfirmed`, `not_signed_yet`), ProofInvalid.
        """
        absent(self._record, gtin, lot)
        sealed = self._record.confirmed_index
        counting = independence(self._record.standing, sealed).counting if sealed is not None else ()
        if sealed is None or not counting:
            raise Unavailable(
                "couldn't prove absence: nobody but the operator has confirmed an index yet", code="index_unconfirmed"
            )
        first = counting[0].entry
        return self._build(self._head(), sealed.index, subject=(gtin, lot), least=first)

    def _build(
        self,
        head: _Head,
        index: int,
        unit: UnitProof | None = None,
        label: str | None = None,
        salt: bytes | None = None,
        subject: tuple[str, str | None] | None = None,
        least: int = 0,
    ) -> bytes:
        """1. gather the entries; 2. their paths; 3. index and anchor; 4. write; 5. check as any reader would.

        A witnessed checkpoint serves when it covers all that is to be shown, recalls included; else the newest one.
        """
        if index >= head.size:
            raise Unavailable(
                f"couldn't prove entry {index}: the newest checkpoint covers {head.size}; ask again in a moment",
                code="not_signed_yet",
            )
        entries = self._entries.gather(index, head.size, None)  # 1
        head = self._covering(max(*entries, least), head)
        complete = completeness(self._record, head.size, *subject) if subject is not None else None
        if complete is not None:
            complete, entries = self._fitting(index, head, complete, entries)
        if complete is None and subject is not None and unit is None:
            raise Unavailable("couldn't prove absence: no confirmed index covers this", code="index_unconfirmed")
        shown = {  # 2
            at: ShownEntry(at, entry.raw, inclusion_proof(at, head.size, head.hashes)) for at, entry in entries.items()
        }
        part = complete.part(shown, head.size, head.hashes, self._log.read_entries) if complete else None  # 3
        own = shown.pop(index)
        proof = TlogProof(index, own.path, head.note)
        others = tuple(shown[at] for at in sorted(shown))
        decisions = complete.decisions if complete else None
        spec = SPEC if self._record.rules >= LISTED_FROM else SPEC_2
        file = EvidenceFile(proof, own.data, others, unit, part, label, self._anchor(head), decisions, spec)
        raw = encode_evidence(file)  # 4
        # A receipt is handed out before any witness has seen it, and says so.
        record = self._record
        report = check_evidence(raw, pin=record.founding.pin, salt=salt, unwitnessed=True, known=record.known)  # 5
        if not report.ok:
            step = report.failed.words if report.failed else report.unproved
            raise ProofInvalid(f"couldn't build a proof of entry {index}: {step}", code="proof_unsound")
        return raw

    def _fitting(
        self, index: int, head: _Head, complete: Completeness, fewest: dict[int, Entry]
    ) -> tuple[Completeness | None, dict[int, Entry]]:
        """As complete as a file can be: about goods and people, else about goods, else not (with `fewest`)."""
        for each in dict.fromkeys((complete, replace(complete, decisions=None))):
            entries = self._entries.gather(index, head.size, each)
            most = ENTRIES_MAX if each.decisions is not None else ENTRIES_MAX_2
            if len(entries) <= most and sum(len(entry.raw) for entry in entries.values()) <= ENTRY_BYTES_MAX:
                return each, entries
        return None, fewest

    def _retired(self, batch: Batch, hidden: bytes, serial: str, head: _Head) -> tuple[RetiredProof, ...]:
        changes = (slot.current for slot in batch.retired.values())
        shown = (change for change in changes if change and not change.body["keys"] and change.index < head.size)
        return tuple(self._retired_in(change, hidden, serial) for change in shown)

    def _retired_in(self, change: Change, hidden: bytes, serial: str) -> RetiredProof:
        root, count = bytes.fromhex(change.body["segmentRoot"][2:]), int(change.body["unitCount"])
        view, key = self._segments.open(root, count), unit_key(hidden, serial)
        position = view.find(key)
        if position is None:
            return RetiredProof(change.index, None, view.absence(key))
        return RetiredProof(change.index, view.membership(position, hidden), None)

    def _label(self, code: UnitCode, batch: Batch) -> str | None:
        if code.signature is None or batch.label_key is None or code.serial is None:
            return None
        log_id = self._record.founding.log_id
        found = verify_label(batch.label_key, log_id, batch.gtin, batch.lot, code.serial, code.signature)
        return code.signature.upper() if found is LabelCheck.VALID else None

    def _anchor(self, head: _Head) -> AnchorProof | None:
        anchor = self._anchors.newest(AnchorState.FINAL) if self._anchors else None
        if anchor is None or anchor.block_number is None or anchor.block_hash is None or anchor.size > head.size:
            return None
        return AnchorProof(
            transaction=anchor.tx_hash,
            block_number=anchor.block_number,
            block_hash=anchor.block_hash,
            size=anchor.size,
            root=anchor.root,
            previous_size=anchor.previous_size,
            path=consistency_proof(anchor.size, head.size, head.hashes),
        )

    def _head(self) -> _Head:
        newest = self._log.latest_checkpoint()
        if newest is None:
            raise Unavailable("couldn't build a proof: no checkpoint has been signed yet", code="not_signed_yet")
        return _Head(*newest, self._log.hashes())

    def _covering(self, last: int, newest: _Head) -> _Head:
        """The witnessed checkpoint if it covers entry `last`, else the newest one; with what cosignatures it has."""
        if self._witnessed is None:
            return newest
        w = self._witnessed.current()
        note = self._log.read_checkpoint(w.size) if w is not None and last < w.size < newest.size else None
        if w is None or note is None:
            return replace(newest, note=with_cosignatures(newest.note, self._witnessed.lines(newest.size)))
        return _Head(w.size, with_cosignatures(note, self._witnessed.lines(w.size)), newest.hashes)

    def _view(self, batch: Batch) -> SegmentView:
        return self._segments.open(batch.segment_root, batch.unit_count)

    def _salt_of(self, batch: Batch) -> bytes:
        salt = self._salt(batch)
        if salt is None:
            raise Unavailable("couldn't look the unit up: the batch's salt is not here", code="salt_missing")
        return salt


def _serial(code: UnitCode) -> str:
    if code.serial is None:
        raise Refused("couldn't prove anything about one item: the code carries no serial", code="no_serial")
    return code.serial
