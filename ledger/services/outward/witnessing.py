"""Witnessing: each new head is shown to every witness, and their cosignatures are kept.

Each witness has a thread of its own, so a slow or dead one holds up no other, and none holds up the log. All get the
same head until a quorum has it; otherwise witnesses of different speed would never cosign the same size.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.ports import Cosignature, Witness, WitnessReply
from ledger.services.outward.upkeep import Trouble, trouble_of
from ledger.services.outward.witnessed import Cosignatures, WitnessedHead, with_cosignatures
from ledger.services.record.append import now_ms
from verifier.errors import CarnetError, Malformed, ProofInvalid, Refused, Unavailable
from verifier.instant import format_instant
from verifier.tree.checkpoint import parse_decimal
from verifier.tree.merkle import consistency_proof
from verifier.tree.note import NoteSignature, open_note
from verifier.tree.note_key import VerifierKey
from verifier.tree.policy import Policy
from verifier.tree.tiles import TILE_WIDTH, Level, TileHashes
from verifier.tree.witness import format_request
from verifier.tree.witnessed import MAX_WITNESS_AGE

RENEW_SECONDS = MAX_WITNESS_AGE / 2
"""Seconds after which the same size is shown again, so that its cosignatures stay fresh in a quiet log."""
ROUND_SECONDS = 10.0
"""How long all witnesses get the same head without a quorum, before a newer one replaces it."""
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Waits after failures in a row."""
CLOCK_SKEW = 300
"""Seconds by which a witness's clock may differ from ours (docs/spec/audit.md: 5 minutes)."""


class LogTiles(Protocol):
    """What consistency proofs are made of."""

    def tile(self, level: Level, n: int, width: int = TILE_WIDTH) -> bytes:
        """The bytes of a tile. Raises NotFound, ProofInvalid, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness that is asked: its name and key in the policy, and how it is reached."""

    name: str
    key: VerifierKey
    witness: Witness


@dataclass(frozen=True, slots=True)
class _Head:
    """A signed head as it is shown to witnesses. `since`: when it was first shown (monotonic seconds)."""

    size: int
    note: bytes
    since: float


class Witnessing:
    """Asks the witnesses of one log. `changed` is called after each new cosignature, `heard` with a witness's name
    and what its clock says (ms), whenever it has just signed that."""

    def __init__(
        self,
        policy: Policy,
        cosigners: Sequence[Cosigner],
        log: LogTiles,
        kept: Cosignatures,
        witnessed: WitnessedHead,
        *,
        clock: Callable[[], float] = time.time,
        backoff: Sequence[float] = BACKOFF_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._policy, self._log, self._kept, self._witnessed = policy, log, kept, witnessed
        self._clock, self.backoff, self.renew_seconds = clock, tuple(backoff), renew_seconds
        self._turn = threading.Condition()
        self._head: _Head | None = None
        self._newest: tuple[int, bytes] | None = None
        self._started, self._stop = False, False
        self.changed: Callable[[], None] = lambda: None
        self.heard: Callable[[str, int], None] = lambda _who, _at: None
        self._askers = [_Asker(self, cosigner, kept.last(cosigner.name)) for cosigner in cosigners]

    def start(self) -> None:
        """Begin; nothing new if it runs."""
        if self._started:
            return
        self._started = True
        for asker in self._askers:
            asker.thread.start()

    def close(self) -> None:
        """Stop; requests under way are waited for, which takes as long as their own limit at most."""
        with self._turn:
            self._stop = True
            self._turn.notify_all()
        for asker in self._askers:
            if asker.thread.is_alive():
                asker.thread.join()
            asker.cosigner.witness.close()

    def offer(self, size: int, note: bytes) -> None:
        """There is a newer signed head to show. Returns at once."""
        with self._turn:
            self._newest = (size, note)
            self._advance()
            self._turn.notify_all()

    def wait(self, size: int, seconds: float) -> None:
        """Wait until every witness that is well has cosigned so much, or for so long."""
        if not self._started:
            return
        with self._turn:
            self._turn.wait_for(lambda: self._stop or all(a.trouble or a.size >= size for a in self._askers), seconds)

    def troubles(self) -> Mapping[str, Trouble]:
        """The witnesses that gave no cosignature when last asked, and why."""
        return {asker.cosigner.name: asker.trouble for asker in self._askers if asker.trouble is not None}

    # for the threads that ask

    def now(self) -> float:
        """POSIX seconds."""
        return self._clock()

    def next_head(self, asker: _Asker) -> tuple[int, bytes] | None:
        """Wait until there is something to ask this witness; None at the end."""
        with self._turn:
            while not self._stop:
                self._advance()
                head = self._head
                wait = asker.patience()
                if head is not None and wait <= 0 and asker.wants(head.size):
                    return head.size, head.note
                # A round may end by time alone, so nobody sleeps longer than one round.
                self._turn.wait(min(ROUND_SECONDS, wait if wait > 0 else ROUND_SECONDS, asker.until_renewal()))
        return None

    def largest(self) -> int:
        """The size of the newest head to show."""
        return self._newest[0] if self._newest is not None else 0

    def request(self, old: int, size: int, note: bytes) -> bytes:
        """A request's body: the proof leads from `old` to `size`."""
        proof = consistency_proof(old, size, TileHashes(self._log.tile, size)) if 0 < old < size else ()
        return format_request(old, proof, note)

    def keep(self, cosignature: Cosignature) -> None:
        """Keep a witness's cosignature, and check whether it moves W."""
        self._kept.put(cosignature)
        self._witnessed.renew()
        self.changed()

    def settled(self) -> None:
        """Called after a witness was asked, whatever the outcome."""
        with self._turn:
            self._turn.notify_all()

    def _advance(self) -> None:
        """Show the newest head once the present one has its quorum, or has waited for long enough."""
        newest, head = self._newest, self._head
        if newest is None or (head is not None and head.size >= newest[0]):
            return
        have = {a.cosigner.name for a in self._askers if head is not None and a.size >= head.size}
        done = head is None or self._policy.satisfied(have) or time.monotonic() - head.since >= ROUND_SECONDS
        if done:
            self._head = _Head(*newest, time.monotonic())


class _Asker:
    """One witness and the thread that asks it. `size`: the size that it has cosigned, as far as we know."""

    def __init__(self, parent: Witnessing, cosigner: Cosigner, size: int) -> None:
        self.cosigner, self.size = cosigner, size
        self.trouble: Trouble | None = None
        self._parent = parent
        self._at: float | None = None  # POSIX seconds of its newest cosignature, once it gave one to this process
        self._failures, self._not_before = 0, 0.0
        self.thread = threading.Thread(target=self._run, name=f"witness {cosigner.name}", daemon=True)

    def patience(self) -> float:
        """Seconds until it may be asked again after a failure."""
        return self._not_before - time.monotonic()

    def until_renewal(self) -> float:
        """Seconds until the same size is to be shown again."""
        if self._at is None:
            return ROUND_SECONDS
        return max(0.05, self._at + self._parent.renew_seconds - self._parent.now())

    def wants(self, size: int) -> bool:
        """Whether to show it a head of this size."""
        if size != self.size:
            return size > self.size
        return self._at is None or self._parent.now() - self._at >= self._parent.renew_seconds

    def _run(self) -> None:
        while (head := self._parent.next_head(self)) is not None:
            try:
                self._ask(*head)
                self.trouble, self._failures = None, 0
            except Exception as error:  # a lack of files or memory must not end the asking silently and for ever
                self.trouble = trouble_of(error, now_ms())
                waits = self._parent.backoff
                self._not_before = time.monotonic() + waits[min(self._failures, len(waits) - 1)]
                self._failures += 1
            self._parent.settled()

    def _ask(self, size: int, note: bytes) -> None:
        """Show it one head. If it names another size as its last, try once more from there."""
        for attempt in range(2):
            reply = self.cosigner.witness.add_checkpoint(self._parent.request(self.size, size, note))
            if reply.status != 409:
                break
            last = parse_decimal(reply.body.decode("ascii", "replace").removesuffix("\n"), "a witness's size")
            if last == self.size or attempt:
                raise self._refused(reply, "it cosigned another history of this size")
            if last > max(size, self._parent.largest()):
                raise Refused(
                    f"couldn't be cosigned by {self.cosigner.name}: it has cosigned {last} entries and this log shows "
                    f"{size}",
                    code="witness_ahead",
                )
            self.size = last
            if last > size:
                return  # it is ahead of the head that we showed; a newer one will follow
        if reply.status != 200:
            raise self._refused(reply, {404: "it does not know this log", 403: "it does not trust our key"})
        cosignature = self._verified(size, note, reply.body)
        self._parent.keep(cosignature)
        self.size, self._at = size, cosignature.time

    def _verified(self, size: int, note: bytes, body: bytes) -> Cosignature:
        """The line of the policy's key in an answer; lines of other keys are ignored (C2SP tlog-witness)."""
        name, key = self.cosigner.name, self.cosigner.key
        try:
            lines = body.decode().removesuffix("\n").split("\n")
            opened = open_note(with_cosignatures(note, lines), (key,))
        except (Malformed, UnicodeDecodeError) as error:
            raise ProofInvalid(f"couldn't read the answer of {name}: {error}", code="cosignature") from error
        made = opened.verified[0]
        now, at = int(self._parent.now()), made.time or 0
        self._parent.heard(name, at * 1000)
        if abs(at - now) > CLOCK_SKEW:
            raise ProofInvalid(
                f"couldn't keep the cosignature of {name}: got the time {at}, expected {now} within {CLOCK_SKEW} s; "
                "one of the two clocks is wrong",
                code="witness_clock",
            )
        return Cosignature(size, name, at, NoteSignature(key.name, key.key_id, made.signature).format())

    def _refused(self, reply: WitnessReply, why: Mapping[int, str] | str) -> CarnetError:
        words = why if isinstance(why, str) else why.get(reply.status)
        said = reply.body[:200].decode("utf-8", "replace").partition("\n")[0]
        message = f"couldn't be cosigned by {self.cosigner.name}: it answered {reply.status}, {words or repr(said)}"
        if reply.status >= 500 or reply.status == 429:
            return Unavailable(message, code="witness_unavailable")
        return Refused(message, code="witness_unknown_log" if reply.status == 404 else "witness_refused")


def describe_witnesses(policy: Policy, kept: Cosignatures, troubles: Mapping[str, Trouble]) -> list[dict[str, Any]]:
    """The policy's witnesses as JSON: how far each has cosigned, when, and its trouble, if any."""
    shown = []
    for name, key in policy.witnesses.items():
        size, trouble = kept.last(name), troubles.get(name)
        at = next((c.time for c in kept.of_size(size) if c.name == name), None)
        shown.append(
            {
                "name": name,
                "vkey": key.format(),
                "size": size,
                "cosigned_at": format_instant(at * 1000) if at is not None else None,
                "trouble": {"code": trouble.code, "at": format_instant(trouble.at)} if trouble else None,
            }
        )
    return shown
