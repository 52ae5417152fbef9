"""The door: uvicorn's HTTP/1.1 protocol with bounds that begin at the socket.

uvicorn reads headers of any length for any time, takes any number of connections and waits for ever for a client that
does not read. Its `limit_concurrency` counts requests, not sockets. Here a connection has one of four stages, and each
has its deadline. Bounds per request (size and rate) are in the guard behind it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from enum import IntEnum
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.gate import Gate, network_of
from api.http.head import without_upgrade, wrong_host
from api.http.limits import BACKLOG, DoorSettings, door_settings
from api.http.refusal import refusal

LINGER_SECONDS = 30.0
"""How long the rest of a body is still read, and thrown away, after the answer: most clients read the answer later."""
GRACE_SECONDS = 2.0
"""A connection makes room for others after waiting this many seconds for more of a body, or for a reader."""


class Stage(IntEnum):
    """What a connection is waiting for, in the order in which connections make room for others."""

    IDLE = 0  # no byte of a request has come
    HEADER = 1
    BODY = 2
    ANSWER = 3  # the request is whole


class DoorConfig(uvicorn.Config):
    """A configuration with a gate."""

    def __init__(self, app: Any, limits: DoorSettings | None = None, *, plain: bool = False, **options: Any) -> None:
        """Options as uvicorn's. `plain`: refusals are plain text, not problems. Raises Malformed (`settings`)."""
        limits = limits or door_settings()
        given = {"log_level": "warning", "access_log": False, "server_header": False, **options}
        given |= {"http": Door, "ws": "none", "backlog": BACKLOG, "timeout_keep_alive": limits.idle_seconds}
        super().__init__(app, **given)
        self.plain = plain
        self.gate = Gate(limits, self.forwarded_allow_ips)


class Door(HttpToolsProtocol):
    """One connection."""

    network = ""

    def __init__(self, config: uvicorn.Config, *arguments: Any, **options: Any) -> None:
        super().__init__(config, *arguments, **options)
        assert isinstance(config, DoorConfig)  # noqa: S101 - which names this class
        self._gate, self._limits, self._plain = config.gate, config.gate.limits, config.plain
        self._stage, self._since = Stage.IDLE, 0.0
        self._shut = False  # nothing more is read
        self._of_use, self._barren = False, 0  # bytes since the last useful thing: a whole header, a piece of a body
        self._header_bytes = 0
        self._body_bytes, self._body_waited = 0, 0.0
        self._unread, self._taken, self._unread_for = 0, 0, 0.0

    # what comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it if there is no room."""
        super().connection_made(transport)
        self._since = self.loop.time()
        peer = self.client[0] if self.client else "unknown"
        self.network = network_of(peer)
        if not self._gate.enter(self, peer, self.loop):
            self._refuse(503, "too many connections; try again in a moment", retry=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free its place."""
        self._gate.leave(self)
        self._shut = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that came, unless too many have come without anything useful in them."""
        if self._shut:
            return
        if self._stage is Stage.IDLE:
            self._enter(Stage.HEADER)
        self._of_use = False
        self._parse(data)
        # At most one piece lies beyond the bound. In a body, only chunk extensions and trailers are useless.
        self._barren = 0 if self._of_use else self._barren + len(data)
        if self._barren > self._limits.header_bytes and not self._shut:
            self._refuse_header()

    def on_message_begin(self) -> None:
        """A request line begins."""
        if self._shut:
            return
        super().on_message_begin()
        self._of_use, self._header_bytes = True, 0
        self._enter(Stage.HEADER)

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        if not self._shut:
            self._header_bytes += len(url)
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field; trailers, which nothing here reads, are left out."""
        if self._shut or self._stage is not Stage.HEADER:
            return
        self._header_bytes += len(name) + len(value) + 4  # `: ` and the line's end
        if len(self.headers) < self._limits.header_count and self._header_bytes <= self._limits.header_bytes:
            super().on_header(name, value)
        else:
            self._refuse_header()

    def on_headers_complete(self) -> None:
        """Begin the request, unless too many wait already.

        A client that pipelines sends the rest on another connection.
        """
        if self._shut:
            return
        if self._header_bytes > self._limits.header_bytes:
            self._refuse_header()
            return
        if wrong := wrong_host(self.parser.get_http_version(), self.headers):
            self._refuse(400, f"the request says not one host: {wrong}")
            return
        if self._wishes_upgrade:
            return  # it is parsed again, without the upgrade
        if len(self.pipeline) >= self._limits.pipelined:
            self._shut, self.cycle.keep_alive = True, False  # the last answer says that the connection closes
            return
        self._of_use, self._body_bytes, self._body_waited = True, 0, 0.0
        self._enter(Stage.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        if not self._shut:
            self._of_use = True
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._shut and not self._wishes_upgrade:
            self._of_use = True
            super().on_message_complete()
            self._enter(Stage.IDLE if self.cycle.response_complete else Stage.ANSWER)

    def on_response_complete(self) -> None:
        """The answer is sent. The rest of the request may still arrive for a while."""
        super().on_response_complete()
        if not self._at_work:
            self._enter(self._stage if self._stage in (Stage.HEADER, Stage.BODY) else Stage.IDLE)

    def send_400_response(self, msg: str) -> None:
        """The bytes that came are not HTTP/1.1."""
        if not self._shut:
            self._refuse(400, msg[:1].lower() + msg[1:].rstrip("."))

    # the gate calls these

    def patience(self) -> tuple[int, float] | None:
        """A connection that keeps us waiting can make room; one that waits for us cannot."""
        if self._shut:
            return None
        if self._stage is Stage.BODY:
            return (self._stage, -self._body_waited) if self._body_waited > GRACE_SECONDS else None
        if self.transport.get_write_buffer_size():
            return (Stage.ANSWER, -self._unread_for) if self._unread_for > GRACE_SECONDS else None
        return (self._stage, self._since) if not self._at_work else None

    def look(self, now: float, seconds: float) -> None:
        """End it if it is late."""
        if self._reads_too_slowly(seconds):
            self.end()
        elif self._shut:
            return
        elif self._stage is Stage.BODY:
            self._look_at_body(now, seconds)
        elif not self._at_work and now - self._since > self._limits.header_seconds:
            if self._stage is Stage.HEADER:
                self._refuse(408, f"the request's header took longer than {self._limits.header_seconds:g} seconds")
            elif self.cycle is None or now - self._since > self._limits.idle_seconds:
                self.end()

    def end(self) -> None:
        """Close it at once, whatever is under way, and drop the bytes that the kernel still holds for a slow reader."""
        self._shut = True
        with suppress(OSError):  # it may be closed already
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # how

    def _parse(self, data: bytes) -> None:
        """As uvicorn does, except that a request for another protocol (upgrade) does not end parsing.

        The parser stops after the head of such a request, so its body would be read as the next request. A new parser
        gets the head once more, without the upgrade, and continues with the body. If the connection is to be closed,
        the old parser would silently read nothing more.
        """
        self._unset_keepalive_if_required()
        while data and not self._shut:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stopped:
                head = without_upgrade(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
                data = head + data[stopped.args[0] :]
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")

    @property
    def _wishes_upgrade(self) -> bool:
        """CONNECT is no upgrade: there is nothing here to connect to."""
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    @property
    def _at_work(self) -> bool:
        """Whether an answer is still due. Among pipelined requests the last one decides."""
        return self.cycle is not None and not self.cycle.response_complete

    def _enter(self, stage: Stage) -> None:
        self._stage, self._since = stage, self.loop.time()

    def _look_at_body(self, now: float, seconds: float) -> None:
        if self.cycle.response_complete:
            if now - self._since > LINGER_SECONDS:
                self.end()
            return
        if not self.flow.read_paused:  # otherwise we are the ones who do not read
            self._body_waited += seconds
        if self._body_waited > self._limits.body_seconds + self._body_bytes / self._limits.body_rate:
            self._refuse(408, f"the request's body came too slowly: {self._body_bytes} bytes so far")

    def _reads_too_slowly(self, seconds: float) -> bool:
        """Whether bytes of an answer wait for a reader that is slower than the least rate."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread, self._taken, self._unread_for = 0, 0, 0.0
            return False
        self._taken += max(0, self._unread - unread)
        self._unread, self._unread_for = unread, self._unread_for + seconds
        return self._unread_for > self._limits.answer_seconds + self._taken / self._limits.answer_rate

    def _refuse_header(self) -> None:
        most = f"{self._limits.header_bytes} bytes and {self._limits.header_count} fields"
        self._refuse(431, f"the request's header is too large: expected at most {most}")

    def _refuse(self, status: int, words: str, *, retry: bool = False) -> None:
        """Answer in one line if no answer has begun, and close."""
        self._shut = True
        if self._at_work and (self.cycle.response_started or self.pipeline):
            self.end()
            return
        kind, body = refusal(status, words, plain=self._plain)
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"content-type: {kind}",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            *(["retry-after: 5"] if retry else []),
            "connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()


def door(app: Any, limits: DoorSettings | None = None, *, plain: bool = False, **options: Any) -> DoorConfig:
    """The server configuration for every application of Carnet: one process, quiet, behind the door."""
    return DoorConfig(app, limits, plain=plain, **options)
