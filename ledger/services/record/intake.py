"""Many statements at once: made ready in one thread, and taken into the log in as few groups as their order allows.

The lines of a request are independent: each gets its own receipt or its own refusal. They keep their order, so that
those about one batch are taken one group after another (docs/adr/0002).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue

from ledger.services.record.append import Receipt, Sequencer, Submission
from ledger.services.record.lines import Line
from ledger.services.record.staging import Staging
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.record.statement import Statement

Outcome = Receipt | CarnetError
"""What became of one line."""
Submitting = Callable[[Line], Submission | Receipt]
"""What a line is to become, or the receipt of what stands already. Raises CarnetError; may touch storage."""


@dataclass(slots=True)
class _Job:
    lines: Sequence[Line | CarnetError]
    future: Future[list[Outcome]]
    outcomes: list[Outcome | None] = field(default_factory=list)
    open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, at: int, outcome: Outcome) -> None:
        """Note what became of a line; after the last one the job is answered."""
        with self.lock:
            self.outcomes[at] = outcome
            self.open -= 1
            done = not self.open
        if done:
            self.future.set_result([one for one in self.outcomes if one is not None])


class Intake:
    """Takes in what others have checked. `take` may be called from any thread."""

    def __init__(self, sequencer: Sequencer, staging: Staging, submitting: Submitting) -> None:
        self._sequencer, self._staging, self._submitting = sequencer, staging, submitting
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def take(self, lines: Sequence[Line | CarnetError]) -> Future[list[Outcome]]:
        """Take lines in; the future gives what became of each, in their order. A line that is an error stays one.

        A receipt means durable and under a signed checkpoint. What is refused has changed nothing; Unavailable and
        Stopped say that a line may be sent again.
        """
        future: Future[list[Outcome]] = Future()
        job = _Job(lines, future, [None] * len(lines), len(lines))
        with self._lock:
            if self._closed:
                future.set_exception(Stopped("couldn't append: the ledger is closed", code="closed"))
                return future
            self._queue.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()
        return future

    def close(self) -> None:
        """Make ready what waits; the sequencer answers it."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            jobs, ended = [job], False
            while not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    ended = True
                    break
                jobs.append(more)
            ready: list[tuple[Submission, Callable[[Future[Receipt]], None]]] = []
            for good in (line for one in jobs for line in one.lines if isinstance(line, Line)):
                self._staging.begin(good.statement)  # all first: one that is refused takes no segment of another along
            for one in jobs:
                for at, line in enumerate(one.lines):
                    self._prepare(one, at, line, ready)
            self._sequencer.enqueue_all(ready)
            if ended:
                return

    def _prepare(
        self,
        job: _Job,
        at: int,
        line: Line | CarnetError,
        ready: list[tuple[Submission, Callable[[Future[Receipt]], None]]],
    ) -> None:
        if isinstance(line, CarnetError):
            job.settle(at, line)
            return
        statement = line.statement
        try:
            made = self._submitting(line)
        except CarnetError as error:
            self._end(job, at, statement, error)
        except Exception as error:  # a lack of files or memory refuses one line and ends no thread
            words = f"couldn't append for now: {error!r}; nothing was written"
            self._end(job, at, statement, Unavailable(words, code="unavailable"))
        else:
            if isinstance(made, Receipt):
                self._end(job, at, statement, made)
            else:
                ready.append((made, lambda done: self._done(job, at, statement, done)))

    def _done(self, job: _Job, at: int, statement: Statement, done: Future[Receipt]) -> None:
        error = done.exception()
        if error is None:
            self._end(job, at, statement, done.result())
        elif isinstance(error, CarnetError):
            self._end(job, at, statement, error)
        else:
            self._end(job, at, statement, Stopped(f"couldn't append: {error!r}"))

    def _end(self, job: _Job, at: int, statement: Statement, outcome: Outcome) -> None:
        self._staging.end(statement, outcome if isinstance(outcome, CarnetError) else None)
        job.settle(at, outcome)
