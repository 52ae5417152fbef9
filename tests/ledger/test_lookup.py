"""Look-ups of names end when their time is up, and those that hang hold a few threads and no more.

No name server can be made to hang here, so `socket.getaddrinfo` is what hangs; all else is real.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpcore
import httpx
import pytest

import api.cli.base.remote as cli_remote
import ledger.remote.deadline as deadline_module
from api.cli.base.remote import Remote
from ledger.remote.deadline import Deadline, bounded, cut
from ledger.remote.lookup import Lookups
from verifier.errors import Unavailable

SHORT = 0.3


class Names:
    """Name servers: names that begin with `slow` get no answer until `answer` is set, the others real ones."""

    def __init__(self) -> None:
        self.answer, self.asked, self._real = threading.Event(), Counter[str](), socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        self.asked[str(host)] += 1
        if str(host).startswith("slow"):
            self.answer.wait(60)
            host = "localhost"
        return self._real(host, *arguments, **options)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    monkeypatch.setattr(deadline_module, "LOOKUPS", Lookups(threads=2, queued=4, busy_seconds=SHORT / 3))
    yield names
    names.answer.set()
    wait_until(lambda: threads() == 0)


def threads() -> int:
    return sum(thread.name == "look-up" for thread in threading.enumerate())


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def ended_within(seconds: float, url: str) -> str:
    """What a request that cannot be made says; the deadline is SHORT."""
    begun = time.monotonic()
    client, raises = bounded(httpx.Client(trust_env=False)), pytest.raises(httpx.TransportError)
    with client, Deadline(SHORT).running(), raises as raised:
        client.get(url)
    assert time.monotonic() - begun < seconds
    return str(raised.value)


def test_a_name_without_an_answer_ends_with_the_deadline(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no name server said the address of slow.example" in ended_within(5, "http://slow.example")
    monkeypatch.setattr(cli_remote, "READ_SECONDS", SHORT)
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable, match=r"couldn't reach the server at .*no name server said"):
        Remote("http://slow.example").get("/v1/ledger")
    assert names.asked == {"slow.example": 1}, "one name is looked up once for all who want it"


def test_names_that_hang_hold_few_threads_and_others_are_told(names: Names) -> None:
    for at in range(20):
        said = ended_within(5, f"http://slow{at}.example")
        assert ("couldn't begin to look up" in said) is (at >= 2), said
        assert threads() <= 2
    assert "couldn't begin to look up the address of localhost" in ended_within(5, "http://localhost:1")
    assert "refused" in ended_within(5, "http://127.0.0.1:1"), "an address needs no name server"
    names.answer.set()
    wait_until(lambda: threads() == 0)
    assert "refused" in ended_within(5, "http://localhost:1"), "and afterwards all is well"


def test_many_names_at_once_are_all_looked_up(names: Names) -> None:
    names.answer.set()
    lookups, gone = Lookups(threads=2), Future[None]()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda at: lookups.addresses(f"slow{at}", 80, time.monotonic() + 20, gone), range(48)))
    assert all("127.0.0.1" in one for one in found)
    assert set(names.asked.values()) == {1}


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a..b", "x" * 64 + ".example"])
def test_a_name_that_is_none_is_said(host: str) -> None:
    with pytest.raises(httpcore.ConnectError, match="couldn't look up the address of"):
        Lookups().addresses(host, 80, time.monotonic() + 20, Future())


def test_who_ends_a_client_waits_for_no_name(names: Names) -> None:
    with bounded(httpx.Client(trust_env=False, timeout=60)) as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.get, "http://slow.example")
        wait_until(lambda: bool(names.asked))
        cut(client)
        with pytest.raises(httpx.ConnectError, match="this client has ended"):
            asked.result(10)


def answer_once(server: socket.socket) -> None:
    with server, server.accept()[0] as connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_an_address_where_nobody_answers_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address is a listener that is full: it takes no connection and refuses none."""
    full = socket.create_server(("127.0.9.9", 0), backlog=0)
    with full:
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(("127.0.9.9", port))
        try:
            server = socket.create_server(("127.0.9.8", port))
            serve = threading.Thread(target=lambda: answer_once(server), daemon=True)
            serve.start()
            places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, port)) for at in ("127.0.9.9", "127.0.9.8")]
            real = socket.getaddrinfo
            monkeypatch.setattr(
                socket,
                "getaddrinfo",
                lambda host, *more, **named: places if host == "two.example" else real(host, *more, **named),
            )
            with bounded(httpx.Client(trust_env=False)) as client, Deadline(4).running():
                assert client.get(f"http://two.example:{port}").status_code == 204
            serve.join(10)
        finally:
            for one in held:
                one.close()
