"""The sequencer: one writer that takes submissions, in groups, into the log.

*Acknowledged* means durable, integrated and under a signed checkpoint; a receipt resolves only then. The record is
touched after the commit, so no reader ever sees an entry that storage might not have kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from ledger.ports import Log, LogHead, NewEntry
from ledger.services.checkpoint import Signer
from verifier.entry import Entry, chain_head, decode_entry, encode_entry
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.merkle import Frontier
from verifier.record import Record
from verifier.statement import Kind

GROUP_MAX = 256
"""Entries of one commit at most: one full bundle."""


def now_ms() -> int:
    """The ledger's clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to become an entry; its signature has been verified. `touches` names what it depends on and changes.

    Two submissions that touch the same thing never share a group, so each is admitted against a committed record.
    `derive` makes the body when its turn comes, for entries that speak of all others before them; it may refuse.
    """

    kind: Kind
    body: Mapping[str, Any]
    actor: str | None
    signature: str | None
    digest: bytes | None
    touches: frozenset[str]
    derive: Callable[[Record], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a submission stands in the log, under the checkpoint of `size` entries."""

    index: int
    leaf: bytes
    size: int
    recorded_at: int
    duplicate: bool = False


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    future: Future[Receipt]


class Sequencer:
    """One log's writer. After an outcome that is not known it stops for good; reopen the ledger.

    `after_commit` is called when a group has been signed and answered: there is something new to publish.
    """

    def __init__(
        self,
        log: Log,
        record: Record,
        frontier: Frontier,
        signer: Signer,
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._log, self._record, self._frontier, self._signer = log, record, frontier, signer
        self._clock = clock
        self.after_commit: Callable[[], None] | None = None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopped: CarnetError | None = None
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> CarnetError | None:
        """Why no more entries are taken, if so."""
        return self._stopped

    def enqueue(self, submission: Submission) -> Future[Receipt]:
        """Queue a submission; the future resolves with its receipt or with Malformed, Refused or Stopped."""
        future: Future[Receipt] = Future()
        future.set_running_or_notify_cancel()  # what is queued will be written: a caller can't take it back
        with self._lock:
            if self._stopped is not None:
                future.set_exception(self._stopped)
            else:
                self._queue.put(_Waiting(submission, future))
        return future

    def submit(self, submission: Submission) -> Receipt:
        """Queue a submission and wait for its receipt."""
        return self.enqueue(submission).result()

    def close(self) -> None:
        """Finish what is queued and stop."""
        with self._lock:
            self._stopped = self._stopped or Stopped("couldn't append: the ledger is closed", code="closed")
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        deferred: list[_Waiting] = []
        open_ = True
        while open_ or deferred:
            if not deferred:
                open_ = _take(self._queue.get(), deferred)
            while not self._queue.empty() and len(deferred) < 4 * GROUP_MAX:
                open_ = _take(self._queue.get(), deferred) and open_
            group, deferred = _disjoint(deferred)
            try:
                self._commit(group)
            except BaseException as error:
                self._poison(error, group + deferred)
                return

    def _commit(self, group: list[_Waiting]) -> None:
        """Take one group into the log.

        1. answer repeats, admit the rest; 2. build bytes and heads; 3. commit; 4. sign; 5. integrate; 6. answer.
        """
        now = max(self._clock(), self._record.recorded_at)
        admitted = [waiting for waiting in group if self._admitted(waiting, now)]  # 1
        if not admitted:
            return
        entries, frontier, chain = self._build(admitted, now)  # 2
        new = [_new_entry(entry, w.submission) for entry, w in zip(entries, admitted, strict=True)]
        try:
            before = self._log.head()
            head = LogHead(before.size + len(entries), frontier.root(), chain, now)
            # If we stop before this commits, restart finds nothing and the clients were told nothing.
            self._log.append(before, new, head)  # 3
        except Unavailable as error:
            # The database failed before its commit: nothing was written, so the next group may be tried.
            for waiting in admitted:
                waiting.future.set_exception(error)
            return
        # If we stop here, restart finds the entries above signed_head and signs them; a repeat gets their receipt.
        self._signer.sign(head)  # 4
        for entry in entries:  # 5
            self._record.integrate(entry)
        self._frontier = frontier
        for offset, waiting in enumerate(admitted):  # 6
            receipt = Receipt(before.size + offset, entries[offset].leaf, head.size, now)
            waiting.future.set_result(receipt)
        if self.after_commit is not None:
            self.after_commit()

    def _admitted(self, waiting: _Waiting, now: int) -> bool:
        submission = waiting.submission
        try:
            if submission.digest is not None:
                index = self._log.find_statement(submission.digest)
                if index is not None:
                    waiting.future.set_result(self.receipt(index))
                    return False
            if submission.derive is not None:
                waiting.submission = submission = replace(submission, body=submission.derive(self._record))
            self._record.admit(submission.kind, submission.body, submission.actor, now)
        except CarnetError as error:
            waiting.future.set_exception(error)
            return False
        return True

    def receipt(self, index: int) -> Receipt:
        """The receipt of an entry that stands already."""
        entry = decode_entry(self._log.read_entries(index, index + 1)[0])
        return Receipt(index, entry.leaf, self._record.size, entry.recorded_at, duplicate=True)

    def _build(self, admitted: list[_Waiting], now: int) -> tuple[list[Entry], Frontier, bytes]:
        frontier = Frontier.decode(self._frontier.encode())
        chain, entries = self._record.head, []
        for waiting in admitted:
            s = waiting.submission
            entry = decode_entry(encode_entry(s.kind, s.body, s.actor, s.signature, now, chain))
            frontier.append(entry.leaf)
            chain = chain_head(chain, entry.leaf)
            entries.append(entry)
        return entries, frontier, chain

    def _poison(self, error: BaseException, waiting: list[_Waiting]) -> None:
        """After an unknown outcome nothing more is written: the next write could sit on a history that is not there."""
        reason = error if isinstance(error, CarnetError) else Stopped(f"couldn't append: {error!r}")
        with self._lock:
            self._stopped = reason
            while not self._queue.empty():
                _take(self._queue.get(), waiting)
        for one in waiting:
            if not one.future.done():
                one.future.set_exception(Stopped(f"couldn't append: the writer has stopped ({reason})"))


def _take(item: _Waiting | None, into: list[_Waiting]) -> bool:
    if item is None:
        return False
    into.append(item)
    return True


def _disjoint(waiting: list[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
    """Split off the first group of submissions that touch nothing twice; the rest keeps its order."""
    touched: set[str] = set()
    group: list[_Waiting] = []
    rest: list[_Waiting] = []
    for item in waiting:
        touches = item.submission.touches
        if len(group) == GROUP_MAX or touches & touched or "*" in touched or ("*" in touches and group):
            rest.append(item)
        else:
            group.append(item)
        touched |= touches
    return group, rest


def _new_entry(entry: Entry, submission: Submission) -> NewEntry:
    statement_id = submission.body.get("statementId") if submission.digest is not None else None
    return NewEntry(entry.raw, entry.leaf, submission.digest, bytes.fromhex(statement_id[2:]) if statement_id else None)
