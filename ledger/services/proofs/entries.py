"""Which entries a proof shows: the one it is about, what that rests on, and what was said of the same goods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.services.proofs.index import Completeness, ReadEntries
from verifier.record.batch import Batch
from verifier.record.entry import Entry, decode_entry
from verifier.record.participant import PREFIX_LENGTHS
from verifier.record.record import Record
from verifier.record.statement import Kind, Proposal

HISTORY_MAX = 128
"""Entries about one batch that a file carries; beyond it only those in force, or it would grow with every sale. A file
that an index makes complete carries all."""


class ProofEntries:
    """Chooses entries and reads them."""

    def __init__(self, record: Record, read: ReadEntries) -> None:
        self._record, self._read = record, read

    def gather(self, index: int, size: int, complete: Completeness | None) -> dict[int, Entry]:
        """The entry and all that it rests on: founding, votes, admissions, prefix, and what was said of its batch."""
        own = self._entry(index)
        batch = self._batch_of(own)
        wanted = {0, index, *(self._history(batch, own) if batch else ()), *(complete.wanted if complete else ())}
        if own.kind is Kind.INDEX_CONFIRMED:
            wanted |= {int(own.body["size"]), *self._record.standing.decisions("operator_set")}
        entries = {at: self._entry(at) for at in wanted if at < size}
        gtin = batch.gtin if batch else complete.gtin if complete else None
        prefixes = {gtin[1 : 1 + length] for length in PREFIX_LENGTHS} if gtin else set()
        subjects = {*self._record.standing.authorities, Proposal.RULES_RAISED.value}
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

    def _entry(self, index: int) -> Entry:
        return decode_entry(self._read(index, index + 1)[0])
