"""Places for uploads: few at once. An upload that holds one without sending makes room for a new one.

With fixed places and a deadline alone, two networks that drip could hold every place for as long as they like. So while
somebody waits for a place, each upload must keep a pace: a number of bytes a second since its start, after a short
grace. The slowest one below the pace is ended. An upload that keeps the pace is never ended, and neither is one that
waits for us.

A network that was too slow comes after all others for a while; otherwise many dripping networks would only take turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.http.denied import Denied

LOOK_SECONDS = 0.25
"""How often uploads are checked while somebody waits."""
WAITING_FOR_EACH = 4
"""How many may wait for each place. A waiting sender costs a connection and the bytes that uvicorn reads ahead."""
SLOW_SECONDS = 600.0
"""How long the uploads of a network come after others once one of them was too slow."""
MOST_SLOW = 4096
"""The most networks that are remembered as too slow; beyond it the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace that an upload must keep. Seconds count only while we wait for its sender, not while it waits for us.

    `rate`: bytes a second. `patience`: seconds before the rate counts while nobody waits, `grace` while somebody does.
    `wait`: how long somebody waits for a place.
    """

    rate: int
    patience: float
    grace: float
    wait: float


class Upload:
    """One upload that wants a place or has one."""

    def __init__(self, network: str, pace: Pace) -> None:
        self.network, self._pace = network, pace
        self.ended = False  # it has made room for another, or is about to
        self._late = False
        self._received, self._waited = 0, 0.0
        self._since: float | None = None  # when we began to wait for the sender; None while it waits for us
        self._timer: asyncio.Timeout | None = None

    @property
    def was_slow(self) -> bool:
        """Whether it was cut off, or left by itself after keeping us waiting below the pace for part of the grace."""
        waited = self._waited
        return self._late or (waited > self._pace.grace / 3 and self._received < self._pace.rate * waited)

    def speed(self, now: float) -> float | None:
        """Bytes a second beyond the grace, if that is below the pace; None if the upload may not be ended."""
        if self.ended or self._since is None:
            return None
        seconds = self._waited + now - self._since - self._pace.grace
        below = seconds > 0 and self._received < self._pace.rate * seconds
        return self._received / seconds if below else None

    def end(self) -> None:
        """End it to make room: the wait for its next piece gives up."""
        self.ended = True
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(asyncio.get_running_loop().time())

    async def piece(self, stream: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of the body, None at its end. Raises Denied (`body_late`) if it is too slow."""
        clock = asyncio.get_running_loop().time
        since = self._since = clock()
        left = self._pace.patience + self._received / self._pace.rate - self._waited
        try:
            async with asyncio.timeout_at(since + left) as self._timer:
                chunk = await anext(stream, None)
        except TimeoutError:
            self._late, chunk = True, None
        finally:
            self._timer = self._since = None
            self._waited += clock() - since
        if self._late or self.ended:
            self._late = True
            raise self._too_slow()
        self._received += len(chunk or b"")
        return chunk

    def _too_slow(self) -> Denied:
        room = "; others are waiting, and this was the slowest upload" if self.ended else ""
        return Denied(
            f"couldn't take the segment: {self._received} bytes came in {self._waited:.0f} s, "
            f"expected {self._pace.rate} a second{room}",
            code="body_late",
        )


class Uploads:
    """The places of one listener, for its event loop only. A network has half of them at most, waiting or sending."""

    def __init__(self, most: int, pace: Pace) -> None:
        self._most, self._share, self._pace = most, max(1, most // 2), pace
        self._sending: set[Upload] = set()
        self._waiting: dict[Upload, asyncio.Future[None]] = {}  # in order of arrival
        self._of: Counter[str] = Counter()
        self._slow: dict[str, float] = {}  # network -> when it was last too slow, oldest first
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def place(self, network: str) -> AsyncIterator[Upload]:
        """A place for an upload from a network, as soon as there is one. Raises Denied (`rate_limited`)."""
        if self._of[network] >= self._share:
            raise _full()
        upload = Upload(network, self._pace)
        self._of[network] += 1
        try:
            await self._turn(upload)
            yield upload
        finally:
            self._sending.discard(upload)
            if upload.was_slow:
                self._note_slow(network)
            self._of[network] -= 1
            if not self._of[network]:
                del self._of[network]
            self._fill()

    async def _turn(self, upload: Upload) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= self._most * WAITING_FOR_EACH:
            self._turn_away_for(upload)
        self._waiting[upload] = turn
        self._fill()
        if self._timer is None:
            self._look_later()
        try:
            async with asyncio.timeout(self._pace.wait):
                await turn
        except TimeoutError:
            raise _full() from None
        finally:
            self._waiting.pop(upload, None)

    def _fill(self) -> None:
        """Assign free places."""
        while self._waiting and len(self._sending) < self._most:
            upload = min(self._waiting, key=self._rank)
            turn = self._waiting.pop(upload)
            if not turn.done():  # otherwise its sender has just given up
                self._sending.add(upload)
                turn.set_result(None)

    def _rank(self, upload: Upload) -> tuple[bool, int]:
        """Rank in the queue, lower first, then by arrival: networks that were never slow, then those sending least."""
        slow = self._slow.get(upload.network)
        is_slow = slow is not None and asyncio.get_running_loop().time() - slow < SLOW_SECONDS
        return is_slow, sum(one.network == upload.network for one in self._sending)

    def _turn_away_for(self, upload: Upload) -> None:
        """Turn away the last in rank. Raises Denied (`rate_limited`) if that is the newcomer."""
        last = max(reversed(self._waiting), key=self._rank)
        if self._rank(last) <= self._rank(upload):
            raise _full()
        turn = self._waiting.pop(last)
        if not turn.done():
            turn.set_exception(_full())

    def _note_slow(self, network: str) -> None:
        self._slow.pop(network, None)
        self._slow[network] = asyncio.get_running_loop().time()
        if len(self._slow) > MOST_SLOW:
            del self._slow[next(iter(self._slow))]

    def _look_later(self) -> None:
        """Stop checking while nobody waits."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LOOK_SECONDS
        self._timer = loop.call_at(due, self._look, due) if self._waiting else None

    def _look(self, due: float) -> None:
        """End as many of the slowest uploads as there are others waiting."""
        now = asyncio.get_running_loop().time()
        # If this loop was busy, bytes may have come that no upload has seen yet: they get until the next look.
        if now - due < LOOK_SECONDS:
            wanted = len(self._waiting) - sum(one.ended for one in self._sending)
            late = [(speed, one) for one in self._sending if (speed := one.speed(now)) is not None]
            for _, one in sorted(late, key=lambda pair: pair[0])[: max(0, wanted)]:
                one.end()
        self._look_later()


def _full() -> Denied:
    return Denied("couldn't take the segment: others are being sent", code="rate_limited", headers={"Retry-After": "5"})
