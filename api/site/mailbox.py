"""What other threads have for the event loop: put down as it comes, and fetched in one go.

Waking the loop costs a call of the system, at which it takes the interpreter from whoever woke it. Who answers hundreds
of requests at once puts all down first, and wakes once.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Mailbox:
    """For the event loop that it was made in; `put` and `wake` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = weakref.ref(asyncio.get_running_loop())  # a box is kept by its loop, and must not keep it
        self._waiting: deque[tuple[asyncio.Future[Any], Any]] = deque()

    def future(self) -> tuple[asyncio.Future[Any], Callable[[Any], None]]:
        """A future of the loop, and what puts its result down; an exception is raised by who awaits it."""
        future = asyncio.get_running_loop().create_future()
        return future, lambda result: self._waiting.append((future, result))

    def wake(self) -> None:
        """Have all that was put down fetched."""
        loop = self._loop()
        if loop is not None:
            with suppress(RuntimeError):  # it has been closed, and whoever waited is gone
                loop.call_soon_threadsafe(self._fetch)

    def _fetch(self) -> None:
        while self._waiting:
            future, result = self._waiting.popleft()
            if future.done():  # who waited has gone
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
