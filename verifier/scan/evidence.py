"""Scan evidence: one file that shows a court whether the operator kept its promise to seal a scan.

Nothing in the file is believed but through the pin: entry 0 gives the log's key, the key signed both the promise and
the tree's head, and the tree gives the entries that keep the promise or break it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from verifier import canonical
from verifier.errors import CarnetError, ProofInvalid, RulesUnknown
from verifier.evidence.explain import Report, Step
from verifier.instant import SECOND, format_instant
from verifier.record.entry import Entry, decode_entry
from verifier.record.founding import Founding, parse_founding
from verifier.record.seal import Seal, SealMembership, parse_seal, verify_seal_absence, verify_seal_membership
from verifier.record.statement import Kind
from verifier.scan.evidence_file import ScanEvidence, decode_scan_evidence
from verifier.scan.receipt import verify_receipt
from verifier.tree.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from verifier.tree.merkle import leaf_hash, verify_inclusion
from verifier.tree.note import open_note
from verifier.verdict.reason import CAVEAT

SCAN_STEPS: Mapping[str, str] = {
    "file": "the file is in its format",
    "founding": "entry 0 is the one this verifier was told of",
    "receipt": "the log's key promised this scan a place in a seal, before a deadline",
    "checkpoint": "the tree's head is signed by the log key of entry 0",
    "witnesses": "witnesses of the policy in entry 0 have seen that head",
    "inclusion": "every entry shown is in that tree",
    "seal": "which entry is that seal, or that the log passed the deadline without it",
    "promise": "whether the scan is in the seal, and whether it came in time",
}
"""What each step is about, in the order in which they run."""

NO_TRUTH = "That the scan was what it says: a seal shows that it was not changed, dropped or added afterwards."
NO_CLOCK = (
    "That the log's clock is right: `recorded_at` is the operator's, bounded by cosignatures and anchors around it."
)
NO_SEQUENCE = "That the numbers of seals have no gap and stand once each: an audit of the whole log shows that."

NO_QUORUM = "That others were shown the same tree: no quorum of witnesses has cosigned its head."


class Promise(StrEnum):
    """What became of the promise that a receipt is. Everything but `kept` is a broken one."""

    KEPT = "kept"
    LATE = "late"
    """The seal was recorded after the deadline, whatever it holds."""
    MISSING = "missing"
    """The seal was recorded and does not hold the scan."""
    OVERDUE = "overdue"
    """The log recorded an entry after the deadline while there was no such seal yet."""


def check_scan_evidence(raw: bytes, *, pin: bytes) -> Report:
    """Check a file of scan evidence step by step; stops at the first step that fails.

    A good file may show either: `shows["promise"]["state"]` says which. `pin`: SHA-256 of entry 0's bytes (32 bytes),
    told out of band. Never raises for anything the file holds.
    """
    return _Check(raw, pin).run()


class _Open(Exception):
    """A step that does not apply, or has not come about yet."""


class _Check:
    """One run. Steps set what later steps use; each returns its words, raises a CarnetError, or `_Open`."""

    def __init__(self, raw: bytes, pin: bytes) -> None:
        self._raw, self._pin = raw, pin
        self._file: ScanEvidence
        self._entries: list[tuple[int, Entry]]
        self._founding: Founding
        self._opened: OpenedCheckpoint
        self._head: Checkpoint
        self._sealed: tuple[int, Entry, Seal] | None = None
        self._promise: Promise
        self._words = ""
        self._witnessed = False

    def run(self) -> Report:
        steps: list[Step] = []
        for name, about in SCAN_STEPS.items():
            if any(step.ok is False for step in steps):
                steps.append(Step(name, None, "not reached", about))
                continue
            check: Callable[[], str] = getattr(self, f"_check_{name}")
            try:
                steps.append(Step(name, True, check(), about))
            except _Open as open_:
                steps.append(Step(name, None, str(open_), about))
            except RulesUnknown as error:
                steps.append(Step(name, None, str(error), about))
                return Report(tuple(steps), unproved=name, paused=str(error))
            except CarnetError as error:
                steps.append(Step(name, False, str(error), about))
        good = all(step.ok is not False for step in steps)
        return Report(tuple(steps), self._shows(), self._limits()) if good else Report(tuple(steps))

    def _check_file(self) -> str:
        self._file = decode_scan_evidence(self._raw)
        self._entries = [(shown.index, decode_entry(shown.data)) for shown in self._file.entries]
        return f"a receipt for scan {self._file.receipt.id} with {len(self._entries)} entries of the log"

    def _check_founding(self) -> str:
        index, first = self._entries[0] if self._entries else (None, None)
        got = hashlib.sha256(first.raw).digest() if first is not None else b""
        if first is None or index != 0 or got != self._pin:
            raise ProofInvalid(
                f"couldn't trust the founding: got SHA-256 {got.hex()} at entry {index}, expected {self._pin.hex()}",
                code="pin",
            )
        self._founding = parse_founding(first)
        return (
            f"{self._founding.origin}, founded by {', '.join(sorted({a.country for a in self._founding.authorities}))}"
        )

    def _check_receipt(self) -> str:
        receipt = self._file.receipt
        verify_receipt(receipt, self._founding.log_id, self._founding.log_keys)
        return f"leaf {receipt.leaf.hex()} was promised a place in seal {receipt.seal} by {self._deadline}"

    def _check_checkpoint(self) -> str:
        self._opened = _opened(self._file.checkpoint, self._founding)
        self._head = self._opened.checkpoint
        return f"{self._head.size} entries, root {self._head.root.hex()}"

    def _check_witnesses(self) -> str:
        """A quorum keeps the operator from growing a tree for one reader; against itself its signature is enough."""
        policy = self._founding.policy
        if policy is None:
            raise _Open("this ledger has no witnesses")
        names = {key: name for name, key in policy.witnesses.items()}
        times = {
            names[found.key]: found.time
            for found in self._opened.opened.verified
            if found.key in names and found.time is not None
        }
        oldest = policy.quorum_time(times)
        if oldest is None:
            raise _Open(f"no quorum has cosigned this head yet: {len(times)} of {len(names)} witnesses did")
        self._witnessed = True
        return f"{', '.join(sorted(times))} cosigned this head; the quorum stood at {format_instant(oldest * SECOND)}"

    def _check_inclusion(self) -> str:
        for shown in self._file.entries:
            try:
                verify_inclusion(leaf_hash(shown.data), shown.index, self._head.size, shown.path, self._head.root)
            except ProofInvalid as error:
                raise ProofInvalid(f"entry {shown.index}: {error}", code=error.code) from error
        return f"{len(self._file.entries)} entries lead to the root"

    def _check_seal(self) -> str:
        number = self._file.receipt.seal
        for index, entry in self._entries:
            if entry.kind is Kind.SCANS_SEALED and (seal := parse_seal(entry.body)).number == number:
                self._sealed = index, entry, seal
                return f"seal {number} is entry {index}, recorded at {_at(entry)}, with {seal.leaves} leaves"
        self._check_run()
        index, last = self._entries[-1]
        self._promise = Promise.OVERDUE
        self._words = f"entry {index} was recorded at {_at(last)}, and there was no seal {number} before it"
        return self._words

    def _check_run(self) -> None:
        """All entries from an earlier seal, or entry 0, to one after the deadline: seals come in order."""
        receipt, run = self._file.receipt, self._entries[1:]
        first = run[0][1] if run else None
        before = parse_seal(first.body).number if first is not None and first.kind is Kind.SCANS_SEALED else None
        if before is None or before > receipt.seal:
            run = self._entries  # no earlier seal: then from entry 0 on
        indexes = [index for index, _ in run]
        if indexes != list(range(indexes[0], indexes[0] + len(run))):
            raise ProofInvalid(
                f"couldn't tell whether seal {receipt.seal} is missing: entries were left out after an earlier one",
                code="seal_unseen",
            )
        if run[-1][1].recorded_at <= receipt.deadline:
            raise ProofInvalid(
                f"couldn't call seal {receipt.seal} overdue: the last entry shown is of {_at(run[-1][1])}, "
                f"the deadline is {self._deadline}",
                code="seal_pending",
            )

    def _check_promise(self) -> str:
        receipt, place = self._file.receipt, self._file.place
        if self._sealed is None:
            return f"the operator broke its promise: {self._words}"
        _, entry, seal = self._sealed
        if isinstance(place, SealMembership):
            verify_seal_membership(seal, receipt.leaf, place)
            found = f"the scan is leaf {place.position} of {seal.leaves}"
        elif place is not None:
            verify_seal_absence(seal, receipt.leaf, place)
            found = "the scan is not in it"
        else:
            found = "whether it holds the scan is not shown"
        if entry.recorded_at > receipt.deadline:
            self._promise = Promise.LATE
            self._words = (
                f"seal {seal.number} was recorded at {_at(entry)}, after the deadline {self._deadline}; {found}"
            )
        elif isinstance(place, SealMembership):
            self._promise = Promise.KEPT
            return f"the operator kept its promise: {found}, recorded at {_at(entry)}, before {self._deadline}"
        elif place is not None:
            self._promise, self._words = Promise.MISSING, f"seal {seal.number} was recorded, and {found}"
        else:
            raise ProofInvalid(
                "couldn't tell whether the scan is in the seal: the file shows neither its place nor its neighbours",
                code="seal_place",
            )
        return f"the operator broke its promise: {self._words}"

    @property
    def _deadline(self) -> str:
        return format_instant(self._file.receipt.deadline)

    def _shows(self) -> dict[str, Any]:
        receipt, sealed = self._file.receipt, self._sealed
        broken = self._promise is not Promise.KEPT
        words = f"The operator broke its promise: {self._words}." if broken else "The operator kept its promise."
        return {
            "log": {"origin": self._founding.origin, "size": self._head.size, "root": "0x" + self._head.root.hex()},
            "scan": canonical.decode(receipt.scan),
            "receipt": {
                "leaf": "0x" + receipt.leaf.hex(),
                "seal": str(receipt.seal),
                "deadline": self._deadline,
            },
            "seal": None
            if sealed is None
            else {
                "entry": sealed[0],
                "recorded_at": _at(sealed[1]),
                "leaves": str(sealed[2].leaves),
                "root": "0x" + sealed[2].root.hex(),
            },
            "promise": {"state": self._promise.value, "broken": broken, "words": words},
        }

    def _limits(self) -> tuple[str, ...]:
        unseen = () if self._witnessed else (NO_QUORUM,)
        return (NO_TRUTH, NO_CLOCK, NO_SEQUENCE, *unseen, CAVEAT)


def _opened(note: bytes, founding: Founding) -> OpenedCheckpoint:
    cosigners = founding.policy.witnesses.values() if founding.policy is not None else ()
    open_note(note, (*founding.log_keys, *cosigners))  # a wrong signature by any known key rejects the note
    refusal: CarnetError = ProofInvalid(
        "couldn't open the checkpoint: entry 0 names no log key", code="signature_missing"
    )
    for key in founding.log_keys:
        try:
            return open_checkpoint(note, key, cosigners)
        except ProofInvalid as error:
            refusal = error
    raise refusal


def _at(entry: Entry) -> str:
    return format_instant(entry.recorded_at)
