"""Whole deadlines for HTTP, from the first byte that is sent to the last one that is read, and an end before them.

A client's timeouts hold for one read of a socket each. A server that sends a byte of a header every few seconds never
meets them, and would hold its reader for good. Here every read, write and connect gets what is left of the whole; to
connect means to look the host's name up and to try its addresses.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock
from typing import Any
from weakref import WeakSet

import httpcore
import httpx

from ledger.remote.lookup import LOOKUPS

CONNECT_SECONDS = 30.0
"""For a connection where nobody says how long it may take."""
_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)


class Deadline:
    """So many seconds from now. Requests made while it is `running` get no more than what is left of them."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when the time is up."""
        return max(0.0, self._until - time.monotonic())

    @contextmanager
    def running(self) -> Iterator[None]:
        """What this thread sends and reads meanwhile is bounded. An outer deadline that ends sooner holds as well."""
        outer = _UNTIL.get()
        token = _UNTIL.set(self._until if outer is None else min(outer, self._until))
        try:
            yield
        finally:
            _UNTIL.reset(token)

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, each waited for under this deadline. What the taker does between them is not bounded."""
        each = iter(pieces)
        while True:
            with self.running():
                piece = next(each, None)
            if piece is None:
                return
            yield piece


def bounded(client: httpx.Client) -> httpx.Client:
    """Have a client heed the deadline that runs in the calling thread; returns the client."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no public way to a backend of its own; a test with a slow server holds this to its purpose.
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return client


def cut(client: httpx.Client) -> None:
    """End what other threads send and read through a `bounded` client: it fails at once, and so does what comes later.

    Closing a socket does not wake the thread that reads from it; shutting it down does.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport) and isinstance(transport._pool._network_backend, _Backend):
            transport._pool._network_backend.cut()


class _Backend(httpcore.NetworkBackend):
    """Opens connections whose every step is bounded."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner, self._ended = inner, Future[None]()
        self._open: WeakSet[socket.socket] = WeakSet()
        self._lock = Lock()

    def cut(self) -> None:
        """Open no more, and end those that are open."""
        with self._lock:
            if not self._ended.done():
                self._ended.set_result(None)
            opened = tuple(self._open)
        for one in opened:
            with suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # of TLS too, which takes no part in it

    def keep(self, one: socket.socket) -> None:
        """Have `cut` end a connection. Raises httpcore.ConnectError if it has."""
        with self._lock:
            self._open.add(one)
            if self._ended.done():
                raise httpcore.ConnectError("this client has ended")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """A connection. Raises httpcore.ConnectError, httpcore.ConnectTimeout."""
        left = _left(timeout)
        until = time.monotonic() + (CONNECT_SECONDS if left is None else left)
        addresses = LOOKUPS.addresses(host, port, until, self._ended)
        last: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for at, address in enumerate(addresses):
            # An address where nobody answers must leave time for the others.
            share = max(0.001, until - time.monotonic()) / (len(addresses) - at)
            try:
                stream = self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
                continue
            return _Stream(stream, self.keep)
        raise last or httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """One connection; a keep-alive one serves many requests, each under the deadline that runs then."""

    def __init__(self, inner: httpcore.NetworkStream, keep: Callable[[socket.socket], None]) -> None:
        """`keep`: have a connection ended with the others. Raises what it raises, with the connection closed."""
        self._inner, self._keep = inner, keep
        try:
            keep(inner.get_extra_info("socket"))
        except httpcore.ConnectError:
            inner.close()
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come."""
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        """Let go."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted. Raises httpcore.ConnectError, httpcore.ConnectTimeout."""
        with self._held():
            encrypted = self._inner.start_tls(ssl_context, server_hostname, _left(timeout))
        return _Stream(encrypted, self._keep)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """For the handshake: the encrypted socket takes the descriptor of the plain one, and is not here yet."""
        plain = self.get_extra_info("socket")
        if isinstance(plain, ssl.SSLSocket):  # TLS within a proxy's TLS leaves it where it is
            yield
            return
        try:
            twin = plain.dup()
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        with twin:
            try:
                self._keep(twin)
            except httpcore.ConnectError:
                self.close()
                raise
            yield

    def get_extra_info(self, info: str) -> Any:
        """What the connection tells about itself."""
        return self._inner.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    until = _UNTIL.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for the whole answer is up")
    return left if timeout is None else min(timeout, left)
