"""Many statements at once, taken into the log in as few groups as their order allows.

The lines of a request are independent: each gets its own receipt or its own refusal. They keep their order, so that
those about one batch are taken one group after another (docs/adr/0002).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ledger.services.record.append import Receipt, Sequencer, Submission
from ledger.services.record.lines import Line
from ledger.services.record.staging import Staging
from verifier.errors import CarnetError, Stopped, Unavailable
from verifier.record.statement import Statement

Outcome = Receipt | CarnetError
"""What became of one line."""
Submitting = Callable[[Line], Submission | Receipt]
"""What a line is to become, or the receipt of what stands already. Raises CarnetError; may touch storage."""
Answered = Callable[[list[Outcome]], None]
"""Who is told what became of all lines, in their order."""
Wake = Callable[[], None]


@dataclass(slots=True)
class _Job:
    answered: Answered
    wake: Wake
    outcomes: list[Outcome | None]
    open: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, at: int, outcome: Outcome) -> bool:
        """Note what became of a line; whether it was the last one."""
        with self.lock:
            self.outcomes[at] = outcome
            self.open -= 1
            return not self.open


class Intake:
    """Takes in what others have checked.

    A request is answered when the writer has told all of a group: were each told by itself, the writer and who answers
    would take the interpreter from one another for every line.
    """

    def __init__(self, sequencer: Sequencer, staging: Staging, submitting: Submitting) -> None:
        self._sequencer, self._staging, self._submitting = sequencer, staging, submitting
        self._done: list[_Job] = []
        self._lock = threading.Lock()
        sequencer.after_group = self._answer

    def take(self, lines: Sequence[Line | CarnetError], answered: Answered, wake: Wake = lambda: None) -> None:
        """Take lines in. Makes them ready in the calling thread, which may touch storage, and returns.

        `answered` is called once, by any thread, with what became of each; a line that is an error stays one. Then
        `wake`, once for all that were answered together. A receipt means durable and under a signed checkpoint. What
        is refused has changed nothing; Unavailable and Stopped say that a line may be sent again.
        """
        job = _Job(answered, wake, [None] * len(lines), len(lines))
        told = [self._told(job, at, line) for at, line in enumerate(lines)]
        for one in told:
            one.begin()  # all first: a line that is refused takes no segment of another along
        ready = [made for one, line in zip(told, lines, strict=True) if (made := self._ready(one, line)) is not None]
        self._sequencer.enqueue_all(ready)
        self._answer()

    def _told(self, job: _Job, at: int, line: Line | CarnetError) -> _LineOfJob:
        return _LineOfJob(self, job, at, line.statement if isinstance(line, Line) else None, self._staging)

    def _ready(self, told: _LineOfJob, line: Line | CarnetError) -> tuple[Submission, _LineOfJob] | None:
        if isinstance(line, CarnetError):
            told.set_exception(line)
            return None
        try:
            made = self._submitting(line)
        except CarnetError as error:
            told.set_exception(error)
            return None
        except Exception as error:  # a lack of files or memory refuses one line and no other
            words = f"couldn't append for now: {error!r}; nothing was written"
            told.set_exception(Unavailable(words, code="unavailable"))
            return None
        if isinstance(made, Receipt):
            told.set_result(made)
            return None
        return made, told

    def finished(self, job: _Job) -> None:
        """Have a job answered with the next group, or at the end of `take`."""
        with self._lock:
            self._done.append(job)

    def _answer(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for job in done:
            job.answered([one for one in job.outcomes if one is not None])
        for wake in {job.wake for job in done}:
            wake()


class _LineOfJob:
    """One line under way: told by the sequencer, or before it comes there. A Future of each would cost as much as
    admitting it."""

    __slots__ = ("_at", "_intake", "_job", "_staging", "_statement", "_told")

    def __init__(self, intake: Intake, job: _Job, at: int, statement: Statement | None, staging: Staging) -> None:
        self._intake, self._job, self._at, self._statement, self._staging = intake, job, at, statement, staging
        self._told = False

    def begin(self) -> None:
        if self._statement is not None:
            self._staging.begin(self._statement)

    def done(self) -> bool:
        return self._told

    def set_result(self, receipt: Receipt, /) -> None:
        self._settle(receipt, None)

    def set_exception(self, error: BaseException, /) -> None:
        known = error if isinstance(error, CarnetError) else Stopped(f"couldn't append: {error!r}")
        self._settle(known, known)

    def _settle(self, outcome: Outcome, error: CarnetError | None) -> None:
        self._told = True
        if self._statement is not None:
            self._staging.end(self._statement, error)
        if self._job.settle(self._at, outcome):
            self._intake.finished(self._job)
