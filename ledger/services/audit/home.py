"""The audit of a home: the log as any auditor recomputes it, and the rows and secrets that only its keeper has.

Beside the log stand rows that are derived from it (heads, the index of statements, anchors) and secrets (salts). None
of them is evidence for anybody else, but a wrong one would make this ledger answer or write wrongly, so they are
checked against what the entries give. The ledger may be open and grow meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ledger.ports import LogHead, Secrets, SignedHead
from ledger.services.audit.copies import (
    AuditCosignatures,
    AuditPublished,
    check_published,
    check_rows,
    with_rows,
)
from ledger.services.audit.fold import AuditFold, FoldAudit
from ledger.services.outward.anchoring import Anchor, AnchorState, AnchorStore
from ledger.services.record.append import now_ms
from ledger.services.record.batch import salt_name
from ledger.services.scans.seal import PromisedScan
from verifier.audit.audit import Auditor
from verifier.audit.report import AuditReport, Findings, Former, Progress
from verifier.chain.event import ChainReader
from verifier.chain.view import ChainView
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid
from verifier.instant import format_instant
from verifier.record.entry import Entry
from verifier.record.founding import Founding
from verifier.record.seal import split_leaves
from verifier.record.sealed import Sealed
from verifier.segment.view import SegmentView, salt_commitment
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.note import Note
from verifier.tree.tiles import Level

STATEMENTS_AT_ONCE = 256
"""Rows of the index of statements that are looked up together."""


class AuditLog(Protocol):
    """What an audit reads of a stored log."""

    def head(self) -> LogHead:
        """The stored head."""
        ...

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """The published bytes of a tile or bundle."""
        ...


class AuditRows(Protocol):
    """The derived rows beside the log."""

    def checkpoints(self) -> Iterable[tuple[int, bytes, bytes]]:
        """Size, root and note of every kept checkpoint."""
        ...

    def statement_count(self, size: int) -> int:
        """How many statements the index holds for the first `size` entries."""
        ...

    def statements(self, digests: Sequence[bytes]) -> Mapping[bytes, tuple[bytes, int]]:
        """Digest -> statementId and entry index, of up to STATEMENTS_AT_ONCE statements that have a row."""
        ...

    def anchor_sizes(self) -> Iterable[int]:
        """The sizes of all anchors that were built."""
        ...


class AuditSegments(Protocol):
    """What an audit reads of segments."""

    def open(self, root: bytes, n: int) -> SegmentView:
        """A view of a stored segment. Raises NotFound."""
        ...


class AuditSeals(Protocol):
    """What an audit reads of seals and of the scans that were promised a place in them."""

    def leaves(self, number: int) -> bytes | None:
        """The leaves of a closed seal, one after another, or None."""
        ...

    def promised(self) -> Iterable[PromisedScan]:
        """Every scan with a promise, by rising number of its seal."""
        ...


class HomeSource:
    """A home's storage as an audit reads it."""

    def __init__(
        self, log: AuditLog, rows: AuditRows, segments: AuditSegments, cosignatures: AuditCosignatures | None = None
    ) -> None:
        self._log, self._rows, self._segments, self._cosignatures = log, rows, segments, cosignatures
        self.head = log.head()

    def size(self) -> int:
        """How many entries the stored head claims; `head` is kept as it was at the last call."""
        self.head = self._log.head()
        return self.head.size

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A stored tile or bundle."""
        return self._log.tile(level, n, width)

    def checkpoints(self) -> Iterable[bytes]:
        """The notes of all kept checkpoints, with the cosignatures kept for them."""
        rows = self._cosignatures.newest() if self._cosignatures is not None else ()
        return list(with_rows((note for _, _, note in self._rows.checkpoints()), rows))

    def newest(self, _size: int, /) -> bytes | None:
        """The newest kept checkpoint by now; the contract was never shown a head that is not kept."""
        return max(((held, note) for held, _, note in self._rows.checkpoints()), default=(0, None))[1]

    def segment(self, root: bytes, n: int) -> SegmentView:
        """A stored segment."""
        return self._segments.open(root, n)


class HomeAudit(Auditor):
    """An audit with the keeper's own files and rows. `secrets` None: the salts are not checked."""

    def __init__(
        self,
        log: AuditLog,
        rows: AuditRows,
        segments: AuditSegments,
        signed_head: SignedHead,
        anchors: AnchorStore,
        pin: bytes,
        *,
        secrets: Secrets | None = None,
        seals: AuditSeals | None = None,
        cosignatures: AuditCosignatures | None = None,
        published: AuditPublished | None = None,
        chain: ChainReader | None = None,
        progress: Progress | None = None,
        former: Former | None = None,
        fold: AuditFold | None = None,
    ) -> None:
        self._log, self._rows, self._secrets, self._sealed_rows = log, rows, secrets, seals
        self._cosignatures, self._published = cosignatures, published
        # Read before the entries: scans due by now must be sealed in them, however long the audit takes.
        self._started = now_ms()
        self._statements, self._unmatched = 0, dict[bytes, tuple[bytes, int]]()
        self._kept = [anchor for size in rows.anchor_sizes() if (anchor := anchors.get(size)) is not None]
        self._signed, self._signed_error = _read(signed_head)
        signed = _claimed(self._signed)
        sizes = {anchor.size for anchor in self._kept} | ({signed.size} if signed else set())
        self._home = HomeSource(log, rows, segments, cosignatures)
        read = None if seals is None else lambda number: _leaves(seals, number)
        findings = Findings()
        self._fold = FoldAudit(fold, findings)
        super().__init__(
            self._home, pin, chain=chain, seals=read, progress=progress, former=former, sizes=sizes | self._fold.sizes,
            now=self._started, findings=findings,
        )  # fmt: skip

    def saw_statement(self, index: int, entry: Entry, digest: bytes) -> None:
        """Remember what the index of statements must say of an entry; it is looked up with its neighbours."""
        self._statements += 1
        self._unmatched[digest] = bytes.fromhex(entry.body["statementId"][2:]), index
        if len(self._unmatched) == STATEMENTS_AT_ONCE:
            self._match_statements()

    def _match_statements(self) -> None:
        """Digests and statementIds are unique among the rows, so a row that is right leaves no room for another."""
        if not self._unmatched:
            return
        rows = self._rows.statements(list(self._unmatched))
        for digest, expected in self._unmatched.items():
            if (told := rows.get(digest)) != expected:
                self.findings.add(
                    f"statement row of entry {expected[1]}",
                    "statement_row",
                    f"couldn't match the index of statements: it has {'none' if told is None else f'entry {told[1]}'} "
                    f"for the digest of entry {expected[1]}",
                )
        self._unmatched.clear()

    def folded(self) -> None:
        """Look whether this is what the saved fold speaks of."""
        self._fold.saw(self.record)

    def shown(self) -> bool:
        """Not before the first checkpoint is published: a new ledger does not need its witnesses yet."""
        return self._published is None or self._published.checkpoint() is not None

    def after(self, founding: Founding, size: int, root: bytes) -> None:
        """1. heads; 2. checkpoint rows; 3. statement rows; 4. anchors; 5. salts; 6. scans; 7. copies; 8. fold."""
        self._check_log_head(size, root)  # 1
        self._check_signed_head(founding, size)
        self._check_checkpoint_rows()  # 2
        self._match_statements()  # 3
        rows = self._rows.statement_count(size)
        if rows != self._statements:
            words = f"couldn't match the index of statements: got {rows} rows, expected {self._statements}"
            self.findings.add("statement rows", "statement_row", words)
        for anchor in self._kept:  # 4
            self._check_anchor(anchor)
        self._check_salts()  # 5
        self._check_scans()  # 6
        if self._cosignatures is not None:  # 7
            sizes = {size for size, _, _ in self._rows.checkpoints()}
            check_rows(self._cosignatures.newest(), sizes, founding, self.findings)
        if self._published is not None:
            check_published(self._published, self._home, self.record.seals, founding, self.findings)
        self._fold.compare(self.tree.roots, size)  # 8

    def _check_log_head(self, size: int, root: bytes) -> None:
        head, record = self._home.head, self.record
        derived = LogHead(size, root, record.head, record.recorded_at)
        if head != derived:
            words = f"couldn't match log_head: got {_head(head)}, the entries give {_head(derived)}"
            self.findings.add("log_head", "log_head_differs", words)

    def _check_signed_head(self, founding: Founding, size: int) -> None:
        if self._signed_error is not None:
            self.findings.refused("signed_head", self._signed_error)
            return
        if self._signed is None:
            self.findings.notes.append("signed_head is not here: this is a copy, or the file was lost")
            return
        signed = _opened(self._signed, founding)
        if signed is None:
            self.findings.add(
                "signed_head", "signature_missing", "couldn't open signed_head: not signed by the log's key"
            )
        elif signed.size > size:
            words = f"couldn't find what was signed: got {size} entries, expected {signed.size}"
            self.findings.add("signed_head", "signed_head_ahead", words)
        elif signed.size and self.tree.roots.get(signed.size) != signed.root:
            words = f"couldn't match signed_head: at {signed.size} the entries give another root"
            self.findings.add("signed_head", "signed_head_differs", words)

    def _check_checkpoint_rows(self) -> None:
        for size, root, note in self._rows.checkpoints():
            head = _claimed(note)
            if head is not None and (head.size, head.root) != (size, root):
                words = f"couldn't match the row: it has size {size}, its note says {head.size} or another root"
                self.findings.add(f"checkpoint row {size}", "checkpoint_row", words)

    def _check_anchor(self, anchor: Anchor) -> None:
        if anchor.state is not AnchorState.FINAL:
            return
        at = f"anchor row {anchor.size}"
        if anchor.size in self.tree.roots and self.tree.roots[anchor.size] != anchor.root:
            self.findings.add(at, "anchor_row", "couldn't match the anchor kept here: the entries give another root")
        if self.chain.view is not None:
            self._check_anchor_event(anchor, at, self.chain.view)

    def _check_anchor_event(self, anchor: Anchor, at: str, view: ChainView) -> None:
        """The contract's own event; without it, whether the chain took its block back or it was never made."""
        seen = [event for event in view.anchors if event.size == anchor.size]
        here = (anchor.tx_hash, anchor.block_hash, anchor.previous_size)
        told = [(event.where.transaction, event.where.block_hash, event.previous_size) for event in seen]
        if here in told:
            return
        number = anchor.block_number or 0
        block = self.chain.block_of(number)
        words = f"couldn't find the anchor kept here: the contract has {told or 'none'} of that size"
        if block is None:
            words = f"{words}; the node does not give block {number}"
            self.findings.doubt(at, "chain_behind", words, told=False)
        elif block.block_hash != anchor.block_hash:
            words = f"{words}; block {number} was {anchor.block_hash}, and is {block.block_hash} now"
            self.findings.add(at, "anchor_taken_back", words)
        elif view.anchors_missing is not None:
            words = f"{words}; the node leaves out events: {view.anchors_missing}"
            self.findings.doubt(at, "anchor_gap", words, told=False)
        else:
            self.findings.add(at, "anchor_row", words)

    def _check_salts(self) -> None:
        hidden = [batch for batch in self.record.batches.values() if batch.salt is None]
        for batch in hidden if self._secrets is not None else []:
            at = f"salt of entry {batch.index}"
            try:
                salt = self._secrets.get(salt_name("0x" + batch.salt_commitment.hex())) if self._secrets else None
            except CarnetError as error:
                self.findings.refused(at, error)
                continue
            self.findings.count("salts")
            if salt is None:
                self.findings.add(at, "salt_missing", f"couldn't find the salt of {batch.gtin} {batch.lot}")
            elif salt_commitment(salt) != batch.salt_commitment:
                self.findings.add(at, "salt_mismatch", f"couldn't use the salt of {batch.gtin} {batch.lot}")

    def _check_scans(self) -> None:
        """Every kept scan, with its leaf computed anew, must be in its promised seal, and in time."""
        sealed = {one.seal.number: one for one in self.record.seals}
        held: tuple[int, frozenset[bytes]] = (-1, frozenset())
        for scan in self._sealed_rows.promised() if self._sealed_rows is not None else ():
            self.findings.count("scans")
            if held[0] != scan.seal and scan.seal in sealed:
                held = scan.seal, self._held(scan.seal)
            self._check_scan(scan, sealed.get(scan.seal), held[1])

    def _check_scan(self, scan: PromisedScan, sealed: Sealed | None, held: frozenset[bytes]) -> None:
        at, words = f"scan {scan.id}", f"couldn't find scan {scan.id} in seal {scan.seal}"
        if scan.deadline is None:
            why = scan.flaw or "until when it is to be sealed is lost"
            self.findings.add(at, "scan_row", f"couldn't read scan {scan.id}: {why}")
        if sealed is None:
            if scan.deadline is not None and scan.deadline < self._started:
                due = format_instant(scan.deadline)
                self.findings.add(at, "seal_overdue", f"{words}: there is none yet, and it was due at {due}")
        elif scan.leaf not in held:
            self.findings.add(at, "seal_scan", f"{words}: leaf {scan.leaf.hex()} is not among its {len(held)}")
        elif scan.deadline is not None and scan.deadline < sealed.recorded_at:
            came, due = format_instant(sealed.recorded_at), format_instant(scan.deadline)
            self.findings.add(at, "seal_late", f"{words} in time: it was recorded at {came}, and due at {due}")

    def _held(self, number: int) -> frozenset[bytes]:
        try:
            leaves = self._sealed_rows.leaves(number) if self._sealed_rows is not None else None
            return frozenset(split_leaves(leaves or b""))
        except CarnetError:
            return frozenset()  # reported where the seal itself is checked


def _leaves(seals: AuditSeals, number: int) -> bytes:
    leaves = seals.leaves(number)
    if leaves is None:
        raise NotFound(f"couldn't find the leaves of seal {number}: its row is not here", code="seal_missing")
    return leaves


def audit_home(
    log: AuditLog,
    rows: AuditRows,
    segments: AuditSegments,
    signed_head: SignedHead,
    anchors: AnchorStore,
    pin: bytes,
    *,
    secrets: Secrets | None = None,
    seals: AuditSeals | None = None,
    cosignatures: AuditCosignatures | None = None,
    published: AuditPublished | None = None,
    chain: ChainReader | None = None,
    progress: Progress | None = None,
    former: Former | None = None,
    fold: AuditFold | None = None,
) -> AuditReport:
    """Audit a home with everything that its keeper has. Raises Unavailable if storage gives no answer at all.

    `pin`: SHA-256 of entry 0's bytes (32 bytes); `chain`: a node, without which anchors rest on the log alone.
    """
    parts = (log, rows, segments, signed_head, anchors, pin)
    return HomeAudit(
        *parts, secrets=secrets, seals=seals, cosignatures=cosignatures, published=published, chain=chain,
        progress=progress, former=former, fold=fold,
    ).run()  # fmt: skip


def _read(signed_head: SignedHead) -> tuple[bytes | None, CarnetError | None]:
    try:
        return signed_head.read(), None
    except CarnetError as error:
        return None, error


def _claimed(note: bytes | None) -> Checkpoint | None:
    try:
        return Checkpoint.decode(Note.parse(note).text) if note is not None else None
    except Malformed:
        return None


def _opened(note: bytes, founding: Founding) -> Checkpoint | None:
    for key in founding.log_keys:
        try:
            return open_checkpoint(note, key).checkpoint
        except (Malformed, ProofInvalid):
            continue
    return None


def _head(head: LogHead) -> str:
    return f"size {head.size}, root {head.root.hex()[:16]}…, chain {head.chain_head.hex()[:16]}…"
