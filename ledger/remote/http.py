"""Published files over HTTP: bounded in size and time, retried if that can help, and from one host only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from threading import Event
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from ledger.remote.client import open_client
from ledger.remote.deadline import Deadline, cut
from ledger.remote.files import Sleep, not_found, too_large
from ledger.remote.urls import check_http_url, is_loopback
from verifier.errors import Malformed, Unavailable
from verifier.foreign import shown

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
"""Seconds to connect, and between two pieces of an answer."""
ANSWER_SECONDS = 60.0
"""For one answer, besides what SLOWEST allows for its size."""
SLOWEST = 64 * 1024
"""Bytes a second below which a server that drips its answer is given up."""
ATTEMPTS = 5
"""How often one file is asked for."""
PAUSE = 0.4
"""Seconds before the second attempt; doubled for each further one, and randomised to spread readers out."""
PAUSE_MAX = 15.0
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class HttpFiles:
    """Files below one address. Safe for threads; close it when done (it is a context manager)."""

    def __init__(self, url: str, *, sleep: Sleep | None = None, timeout: httpx.Timeout = TIMEOUT) -> None:
        """`url`: a server, or its `/log/`. `sleep`: what waits before a further attempt.

        Raises Malformed (`url`) for http to another machine.
        """
        self._base = log_url(url)
        self._ended = Event()
        self._sleep = sleep or self._ended.wait
        # A redirect, or an answer that unpacks to more than was asked for, counts as no answer.
        self._client = open_client(
            self._base,
            headers={"User-Agent": "carnet", "Accept-Encoding": "identity"},
            timeout=timeout,
            limits=httpx.Limits(max_connections=8),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def name(self) -> str:
        """The address."""
        return self._base

    def read(self, path: str, limit: int) -> bytes:
        """See `PublishedFiles.read`. All attempts together take no longer than two answers may."""
        attempt, whole = 1, Deadline(2 * _seconds(limit))
        while True:
            try:
                with whole.running():
                    return b"".join(self._pieces(path, limit))
            except _Again as again:
                if attempt == ATTEMPTS or not whole.left or self._ended.is_set():
                    raise Unavailable(str(again), code="server") from again
                self._sleep(again.pause if again.pause is not None else _spread(attempt))
                attempt += 1

    def stream(self, path: str, limit: int) -> Iterator[bytes]:
        """See `PublishedFiles.stream`. It is tried only once, since pieces that were given out cannot be taken back."""
        try:
            yield from self._pieces(path, limit)
        except _Again as again:
            raise Unavailable(str(again), code="server") from again

    def end(self) -> None:
        """See `PublishedFiles.end`."""
        self._ended.set()
        cut(self._client)

    def _pieces(self, path: str, limit: int) -> Iterator[bytes]:
        url, got, deadline = self._base + path, 0, Deadline(_seconds(limit))
        try:
            with deadline.running():
                response = self._client.send(self._client.build_request("GET", url), stream=True)
            try:
                self._check(response, path)
                for piece in deadline.over(response.iter_raw()):
                    got += len(piece)
                    if got > limit:
                        raise too_large(path, limit)
                    yield piece
            finally:
                response.close()
        except httpx.TransportError as error:
            slow = isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
            why = "it came too slowly" if slow else str(error) or type(error).__name__
            raise _Again(f"couldn't read {url}: {why}") from error

    def _check(self, response: httpx.Response, path: str) -> None:
        status = response.status_code
        if status in (404, 410):
            raise not_found(path, self._base)
        if status in _AGAIN:
            raise _Again(f"couldn't read {self._base}{path}: it answered {status}", _retry_after(response))
        if 300 <= status < 400:
            to = shown(response.headers.get("location", "nowhere"), 200)
            raise Unavailable(
                f"couldn't read {self._base}{path}: it sends readers on to {to}; if you trust that, name it",
                code="redirect",
            )
        if status != 200 or response.headers.get("content-encoding", "identity") != "identity":
            raise Unavailable(f"couldn't read {self._base}{path}: it answered {status}, packed or not", code="server")


def _seconds(limit: int) -> float:
    """The seconds that one answer of up to `limit` bytes may take."""
    return ANSWER_SECONDS + limit / SLOWEST


class _Again(Exception):
    """It may work at another attempt, after `pause` seconds."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


def log_url(url: str) -> str:
    """The address of a published log, with its last slash: `…/log/` of a server; such an address stays as it is.

    Raises Malformed (`url`) unless it is https, or http to this machine.
    """
    check_http_url(url)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise Malformed(f"couldn't use {url}: expected https://…; plain http is for this machine only", code="url")
    base = url.rstrip("/")
    return f"{base}/" if base.endswith("/log") else f"{base}/log/"


def _spread(attempt: int) -> float:
    longest: float = min(PAUSE_MAX, PAUSE * 2 ** (attempt - 1))
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - only keeps readers from marching in step


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), PAUSE_MAX) if text.isdigit() and len(text) < 6 else None
