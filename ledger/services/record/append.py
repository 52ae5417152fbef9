"""The sequencer: one writer that takes submissions, in groups, into the log.

*Acknowledged* means durable, integrated and under a signed checkpoint; a receipt resolves only then. The record is
touched after the commit, so no reader ever sees an entry that storage might not have kept.

A lack that passes (no file descriptor, a full disk, a database that is away) stops the writer for as long as it lasts
and no longer: what was not written is refused, what was is signed as soon as that can be done. docs/spec/storage.md
lists what fails, and what becomes of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ledger.ports import Log, LogHead, NewEntry, Report, silent
from ledger.services.record.checkpoint import Signer
from ledger.services.record.clock import now_ms as now_ms
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.record.entry import Entry, assemble_entry, chain_head, decode_entry, encode_entry
from verifier.record.record import Record
from verifier.record.statement import Kind
from verifier.tree.merkle import Frontier

GROUP_MAX = 256
"""Entries of one commit at most: one full bundle."""
RETRY_SECONDS = 1.0
"""How often a writer that is held up tries again."""
PASSING = ("commit_unknown", "signed_head_write")
"""Codes of Stopped after which storage can say what it holds: nothing has left the process."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to become an entry; its signature has been verified. `touches` names what it depends on and changes.

    Two submissions that touch the same thing never share a group, so each is admitted against a committed record.
    `derive` makes the body when its turn comes, for entries that speak of all others before them; it may refuse.
    `canonical`: the body as it will stand in the entry, where somebody has made and tried that ahead. `secret`: name
    and sealed value that become durable with the entry, in the same transaction.
    """

    kind: Kind
    body: Mapping[str, Any]
    actor: str | None
    signature: str | None
    digest: bytes | None
    touches: frozenset[str]
    derive: Callable[[Record], Mapping[str, Any]] | None = None
    canonical: bytes | None = None
    secret: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a submission stands in the log, under the checkpoint of `size` entries."""

    index: int
    leaf: bytes
    size: int
    recorded_at: int
    duplicate: bool = False


class Told(Protocol):
    """Who is told, once, what became of a submission: a Future, or something lighter. Called by the writer's thread."""

    def done(self) -> bool:
        """Whether it has been told."""
        ...

    def set_result(self, receipt: Receipt, /) -> None:
        """It stands in the log."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """It was refused, or could not be taken in."""
        ...


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    future: Told


@dataclass(frozen=True, slots=True)
class _Group:
    """Entries on their way into the log, above the head `before`; `head` is the one with them."""

    admitted: list[_Waiting]
    entries: list[Entry]
    frontier: Frontier
    before: LogHead
    head: LogHead


def is_passing(error: BaseException) -> bool:
    """Whether what failed can be tried again: nothing has left the process, and storage says what it holds."""
    if isinstance(error, Stopped):
        return error.code in PASSING
    return isinstance(error, Unavailable | OSError | MemoryError)


class Sequencer:
    """One log's writer. What passes it waits out; after anything else it stops for good, and the ledger is reopened.

    `after_commit` is called when a group has been signed and answered: there is something new to publish. `report` is
    told when the writer is held up, and when it goes on. `after_group` is called whenever some were told what became of
    them, good or bad. `clock` may raise Unavailable: then nothing is taken in.
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
        self.report: Report = silent
        self.after_commit: Callable[[], None] | None = None
        self.after_group: Callable[[], None] = lambda: None
        self._queue: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopped: CarnetError | None = None
        self._stopped_at = 0
        self._closed: Stopped | None = None
        self._unsettled: _Group | None = None  # committed, or perhaps; not signed
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> CarnetError | None:
        """Why no entries are taken now, if so: Unavailable while that may pass, else it is for good."""
        return self._stopped or self._closed

    @property
    def stopped_at(self) -> int:
        """Since when (ms) no entries are taken; means nothing while they are."""
        return self._stopped_at

    def now(self) -> int:
        """The instant (ms) of an entry that is taken in now. Raises Unavailable (`clock`)."""
        return max(self._clock(), self._record.recorded_at)

    def enqueue(self, submission: Submission) -> Future[Receipt]:
        """Queue a submission; the future resolves with its receipt or with Malformed, Refused or Stopped."""
        future: Future[Receipt] = Future()
        future.set_running_or_notify_cancel()  # what is queued will be written: a caller can't take it back
        self._put([_Waiting(submission, future)])
        return future

    def enqueue_all(self, submissions: Sequence[tuple[Submission, Told]]) -> None:
        """Queue submissions that came together, in their order: those that touch different things share groups.

        Each comes with who is told what a future of `enqueue` would be.
        """
        if submissions:
            self._put([_Waiting(*one) for one in submissions])

    def submit(self, submission: Submission) -> Receipt:
        """Queue a submission and wait for its receipt."""
        return self.enqueue(submission).result()

    def close(self) -> None:
        """Finish what is queued and stop."""
        with self._lock:
            self._closed = Stopped("couldn't append: the ledger is closed", code="closed")
            self._queue.put(None)
        self._thread.join()

    def _put(self, waiting: list[_Waiting]) -> None:
        with self._lock:
            stopped = self.stopped
            if stopped is None:
                self._queue.put(waiting)
        if stopped is not None:
            _fail(waiting, stopped)

    def _run(self) -> None:
        group, deferred = list[_Waiting](), list[_Waiting]()
        open_ = True
        while open_ or deferred:
            try:
                if self._stopped is not None and not self._recover(deferred):
                    return
                if not deferred:
                    open_ = _take(self._queue.get(), deferred)
                while not self._queue.empty() and len(deferred) < 4 * GROUP_MAX:
                    open_ = _take(self._queue.get(), deferred) and open_
                group, deferred = _disjoint(deferred)
                self._commit(group)
                self.after_group()
            except BaseException as error:
                self._poison(error, group + deferred)
                return

    def _commit(self, group: list[_Waiting]) -> None:
        """Take one group into the log.

        1. answer repeats, admit the rest; 2. build bytes and heads; 3. commit; 4. sign; 5. integrate; 6. answer.
        """
        try:
            now = self.now()
        except Unavailable as error:  # the clock is not to be believed: nothing was begun
            _fail(group, error)
            return
        admitted = [waiting for waiting in group if self._admitted(waiting, now)]  # 1
        if not admitted:
            return
        made: _Group | None = None
        try:
            before = self._log.head()
            made = self._build(admitted, before, now)  # 2
            new = [_new_entry(entry, w.submission) for entry, w in zip(made.entries, admitted, strict=True)]
            # If we stop before this commits, restart finds nothing and the clients were told nothing.
            self._log.append(before, new, made.head)  # 3
            # If we stop here, restart finds the entries above signed_head and signs them; a repeat gets their receipt.
            self._finish(made)  # 4-6
        except Exception as error:
            if not is_passing(error):
                raise
            self._hold_up(error, admitted, made)

    def _finish(self, group: _Group) -> None:
        """Sign a committed group, integrate and answer it. Until the signature is made, a repeat does the same."""
        self._signer.sign(group.head)  # 4
        for entry in group.entries[self._record.size - group.before.size :]:  # 5; a repeat goes on where it failed
            self._record.integrate(entry)
        self._frontier, self._unsettled = group.frontier, None
        for offset, waiting in enumerate(group.admitted):  # 6
            if not waiting.future.done():
                index = group.before.size + offset
                receipt = Receipt(index, group.entries[offset].leaf, group.head.size, group.head.recorded_at_ms)
                waiting.future.set_result(receipt)
        if self.after_commit is not None:
            self.after_commit()

    def _hold_up(self, error: Exception, waiting: list[_Waiting], group: _Group | None) -> None:
        """Something failed that may pass. It is tried again at once, and then nothing is taken in until it works."""
        self._unsettled = group
        try:
            self._settle()
        except Exception as again:
            if not is_passing(again):
                raise
            why = Unavailable(f"couldn't append for now: {_words(again)}; this is tried again", code=_code(again))
            with self._lock:
                self._stopped, self._stopped_at = why, now_ms()
            _fail(waiting, why)
            self.report(f"the writer is held up: {_words(again)}; it tries again every {RETRY_SECONDS:g} s")
        else:
            _fail(waiting, Unavailable(f"couldn't append: {_words(error)}; nothing was written", code=_code(error)))

    def _settle(self) -> None:
        """Ask storage what it holds: all of the group in question, which is signed then, or nothing of it.

        Raises what is in the way still; Stopped (`lost_the_race`): somebody else writes this log.
        """
        head, group = self._log.settle(), self._unsettled
        if group is not None and head == group.head:
            self._finish(group)
        elif group is not None and head != group.before:
            raise Stopped(
                f"couldn't append: got a stored log of size {head.size}, expected {group.before.size} or "
                f"{group.head.size}; another writer was faster",
                code="lost_the_race",
            )
        self._unsettled = None

    def _recover(self, deferred: list[_Waiting]) -> bool:
        """Try until the log can be written again; False when the writer is closed first. Raises what does not pass."""
        since, waiting = time.monotonic(), list[_Waiting]()
        while True:
            _fail(deferred + waiting, self._stopped)
            deferred.clear()
            waiting.clear()
            self.after_group()
            try:
                if not _take(self._queue.get(timeout=RETRY_SECONDS), waiting):
                    return False
                continue
            except Empty:
                if self._closed:  # the end was taken from the queue before the writer was held up
                    return False
            try:
                self._settle()
            except Exception as error:
                if not is_passing(error):
                    raise
                continue
            with self._lock:
                self._stopped = None
            self.report(f"the writer goes on; it was held up for {time.monotonic() - since:.0f} s")
            return True

    def _admitted(self, waiting: _Waiting, now: int) -> bool:
        submission = waiting.submission
        try:
            # Only where the statementId, which the digest covers, is known: one look into memory in place of a read.
            if submission.digest is not None and submission.body["statementId"] in self._record.statement_ids:
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
        except (OSError, MemoryError) as error:  # nothing of it has been written: the next one may be luckier
            words = f"couldn't append for now: {error!r}; nothing was written"
            waiting.future.set_exception(Unavailable(words, code="unavailable"))
            return False
        return True

    def receipt(self, index: int) -> Receipt:
        """The receipt of an entry that stands already."""
        entry = decode_entry(self._log.read_entries(index, index + 1)[0])
        return Receipt(index, entry.leaf, self._record.size, entry.recorded_at, duplicate=True)

    def _build(self, admitted: list[_Waiting], before: LogHead, now: int) -> _Group:
        frontier = Frontier.decode(self._frontier.encode())
        chain, entries = self._record.head, []
        for waiting in admitted:
            s = waiting.submission
            if s.canonical is not None:
                entry = assemble_entry(s.kind, s.body, s.canonical, s.actor, s.signature, now, chain)
            else:
                entry = decode_entry(encode_entry(s.kind, s.body, s.actor, s.signature, now, chain))
            frontier.append(entry.leaf)
            chain = chain_head(chain, entry.leaf)
            entries.append(entry)
        head = LogHead(before.size + len(entries), frontier.root(), chain, now)
        return _Group(admitted, entries, frontier, before, head)

    def _poison(self, error: BaseException, waiting: list[_Waiting]) -> None:
        """Nothing more is written: the next write could sit on a history that is not there."""
        reason = error if isinstance(error, CarnetError) else Stopped(f"couldn't append: {error!r}")
        with self._lock:
            self._stopped, self._stopped_at = reason, now_ms()
            while not self._queue.empty():
                _take(self._queue.get(), waiting)
        _fail(waiting, Stopped(f"couldn't append: the writer has stopped ({reason})"))
        self.after_group()
        self.report(f"the writer has stopped for good: {reason}")


def _fail(waiting: list[_Waiting], error: CarnetError | None) -> None:
    for one in waiting:
        if not one.future.done():
            one.future.set_exception(error or Stopped("couldn't append: the writer has stopped"))


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, CarnetError) else repr(error)


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, CarnetError) else "unavailable"


def _take(items: list[_Waiting] | None, into: list[_Waiting]) -> bool:
    if items is None:
        return False
    into.extend(items)
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
    known_by = bytes.fromhex(statement_id[2:]) if statement_id else None
    return NewEntry(entry.raw, entry.leaf, submission.digest, known_by, submission.secret)
