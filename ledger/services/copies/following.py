"""Following a log that somebody else keeps: every entry is checked as its writer had to, and then stored.

A mirror believes the pin and nothing else. It runs the writer's own fold over what it fetched, so it takes only what
the rules admit; it remembers every head it accepted, so a second history is refused and both signed heads are kept.

Order of writing (each step assumes a stop right after it):
1. the new head is signed, extends the last accepted head, and has its quorum;
2. it is remembered as accepted (`signed_head`), before anything rests on it;
3. entries and segments are fetched and checked, and entries stored, a part at a time;
4. the checkpoint is stored, and only then the record that answers is moved on;
   where the rules go beyond this mirror's own, the entries before that are stored and answer, without a checkpoint;
5. leaves of seals are fetched and kept. No answer about goods rests on them: what is lost or wrong is said
   (`seal_trouble`), asked for again, and holds up no recall.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ledger.ports import Cosignature, Log, LogHead, NewEntry, Secrets, SignedHead
from ledger.services.copies.mirroring import Alarm, Evidence, Pause
from ledger.services.copies.seal_copies import KeptSeals, RemoteSeals, SealCopies
from ledger.services.record.append import now_ms
from ledger.services.record.batch import salt_name
from ledger.services.record.opening import fold
from verifier.errors import CarnetError, Malformed, ProofInvalid, Refused, RulesUnknown, Stopped
from verifier.evidence.fork import Fork, prove_fork
from verifier.instant import MINUTE
from verifier.record.batch import Batch
from verifier.record.entry import Entry, decode_entry
from verifier.record.founding import Founding, open_founding
from verifier.record.head import Head, claimed_head, open_head
from verifier.record.participant import goes_beyond
from verifier.record.record import Record
from verifier.record.rules import Rules
from verifier.record.statement import Kind, verify
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment
from verifier.tree.checked_tiles import CheckedTiles
from verifier.tree.merkle import Frontier, inclusion_proof, root_at
from verifier.tree.tiles import TILE_WIDTH, Level, decode_bundle, width_of
from verifier.tree.tlog_proof import TlogProof

PART = 16 * TILE_WIDTH
"""Entries stored in one transaction: 4,096, so that a first copy of a large log is not started anew after a stop."""


SALT_PAUSE = MINUTE
"""Milliseconds after which a salt that was not given is asked for again."""


class RemoteLog(RemoteSeals, Protocol):
    """The log that is followed. Every method raises Unavailable when there is no answer."""

    @property
    def name(self) -> str:
        """Where it is, for people."""
        ...

    def checkpoint(self) -> bytes:
        """The newest published note. Raises NotFound."""
        ...

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A tile or bundle, as it is served. Raises NotFound, ProofInvalid."""
        ...

    def fetch_segment(self, root: bytes, n: int) -> None:
        """Store the segment with that root and count, checked whole. Raises NotFound, ProofInvalid."""
        ...

    def salt(self, batch_id: str) -> bytes | None:
        """The salt of a batch, for whoever may have it; None when this mirror may not."""
        ...


class Cosignatures(Protocol):
    """Where cosignatures are kept."""

    def put(self, cosignature: Cosignature) -> None:
        """Keep one, replacing an older one of the same witness and size."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a mirror keeps its copy."""

    log: Log
    signed_head: SignedHead
    secrets: Secrets
    seals: KeptSeals
    cosignatures: Cosignatures
    evidence: Evidence


class Follower:
    """Follows one log. `round` looks once; nothing more is taken once there is an alarm."""

    def __init__(
        self,
        remote: RemoteLog,
        kept: Kept,
        pin: bytes,
        new_record: Callable[[], Record],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`pin`: SHA-256 of entry 0's bytes; `new_record` makes an empty record over the mirror's own segments."""
        self._remote, self._kept, self._pin, self._new_record = remote, kept, pin, new_record
        self._known: Rules = new_record().known
        self._clock = clock
        self._one = threading.Lock()
        self._founding: Founding | None = None
        self._checked: tuple[Record, Frontier] | None = None
        self._doubtful = False  # how the last write ended is not known; storage can say it
        self._served: Record | None = None
        self.checked_at: int | None = None
        self.waiting: str | None = None
        self.paused: Pause | None = None
        self.alarm: Alarm | None = kept.evidence.alarm()
        self.after: Callable[[int], None] | None = None
        self._looked, self._asked_at = 0, 0
        self._unsalted: list[Batch] = []
        self._seals = SealCopies(remote, kept.seals)
        self.seal_trouble: CarnetError | None = None

    @property
    def unanswerable(self) -> int:
        """Batches whose salt is not here, so that this mirror cannot answer for them."""
        return len(self._unsalted)

    @property
    def unsealed(self) -> int:
        """Seals whose leaves are not here yet."""
        return self._seals.waiting

    @property
    def newest(self) -> int | None:
        """When the newest entry of the copy was recorded (ms)."""
        return self._served.recorded_at if self._served is not None and self._served.size else None

    @property
    def of(self) -> str:
        """The log that is followed."""
        return self._remote.name

    def serve(self, record: Record) -> None:
        """Move this record on after each round; it is the one that answers, and stands at the stored head now."""
        self._served = record

    def round(self) -> int:
        """Look once, take what is new, and return the size of the copy. `paused` says why it does not grow.

        Raises Refused (`mirror_alarm`) once the log has contradicted itself, and whatever kept it from going on:
        Unavailable, NotFound, Malformed or ProofInvalid, after which the next round tries again.
        """
        with self._one:
            self._check_alarm()
            try:
                if self._doubtful:
                    self._kept.log.settle()
                    self._doubtful = False
                return self._round()
            except BaseException as error:
                self._checked = None  # it may have run ahead of what is stored
                self._doubtful = self._doubtful or isinstance(error, Stopped)
                raise

    def _round(self) -> int:
        """1. a signed head; 2. one history; 3. its quorum; 4. what is new; 5. the record that answers; 6. seals."""
        note = self._remote.checkpoint()
        founding = self._pinned(note)
        head = open_head(note, founding)  # 1
        last = self._last(founding)
        tiles = self._compare(head, last)  # 2
        if founding.policy is not None and head.quorum_time(founding) is None:  # 3
            self.waiting = f"the head of {head.checkpoint.size} entries awaits its witnesses"
            return self._kept.log.head().size
        self.waiting = None
        if tiles is not None:
            # If we stop after this line, restart finds a head above its entries and fetches them.
            self._kept.signed_head.write(head.bare)
            self._take(head, tiles)  # 4
        if self.paused is None:
            for line in head.cosigned:
                if line.time is not None:
                    self._kept.cosignatures.put(Cosignature(head.checkpoint.size, line.name, line.time, line.line))
            self.checked_at = self._clock()
        self._move_on()  # 5
        size = self._kept.log.head().size
        self._tell(size)
        if self._served is not None:
            before = self._seals.kept
            self.seal_trouble = self._seals.copy(self._served.seals)  # 6
            if self._seals.kept > before:
                self._tell(size)
        return size

    def _tell(self, size: int) -> None:
        if self.after is not None:
            self.after(size)

    def _pinned(self, note: bytes) -> Founding:
        """Entry 0, from the copy or, before there is one, from the log; believed because of the pin."""
        if self._founding is None:
            if self._kept.log.head().size:
                raw = self._kept.log.read_entries(0, 1)[0]
            else:
                width = width_of("entries", 0, claimed_head(note).size)
                raw = decode_bundle(self._remote.tile("entries", 0, width), width)[0] if width else b""
            self._founding = open_founding(raw, self._pin, self._known)
        return self._founding

    def _last(self, founding: Founding) -> Head | None:
        """The head accepted last: as it was remembered, or as it was stored."""
        raw, newest = self._kept.signed_head.read(), self._kept.log.latest_checkpoint()
        if raw is None and newest is not None:
            raw = newest[1]
        return open_head(raw, founding) if raw is not None else None

    def _compare(self, head: Head, last: Head | None) -> CheckedTiles | None:
        """The tree under a head that extends everything accepted before; None for the last one once more.

        Raises Refused (`mirror_alarm`) for another history, Refused (`head_behind`) for an older head of this one.
        """
        new, stored = head.checkpoint, self._kept.log.head()
        if last is not None and new == last.checkpoint and (stored.size >= new.size or self.paused is not None):
            return None
        if last is not None and new.size == last.checkpoint.size and new.root != last.checkpoint.root:
            raise self._forked(head, last, None)
        tiles = CheckedTiles(self._remote.tile, new.size, new.root)
        common = min(new.size, stored.size)
        if common and root_at(common, tiles.hashes) != root_at(common, self._kept.log.hashes()):
            raise self._forked(head, last, tiles)
        if last is None:
            return tiles
        if new.size < last.checkpoint.size:
            words = f"couldn't follow: got a head of {new.size} entries, {last.checkpoint.size} were accepted before"
            raise Refused(words, code="head_behind")
        if root_at(last.checkpoint.size, tiles.hashes) != last.checkpoint.root:
            raise self._forked(head, last, tiles)
        return tiles

    def _forked(self, head: Head, last: Head | None, tiles: CheckedTiles | None) -> Refused:
        """Keep both signed heads, with the place where they part where it is known, and stop for good."""
        before = last or head
        stored = self._kept.log.head()
        own = self._kept.log.hashes()
        founding = self._kept.log.read_entries(0, 1)[0] if stored.size else b""
        fork: Fork | None = None
        if tiles is None or stored.size >= before.checkpoint.size:
            fork = prove_fork(founding, before.raw, own, head.raw, tiles.hashes if tiles is not None else own)
        # Without our own entries up to the accepted head nobody can say where they part: the heads are kept alone.
        kept = fork or Fork(founding, (before.raw, head.raw))
        name = self._kept.evidence.keep(f"fork-{head.checkpoint.size}.json", kept.encode())
        return self._raise_alarm("fork", "the log has signed two histories that cannot both be true", name)

    def _take(self, head: Head, tiles: CheckedTiles) -> None:
        """Fetch, check and store every entry up to the head, then the checkpoint; or every one up to a pause."""
        record, frontier = self._folded()
        while record.size < head.checkpoint.size and self.paused is None:
            start = record.size
            end = min(head.checkpoint.size, (start // PART + 1) * PART)
            entries = self._fetch(tiles, start, end)
            before = self._kept.log.head()
            new = self._admit_part(record, frontier, entries, head, tiles)
            if not new:
                break
            after = LogHead(record.size, frontier.root(), record.head, record.recorded_at)
            # If we stop before this commits, restart finds the part before; after it, this one, under an accepted head.
            self._kept.log.append(before, new, after)
        if self.paused is not None:
            return
        if frontier.root() != head.checkpoint.root:
            raise ProofInvalid("couldn't store the log: its entries give another root", code="root_differs")
        self._kept.log.save_checkpoint(head.checkpoint.size, head.checkpoint.root, head.bare)

    def _fetch(self, tiles: CheckedTiles, start: int, end: int) -> list[bytes]:
        """Entries start … end − 1, proved to be under the head, with the segments that they name."""
        entries: list[bytes] = []
        for n in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            entries += tiles.bundle(n)[max(0, start - n * TILE_WIDTH) :]
        entries = entries[: end - start]
        for raw in entries:
            try:
                entry = decode_entry(raw)
            except Malformed:
                break  # under the signed root and no entry of ours: `_admit` says so, and takes nothing after it
            if goes_beyond(entry, self._known):
                break  # what comes after is not for this mirror
            self._fetch_segment(entry)
        return entries

    def _fetch_segment(self, entry: Entry) -> None:
        if entry.kind in (Kind.BATCH_REGISTERED, Kind.UNITS_RETIRED) and entry.body["segmentRoot"] != ZERO32:
            self._remote.fetch_segment(bytes.fromhex(entry.body["segmentRoot"][2:]), int(entry.body["unitCount"]))

    def _admit_part(
        self, record: Record, frontier: Frontier, entries: list[bytes], head: Head, tiles: CheckedTiles
    ) -> list[NewEntry]:
        """Take entries into the fold, up to one that goes beyond the rules of this mirror."""
        new: list[NewEntry] = []
        for raw in entries:
            try:
                new.append(self._admit(record, frontier, raw, head, tiles))
            except RulesUnknown as error:
                self.paused = Pause(error.code, str(error), record.size, self._clock())
                break
        return new

    def _admit(self, record: Record, frontier: Frontier, raw: bytes, head: Head, tiles: CheckedTiles) -> NewEntry:
        """Take one entry into the fold, as its writer had to. What the rules refuse under a signed head is an alarm."""
        index, digest, statement_id = record.size, None, None
        try:
            entry = decode_entry(raw)
            if entry.actor is not None:
                digest = verify(entry.statement, record.founding.domain)
                statement_id = bytes.fromhex(entry.body["statementId"][2:])
            record.admit(entry.kind, entry.body, entry.actor, entry.recorded_at)
            record.integrate(entry)
        except (Malformed, ProofInvalid, Refused) as error:
            path = inclusion_proof(index, head.checkpoint.size, tiles.hashes)
            proof = TlogProof(index, path, head.raw, raw).encode()
            name = self._kept.evidence.keep(f"refused-{index}.tlog-proof", proof)
            words = f"the log has signed entry {index}, which its rules refuse: {error} [{error.code}]"
            raise self._raise_alarm("refused_entry", words, name) from error
        frontier.append(entry.leaf)
        return NewEntry(raw, entry.leaf, digest, statement_id)

    def _folded(self) -> tuple[Record, Frontier]:
        """The record at the stored head, as this mirror checks new entries against it."""
        if self._checked is None:
            record = self._new_record()
            self._checked = record, fold(self._kept.log, record, self._pin.hex(), self._kept.signed_head)
        return self._checked

    def _move_on(self) -> None:
        """Integrate what is stored into the record that answers, and look for the salts of what is new."""
        record = self._served
        if record is None:
            return
        end = self._kept.log.head().size
        while record.size < end:
            for raw in self._kept.log.read_entries(record.size, min(end, record.size + TILE_WIDTH)):
                record.integrate(decode_entry(raw))
        self._find_salts(record)

    def _find_salts(self, record: Record) -> None:
        """Each new batch is looked at once; those without a salt again after a while."""
        new = list(islice(record.batches.values(), self._looked, None))
        self._looked += len(new)
        self._unsalted += [batch for batch in new if not self._has_salt(batch)]
        now = self._clock()
        if new or now - self._asked_at > SALT_PAUSE:
            self._asked_at = now
            self._unsalted = [batch for batch in self._unsalted if not self._fetch_salt(batch)]

    def _has_salt(self, batch: Batch) -> bool:
        return batch.salt is not None or self._kept.secrets.get(_salt_name(batch)) is not None

    def _fetch_salt(self, batch: Batch) -> bool:
        salt = self._remote.salt("0x" + batch.id.hex())
        if salt is None or salt_commitment(salt) != batch.salt_commitment:
            return False
        self._kept.secrets.put(_salt_name(batch), salt)
        return True

    def _check_alarm(self) -> None:
        if self.alarm is not None:
            raise Refused(f"couldn't go on following: {self.alarm.words}", code="mirror_alarm")

    def _raise_alarm(self, code: str, words: str, evidence: str) -> Refused:
        self.alarm = Alarm(code, words, self._clock(), evidence)
        self._kept.evidence.raise_alarm(self.alarm)
        return Refused(f"couldn't go on following: {words}; the evidence is {evidence}", code="mirror_alarm")


def _salt_name(batch: Batch) -> str:
    return salt_name("0x" + batch.salt_commitment.hex())
