"""Attacks on a real server with ordinary limits. Each ends with the writer writing again by itself."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cli_world import GTIN, ROOT, Cli

from ledger.home import Home
from verifier.instant import DAY, MINUTE, SECOND, parse_instant

pytestmark = pytest.mark.node

FILES = 1024
"""What `ulimit -n` says on an ordinary system."""
PROGRAM = """
import os, resource, sys, time
real, real_ns = time.time, time.time_ns
def ahead():
    "Seconds that this computer's clock is ahead: as many as a file has bytes, which takes no descriptor to read."
    return os.stat(sys.argv[1]).st_size
time.time, time.time_ns = lambda: real() + ahead(), lambda: real_ns() + ahead() * 10**9
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2)
from api.cli import run
sys.exit(run(sys.argv[3:]))
"""


@dataclass
class Server:
    """A server under attack, and a maker who uses it."""

    url: str
    maker: Cli
    clock: Path
    disk: Path
    log: Path
    lots: int = 0

    @property
    def address(self) -> tuple[str, int]:
        found = urlsplit(self.url)
        return str(found.hostname), int(found.port or 0)

    def register(self) -> Any:
        """Register a batch as a maker elsewhere does; how the command ended and what it said."""
        self.lots += 1
        words = ("batch", "register", "--gtin", GTIN, "--lot", f"T{self.lots}", "--key", "acme", "--generate", "1")
        return self.maker(*words, "--server", self.url, "--json")

    def writes(self) -> dict[str, Any]:
        said = self.register()
        assert said.code == 0, said.out + said.err
        return dict(said.json)

    def ready(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/readyz", timeout=20).json())

    def becomes_ready(self) -> None:
        wait_until(lambda: bool(self.ready()["ready"]))


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("attacked")
    home, maker, clock, disk = folder / "home", Cli(folder / "maker"), folder / "clock", folder / "disk"
    shutil.copytree(cli.home, home)
    Home(maker.home).create()
    shutil.copy(home / "keys" / "acme.json", maker.home / "keys" / "acme.json")
    clock.write_bytes(b"")
    disk.mkdir()
    with small_disk(disk, 16 * 2**20):
        shutil.move(home / "ledger.db", disk / "ledger.db")
        words = [sys.executable, "-c", PROGRAM, str(clock), str(FILES), "serve", "--port", "0", "--json"]
        env = {**os.environ, "CARNET_DATABASE": f"sqlite:///{disk / 'ledger.db'}"}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [*words, "--home", str(home)], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert process.stdout is not None
        yield Server(json.loads(process.stdout.readline())["url"], maker, clock, disk, folder / "log")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A file system of so many bytes where that can be made; else the folder as it is."""
    options = ["mount", "-t", "tmpfs", "-o", f"size={size}", "carnet-test", str(folder)]
    made = os.geteuid() == 0 and subprocess.run(options, check=False, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if made:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def many_files() -> Iterator[None]:
    """This process, which attacks, may open more files than the one that is attacked."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(before[1], 8 * FILES)), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def attack(server: Server, first: bytes, address: str = "127.0.0.2") -> socket.socket:
    """A connection from another network than the maker's."""
    sock = socket.create_connection(server.address, timeout=20, source_address=(address, 0))
    sock.sendall(first)
    return sock


def test_half_open_connections_beyond_what_may_be_open(server: Server) -> None:
    server.writes()
    with many_files(), ExitStack() as stack:
        for at in range(FILES + 76):  # from several networks, each within its share and all together beyond
            sock = attack(server, b"GET / HTTP/1.1\r\nHost: x\r\n", f"127.0.1.{at % 20}")
            stack.callback(sock.close)
        server.writes()
        assert server.ready()["ready"] is True
    server.writes()


def test_a_clock_days_ahead_for_seconds(server: Server) -> None:
    server.writes()
    os.truncate(server.clock, 3 * DAY // SECOND)
    said = server.register()
    assert said.code == 3, said.out
    state = server.ready()
    assert (state["ready"], state["parts"]["writer"], state["troubles"]["clock"]["code"]) == (
        False,
        "not ready",
        "clock_doubted",
    )
    os.truncate(server.clock, 0)
    server.becomes_ready()
    batch = httpx.get(f"{server.url}/v1/batches/{server.writes()['batch']}").json()
    recorded = parse_instant(batch["recorded_at"])
    assert abs(recorded - time.time() * 1000) < MINUTE


@pytest.mark.slow
def test_an_endless_header(server: Server) -> None:
    sock, sent = attack(server, b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: "), 0
    with suppress(ConnectionError):
        while sent < 400 * 2**20:
            sock.sendall(b"a" * 65_536)
            sent += 65_536
    assert sent < 16 * 2**20
    server.writes()


@pytest.mark.slow
def test_uploads_that_never_come(server: Server) -> None:
    where = f"{server.url}/v1/segments/0x{'ab' * 32}"
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=transport) as http:
        for _ in range(29):
            assert http.put(f"{where}?units=50000000", content=b"").status_code == 422
    server.writes()
    head = f"PUT /v1/segments/0x{'ab' * 32}?units=17 HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n".encode()
    with ExitStack() as stack:
        held = [stack.enter_context(attack(server, head, f"127.0.2.{at}")) for at in (1, 1, 2, 2)]
        for sock in held:  # nobody else comes: each has half a minute
            sock.settimeout(60)
            assert sock.recv(12) == b"HTTP/1.1 408"
        server.writes()


def test_two_networks_that_drip_keep_no_maker_out(server: Server) -> None:
    head = f"PUT /v1/segments/0x{'ab' * 32}?units=17 HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n".encode()
    over, ended = threading.Event(), Counter[str]()

    def drip(address: str) -> None:
        """Hold a place byte by byte, and come again as soon as it is lost."""
        while not over.is_set():
            with suppress(OSError), attack(server, head, address) as sock:
                sock.settimeout(0.2)
                while not over.is_set():
                    sock.sendall(b"x")
                    with suppress(TimeoutError):
                        ended[sock.recv(4096)[9:12].decode()] += 1
                        break

    drips = [threading.Thread(target=drip, args=(f"127.0.2.{at}",)) for at in (1, 1, 2, 2)]
    for thread in drips:
        thread.start()
    try:
        time.sleep(1)
        for _ in range(3):
            begun = time.monotonic()
            server.writes()
            assert time.monotonic() - begun < 15
    finally:
        over.set()
        for thread in drips:
            thread.join()
    assert ended["408"] >= 1, "they held every place, and made room"


@pytest.mark.slow
def test_a_full_disk(server: Server) -> None:
    if not os.path.ismount(server.disk):
        pytest.skip("no small disk to be had: run as root where `mount -t tmpfs` is allowed")
    server.writes()
    with pytest.raises(OSError, match="No space"):
        (server.disk / "filler").write_bytes(bytes(32 * 2**20))
    wait_until(lambda: server.register().code == 3)
    (server.disk / "filler").unlink()
    server.becomes_ready()
    server.writes()
    said = server.log.read_text()  # each refused commit was settled at once, or the writer was held up and went on
    assert "disk is full" in said
    assert said.count("the writer is held up") == said.count("the writer goes on")
