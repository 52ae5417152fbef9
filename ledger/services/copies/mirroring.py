"""A mirror as it runs: it looks at its log on a cadence, says where it stands, and raises the alarm.

An alarm is final: the log's key has contradicted itself, and somebody has to look at the evidence. The copy goes on
answering as it stood, but nothing good rests on it any more, and every answer says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.services.outward.upkeep import Trouble, trouble_of
from ledger.services.record.append import is_passing, now_ms
from verifier.errors import CarnetError, RulesUnknown, Stopped, Unavailable
from verifier.instant import DAY, HOUR, format_instant

FOLLOW_SECONDS = 2.0
"""How often a mirror looks for a new checkpoint: twice the pace at which they are published."""
AGE_LIMIT = HOUR
"""Milliseconds for which good facts rest on a copy that could not be compared with its log (docs/spec/mirror.md)."""


SILENCE_LIMIT = DAY
"""Milliseconds after which a log that records nothing stands still: one that is kept up seals every minute."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a mirror follows no more: `fork` or `refused_entry`, in words, since when (ms), and the evidence's file."""

    code: str
    words: str
    at: int
    evidence: str

    def to_json(self) -> dict[str, Any]:
        """The alarm as answers show it."""
        return {"code": self.code, "words": self.words, "at": format_instant(self.at), "evidence": self.evidence}


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a copy ends before this entry although nothing is wrong (`rules_unknown`), in words, since when (ms)."""

    code: str
    words: str
    entry: int
    at: int

    def to_json(self) -> dict[str, Any]:
        """The pause as answers show it."""
        return {"code": self.code, "words": self.words, "entry": self.entry, "at": format_instant(self.at)}


class Evidence(Protocol):
    """Where a mirror keeps what it holds against a log."""

    def keep(self, name: str, data: bytes) -> str:
        """Keep a file for ever; returns the name it got. Durable when it returns."""
        ...

    def raise_alarm(self, alarm: Alarm) -> None:
        """Remember an alarm, also over restarts. Durable when it returns."""
        ...

    def alarm(self) -> Alarm | None:
        """The alarm that was raised here, if one was."""
        ...


@dataclass(frozen=True, slots=True)
class MirrorView:
    """What answers of a mirror say: whose copy it is, when it was last compared (ms), the alarm or pause, if any."""

    of: str
    checked_at: int | None
    alarm: Alarm | None
    paused: Pause | None = None

    def sound(self, now: int) -> bool:
        """Whether good facts may rest on the copy at this instant (ms)."""
        return self.alarm is None and self.checked_at is not None and now - self.checked_at < AGE_LIMIT


class Following(Protocol):
    """Whoever follows a log, one look at a time."""

    @property
    def of(self) -> str:
        """The log that is followed."""
        ...

    @property
    def alarm(self) -> Alarm | None:
        """The alarm, once there is one."""
        ...

    @property
    def checked_at(self) -> int | None:
        """When the copy was last found to be all that its log has published (ms)."""
        ...

    @property
    def newest(self) -> int | None:
        """When the newest entry of the copy was recorded (ms)."""
        ...

    @property
    def paused(self) -> Pause | None:
        """Why the copy ends before what its log has published, where that goes by rules that are not known here."""
        ...

    @property
    def waiting(self) -> str | None:
        """What the newest head waits for, if it does."""
        ...

    @property
    def unanswerable(self) -> int:
        """Batches whose salt is not here, so that this mirror cannot answer for them."""
        ...

    @property
    def unsealed(self) -> int:
        """Seals whose leaves are not here yet."""
        ...

    @property
    def seal_trouble(self) -> CarnetError | None:
        """Why leaves of a seal are not here, if any are missing: that holds up nothing else."""
        ...

    def round(self) -> int:
        """Look once. Raises what kept it from going on."""
        ...


class Mirroring:
    """Runs rounds on a thread of its own. A trouble is remembered and tried again, an alarm is final."""

    def __init__(
        self,
        follower: Following,
        *,
        interval: float = FOLLOW_SECONDS,
        on_alarm: Callable[[Alarm], None] = lambda _alarm: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._follower, self._interval, self._on_alarm, self._clock = follower, interval, on_alarm, clock
        self._stop = threading.Event()
        self.after: Callable[[], None] = _nothing
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Finish the round under way and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alarm(self) -> Alarm | None:
        """The alarm, once there is one."""
        return self._follower.alarm

    @property
    def view(self) -> MirrorView:
        """What answers say now. Cheap: every look-up asks."""
        return MirrorView(self._follower.of, self._follower.checked_at, self._follower.alarm, self._follower.paused)

    @property
    def state(self) -> str:
        """One word for `/readyz`: `ok`, the code of a trouble, or `alarm`."""
        if self._follower.alarm is not None:
            return "alarm"
        if self.trouble is not None:
            return self.trouble.code
        return "ok" if self.view.sound(self._clock()) else "stale"

    def describe(self) -> dict[str, Any]:
        """Where the mirror stands, as JSON."""
        view = self.view
        return {
            **describe_view(view),
            "newest_entry_at": format_instant(newest) if (newest := self._follower.newest) is not None else None,
            "waiting": self._follower.waiting,
            "trouble": self.trouble.message if self.trouble is not None else None,
            "unanswerable_batches": self._follower.unanswerable,
            "seals_to_come": self._follower.unsealed,
        }

    def round(self) -> int:
        """Look once; returns the size of the copy. Raises what kept it from going on, Refused (`mirror_alarm`)."""
        alarmed = self._follower.alarm
        try:
            size = self._follower.round()
            self.after()
        except Exception as error:
            self.trouble = trouble_of(error, self._clock())
            if self._follower.alarm is not None and alarmed is None:
                self._on_alarm(self._follower.alarm)
            raise
        late = self._pause() or self._follower.seal_trouble or self._silence()
        self.trouble = trouble_of(late, self._clock()) if late is not None else None
        return size

    def catch_up(self) -> None:
        """Look again for as long as leaves of seals keep coming: a look takes only a part of them."""
        left = self._follower.unsealed
        while left and self._follower.alarm is None:
            with suppress(CarnetError):  # `trouble` or `alarm` says it
                self.round()
            if self._follower.unsealed >= left:
                return
            left = self._follower.unsealed

    def _pause(self) -> CarnetError | None:
        """A copy that ends early is no fault of its log; whoever runs this mirror has to give it a newer program."""
        paused = self._follower.paused
        return RulesUnknown(f"entry {paused.entry}: {paused.words}", code=paused.code) if paused is not None else None

    def _silence(self) -> CarnetError | None:
        """A log that stands still is compared as often as any other, and tells nothing new."""
        newest = self._follower.newest
        if newest is None or self._clock() - newest <= SILENCE_LIMIT:
            return None
        words = f"couldn't find anything new: the log has recorded nothing since {format_instant(newest)}"
        return Unavailable(words, code="log_stale")

    def _run(self) -> None:
        while not self._stop.is_set() and self._follower.alarm is None:
            try:
                self.round()
            except Stopped as error:
                if not is_passing(error):
                    return  # going on would make it worse; `/readyz` says so
            except Exception:  # noqa: S110 - `trouble` or `alarm` says it; a lack of files must not end it, and unseen
                pass
            self._stop.wait(self._interval)


def _nothing() -> None:
    """After a round there is nothing to do."""


def describe_view(view: MirrorView) -> dict[str, Any]:
    """What every answer of a mirror carries."""
    return {
        "of": view.of,
        "checked_at": format_instant(view.checked_at) if view.checked_at is not None else None,
        "alarm": view.alarm.to_json() if view.alarm is not None else None,
        "paused": view.paused.to_json() if view.paused is not None else None,
    }
