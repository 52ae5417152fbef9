"""The log's clock: this computer's, as long as it can be believed.

`recorded_at` never decreases, so one look at a clock that is days ahead would set the log's time for good: statements
signed in earnest would have expired, promises would come late, and no restart would help. So wall time is compared with
a clock that nobody sets, and with what witnesses and the chain say; while they contradict it, nothing is taken in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from verifier.errors import Unavailable
from verifier.instant import HOUR, MINUTE, SECOND

JUMP_LIMIT = MINUTE
"""How far (ms) wall time may leave steady time between two looks: NTP steps by less, leap seconds by one."""
AGREES = 150 * SECOND
"""How far (ms) it may be from others' clocks: half of what an audit allows between `recorded_at` and cosignatures."""
REFERENCE_AGE = HOUR
"""How long (ms) what somebody said of the time counts; witnesses are asked twice as often."""


def now_ms() -> int:
    """This computer's clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """A clock that nobody sets and that goes on while the computer sleeps, milliseconds since some instant."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


@dataclass(frozen=True, slots=True)
class _Heard:
    """What somebody said: its time less ours that is steady, and when (steady ms)."""

    offset: int
    at: int
    binding: bool


class Clock:
    """For every thread. What it is at the start it is believed; after a jump it has to be right again, or confirmed."""

    def __init__(self, wall: Callable[[], int] = now_ms, steady: Callable[[], int] = steady_ms) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()
        self._heard: dict[str, _Heard] = {}
        self._lock = threading.Lock()

    def heard(self, who: str, at: int, *, binding: bool = True) -> None:
        """Somebody else has just said what time it is (ms).

        `binding`: it is a clock that goes, as a witness's is. The time of a block only confirms: chains may idle.
        """
        with self._lock:
            steady = self._steady()
            self._heard[who] = _Heard(at - steady, steady, binding)

    def now(self) -> int:
        """What time it is (ms). Raises Unavailable (`clock_doubted`) while this clock is not to be believed."""
        with self._lock:
            wall, steady = self._wall(), self._steady()
            doubt = self._doubt(wall, steady)
            if doubt is None:
                self._offset = wall - steady  # clocks are slewed, and small steps add up
                return wall
        raise Unavailable(doubt, code="clock_doubted")

    def best(self) -> int:
        """What time it is (ms), by steady time where this computer's clock is not to be believed. Never raises."""
        with self._lock:
            wall, steady = self._wall(), self._steady()
            if self._doubt(wall, steady) is None:
                return wall
            binding = self._fresh(steady, binding=True)
            return steady + round(median(binding)) if binding else steady + self._offset

    def doubt(self) -> str | None:
        """Why it is not to be believed now, if so."""
        with self._lock:
            return self._doubt(self._wall(), self._steady())

    def _doubt(self, wall: int, steady: int) -> str | None:
        offset = wall - steady
        jump, binding = offset - self._offset, self._fresh(steady, binding=True)
        jumped = abs(jump) > JUMP_LIMIT
        # One witness alone may be the one that is wrong: it counts where we have cause to doubt. Else more than half
        # have to contradict us, so that one of two can stop no writer.
        agree = sum(abs(offset - other) <= AGREES for other in binding)
        if binding and (jumped or len(binding) > 1):
            if 2 * agree > len(binding) or (2 * agree == len(binding) and not jumped):
                return None
            apart = round(offset - median(binding))
            return (
                f"couldn't trust this computer's clock: it is {_span(apart)} of what {len(binding)} witnesses say; "
                "set it right, and the writer goes on"
            )
        if not jumped or any(abs(offset - other) <= AGREES for other in self._fresh(steady, binding=False)):
            return None
        return (
            f"couldn't trust this computer's clock: it is suddenly {_span(jump)} of where it was; set it right, and "
            "the writer goes on; if it is right now, start the server again"
        )

    def _fresh(self, steady: int, *, binding: bool) -> list[int]:
        return [
            one.offset for one in self._heard.values() if one.binding is binding and steady - one.at <= REFERENCE_AGE
        ]


def _span(ms: int) -> str:
    return f"{abs(ms) // SECOND} s {'ahead' if ms > 0 else 'behind'}"
