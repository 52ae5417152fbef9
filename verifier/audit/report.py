"""What an audit says: findings, each with its place, a stable code and what it means, and what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier.errors import CarnetError, Malformed, Unavailable
from verifier.instant import format_instant

FINDINGS_MAX = 1_000
"""Findings of one code kept in full; more are counted. One flipped bit makes a handful, a forged log as many as it has
entries; by code, so that they do not crowd out the one that convicts."""

Progress = Callable[[str, int, int], None]
"""Takes what is being checked, how much of it is done, and how much there is."""

MEANINGS: Mapping[str, str] = {
    "pin": "this is another log than the one this audit was asked about",
    "leaf_differs": "the entry's bytes and its stored leaf hash do not belong together: one of them was changed",
    "chain_broken": "the entry does not follow the one before it as stored: one of them was changed, added or removed",
    "clock": "the entry claims to be older than one before it",
    "signature_wrong": "whoever is named as author did not sign this; it was altered, or made for another log",
    "signature_high_s": "the signature is the twin of another one, which no honest writer lets in",
    "signature_form": "the signature is none at all",
    "expired": "the statement was recorded after it had expired",
    "lifetime": "the statement claims a longer life than any may have",
    "not_yet_valid": "the statement was recorded before it was issued",
    "not_admitted": "its author was no participant when it was recorded",
    "suspended": "its author was suspended when it was recorded",
    "not_entitled": "its author had no right to say this",
    "prefix_not_held": "its author did not hold the company prefix when it was recorded",
    "not_approved": "fewer countries approved this decision than must",
    "kind_not_yet": "the ledger's rules did not have such an entry when it was recorded",
    "rules_differ": "the countries signed other rules under this number than those that are known by it",
    "rules_unknown": "the ledger goes on by rules that came after this program; nothing is wrong, a newer one reads on",
    "mirror_gap": "a decision of the registry is missing before this one",
    "mirror_unseen": "the log says that the registry decided this, and the registry's contract does not",
    "mirror_differs": "the log says something else of a decision than the registry and its block do",
    "decision_unmirrored": "the log keeps a decision of the registry from whoever reads it",
    "tile_differs": "a stored hash of the tree is not that of the entries below it",
    "tile_length": "a stored piece of the tree is cut short or too long",
    "file_size": "a published file is larger than any of its kind may be; it was not read to its end",
    "bundle_length": "a stored bundle of entries can't be taken apart; the entries in it can't be checked",
    "entry_missing": "entries are missing from storage",
    "tile_missing": "a piece of the tree is missing from storage",
    "root_differs": "the operator signed another history than the one stored here",
    "entries_missing": "the operator signed for more entries than are stored here",
    "checkpoint_missing": "nothing here is signed by the log",
    "signature_missing": "this is not signed by the log's key",
    "signature_invalid": "the log's key did not sign this",
    "cosignature_invalid": "the witness named did not sign this head, or its line was changed",
    "cosignature_unknown": "a line bears a witness's name or key id and is not that witness's: it was changed",
    "quorum_missing": "the witnesses that the founding asks for have not confirmed any head kept here",
    "backdated": "the entry claims to be older than a head that witnesses saw without it",
    "postdated": "the entry claims to be younger than a head that witnesses saw with it",
    "since_differs": "what was audited before is not the beginning of this log: history was rewritten, and the signed "
    "heads of both reports prove it",
    "since_missing": "this log is shorter than it was when it was audited before: it was rolled back",
    "anchor_foreign": "the contract accepted another history than the one stored here",
    "anchor_ahead": "the contract accepted more entries than are stored here: this log was rolled back",
    "anchor_gap": "the node leaves out anchors that the contract has accepted",
    "anchor_unread": "an anchor is of more entries than this copy holds, or of a damaged part, and was not compared",
    "anchor_taken_back": "the chain has taken a block back in which this was anchored",
    "chain_other": "the node that was asked belongs to another chain",
    "chain_contract": "the node that was asked knows no such contract at its newest block",
    "chain_behind": "the node that was asked has not come so far",
    "chain_incomplete": "the node that was asked leaves out events that the contract counts",
    "chain_event": "the node that was asked answers nonsense",
    "chain_error": "the node that was asked refuses to answer",
    "chain_unavailable": "no node answers at that address",
    "segment_not_found": "the units of a batch are missing from storage, so no scan of them can be answered",
    "segment_missing": "the units of a batch are missing from storage, so no scan of them can be answered",
    "segment_root": "the units of a batch are not those that its maker signed",
    "segment_unsorted": "the maker signed units out of order, so one could be shown both present and absent",
    "segment_duplicate": "the maker signed a unit twice",
    "segment_count": "the number of units is not the one that the maker signed",
    "segment_header": "the head of a file of units was changed",
    "unit_unknown": "units were reported that the batch does not contain",
    "not_cumulative": "units were dropped from a report that may only grow",
    "supersedes": "the statement does not name the one that it replaces",
    "statement_id_reused": "one statement stands in the log twice",
    "lot_registered": "one lot stands in the log twice",
    "index_differs": "the index does not cover what the log says: something was left out of it, or put in",
    "index_unsealed": "somebody confirmed an index that this log does not hold",
    "signed_head_ahead": "more was signed than is stored here: storage was restored from an old copy",
    "signed_head_differs": "the newest head ever signed is not of the history stored here",
    "log_head_differs": "what storage says of its own end is not what its entries give",
    "fold_differs": "openings go on from a saved state that the entries do not give: delete the file, and find out how",
    "statement_row": "the index of statements is wrong: a repeat could be taken in, or a new one refused",
    "cosignature_row": "what is kept about a cosignature is not what its line says",
    "published_differs": "a file for mirrors and strangers is not the copy of what is stored",
    "checkpoint_row": "the index of checkpoints does not say what the checkpoint says",
    "anchor_row": "what is kept about an anchor is not what the contract said",
    "salt_missing": "a batch's salt is not here, so nothing can be said about its units",
    "salt_mismatch": "a batch's salt is not the one that its maker committed to",
    "seal": "the entry is no seal of scans",
    "seal_gap": "a seal of scans is missing before this one, or stands in the log twice",
    "seal_missing": "the leaves of a seal are not to be had, so officers can't be shown whether it holds their scans",
    "seal_length": "the leaves of a seal are cut short or too long",
    "seal_count": "leaves were added to a seal or taken out of it",
    "seal_unsorted": "the leaves of a seal are out of order, so a scan could be shown both present and absent",
    "seal_root": "the leaves are not those that were sealed: a scan was added, changed or dropped afterwards",
    "seal_scan": "a kept scan is not in the seal that it was promised a place in, or it was changed since",
    "seal_late": "a scan was sealed after the instant that was promised for it",
    "seal_overdue": "a scan was promised to be sealed by now, and is not",
    "anchors_stopped": "the log is written to, and its heads are no longer shown to the contract",
    "index_seals_stopped": "the log is written to, and its index is no longer sealed: absence rests on nothing new",
    "scan_seals_stopped": "the log is written to, and scans are no longer sealed",
    "scan_row": "what is kept about a scan can't be read",
}
"""What a code means for whoever relies on the log; codes not listed explain themselves by their sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold. `at` names the entry, file or row; `words` what was got and expected."""

    at: str
    code: str
    words: str

    @property
    def meaning(self) -> str:
        """What it means, in plain words."""
        return MEANINGS.get(self.code, "the rules of the log refuse this entry")

    def to_json(self) -> dict[str, str]:
        """The finding as JSON."""
        return {"at": self.at, "code": self.code, "words": self.words, "meaning": self.meaning}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of an audit: the head that the entries give, counts, findings, and what was not or not yet there.

    `root` and `chain_head` are 32 bytes; `more` is the number of findings beyond those kept. `pin`: the one that was
    asked about; `checkpoint`: the newest note that the log's key signed. `not_checked`: what was to be checked and
    could not be told, which is neither right nor wrong. `ages`: when (ms) the newest entry, scan seal and index seal
    were recorded, and the block of the newest anchor; None for never or unknown.
    """

    size: int
    root: bytes
    chain_head: bytes
    recorded_at: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    more: int = 0
    pin: bytes = b""
    checkpoint: bytes | None = None
    not_checked: tuple[Finding, ...] = ()
    ages: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything that was asked could be checked, and holds."""
        return not self.findings and not self.not_checked

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "ok": self.ok,
            "pin": self.pin.hex(),
            "size": self.size,
            "root": "0x" + self.root.hex(),
            "chain_head": "0x" + self.chain_head.hex(),
            "checkpoint": self.checkpoint.decode(errors="replace") if self.checkpoint is not None else None,
            "counts": dict(self.counts),
            "findings": [finding.to_json() for finding in self.findings],
            "findings_beyond": self.more,
            "not_checked": [finding.to_json() for finding in self.not_checked],
            "ages": {name: None if at is None else format_instant(at) for name, at in self.ages.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Former:
    """A former audit of the same log: its pin, size and root (32 bytes), and whether it found nothing."""

    pin: bytes
    size: int
    root: bytes
    ok: bool

    @classmethod
    def from_json(cls, value: Any) -> Former:
        """Read a report as `AuditReport.to_json` writes it. Raises Malformed (`report`)."""
        try:
            size = value["size"]
            former = cls(bytes.fromhex(value["pin"]), size, bytes.fromhex(value["root"][2:]), value["ok"] is True)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(f"couldn't read the former report: {error!r}", code="report") from error
        if type(size) is not int or size < 1 or len(former.pin) != 32 or len(former.root) != 32:
            raise Malformed("couldn't read the former report: expected pin, size and root of a log", code="report")
        return former


class Findings:
    """Collects findings, counts and notes of one audit."""

    def __init__(self) -> None:
        self.list: list[Finding] = []
        self.not_checked: list[Finding] = []
        self.more = 0
        self.notes: list[str] = []
        self.counts: dict[str, int] = {}
        self._kept: Counter[str] = Counter()

    def add(self, at: str, code: str, words: str) -> None:
        """Keep one finding, or count it when there are very many of its code."""
        if self._kept[code] < FINDINGS_MAX:
            self._kept[code] += 1
            self.list.append(Finding(at, code, words))
        else:
            self.more += 1

    def doubt(self, at: str, code: str, words: str, *, told: bool) -> None:
        """Keep a finding or, `told` False, what could not be told; that once for each place and code."""
        if told:
            self.add(at, code, words)
        elif not any((one.at, one.code) == (at, code) for one in self.not_checked):
            self.not_checked.append(Finding(at, code, words))

    def refused(self, at: str, error: CarnetError) -> None:
        """Keep what a rule or a reader said. No answer is no finding: it ends the audit, and Unavailable is raised."""
        if isinstance(error, Unavailable):
            raise error
        self.add(at, error.code, str(error))

    def count(self, what: str, number: int = 1) -> None:
        """Count what was checked."""
        self.counts[what] = self.counts.get(what, 0) + number
