"""Proofs: files of evidence built from storage, each checked as its reader will check it before it is handed out.

What a file carries is chosen here; what it proves is decided in `verifier.evidence` alone. A damaged tile or segment
therefore gives an error, never a file that fails in somebody's hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ledger.services.anchoring import AnchorState, AnchorStore
from ledger.services.witnessed import WitnessedHead, with_cosignatures
from verifier.batch import Batch, Change
from verifier.entry import Entry, decode_entry
from verifier.errors import NotFound, ProofInvalid, Refused, Unavailable
from verifier.evidence import check_evidence
from verifier.evidence_file import AnchorProof, EvidenceFile, RetiredProof, ShownEntry, UnitProof, encode_evidence
from verifier.gs1 import UnitCode
from verifier.label import LabelCheck, verify_label
from verifier.merkle import HashReader, consistency_proof, inclusion_proof
from verifier.participant import PREFIX_LENGTHS
from verifier.record import Record
from verifier.segment import SegmentView, blind, unit_key
from verifier.statement import Kind
from verifier.tlog_proof import TlogProof

HISTORY_MAX = 128
"""Entries about one batch that a file carries; beyond it only those in force, or it would grow with every sale."""


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
        """The signed note of exactly so many entries, or None."""
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

    def for_entry(self, index: int) -> bytes:
        """The receipt of one entry, with what it rests on.

        Raises NotFound (`entry_missing`), Unavailable (`not_signed_yet`), ProofInvalid when storage is damaged.
        """
        head = self._head()
        if not 0 <= index < self._record.size:
            raise NotFound(f"couldn't prove entry {index}: the log has {self._record.size}", code="entry_missing")
        return self._build(head, index, None, None, None)

    def for_unit(self, code: UnitCode) -> bytes:
        """That a code's unit is registered, in the lot it names or else in the one it is found in.

        A label signature on the code goes into the file if it holds. Raises NotFound (`unit_unknown`), Refused
        (`no_serial`), Unavailable (`salt_missing`, `not_signed_yet`), ProofInvalid when storage is damaged.
        """
        serial, head = _serial(code), self._head()
        batches = self._record.by_gtin.get(code.gtin, [])
        for batch in sorted(batches, key=lambda batch: batch.lot != code.lot):
            salt = self._salt_of(batch)
            hidden = blind(salt, batch.gtin, batch.lot, serial)
            view = self._view(batch)
            position = view.find(unit_key(hidden, serial))
            if position is not None:
                membership = view.membership(position, hidden)
                retired = self._retired(batch, hidden, serial, head)
                unit = UnitProof(batch.gtin, batch.lot, serial, hidden, membership, None, retired)
                return self._build(head, batch.index, unit, self._label(code, batch), salt)
        raise NotFound(f"couldn't prove GTIN {code.gtin} serial {serial}: no registered unit", code="unit_unknown")

    def for_absence(self, code: UnitCode) -> bytes:
        """That a code's unit is not in the lot it names.

        In a batch with a hidden salt the file shows the blind, never the salt: who checks it needs that too. Raises
        NotFound (`batch_unknown`), Refused (`no_serial`, `no_lot`, `unit_present`), Unavailable, ProofInvalid.
        """
        serial, head = _serial(code), self._head()
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
        return self._build(head, batch.index, unit, None, salt)

    def _build(self, head: _Head, index: int, unit: UnitProof | None, label: str | None, salt: bytes | None) -> bytes:
        """1. gather the entries; 2. their paths; 3. the anchor; 4. write; 5. check as any reader would.

        A witnessed checkpoint serves when it covers all that is to be shown, recalls included; else the newest one.
        """
        if index >= head.size:
            raise Unavailable(
                f"couldn't prove entry {index}: the newest checkpoint covers {head.size}; ask again in a moment",
                code="not_signed_yet",
            )
        entries = self._gather(index, head.size)  # 1
        head = self._covering(max(entries), head)
        shown = {  # 2
            at: ShownEntry(at, entry.raw, inclusion_proof(at, head.size, head.hashes)) for at, entry in entries.items()
        }
        own = shown.pop(index)
        proof = TlogProof(index, own.path, head.note)
        others = tuple(shown[at] for at in sorted(shown))
        raw = encode_evidence(EvidenceFile(proof, own.data, others, unit, label, self._anchor(head)))  # 3, 4
        report = check_evidence(raw, pin=self._record.founding.pin, salt=salt)  # 5
        if not report.ok:
            step = report.failed.words if report.failed else report.unproved
            raise ProofInvalid(f"couldn't build a proof of entry {index}: {step}", code="proof_unsound")
        return raw

    def _gather(self, index: int, size: int) -> dict[int, Entry]:
        """The entry and all that it rests on: founding, votes, admissions, prefix, and what was said of its batch."""
        own = self._entry(index)
        batch = self._batch_of(own)
        entries = {at: self._entry(at) for at in {0, index, *(self._history(batch, own) if batch else ())} if at < size}
        prefixes = {batch.gtin[1 : 1 + length] for length in PREFIX_LENGTHS} if batch else set()
        subjects = set(self._record.standing.authorities)
        subjects |= {entry.actor for entry in entries.values() if entry.actor is not None}
        if own.kind is Kind.PARTICIPANT_MIRRORED:
            decided = own.body["statement"]
            subjects |= {decided[name] for name in ("participant", "holder", "operator") if name in decided}
            prefixes |= {decided[name] for name in ("prefix",) if name in decided}
        granted = self._decisions(prefixes, size)
        subjects |= {entry.body["statement"]["holder"] for entry in granted.values()}
        return entries | granted | self._decisions(subjects, size)

    def _decisions(self, subjects: Iterable[str], size: int) -> dict[int, Entry]:
        indexes = {at for subject in subjects for at in self._record.standing.decisions(subject) if at < size}
        return {at: self._entry(at) for at in indexes}

    def _history(self, batch: Batch, own: Entry) -> Sequence[int]:
        """What was said of a batch; of a long history the registration, its withdrawal and what is in force.

        An undo that the file is about brings what it undid.
        """
        history = tuple(batch.history)
        if len(history) <= HISTORY_MAX:
            return history
        slots = (batch.recall, *batch.retired.values())
        kept = {batch.index, *(slot.current.index for slot in slots if slot.current)}
        if batch.withdrawn:
            registration = "0x" + batch.id.hex()
            kept |= {at for at in history if self._entry(at).body.get("target") == registration}
        if own.kind is Kind.UNDONE:
            kept |= {at for at in history if "0x" + self._entry(at).leaf.hex() == own.body["target"]}
        return sorted(kept)

    def _batch_of(self, entry: Entry) -> Batch | None:
        match entry.kind:
            case Kind.BATCH_REGISTERED:
                return self._record.batches[entry.leaf]
            case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED:
                return self._record.batches[bytes.fromhex(entry.body["batch"][2:])]
            case Kind.UNDONE:
                target = self._record.target(entry.body["target"])
                return target.batch if target else None
            case _:
                return None

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
        return _Head(w.size, with_cosignatures(note, self._witnessed.lines(w.size)), self._log.hashes())

    def _entry(self, index: int) -> Entry:
        return decode_entry(self._log.read_entries(index, index + 1)[0])

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
