"""A witness: cosigns heads that extend the last one that it cosigned, and keeps heads that contradict it.

Reading that head, deciding, and writing the next one are one transaction of the store, durable before the answer
leaves; so of two requests at once the one that would go back meets the other's head (C2SP tlog-witness, the race).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from verifier.errors import Malformed, Unavailable
from verifier.instant import format_instant
from verifier.tree.note_key import KeyType, SigningKey, VerifierKey
from verifier.tree.witness import (
    NEVER,
    Answer,
    Declined,
    Head,
    Submission,
    check_extends,
    cosigned,
    open_request,
    origin_hash,
    parse_request,
)

SPEC = "carnet/witness-evidence/1"
"""The version of the file that `evidence` gives."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The last cosigned head of one log, when (POSIX seconds), and the note with the log's and our signature."""

    head: Head
    time: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that a log signed. `note`: with the log's signatures; `seen_at`: milliseconds."""

    origin: str
    head: Head
    note: bytes
    cosigned: bool
    seen_at: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and what must be written first: the head that was seen, and the new last head if it was cosigned."""

    answer: Answer
    seen: Seen
    cosigned: Cosigned | None


Decide = Callable[[Cosigned | None, int], Decision]
"""Called with what was cosigned last of a log, and the newest time in any cosignature (POSIX seconds, 0 for none)."""


class WitnessStore(Protocol):
    """A witness's memory. Threads and processes may share it."""

    def trust(self, key: VerifierKey) -> bool:
        """Trust a log's key; False if it was trusted before. Durable when it returns."""
        ...

    def trusted(self) -> Sequence[VerifierKey]:
        """All trusted keys, by origin and in the order in which they came."""
        ...

    def keys(self, origin: str) -> Sequence[VerifierKey]:
        """The trusted keys of one log."""
        ...

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last of a log."""
        ...

    def decide(self, origin: str, decide: Decide) -> Decision:
        """Read, decide and write in one transaction that no other can come between; durable when it returns.

        Raises what `decide` raises, with nothing written; Unavailable with nothing written; Stopped when it is not
        known whether it was written, and then the decision must not be told to anybody.
        """
        ...

    def seen(self, origin: str) -> Sequence[Seen]:
        """Every kept head of a log, by size."""
        ...


class Witness:
    """One witness. `clock` gives POSIX seconds."""

    def __init__(self, store: WitnessStore, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        if key.type is not KeyType.COSIGNATURE_V1:
            raise Malformed(f"couldn't be a witness: got a key of type {key.type:#04x}, expected 0x04", code="note_key")
        self._store, self._key, self._clock = store, key, clock

    def add_checkpoint(self, raw: bytes) -> Answer:
        """Answer one request. Raises Unavailable (`clock`, `database`), Stopped; then nothing was cosigned."""
        try:
            request = parse_request(raw)
            submission = open_request(request, self._store.keys(request.origin))
        except Declined as declined:
            return declined.answer
        return self._store.decide(request.origin, lambda last, newest: self._decide(submission, last, newest)).answer

    def checkpoint(self, folder: str) -> bytes | None:
        """The note that was cosigned last of the log whose origin's SHA-256 (64 lower hex) is `folder`, or None."""
        for origin in {key.name for key in self._store.trusted()}:
            if origin_hash(origin) == folder:
                last = self._store.last(origin)
                return last.note if last else None
        return None

    def about(self) -> dict[str, Any]:
        """Name, key and logs, as JSON."""
        return {"name": self._key.name, "vkey": self._key.verifier.format(), "logs": list_logs(self._store)}

    def _decide(self, submission: Submission, last: Cosigned | None, newest: int) -> Decision:
        now = self._clock()
        seen = Seen(submission.checkpoint.origin, submission.head, submission.note.format(), False, int(now * 1000))
        try:
            check_extends(submission, last.head if last else NEVER)
        except Declined as declined:
            return Decision(declined.answer, seen, None)
        if int(now) < newest:
            # A cosignature says "the largest I have seen, as of now": an earlier one with more in it would lie.
            raise Unavailable(
                f"couldn't cosign the checkpoint: the clock shows {int(now)}, and {newest} was cosigned before",
                code="clock",
            )
        note, answer = cosigned(submission, self._key, int(now))
        return Decision(answer, seen, Cosigned(submission.head, int(now), note.format()))


def trust(store: WitnessStore, own: VerifierKey, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Trust logs' keys; returns the new ones. Raises Malformed (`log_key`), and then trusts none of them."""
    for key in keys:
        if key.type is not KeyType.ED25519:
            raise Malformed(
                f"couldn't trust {key.format()}: got a key of type {key.type:#04x}, expected 0x01, a log's",
                code="log_key",
            )
        if key.public == own.public:
            raise Malformed("couldn't trust a log that signs with this witness's own key", code="log_key")
    return [key for key in keys if store.trust(key)]


def list_logs(store: WitnessStore) -> list[dict[str, Any]]:
    """Each log: its trusted keys and what was cosigned last, as JSON."""
    keys: dict[str, list[str]] = {}
    for key in store.trusted():
        keys.setdefault(key.name, []).append(key.format())
    return [{"origin": origin, "log_keys": vkeys, **_last(store.last(origin))} for origin, vkeys in keys.items()]


def evidence(store: WitnessStore, witness: VerifierKey) -> dict[str, Any]:
    """Contradicting heads that logs signed, as JSON with the notes' own bytes.

    `conflicts`: sizes with two roots, each of them proof that the log's key signed two histories. `unproved`: heads
    that were never shown to extend the cosigned one. Alone they prove nothing; a later head may make them a conflict.
    """
    conflicts: list[dict[str, Any]] = []
    unproved: list[dict[str, Any]] = []
    for log in list_logs(store):
        by_size: dict[int, list[Seen]] = {}
        for seen in store.seen(log["origin"]):
            by_size.setdefault(seen.head.size, []).append(seen)
        for size, heads in by_size.items():
            shown = {"origin": log["origin"], "log_keys": log["log_keys"], "size": size}
            if len(heads) > 1:
                conflicts.append({**shown, "heads": [_head(seen) for seen in heads]})
            elif not heads[0].cosigned:
                unproved.append({**shown, "heads": [_head(heads[0])]})
    return {"spec": SPEC, "witness": witness.format(), "conflicts": conflicts, "unproved": unproved}


def _last(last: Cosigned | None) -> dict[str, Any]:
    if last is None:
        return {"size": None, "root": None, "cosigned_at": None}
    return {
        "size": last.head.size,
        "root": "0x" + last.head.root.hex(),
        "cosigned_at": format_instant(last.time * 1000),
    }


def _head(seen: Seen) -> dict[str, Any]:
    return {
        "root": "0x" + seen.head.root.hex(),
        "cosigned": seen.cosigned,
        "seen_at": format_instant(seen.seen_at),
        "note": seen.note.decode(),
    }
