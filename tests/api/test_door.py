"""The door: what a sender can hold of us, by connections, header, body and answer, and for how long."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from api.http.door import Stage
from api.http.limits import MOST_CONNECTIONS, RESERVE, DoorSettings, door_settings
from api.http.refusal import REFUSALS, refusal
from api.problem.texts import CLASSES, CODES
from tests.listening import listening
from verifier.errors import Malformed

LIMITS = DoorSettings(
    connections=8,
    connections_per_network=100,
    header_seconds=0.4,
    body_seconds=0.4,
    body_rate=1_000_000,
    answer_seconds=0.4,
    answer_rate=1_000_000_000,
    pipelined=4,
)
LARGE = 16 * 2**20
GO = threading.Event()


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/")
    async def hello() -> PlainTextResponse:
        return PlainTextResponse("hello")

    @made.get("/slow")
    def slow() -> PlainTextResponse:
        GO.wait(20)
        return PlainTextResponse("at last")

    @made.get("/large")
    async def large() -> PlainTextResponse:
        return PlainTextResponse("x" * LARGE)

    @made.post("/length")
    async def length(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    @made.post("/unread")
    async def unread() -> PlainTextResponse:
        return PlainTextResponse("no, thank you", 413)

    return made


@contextmanager
def at(limits: DoorSettings = LIMITS) -> Iterator[tuple[str, int]]:
    with listening(app(), limits) as url:
        found = urlsplit(url)
        yield str(found.hostname), int(found.port or 0)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with at() as found:
        yield found


def talk(address: tuple[str, int], *parts: bytes) -> socket.socket:
    sock = socket.create_connection(address, timeout=20)
    for part in parts:
        sock.sendall(part)
    return sock


def rest(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = bytearray()
    try:
        while piece := sock.recv(65_536):
            found += piece
    except ConnectionError:
        pass
    return bytes(found)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def flood(address: tuple[str, int], first: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """Send the same piece again and again: how many bytes were taken before the other side closed, and its answer."""
    sock, sent = talk(address, first), 0
    try:
        while sent < most:
            sock.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent, rest(sock)


def test_half_open_connections_keep_nobody_out(address: tuple[str, int]) -> None:
    """Far more than there is room for: each that comes pushes out who has waited longest."""
    with ExitStack() as stack:
        held = [stack.enter_context(talk(address, b"GET / HTTP/1.1\r\nHost: x\r\n")) for _ in range(20)]
        for _ in range(3):
            assert httpx.get(f"http://{address[0]}:{address[1]}/").text == "hello"
        assert status(rest(held[0])) in (0, 408)  # pushed out, or too slow before that


def test_requests_that_are_being_answered_make_no_room(address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        GO.clear()
        busy = [stack.enter_context(talk(address, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")) for _ in range(8)]
        turned_away = rest(talk(address))
        assert status(turned_away) == 503
        assert b"retry-after: 5" in turned_away
        GO.set()
        for sock in busy:
            assert sock.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ", b"a" * 65_536),
        (b"GET /", b"a" * 65_536),
        (b"", b"\r\n" * 32_768),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * 10_000),
        (b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ", b"a" * 65_536),
        (b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=", b"a" * 65_536),
    ],
    ids=["field", "target", "empty lines", "many fields", "trailer", "chunk extension"],
)
def test_an_endless_header_ends(address: tuple[str, int], first: bytes, piece: bytes) -> None:
    """Some megabytes lie in the kernel's buffers on both sides; what is read is less than one."""
    sent, answer = flood(address, first, piece, 400 * 2**20)
    assert sent < 16 * 2**20
    assert status(answer) in (0, 400, 431)  # 0: the answer was lost, since we closed while more was coming


def test_a_header_that_is_just_too_large_is_told_so(address: tuple[str, int]) -> None:
    start = b"GET / HTTP/1.1\r\nHost: x\r\n"
    for field, expected in ((b"X: " + b"a" * 31_000, 200), (b"X: " + b"a" * 33_000, 431)):
        assert status(rest(talk(address, start, field, b"\r\nConnection: close\r\n\r\n"))) == expected
    for count, expected in ((90, 200), (110, 431)):
        assert status(rest(talk(address, start, b"X: a\r\n" * count, b"Connection: close\r\n\r\n"))) == expected


def test_a_refusal_is_a_problem(address: tuple[str, int]) -> None:
    start = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 33_000 + b"\r\n\r\n"
    head, _, body = rest(talk(address, start)).partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json\r\n" in head
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("/problems/header_too_large", 431)
    assert problem["detail"].startswith("couldn't answer: the request's header is too large")
    for status_, (code, title) in REFUSALS.items():
        assert (CODES.get(code) or CLASSES[Malformed]).status == status_
        assert (CODES.get(code) or CLASSES[Malformed]).title == title
        kind, said = refusal(status_, "no", plain=True)
        assert (kind, said) == ("text/plain; charset=utf-8", b"couldn't answer: no\n"), "as a witness speaks"


def test_who_does_not_go_on_is_told_so_and_closed(address: tuple[str, int]) -> None:
    half = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ]
    with ExitStack() as stack:
        waiting = [stack.enter_context(talk(address, sent)) for sent in half]
        dripping = stack.enter_context(talk(address, b"GET / HTTP/1.1\r\n"))
        assert drip(dripping) in (0, 408)  # bytes that come do not move the deadline
        answers = [rest(sock) for sock in waiting]
    assert [status(answer) for answer in answers] == [0, 408, 408]
    assert all(b"connection: close" in answer for answer in answers[1:])


def drip(sock: socket.socket) -> int:
    """Send a byte every tenth of a second until the other side has had enough; the status it gave, 0 for none."""
    sock.settimeout(0.1)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            sock.sendall(b"X")
            return status(sock.recv(4_096))
        except TimeoutError:
            continue
        except ConnectionError:
            return 0
    pytest.fail("the header went on for ever")


def test_a_reader_that_does_not_read_is_closed(address: tuple[str, int]) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        sock.settimeout(20)
        sock.connect(address)
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        closed = select.poll()
        closed.register(sock, select.POLLERR | select.POLLHUP)
        assert closed.poll(20_000), "it waited for its reader for ever"
        assert len(rest(sock)) < LARGE


def test_pipelining_ends_after_so_many(address: tuple[str, int]) -> None:
    answer = rest(talk(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5_000))
    assert 4 <= answer.count(b"HTTP/1.1 200") <= 6
    assert answer.count(b"connection: close") == 1


def test_a_body_nobody_reads_is_thrown_away_and_the_next_request_answered(address: tuple[str, int]) -> None:
    body = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    answer = rest(talk(address, body, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.endswith(b"hello")


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


@pytest.mark.parametrize("wish", [UPGRADE, UPGRADE.replace(b"h2c", b"websocket"), UPGRADE.replace(b"h2c", b"x, y")])
@pytest.mark.parametrize("apart", [True, False])
def test_a_wish_for_another_protocol_leaves_the_body_a_body(
    address: tuple[str, int], wish: bytes, *, apart: bool
) -> None:
    """Java's HttpClient and `curl --http2` wish for h2c with every first request. What they send is never taken for
    the next request: behind a proxy, its answer would go to somebody else."""
    body = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (len(body), wish)
    behind = b"GET / HTTP/1.1\r\nHost: x\r\n%s\r\n" % wish + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = rest(talk(address, head, body, behind) if apart else talk(address, head + body + behind))
    assert [piece[:3] for piece in answer.split(b"HTTP/1.1 ")] == [b"", b"200", b"200", b"200"]
    assert b"\r\n\r\n%dHTTP/1.1" % len(body) in answer
    assert answer.count(b"hello") == 2


@pytest.mark.parametrize(
    "head",
    [
        b"POST /length HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n",
        b"POST /length HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
    ],
)
def test_a_wish_for_another_protocol_on_the_last_request_is_answered(address: tuple[str, int], head: bytes) -> None:
    """nginx speaks HTTP/1.0 to what is behind it unless it is told otherwise, and passes the wish on."""
    answer = rest(talk(address, head, b"Content-Length: 5\r\n\r\n", b"hello"))
    assert (status(answer), answer[-5:]) == (200, b"\r\n\r\n5")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a@b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost:\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n", 200),
        (b"GET / HTTP/1.0\r\n", 200),
    ],
)
def test_a_request_says_one_host(address: tuple[str, int], head: bytes, expected: int) -> None:
    assert status(rest(talk(address, head, b"Connection: close\r\n\r\n"))) == expected


def test_ordinary_bodies_pass(address: tuple[str, int]) -> None:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as http:
        for size in (0, 1, 70_000, 3_000_000):
            assert http.post("/length", content=b"x" * size).text == str(size)
            assert http.post("/length", content=iter([b"x" * size])).text == str(size)


def test_one_network_takes_its_own_places_only() -> None:
    """Loopback may speak for others and is not bounded, so the gate is asked by itself."""
    from api.http.gate import Gate, network_of

    class One:
        def __init__(self, address: str, since: float, *, busy: bool = False) -> None:
            self.network, self._since, self._busy, self.ended = network_of(address), since, busy, False

        def patience(self) -> tuple[int, float] | None:
            return None if self._busy else (Stage.IDLE, self._since)

        def look(self, now: float, seconds: float) -> None: ...

        def end(self) -> None:
            self.ended = True

    class Loop:
        def time(self) -> float:
            return 0.0

        def call_later(self, *_: Any) -> object:
            return object()

    gate, loop = Gate(DoorSettings(connections=8, connections_per_network=2), "127.0.0.1"), Loop()

    def enter(one: One, peer: str) -> bool:
        return gate.enter(one, peer, loop)  # type: ignore[arg-type]

    stranger = [One("2001:db8::1", at) for at in range(3)]
    assert [enter(one, "2001:db8::1") for one in stranger] == [True, True, True]
    assert [one.ended for one in stranger] == [True, False, False]
    busy = [One("192.0.2.1", 9, busy=True) for _ in range(3)]
    assert [enter(one, "192.0.2.1") for one in busy] == [True, True, False]
    proxied = [One("127.0.0.1", 5) for _ in range(5)]
    assert all(enter(one, "127.0.0.1") for one in proxied)
    assert (len(gate), gate.pushed, gate.refused) == (8, 2, 1)


def test_limits_fit_what_the_process_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert DoorSettings(connections=None).most() == 512
    with pytest.raises(Malformed, match="got 1000, expected at most 768"):
        DoorSettings(connections=1000).most()
    monkeypatch.setenv("CARNET_DOOR_HEADER_BYTES", "lots")
    with pytest.raises(Malformed, match="CARNET_DOOR_HEADER_BYTES"):
        door_settings()


def test_the_page_lists_every_limit_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    for name, field in DoorSettings.model_fields.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `CARNET_DOOR_{name.upper()}`"))
        if field.default is not None:
            assert f"| {field.default:g} |" in row.replace("32768", f"{32768:g}")
    assert f"at most {MOST_CONNECTIONS:,}" in page
    assert f"; {RESERVE} files always remain" in page
