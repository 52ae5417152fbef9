"""The record: what the log says, folded entry by entry.

One fold serves everybody: the writer asks `admit` before it appends, restart and audit run `admit` and `integrate`
over stored bytes. So nothing can stand in a log that an auditor would refuse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import ProofInvalid, Refused
from verifier.record.batch import Batch, Change, RetireReason, Slot, batch_from, check_registration
from verifier.record.entry import CHAIN_START, Entry, chain_head
from verifier.record.founding import Founding, parse_founding
from verifier.record.independence import independence
from verifier.record.index import LISTED_FROM, Index, IndexHead, parse_index_head
from verifier.record.lots import Lots
from verifier.record.participant import Mirrored, Standing, parse_mirrored
from verifier.record.retired import RetiredUnits, SegmentReader, check_retirement
from verifier.record.rights import RECALL, RETIRE, active, check_change, check_confirm, check_register, check_undo
from verifier.record.rules import KNOWN, Rules
from verifier.record.seal import Seal, parse_seal
from verifier.record.sealed import Sealed, Seals
from verifier.record.sealed_index import SealedIndex
from verifier.record.statement import Kind, check_lifetime
from verifier.record.struct import ZERO32
from verifier.segment.view import subset


@dataclass(frozen=True, slots=True)
class Target:
    """What a leaf that can be superseded or undone stands for."""

    kind: Kind
    batch: Batch
    reason: int
    author: str


INDEXES_KEPT = 64
"""Indexes whose rows are kept after the newest confirmed one; a confirmation of an older one gives no proofs."""


class Record:
    """The state of one ledger after `size` entries; `head` is the chain head there.

    `known`: the versions of the rules that this reader has. `segment_roots`: every segment that an entry names, so what
    of the segment store is public.
    """

    def __init__(self, segments: SegmentReader, known: Rules = KNOWN) -> None:
        self._segments = segments
        self.known = known
        self._targets: dict[bytes, Target] = {}
        self._founding: Founding | None = None
        self._standing: Standing | None = None
        self.batches: dict[bytes, Batch] = {}
        self.by_gtin: dict[str, Lots] = {}
        self.by_lot: dict[tuple[str, str], Batch] = {}
        self.statement_ids: dict[str, int] = {}
        self.index = Index()
        self.index_seals: dict[int, SealedIndex] = {}
        self.confirmed_index: SealedIndex | None = None  # the newest one that proofs can rest on
        self._unconfirmed: deque[SealedIndex] = deque()  # sealed after it, with their rows
        self.seals = Seals()
        self.segment_roots: set[bytes] = set()
        self.size = 0
        self.head = CHAIN_START
        self.recorded_at = 0

    @property
    def founding(self) -> Founding:
        """Entry 0. Raises Refused (`not_founded`) on an empty record."""
        if self._founding is None:
            raise Refused("couldn't read the founding: this log has no entries yet", code="not_founded")
        return self._founding

    @property
    def standing(self) -> Standing:
        """Participants and prefixes. Raises Refused (`not_founded`) on an empty record."""
        if self._standing is None:
            raise Refused("couldn't read the standing: this log has no entries yet", code="not_founded")
        return self._standing

    @property
    def rules(self) -> int:
        """The version of the rules by which the next entry goes. Raises Refused (`not_founded`) on an empty record."""
        return self.standing.rules

    def admit(self, kind: Kind, body: Mapping[str, Any], actor: str | None, recorded_at: int) -> None:
        """Check that an entry may come next; its signature has been verified already. Changes nothing.

        1. order and time; 2. the statement's own lifetime and repetition; 3. the actor's standing; 4. the rules of
        the kind. Raises Malformed or Refused with the rule's code, RulesUnknown where the rules go beyond the known,
        NotFound for a missing segment.
        """
        if (self.size == 0) != (kind is Kind.FOUNDED):  # 1
            raise Refused("couldn't accept the entry: a log starts with its founding, once", code="not_founded")
        if recorded_at < self.recorded_at:
            raise Refused("couldn't accept the entry: recorded_at would go back", code="clock")
        if kind is Kind.FOUNDED:
            # Now, not when it is integrated: a writer would have stored it by then.
            parse_founding(Entry(kind, body, None, None, recorded_at, CHAIN_START, b""), self.known)
            return
        self.known.check_kind(kind, self.rules)
        if kind is Kind.PARTICIPANT_MIRRORED:
            self._check_decision(parse_mirrored(body))
            return
        if kind is Kind.SCANS_SEALED:
            self._check_seal(parse_seal(body))
            return
        if kind is Kind.INDEX_SEALED:
            self._check_index(parse_index_head(body, sealed=True))
            return
        check_lifetime(body, recorded_at)  # 2
        if body["statementId"] in self.statement_ids:
            raise Refused("couldn't accept the statement: its statementId was used before", code="statement_id_reused")
        member = active(self.standing, str(actor), recorded_at)  # 3
        match kind:  # 4
            case Kind.BATCH_REGISTERED:
                check_registration(body)
                check_register(self.standing, member, body["gtin"])
                self._admit_registration(body)
            case Kind.BATCH_RECALLED:
                batch = self._live_batch(body["batch"])
                check_change(self.standing, member, batch, RECALL, "recall a batch")
                self._check_supersedes(batch.recall, body)
            case Kind.UNITS_RETIRED:
                batch = self._live_batch(body["batch"])
                reason = check_retirement(body)
                check_change(self.standing, member, batch, RETIRE[reason], f"report units {reason.name.lower()}")
                self._check_supersedes(batch.retired[reason], body)
                self._admit_retired(batch, reason, body)
            case Kind.UNDONE:
                target = self._in_force(body["target"])
                check_undo(self.standing, member, target.batch, target.kind, target.author, target.reason)
            case Kind.INDEX_CONFIRMED:
                check_confirm(self.standing, member)
                self._check_confirmed(parse_index_head(body, sealed=False), member.address)

    def integrate(self, entry: Entry) -> None:
        """Take an admitted entry into the record. Raises ProofInvalid (`chain_broken`) if it does not continue it."""
        if entry.previous != self.head:
            raise ProofInvalid(f"couldn't read entry {self.size}: previous is not the chain head", code="chain_broken")
        leaf, index = entry.leaf, self.size
        match entry.kind:
            case Kind.FOUNDED:
                self._founding = parse_founding(entry, self.known)
                self._standing = Standing(self._founding, self.known)
            case Kind.PARTICIPANT_MIRRORED:
                self.standing.apply(parse_mirrored(entry.body), index)
            case Kind.SCANS_SEALED:
                self.seals.append(Sealed(parse_seal(entry.body), index, entry.recorded_at))
            case Kind.INDEX_SEALED:
                self._seal_index(parse_index_head(entry.body, sealed=True), index, entry.recorded_at)
            case _:
                self._integrate_statement(entry, leaf, index)
        self.index.note(entry.kind, leaf, listed=self.rules >= LISTED_FROM)
        self.size, self.head, self.recorded_at = index + 1, chain_head(self.head, leaf), entry.recorded_at

    @property
    def sealed_index(self) -> SealedIndex | None:
        """The index that was sealed last."""
        return self._unconfirmed[-1] if self._unconfirmed else self.confirmed_index

    def kept_indexes(self) -> list[SealedIndex]:
        """The sealed indexes whose rows are kept, oldest first: the one that proofs rest on, and those after it."""
        return [*([self.confirmed_index] if self.confirmed_index is not None else ()), *self._unconfirmed]

    def slot(self, target: Target) -> Slot:
        """The slot that a target belongs to."""
        match target.kind:
            case Kind.BATCH_RECALLED:
                return target.batch.recall
            case Kind.UNITS_RETIRED:
                return target.batch.retired[RetireReason(target.reason)]
            case _:
                return target.batch.registration

    def target(self, leaf: str) -> Target | None:
        """What a leaf (0x and 64 hex) stands for, if it can be superseded or undone."""
        return self._targets.get(bytes.fromhex(leaf[2:]))

    def retired_units(self, batch: Batch, reason: RetireReason) -> RetiredUnits:
        """The units of a batch retired for a reason, as a set that can be asked."""
        return RetiredUnits(batch.retired[reason].current, self._segments)

    def _integrate_statement(self, entry: Entry, leaf: bytes, index: int) -> None:
        body, actor = entry.body, str(entry.actor)
        self.statement_ids[body["statementId"]] = index
        if entry.kind is Kind.INDEX_CONFIRMED:
            self._confirm(parse_index_head(body, sealed=False), actor, index, entry.recorded_at)
            return
        if (root := body.get("segmentRoot", ZERO32)) != ZERO32:
            # Also of sets that were replaced or undone since: whoever reads the whole log needs them all.
            self.segment_roots.add(bytes.fromhex(root[2:]))
        if entry.kind is Kind.BATCH_REGISTERED:
            batch = batch_from(body, leaf, index, actor, entry.recorded_at)
            self.batches[leaf] = self.by_lot[batch.gtin, batch.lot] = batch
            lots = self.by_gtin.get(batch.gtin)
            lots = self.by_gtin[batch.gtin] = Lots() if lots is None else lots
            lots.add(batch)
            self._targets[leaf] = Target(entry.kind, batch, 0, actor)
            self.index.add(batch.gtin, batch.lot, leaf)
            self.segment_roots.add(batch.segment_root)
            return
        if entry.kind is Kind.UNDONE:
            undone = self._in_force(body["target"])
            self.index.add(undone.batch.gtin, undone.batch.lot, leaf)
            slot = self.slot(undone)
            slot.stack.pop()
            slot.head = leaf
            undone.batch.history.append(index)
            if undone.kind is not Kind.BATCH_REGISTERED:
                undone.batch.favoured = index
            return
        batch = self.batches[bytes.fromhex(body["batch"][2:])]
        self.index.add(batch.gtin, batch.lot, leaf)
        batch.history.append(index)
        if entry.kind is Kind.UNITS_RETIRED and not body["keys"]:
            self.segment_roots.add(bytes.fromhex(body["segmentRoot"][2:]))
        target = Target(entry.kind, batch, body["reason"] if entry.kind is Kind.UNITS_RETIRED else 0, actor)
        slot = self.slot(target)
        slot.stack.append(Change(leaf, index, actor, entry.recorded_at, body))
        slot.head = leaf
        self._targets[leaf] = target

    def _admit_registration(self, body: Mapping[str, Any]) -> None:
        if (body["gtin"], body["lot"]) in self.by_lot:
            raise Refused(
                f"couldn't accept the registration: GTIN {body['gtin']} lot {body['lot']} is registered already",
                code="lot_registered",
            )
        self._check_stored(bytes.fromhex(body["segmentRoot"][2:]), int(body["unitCount"]))

    def _seal_index(self, head: IndexHead, index: int, recorded_at: int) -> None:
        sealed = SealedIndex(head, index, recorded_at, self.index.changes, self.index.view(head.size))
        self.index_seals[head.size] = sealed
        self._unconfirmed.append(sealed)
        if len(self._unconfirmed) > INDEXES_KEPT:
            self._forget(self._unconfirmed.popleft())

    def _confirm(self, head: IndexHead, actor: str, index: int, recorded_at: int) -> None:
        """Note a confirmation; indexes sealed before lose their rows, since proofs rest on the newest confirmed one."""
        sealed = self.index_seals[head.size]
        # Readers in other threads may be walking the old ones, and who is in `confirmed` has a time.
        sealed.confirmed_at = {**sealed.confirmed_at, actor: recorded_at}
        sealed.confirmed = {**sealed.confirmed, actor: index}
        if not independence(self.standing, sealed).counting:
            return  # proofs can't rest on the operator's own word, so an earlier index stays the one they rest on
        if sealed not in self._unconfirmed:
            return
        if self.confirmed_index is not None:
            self._forget(self.confirmed_index)
        while (earlier := self._unconfirmed.popleft()) is not sealed:
            self._forget(earlier)
        self.confirmed_index = sealed

    def _forget(self, sealed: SealedIndex) -> None:
        sealed.view = None

    # What a part of a log can't show, and what an audit reports by itself, subclasses ask differently.

    def _check_decision(self, mirrored: Mirrored) -> None:
        self.standing.check(mirrored)

    def _check_stored(self, root: bytes, count: int) -> None:
        self._segments(root, count)

    def _check_seal(self, seal: Seal) -> None:
        if seal.number != len(self.seals):
            raise Refused(
                f"couldn't accept the seal: it has number {seal.number}, expected {len(self.seals)}", code="seal_gap"
            )

    def _check_index(self, head: IndexHead) -> None:
        if head != self.index.view(self.size).head:
            raise Refused(
                f"couldn't accept the index: the first {self.size} entries give another one", code="index_differs"
            )

    def _check_confirmed(self, head: IndexHead, actor: str) -> None:
        sealed = self.index_seals.get(head.size)
        if sealed is None or sealed.head != head:
            raise Refused(
                f"couldn't accept the confirmation: no such index was sealed at size {head.size}",
                code="index_unsealed",
            )
        if actor in sealed.confirmed:
            raise Refused(
                f"couldn't accept the confirmation: {actor} confirmed this index in entry {sealed.confirmed[actor]}",
                code="index_confirmed",
            )

    def _live_batch(self, batch_id: str) -> Batch:
        batch = self.batches.get(bytes.fromhex(batch_id[2:]))
        if batch is None:
            raise Refused(f"couldn't accept the statement: {batch_id} is no registered batch", code="batch_unknown")
        if batch.withdrawn:
            raise Refused("couldn't accept the statement: the registration was withdrawn", code="batch_withdrawn")
        return batch

    def _in_force(self, leaf: str) -> Target:
        target = self.target(leaf)
        if target is None:
            raise Refused(f"couldn't undo {leaf}: no such statement, or one that can't be undone", code="undo_unknown")
        current = self.slot(target).current
        if current is None or current.leaf.hex() != leaf[2:]:
            raise Refused(f"couldn't undo {leaf}: it is not the statement in force", code="undo_superseded")
        return target

    def _admit_retired(self, batch: Batch, reason: RetireReason, body: Mapping[str, Any]) -> None:
        """Keys or a segment of keys: all of the batch, and no fewer than the set before."""
        new = RetiredUnits(Change(b"", 0, "", 0, body), self._segments)
        units = self._segments(batch.segment_root, batch.unit_count)
        if not subset(new, units):
            raise Refused("couldn't accept the retired units: not all are keys of the batch", code="unit_unknown")
        before = self.retired_units(batch, reason)
        if before.count > new.count or not all(key in new for key in before):
            raise Refused("couldn't accept the retired units: the set before is not contained", code="not_cumulative")

    def _check_supersedes(self, slot: Slot, body: Mapping[str, Any]) -> None:
        if body["supersedes"] != "0x" + slot.head.hex():
            raise Refused(
                f"couldn't accept the statement: it supersedes {body['supersedes']}, "
                f"the last one is 0x{slot.head.hex()}",
                code="supersedes",
            )
