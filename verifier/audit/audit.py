"""The audit: a whole log recomputed from its bytes, believing nobody who stores it.

Every leaf, link, tile, root, signature, standing and right is derived anew; so are segments and, with a node of the
chain, anchors and decisions. It goes on after a finding where it can, so that one flipped bit does not hide another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Protocol

from verifier.audit.ages import AgeAudit
from verifier.audit.chain import ChainAudit
from verifier.audit.checkpoints import CheckpointAudit
from verifier.audit.index import index_notes
from verifier.audit.later import compare_later
from verifier.audit.report import AuditReport, Findings, Former, Progress
from verifier.audit.seals import SealAudit, SealReader
from verifier.audit.segments import SegmentAudit
from verifier.audit.tree import TreeCheck
from verifier.audit.witnesses import WitnessAudit
from verifier.chain.event import ChainReader
from verifier.errors import CarnetError, Malformed, Refused, RulesUnknown
from verifier.record.entry import Entry, chain_head, decode_entry
from verifier.record.founding import Founding
from verifier.record.participant import parse_mirrored
from verifier.record.record import Record
from verifier.record.rules import KNOWN, Rules
from verifier.record.seal import Seal
from verifier.record.statement import Kind, verify
from verifier.record.statement import digest as struct_digest
from verifier.segment.view import SegmentView
from verifier.tree.merkle import leaf_hash
from verifier.tree.tiles import TILE_WIDTH, Level, decode_bundle, tile_path, width_of


class AuditSource(Protocol):
    """Where a log is read from: a home, a folder of published files, a server. Every answer is checked.

    Methods raise NotFound or ProofInvalid, which the audit reports under the place it asked for, or Unavailable,
    which ends it: no answer is no finding.
    """

    def size(self) -> int:
        """How many entries are said to be here."""
        ...

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A tile of the tree or, for level "entries", a bundle, as published."""
        ...

    def checkpoints(self) -> Iterable[bytes]:
        """Every signed checkpoint that was kept, in any order, as notes with the cosignatures known for them."""
        ...

    def newest(self, size: int, /) -> bytes | None:
        """The newest signed checkpoint by now, read anew; None from a copy, which has no now.

        `size`: how many entries it should cover. A log that is served is asked again for as long as publishing takes.
        """
        ...

    def segment(self, root: bytes, n: int) -> SegmentView:
        """The segment of `n` unit keys with that root (32 bytes)."""
        ...


def audit(
    source: AuditSource,
    pin: bytes,
    *,
    chain: ChainReader | None = None,
    seals: SealReader | None = None,
    progress: Progress | None = None,
    former: Former | None = None,
    now: int | None = None,
    served: bool = False,
    known: Rules = KNOWN,
) -> AuditReport:
    """Recompute a log and report everything that does not hold.

    Args:
        source: where its bytes are read from.
        pin: SHA-256 of entry 0's bytes (32 bytes), told out of band.
        chain: the auditor's own node; without it anchors and decisions rest on the log alone, and the report says so.
        seals: where the leaves of seals are read from; without it only their entries are checked, which is said.
        progress: told what is being checked and how far it has come.
        former: a former report about this log; its root must still stand, and statements' signatures below it are not
            verified again if it found nothing.
        now: the auditor's clock (ms), for the age of what is missing; None for a copy of unknown age, which is then
            judged by its own clock.
        served: the log is published, so it is a finding when its seals or anchors have stopped; else a note.
        known: the versions of the rules that this auditor has. Entries from the first one that goes by others are not
            checked, which is said; what was found before stands.

    Raises Unavailable when the source gives no answer, Refused (`other_log`) for a former report about another log.
    """
    return Auditor(
        source,
        pin,
        chain=chain,
        seals=seals,
        progress=progress,
        former=former,
        now=now,
        served=served,
        known=known,
    ).run()


class AuditedRecord(Record):
    """The record of a log under audit: what is refused is skipped, and segments are checked apart."""

    _next_seal = 0

    def skip(self, leaf: bytes) -> None:
        """Step over an entry that can't be folded in."""
        self.size, self.head = self.size + 1, chain_head(self.head, leaf)

    def _check_stored(self, root: bytes, count: int) -> None:
        pass

    def _check_seal(self, seal: Seal) -> None:
        """A gap is reported where it is, and not again at every seal behind it."""
        expected, self._next_seal = self._next_seal, seal.number + 1
        if seal.number != expected:
            raise Refused(f"couldn't follow the seals: got number {seal.number}, expected {expected}", code="seal_gap")


class Auditor:
    """One audit. A home's own audit looks at more: it overrides the two hooks and asks for `sizes`."""

    def __init__(
        self,
        source: AuditSource,
        pin: bytes,
        *,
        chain: ChainReader | None = None,
        seals: SealReader | None = None,
        progress: Progress | None = None,
        former: Former | None = None,
        sizes: Collection[int] = (),
        now: int | None = None,
        served: bool = False,
        findings: Findings | None = None,
        known: Rules = KNOWN,
    ) -> None:
        """`sizes`: further tree sizes whose roots are to be in `roots` when `after` is called; `findings`: so far."""
        if former is not None and former.pin != pin:
            raise Refused("couldn't go on from the former report: it is about another log", code="other_log")
        self._source, self._pin, self._former, self._now = source, pin, former, now
        self._progress = progress or _silent
        self.findings = Findings() if findings is None else findings
        self.record = AuditedRecord(source.segment, known)
        self._paused = False
        self.chain = ChainAudit(chain, self.findings)
        self._checkpoints = CheckpointAudit(source.checkpoints(), self.findings)
        self._segments = SegmentAudit(source.segment, self.findings, self._progress)
        self._witnesses = WitnessAudit(self.findings)
        self._ages = AgeAudit(self.findings, served=served)
        self._seals = SealAudit(seals, self.findings, self._progress)
        self._sizes = frozenset(sizes) | self._checkpoints.sizes | ({former.size} if former else set())
        self._recorded: dict[int, int] = {}
        self._verified_before = former.size if former is not None and former.ok else 0

    def run(self) -> AuditReport:
        """1. what is signed and anchored; 2. entries, tree; 3. heads, witnesses; 4. anchors; 5. segments; 6. seals."""
        first = self._first_entry(self._source.size())  # 1
        if first is not None:
            self.chain.read(first)
            self._ages.watched = {0, self.chain.head} | self.chain.sizes
        # Asked after checkpoints and anchors: a log that grows meanwhile must not seem shorter than what is signed.
        size = self._source.size()
        if size == 0:
            self.findings.add("entry 0", "entry_missing", "couldn't find a log: there are no entries here")
        self.tree = TreeCheck(size, self._source.tile, self._sizes | self.chain.sizes, self.findings)
        self._read_entries(size)  # 2
        root = self.tree.finish()
        if first is not None:
            self._checkpoints.compare(first, self.tree.roots, size)  # 3
            self._witnesses.compare(first, self._checkpoints.heads, self._recorded, size, shown=self.shown())
            self._compare_anchors(first, size, root)  # 4
            if not self._paused:
                self.after(first, size, root)
        self._compare_former(size)
        self._segments.run()  # 5
        self._seals.run(self.record.seals)  # 6
        ages = self._ages.tell(None if self._paused else self._now)
        self.findings.notes += index_notes(self.record)
        found, record, newest = self.findings, self.record, self._checkpoints.newest
        kept, notes = tuple(found.list), tuple(found.notes)
        signed = newest.raw if newest is not None else None
        return AuditReport(
            size, root, record.head, record.recorded_at, found.counts, kept, notes, found.more, self._pin, signed,
            tuple(found.not_checked), ages,
        )  # fmt: skip

    def _compare_anchors(self, founding: Founding, size: int, root: bytes) -> None:
        now = self._now if self._now is not None else self.record.recorded_at
        later = self.chain.compare(self.tree.roots, size, now, whole=not self._paused)
        if self.chain.view is not None:
            # The contract's own head: a node that leaves its event out must not make the log look as if it stood still.
            last = next((one for one in self.chain.anchors if one.size == self.chain.head), None)
            self._ages.anchored(self.chain.head, self.chain.block_of(last.where.block_number) if last else None)
        if later:
            most = max(anchor.size for anchor in later)
            note = self._source.newest(most) if most > size else None
            compare_later(later, founding, note, self._source.tile, (size, root), self.findings)

    def saw_statement(self, index: int, entry: Entry, digest: bytes) -> None:
        """Called with each signed entry and its digest (32 bytes), once its signature has been verified."""

    def folded(self) -> None:
        """Called when the record has taken one more entry in, or stepped over it."""

    def shown(self) -> bool:
        """Whether anybody was shown anything of this log, so that witnesses could have cosigned it."""
        return True

    def after(self, founding: Founding, size: int, root: bytes) -> None:
        """Called when the entries have been read, if there was a founding among them."""

    def _first_entry(self, size: int) -> Founding | None:
        """The founding, read ahead: it says which contracts to ask. Not believed before the pin is compared."""
        try:
            data = self._source.tile("entries", 0, width_of("entries", 0, size))
            record = Record(self._source.segment, self.record.known)
            record.integrate(decode_entry(data[2 : 2 + int.from_bytes(data[:2])]))
        except CarnetError:
            return None
        return record.founding

    def _compare_former(self, size: int) -> None:
        """The former report's root must be the root at its size; only then its verdict on signatures counts."""
        former = self._former
        if former is None:
            return
        at = f"the first {former.size} entries"
        if former.size > size:
            words = f"couldn't find what was audited before: got {size} entries, expected {former.size}"
            self.findings.add(at, "since_missing", words)
        elif former.size in self.tree.roots and self.tree.roots[former.size] != former.root:
            words = (
                f"couldn't match the former report: it has the root {former.root.hex()}, the entries give "
                f"{self.tree.roots[former.size].hex()}"
            )
            self.findings.add(at, "since_differs", words)
        elif self._verified_before:
            self.findings.notes.append(
                f"signatures of statements below entry {former.size} were verified by the former report, not again"
            )
        else:
            self.findings.notes.append("the former report had findings, so every signature was verified again")

    def _read_entries(self, size: int) -> None:
        for start in range(0, size, TILE_WIDTH):
            n, width = start // TILE_WIDTH, min(TILE_WIDTH, size - start)
            entries = self._bundle(n, width)
            leaves = [leaf_hash(raw) for raw in entries] if entries is not None else self.tree.stored_leaves(n, width)
            if leaves is None:
                self.findings.notes.append(f"nothing could be checked from entry {start} on")
                return
            self.tree.add(n, leaves)
            for offset, leaf in enumerate(leaves):
                if entries is None or self._paused:
                    self.record.skip(leaf)
                else:
                    self._read_entry(start + offset, entries[offset], leaf)
                self.folded()
            self._progress("entries", start + width, size)

    def _bundle(self, n: int, width: int) -> list[bytes] | None:
        try:
            return decode_bundle(self._source.tile("entries", n, width), width)
        except CarnetError as error:
            self.findings.refused(tile_path("entries", n, width), error)
            return None

    def _read_entry(self, index: int, raw: bytes, leaf: bytes) -> None:
        """1. form; 2. link and order; 3. signature; 4. the rules, by the fold that the writer ran."""
        at, found, record = f"entry {index}", self.findings, self.record
        found.count("entries")
        if index == 0 and hashlib.sha256(raw).digest() != self._pin:
            found.add(
                at, "pin", f"couldn't match the pin: got {hashlib.sha256(raw).hexdigest()}, not {self._pin.hex()}"
            )
        try:
            entry = decode_entry(raw)  # 1
        except Malformed as error:
            found.refused(at, error)
            record.skip(leaf)
            return
        self._segments.note(at, entry)
        if index in self._sizes or index + 1 in self._sizes:
            self._recorded[index] = entry.recorded_at
        if entry.previous != record.head:  # 2
            found.add(
                at,
                "chain_broken",
                f"couldn't follow the chain: previous is {entry.previous.hex()}, expected {record.head.hex()}",
            )
            record.head = entry.previous
        if entry.recorded_at < record.recorded_at:
            found.add(at, "clock", "couldn't follow the clock: recorded_at goes back")
            record.recorded_at = entry.recorded_at
        try:
            if entry.actor is not None:
                self._check_signature(index, at, entry)  # 3
            record.admit(entry.kind, entry.body, entry.actor, entry.recorded_at)  # 4
            record.integrate(entry)
        except RulesUnknown as error:
            self._pause(at, error)
            record.skip(leaf)
            return
        except CarnetError as error:
            found.refused(at, error)
            record.skip(leaf)
            return
        self._ages.saw(index, entry, record)
        self._count(index, entry)

    def _pause(self, at: str, error: RulesUnknown) -> None:
        """Nobody is wrong where the rules are newer than the auditor: the tree is checked on, and nothing else."""
        self._paused = True
        words = f"couldn't check anything from {at} on but the tree: {error}"
        self.findings.doubt(at, error.code, words, told=False)

    def _check_signature(self, index: int, at: str, entry: Entry) -> None:
        """A wrong signature is a finding, and the rules are checked all the same."""
        domain = self.record.founding.domain
        try:
            if index < self._verified_before:
                digest = struct_digest(entry.kind, entry.body, domain)
            else:
                digest = verify(entry.statement, domain)
        except CarnetError as error:
            self.findings.refused(at, error)
            return
        self.saw_statement(index, entry, digest)

    def _count(self, index: int, entry: Entry) -> None:
        match entry.kind:
            case Kind.FOUNDED:
                pass
            case Kind.PARTICIPANT_MIRRORED:
                self.findings.count("decisions")
                self.chain.mirrored(index, parse_mirrored(entry.body), entry.recorded_at)
            case Kind.BATCH_REGISTERED:
                self.findings.count("statements")
                self.findings.count("batches")
                self.findings.count("units", int(entry.body["unitCount"]))
            case Kind.BATCH_RECALLED | Kind.UNITS_RETIRED | Kind.UNDONE:
                self.findings.count("statements")
            case Kind.SCANS_SEALED:
                self.findings.count("seals")
            case Kind.INDEX_SEALED | Kind.INDEX_CONFIRMED:
                self.findings.count("indexes")


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
