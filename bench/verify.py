"""Looking a code up: `GET /v1/verify` against a bare route on the same server.

The floor parses the code and reads one indexed row, as a FastAPI route of the same application (so with the headers and
counters that every response here has) in the same uvicorn; for codes with a label signature it also verifies one
Ed25519 signature. The same load generator asks each in turn, under the limits of production. A FastAPI application with
nothing else in it, in the same uvicorn, is shown too.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench import Bench, Figure, benchmark
from bench.scene import GTIN, OTHER_GTIN, Scene
from bench.segment import serials_of
from bench.served import next_address, serving
from verifier.reading.digital_link import format_digital_link
from verifier.reading.label import sign_label

UNITS = 100_000
LOT = "BENCH"
CONNECTIONS = 8
LIMIT = 0.7
"""Of the floor's requests a second."""
_PER_ADDRESS = 100  # requests a connection sends before it comes from another loopback address: 120 a minute may pass
_SECONDS = 0.7  # a round; many short ones, as the load of a machine changes
_MESSAGE = bytes(90)  # as long as what a label signs


@dataclass(slots=True)
class Load:
    """The result of one round."""

    requests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cost(self) -> float:
        """Seconds of processor time that the server took for a request."""
        return self.cpu / self.requests


@benchmark("verify")
def verify(bench: Bench) -> list[Figure]:
    """A registered unit with and without label signature, and one that is not registered."""
    scene, links = _prepare(bench)
    paths = {
        f"{prefix}{name}": [f"{path}?code={quote(link, safe='')}" for link in links[name]]
        for prefix, path, names in _ROUTES
        for name in names
    }
    rounds: dict[str, list[Load]] = {name: [] for name in paths}
    with serving(__name__, scene.home.path) as (port, pid):
        for name, asked in paths.items():
            asyncio.run(_load(port, asked, 0.5, CONNECTIONS))  # warm
            bench.say(f"{name}: {_check(port, asked[0], name)}")
        for _ in range(3 * bench.repeat):
            for name, asked in paths.items():
                before = _cpu(pid)
                load = asyncio.run(_load(port, asked, _SECONDS, CONNECTIONS))
                load.cpu = _cpu(pid) - before
                rounds[name].append(load)
        alone = {name: asyncio.run(_load(port, asked, _SECONDS, 1)) for name, asked in paths.items()}
    return [figure for name in paths for figure in _figures(name, rounds, alone[name])]


_ROUTES = (
    ("bare ", "/bare/floor", ["unsigned"]),
    ("floor ", "/bench/floor", ["unsigned", "signed"]),
    ("", "/v1/verify", ["unsigned", "signed", "invented"]),
)
_TITLES = {
    "bare unsigned": "bare application: parse, one read",
    "floor unsigned": "floor: parse, one read",
    "floor signed": "floor: parse, one read, one Ed25519",
    "unsigned": "verify, no label signature",
    "signed": "verify, label signature",
    "invented": "verify, not registered",
}


def _figures(name: str, rounds: dict[str, list[Load]], alone: Load) -> Iterator[Figure]:
    """Requests a second against the floor of the same kind, and how long one takes on a quiet server."""
    title, loads = _TITLES[name], rounds[name]
    rate = statistics.median(load.rate for load in loads)
    if name.startswith(("bare", "floor")):
        yield Figure(title, rate, "/s")
    else:
        least = rounds["floor signed" if name == "signed" else "floor unsigned"]
        ratio = statistics.median(load.rate / floor.rate for load, floor in zip(loads, least, strict=True))
        yield Figure(title, rate, "/s", ratio, LIMIT if name != "invented" else None, at_least=True)
    cost = statistics.median(load.cost for load in loads)
    if cost:
        yield Figure(f"{title}: processor time", cost * 1e6, "µs")
    yield from _latencies(title, alone)


def _latencies(title: str, load: Load) -> Iterator[Figure]:
    cuts = statistics.quantiles(load.latencies, n=100)
    yield Figure(f"{title}: p50", cuts[49] * 1000, "ms")
    yield Figure(f"{title}: p99", cuts[98] * 1000, "ms")


def _prepare(bench: Bench) -> tuple[Scene, dict[str, list[str]]]:
    """A batch of UNITS whose labels are signed, and one of which they are not."""
    scene, serials = Scene.found(bench.folder / "home"), serials_of(UNITS)
    label = scene.label_key()
    with scene.open() as ledger:
        for gtin, key in ((GTIN, None), (OTHER_GTIN, label.public)):
            salt = gtin.encode().ljust(32, b"\0")
            root = scene.segment(ledger, LOT, serials, salt, gtin)
            statement = scene.registration(ledger.founding.domain, LOT, UNITS, root, salt, key, gtin)
            ledger.batches.register(statement, salt)
        log_id = ledger.founding.log_id
    some = serials[:: UNITS // 2_000]
    base = "https://id.example"
    return scene, {
        "unsigned": [format_digital_link(base, GTIN, LOT, serial) for serial in some],
        "signed": [
            format_digital_link(base, OTHER_GTIN, LOT, s, sign_label(label.seed, log_id, OTHER_GTIN, LOT, s))
            for s in some
        ],
        "invented": [format_digital_link(base, GTIN, LOT, serial[::-1]) for serial in some],
    }


def _check(port: int, path: str, name: str) -> str:
    """The answer must be the right one, or its speed means nothing."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    said: dict[str, Any] = json.loads(body)
    expected = {"unsigned": "registered", "signed": "registered", "invented": "not_registered"}
    if b" 200 " not in head or said.get("verdict") != expected.get(name):
        raise RuntimeError(f"{path} gave {answer[:2_000]!r}")
    return f"{len(body)} bytes"


async def _load(port: int, paths: list[str], seconds: float, connections: int) -> Load:
    """Ask over some connections, one request at a time each, until the time is up."""
    load, start = Load(), time.perf_counter()
    asked = cycle(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths)
    await asyncio.gather(*(_ask(port, asked, start + seconds, load) for _ in range(connections)))
    load.seconds = time.perf_counter() - start
    return load


async def _ask(port: int, asked: Iterator[bytes], until: float, load: Load) -> None:
    while time.perf_counter() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next_address(), 0))
        for _ in range(_PER_ADDRESS):
            start = time.perf_counter()
            if start > until:
                break
            writer.write(next(asked))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answered {head!r}")
            at = head.index(b"content-length: ") + 16
            await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            load.latencies.append(time.perf_counter() - start)
            load.requests += 1
        writer.close()


def _cpu(pid: int) -> float:
    """Processor seconds that a process has taken, in user and in system mode; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(home: Path) -> None:
    """Carnet, and beside it the floor, behind one door as `carnet serve` has it."""
    import uvicorn
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from fastapi import FastAPI
    from sqlalchemy import bindparam, select
    from starlette.responses import Response
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from api.app import create_app
    from api.http.door import door
    from api.site.settings import ApiSettings
    from ledger.home import Home, Settings
    from ledger.storage.database import Query
    from ledger.storage.schema import lookup
    from ledger.wiring.reader import open_ledger
    from verifier.reading.reading import ReadCode, read

    with open_ledger(Home(home, Settings(home=home)), write=True) as ledger, socket.socket() as listener:
        carnet = create_app(ledger, settings=ApiSettings(base_url="https://id.example"))
        row = Query(ledger.engine, select(lookup.c.times).where(lookup.c.subject == bindparam("subject")))
        key = Ed25519PrivateKey.generate()
        signature, public = key.sign(_MESSAGE), key.public_key().public_bytes_raw()

        async def floor(code: str) -> Response:
            reading = read(code)
            assert isinstance(reading, ReadCode)
            serial = reading.code.serial or ""
            found = row.first(subject=serial.encode().ljust(32))
            if reading.code.signature is not None:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, _MESSAGE)
            body = json.dumps({"serial": serial, "times": found[0] if found else 0})
            return Response(body, 200, None, "application/json")

        bare = FastAPI(openapi_url=None)
        bare.add_api_route("/bare/floor", floor)
        carnet.router.add_api_route("/bench/floor", floor)
        carnet.router.routes.insert(0, carnet.router.routes.pop())  # tried first

        async def both(scope: AsgiScope, receive: Receive, send: Send) -> None:
            app = bare if scope.get("path", "").startswith("/bare/") else carnet
            await app(scope, receive, send)

        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # before anybody is told
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(door(both)).run(sockets=[listener])


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
