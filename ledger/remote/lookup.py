"""Looking up the addresses of a host's name, with a deadline.

`getaddrinfo` has no deadline and cannot be stopped: with silent name servers it blocks for minutes, and its thread
stays. So a few threads look names up. Each caller waits for an address only as long as it has time, and one name is
looked up once for all callers. Names that hang block only these few threads.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from ipaddress import ip_address
from typing import Any

import httpcore

THREADS = 8
"""Look-ups at once, in a process."""
QUEUED = 64
"""Names that may wait for a thread; beyond that a look-up fails at once."""
BUSY_SECONDS = 5.0
"""How long a name waits for a thread. Look-ups take milliseconds where name servers answer."""

_Place = tuple[str, int]


class Lookups:
    """A bounded number of threads that look names up for all other threads.

    None is kept when there is nothing to do.
    """

    def __init__(self, threads: int = THREADS, queued: int = QUEUED, busy_seconds: float = BUSY_SECONDS) -> None:
        self._most, self._queued, self._busy_seconds = threads, queued, busy_seconds
        self._lock = threading.Lock()
        self._asked: dict[_Place, Future[list[str]]] = {}  # all that have no answer yet
        self._queue: deque[_Place] = deque()  # those of them that no thread has taken
        self._threads = 0

    def addresses(self, host: str, port: int, until: float, gone: Future[None]) -> list[str]:
        """The addresses of a host, as texts, the best first; those of an address are itself.

        `until`: an instant of the monotonic clock (s). `gone`: once it is done, nobody wants the answer any more.
        Raises httpcore.ConnectTimeout: no answer until then, or too many others wait for theirs. httpcore.ConnectError:
        there is no such name, or nobody wants it any more.
        """
        if _is_address(host):
            return [host]
        begun = time.monotonic()
        answer = self._ask((host, port))
        either: set[Future[Any]] = {answer, gone}
        wait(either, min(max(0.0, until - begun), self._busy_seconds), FIRST_COMPLETED)
        if not (answer.done() or answer.running() or gone.done()):
            raise self._busy(host)
        wait(either, max(0.0, until - time.monotonic()), FIRST_COMPLETED)
        if gone.done():
            raise httpcore.ConnectError("this client has ended")
        if not answer.done():
            seconds = time.monotonic() - begun
            raise httpcore.ConnectTimeout(f"no name server said the address of {host} within {seconds:.1f} s")
        try:
            return answer.result()
        except (OSError, UnicodeError) as error:  # UnicodeError: no name in the sense of IDNA
            raise httpcore.ConnectError(f"couldn't look up the address of {host}: {error}") from error

    def _ask(self, place: _Place) -> Future[list[str]]:
        with self._lock:
            if place in self._asked:
                return self._asked[place]
            if len(self._queue) >= self._queued:
                raise self._busy(place[0])
            answer = self._asked[place] = Future()
            self._queue.append(place)
            if self._threads < self._most:
                try:
                    # A daemon: one that hangs must not keep the process from ending.
                    threading.Thread(target=self._work, name="look-up", daemon=True).start()
                    self._threads += 1
                except RuntimeError as error:  # the system gives no thread
                    if not self._threads:
                        self._queue.pop()
                        del self._asked[place]
                        raise httpcore.ConnectError(f"couldn't look up the address of {place[0]}: {error}") from error
            return answer

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                place = self._queue.popleft()
                answer = self._asked[place]
                answer.set_running_or_notify_cancel()
            try:
                found, failed = _look_up(*place), None
            except Exception as error:
                found, failed = [], error
            with self._lock:  # later callers want a new answer
                del self._asked[place]
            if failed is None:
                answer.set_result(found)
            else:
                answer.set_exception(failed)

    def _busy(self, host: str) -> httpcore.ConnectTimeout:
        return httpcore.ConnectTimeout(
            f"couldn't begin to look up the address of {host}: {self._most} other look-ups wait for name servers"
        )


LOOKUPS = Lookups()
"""The look-ups of this process."""


def _look_up(host: str, port: int) -> list[str]:
    found: list[str] = []
    for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(place[0])
        if family == socket.AF_INET6 and len(place) == 4 and place[3] and "%" not in address:
            address = f"{address}%{place[3]}"  # a link-local address is one on an interface
        if address not in found:
            found.append(address)
    return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
