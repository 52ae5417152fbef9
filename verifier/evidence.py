"""Evidence: one file that a third party checks offline, from a single value it was told before.

That value is the pin, SHA-256 of entry 0's bytes. Nothing in the file is believed but through it: entry 0 gives the log
key and the authorities, the signed checkpoint gives size and root, the root gives the entries, and these give the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from verifier.batch import Batch
from verifier.chain_event import Anchored, ChainReader, Where, anchored_query, parse_anchored
from verifier.checkpoint import Checkpoint, open_checkpoint
from verifier.entry import Entry, decode_entry
from verifier.errors import CarnetError, ProofInvalid, Refused, Unavailable
from verifier.evidence_facts import anchor_facts, batch_facts, unit_facts
from verifier.evidence_file import EvidenceFile, ShownEntry, decode_evidence
from verifier.evidence_unit import check_retired, check_unit
from verifier.excerpt import Excerpt
from verifier.explain import STEPS, Report, Step, limits
from verifier.founding import Founding, parse_founding
from verifier.gs1 import UnitCode
from verifier.instant import format_instant
from verifier.label import LabelCheck, verify_label
from verifier.merkle import leaf_hash, verify_consistency, verify_inclusion
from verifier.note import open_note
from verifier.statement import Kind


class _Open(Exception):
    def __init__(self, words: str, *, needed: bool = False) -> None:
        super().__init__(words)
        self.needed = needed


def check_evidence(
    raw: bytes,
    *,
    pin: bytes,
    code: UnitCode | None = None,
    salt: bytes | None = None,
    chain: ChainReader | None = None,
) -> Report:
    """Check a file of evidence step by step; stops at the first step that fails.

    Args:
        raw: the file's bytes, from anybody.
        pin: SHA-256 of entry 0's bytes (32 bytes), told out of band.
        code: the code as it was read, if the file is to speak of exactly that one; its label signature is checked too.
        salt: the batch's salt (32 bytes) for those who have it; absence in a batch with a hidden salt needs it.
        chain: the verifier's own node; without it the anchor rests on what the file says.

    Never raises for anything the file holds.
    """
    return _Check(raw, pin, code, salt, chain).run()


class _Check:
    """One run. Steps set what later steps use; each returns its words, raises a CarnetError, or `_Open`."""

    def __init__(
        self, raw: bytes, pin: bytes, code: UnitCode | None, salt: bytes | None, chain: ChainReader | None
    ) -> None:
        self._raw, self._pin, self._code, self._salt, self._chain = raw, pin, code, salt, chain
        self._file: EvidenceFile
        self._shown: tuple[ShownEntry, ...]
        self._entries: list[tuple[int, Entry]]
        self._founding: Founding
        self._head: Checkpoint
        self._excerpt = Excerpt()
        self._refused: tuple[str, CarnetError] | None = None
        self._batch: Batch | None = None
        self._blind_unknown = False
        self._labelled = False
        self._asked = False

    def run(self) -> Report:
        steps: list[Step] = []
        unproved = None
        for name in STEPS:
            if any(step.ok is False for step in steps):
                steps.append(Step(name, None, "not reached"))
                continue
            check: Callable[[], str] = getattr(self, f"_check_{name}")
            try:
                steps.append(Step(name, True, check()))
            except _Open as open_:
                steps.append(Step(name, None, str(open_)))
                unproved = unproved or (name if open_.needed else None)
            except CarnetError as error:
                steps.append(Step(name, False, str(error)))
        good = all(step.ok is not False for step in steps)
        anchored = good and self._file.anchor is not None
        unit = not good or self._file.unit is not None
        words = limits(unit=unit, witnesses=False, anchored=anchored, chain_asked=self._asked)
        return Report(tuple(steps), self._shows() if good else {}, words, unproved)

    def _check_file(self) -> str:
        self._file = decode_evidence(self._raw)
        self._shown = self._file.shown()
        self._entries = [(shown.index, decode_entry(shown.data)) for shown in self._shown]
        return f"entry {self._file.proof.index} with {len(self._file.entries)} others that it rests on"

    def _check_code(self) -> str:
        if self._code is None:
            raise _Open("no code was given to compare with")
        code, unit = self._code, self._file.unit
        lot = code.lot if unit is None or code.lot is not None else unit.lot
        if unit is None or (code.gtin, lot, code.serial) != (unit.gtin, unit.lot, unit.serial):
            about = _named(unit.gtin, unit.lot, unit.serial) if unit else "no unit"
            got = _named(code.gtin, code.lot, code.serial)
            raise ProofInvalid(f"couldn't match the code: got {got}, the file is about {about}", code="other_code")
        return (
            "GTIN, lot and serial are those that were read" if code.lot else "GTIN and serial are those that were read"
        )

    def _check_founding(self) -> str:
        index, first = self._entries[0]
        got = hashlib.sha256(first.raw).digest()
        if index != 0 or got != self._pin:
            raise ProofInvalid(
                f"couldn't trust the founding: got SHA-256 {got.hex()} at entry {index}, expected {self._pin.hex()}",
                code="pin",
            )
        self._founding = parse_founding(first)
        countries = sorted({authority.country for authority in self._founding.authorities})
        return f"{self._founding.origin}, founded by {', '.join(countries)}"

    def _check_checkpoint(self) -> str:
        note = self._file.proof.checkpoint
        open_note(note, self._founding.log_keys)  # a wrong signature by any known key rejects the note
        error: CarnetError | None = None
        for key in self._founding.log_keys:
            try:
                self._head = open_checkpoint(note, key).checkpoint
            except ProofInvalid as refusal:
                error = refusal
            else:
                return f"{self._head.size} entries, root {self._head.root.hex()}"
        raise error or ProofInvalid("couldn't open the checkpoint: entry 0 names no log key", code="signature_missing")

    def _check_inclusion(self) -> str:
        for shown in self._shown:
            try:
                verify_inclusion(leaf_hash(shown.data), shown.index, self._head.size, shown.path, self._head.root)
            except ProofInvalid as error:
                raise ProofInvalid(f"entry {shown.index}: {error}", code=error.code) from error
        return f"{len(self._shown)} entries lead to the root"

    def _check_participants(self) -> str:
        """Fold all entries in order, and answer for the decisions among them; the next two steps answer for theirs."""
        for index, entry in self._entries:
            try:
                self._excerpt.take(index, entry)
            except CarnetError as error:
                error.args = (f"entry {index}: {error}",)
                self._refused = (_step_of(entry.kind), error)
                break
        self._raise_refusal("participants")
        decisions = self._count(Kind.PARTICIPANT_MIRRORED)
        standing = self._excerpt.standing
        needed = f"{standing.threshold()} of {len(standing.countries())} countries must agree"
        return f"{decisions} decisions approved; {needed}" if decisions else "it rests on no decision"

    def _check_registration(self) -> str:
        self._raise_refusal("registration")
        self._batch = self._subject()
        if self._batch is None:
            raise _Open("this file is about no batch")
        maker = self._excerpt.standing.participants[self._batch.maker]
        return f"GTIN {self._batch.gtin} lot {self._batch.lot}, signed by {maker.address} ({maker.country})"

    def _check_changes(self) -> str:
        self._raise_refusal("changes")
        later = self._count(Kind.BATCH_RECALLED, Kind.UNITS_RETIRED, Kind.UNDONE)
        if not later:
            raise _Open("the file shows no later statement about this batch")
        return f"{later} later statements"

    def _check_unit(self) -> str:
        unit, batch = self._file.unit, self._batch
        if unit is None:
            raise _Open("this file is about no single unit")
        if batch is None or batch.index != self._file.proof.index:
            raise ProofInvalid("couldn't check the unit: the file's own entry is no registration", code="unit_batch")
        finding = check_unit(unit, batch, self._salt)
        check_retired(unit, batch)
        self._blind_unknown = finding.blind_unknown
        if finding.blind_unknown:
            raise _Open(
                "it can't be told whether the unit is absent: that needs the batch's salt, which is not public. The "
                "file gives the operator's word for it",
                needed=True,
            )
        return finding.words

    def _check_label(self) -> str:
        texts = [text for text in (self._file.label, self._code.signature if self._code else None) if text is not None]
        unit, batch = self._file.unit, self._batch
        if unit is None or batch is None or not texts:
            raise _Open("no label signature was given")
        if batch.label_key is None:
            raise ProofInvalid("couldn't check the label: the batch's labels bear no signature", code="label_wrong")
        for text in texts:
            found = verify_label(batch.label_key, self._founding.log_id, unit.gtin, unit.lot, unit.serial, text)
            if found is not LabelCheck.VALID:
                raise ProofInvalid(f"couldn't check the label: its signature is {found}", code="label_wrong")
        self._labelled = True
        return "the signature was made with the key registered for this batch"

    def _check_anchor(self) -> str:
        anchor = self._file.anchor
        if anchor is None:
            raise _Open("the file carries no anchor")
        if not anchor.previous_size < anchor.size <= self._head.size:
            raise ProofInvalid(
                f"couldn't check the anchor: got sizes {anchor.previous_size}, {anchor.size}, {self._head.size}, "
                "expected them to rise",
                code="anchor_size",
            )
        verify_consistency(anchor.size, anchor.root, self._head.size, self._head.root, anchor.path)
        covered = "among them this one" if self._file.proof.index < anchor.size else "this one came later"
        return f"{anchor.size} entries were anchored, {covered}"

    def _check_chain(self) -> str:
        anchor = self._file.anchor
        if anchor is None or self._chain is None:
            raise _Open("no node of the chain was asked")
        try:
            chain_id = self._chain.chain_id()
            logs = self._chain.logs(anchored_query(self._founding, anchor.size, anchor.block_hash))
        except Unavailable as error:
            raise _Open(f"the chain gave no answer ({error})") from error
        if chain_id != self._founding.chain_id:
            raise Refused(f"couldn't ask the chain: got chain {chain_id}, expected {self._founding.chain_id}")
        where = Where(anchor.block_number, anchor.block_hash, anchor.transaction, 0)
        wanted = Anchored(anchor.size, anchor.root, anchor.previous_size, where)
        found = (parse_anchored(log, self._founding) for log in logs)
        if not any(replace(event, where=replace(event.where, log_index=0)) == wanted for event in found):
            raise ProofInvalid(
                f"couldn't find the anchor: {self._founding.anchor} emitted no such event in {anchor.transaction}",
                code="anchor_missing",
            )
        self._asked = True
        return f"Anchored(size {anchor.size}) in block {anchor.block_number}, transaction {anchor.transaction}"

    def _raise_refusal(self, step: str) -> None:
        if self._refused is not None and self._refused[0] == step:
            raise self._refused[1]

    def _count(self, *kinds: Kind) -> int:
        return sum(entry.kind in kinds for _, entry in self._entries)

    def _subject(self) -> Batch | None:
        """The batch that the file's own entry is about."""
        own = next(entry for index, entry in self._entries if index == self._file.proof.index)
        match own.kind:
            case Kind.FOUNDED | Kind.PARTICIPANT_MIRRORED:
                return None
            case Kind.BATCH_REGISTERED:
                return self._excerpt.batches.get(own.leaf)
            case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED:
                return self._excerpt.batches.get(bytes.fromhex(own.body["batch"][2:]))
            case Kind.UNDONE:
                target = self._excerpt.target(own.body["target"])
                return target.batch if target else None

    def _shows(self) -> dict[str, Any]:
        own = next(entry for index, entry in self._entries if index == self._file.proof.index)
        anchor, unit, batch = self._file.anchor, self._file.unit, self._batch
        return {
            "log": {"origin": self._founding.origin, "size": self._head.size, "root": "0x" + self._head.root.hex()},
            "entry": {
                "index": self._file.proof.index,
                "kind": own.kind.value,
                "recorded_at": format_instant(own.recorded_at),
                "leaf": "0x" + own.leaf.hex(),
            },
            "batch": batch_facts(batch, self._excerpt.standing) if batch else None,
            "unit": unit_facts(unit, batch, self._blind_unknown) if unit and batch else None,
            "label": "valid" if self._labelled else None,
            "anchor": anchor_facts(anchor, asked=self._asked) if anchor else None,
        }


def _step_of(kind: Kind) -> str:
    match kind:
        case Kind.FOUNDED | Kind.PARTICIPANT_MIRRORED:
            return "participants"
        case Kind.BATCH_REGISTERED:
            return "registration"
        case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED | Kind.UNDONE:
            return "changes"


def _named(gtin: str, lot: str | None, serial: str | None) -> str:
    parts = {"GTIN": gtin, "lot": lot, "serial": serial}
    return " ".join(f"{name} {value}" if value else f"without {name}" for name, value in parts.items())
