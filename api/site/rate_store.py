"""Where rate limits count: this process's memory, without threads.

The memory store that comes with `limits` starts a timer thread every few milliseconds which walks over every address it
has seen; under load from many addresses that costs more than the requests. Here old addresses leave a few at a time.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from limits.storage import MovingWindowSupport, Storage

_SWEPT = 2  # old keys looked at for each new request, so that keys leave faster than they come


class RateStore(Storage, MovingWindowSupport):
    """Moving windows as the instants of their requests, and counters with an end. For one thread, the event loop's."""

    STORAGE_SCHEME = ["carnet-memory"]  # noqa: RUF012 - as the base class declares it

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[str, tuple[deque[float], int]] = OrderedDict()
        self._counters: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` requests into the window of `expiry` seconds, unless it would then hold more than `limit`."""
        return self.count(key, limit, expiry, amount)[0]

    def count(self, key: str, limit: int, expiry: int, amount: int) -> tuple[bool, float, int]:
        """The same; whether they were counted, how many seconds until the oldest one leaves, and how many there are.

        One call for what the library's moving window asks in two: a look-up takes about as long as both.
        """
        now = time.time()
        window = self._window(key, expiry, now)
        passes = len(window) + amount <= limit
        if passes:
            window.extend([now] * amount)
            self._sweep(now)
        return passes, (window[0] if window else now) + expiry - now, len(window)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002 - the port's
        """When the oldest request in the window came, and how many are in it."""
        now = time.time()
        kept = self._windows.get(key)
        if kept is None:
            return now, 0
        window, _ = kept
        _drop_old(window, now - expiry)
        return (window[0], len(window)) if window else (now, 0)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter that ends `expiry` seconds after its first addition."""
        now = time.time()
        count, ends = self._counters.get(key, (0, 0.0))
        count, ends = (count, ends) if now < ends else (0, now + expiry)
        if count == 0:
            self._counters = {k: v for k, v in self._counters.items() if now < v[1]}
        self._counters[key] = (count + amount, ends)
        return count + amount

    def decr(self, key: str, amount: int) -> None:
        """Take back from a counter what was added to it; nothing once it has ended."""
        count, ends = self._counters.get(key, (0, 0.0))
        if time.time() < ends:
            self._counters[key] = (max(0, count - amount), ends)

    def get(self, key: str) -> int:
        """A counter's value."""
        count, ends = self._counters.get(key, (0, 0.0))
        return count if time.time() < ends else 0

    def get_expiry(self, key: str) -> float:
        """When a counter ends."""
        return self._counters.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        count = len(self._windows) + len(self._counters)
        self._windows.clear()
        self._counters.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)
        self._counters.pop(key, None)

    def __len__(self) -> int:
        """How many windows are kept."""
        return len(self._windows)

    def _window(self, key: str, expiry: int, now: float) -> deque[float]:
        kept = self._windows.get(key)
        if kept is None:
            kept = self._windows[key] = (deque(), expiry)
        else:
            self._windows.move_to_end(key)
        _drop_old(kept[0], now - expiry)
        return kept[0]

    def _sweep(self, now: float) -> None:
        """Let go of the keys that were used longest ago, if nothing in them counts any more."""
        for _ in range(_SWEPT):
            key, (window, expiry) = next(iter(self._windows.items()))
            if window and window[-1] > now - expiry:
                return
            del self._windows[key]


def _drop_old(window: deque[float], until: float) -> None:
    while window and window[0] <= until:
        window.popleft()
