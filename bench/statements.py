"""Many statements at once: `POST /v1/statements` in hundreds and singly, against what the same work costs bare.

Registrations whose segment is stored. The floor in hundreds is a loop in one process that parses the same bodies,
checks every struct and signature, and inserts the statements into SQLite, one durable transaction a hundred. The floor
of single statements is a route on the same server that does that with group commits. Neither keeps a log, a tree, a
record, salts or a signed checkpoint. Both are also shown as ratios to checking EIP-712 signatures alone.
"""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import sqlite3
import statistics
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import Bench, Figure, benchmark, seconds
from bench.scene import Registrations, Scene
from bench.served import next_address, serving
from verifier.record.founding import Founding
from verifier.record.statement import Domain, parse_statement, verify

HUNDRED = 100
CLIENTS_OF_HUNDREDS, CLIENTS = 8, 64
IN_HUNDREDS, SINGLY = 4_000, 2_000
"""Statements of a round."""
PRODUCTS = 100
"""GTINs that they are spread over."""
LIMIT_HUNDREDS, LIMIT_SINGLY = 0.8, 0.4
_PER_ADDRESS = 20  # requests of one loopback address: 2,000 lines, where a minute allows 3,000


@benchmark("statements")
def statements(bench: Bench) -> list[Figure]:
    """Statements a second, in hundreds and singly."""
    scene = Scene.found(bench.folder / "home")
    with scene.open() as ledger:
        domain, maker = ledger.founding.domain, Registrations(scene, ledger, products=PRODUCTS)
        bench.say(f"signing {bench.repeat} rounds of {IN_HUNDREDS + SINGLY:,}, and one to warm up")
        rounds = [(_lines(maker, IN_HUNDREDS), _lines(maker, SINGLY)) for _ in range(bench.repeat + 1)]
    times: dict[str, list[float]] = {}
    with serving(__name__, scene.home.path, bench.folder / "bare.db") as (port, _):
        for at, (many, single) in enumerate(rounds):
            taken = _round(bench.folder / f"floor-{at}.db", port, domain, many, single)
            for name, took in taken.items() if at else ():
                times.setdefault(name, []).append(took)
    return _figures(times)


def _round(path: Path, port: int, domain: Domain, many: list[str], single: list[str]) -> dict[str, float]:
    """Seconds of each, in turn."""
    hundreds = [many[start : start + HUNDRED] for start in range(0, len(many), HUNDRED)]
    singles = [[one] for one in single]
    return {
        "floor": seconds(lambda: _floor(path, hundreds, domain)),
        "checks": seconds(lambda: _checks(many, domain)),
        "hundreds": asyncio.run(_load(port, "/v1/statements", hundreds, CLIENTS_OF_HUNDREDS)),
        "bare": asyncio.run(_load(port, "/bare/statements", singles, CLIENTS)),
        "singly": asyncio.run(_load(port, "/v1/statements", singles, CLIENTS)),
    }


def _figures(times: dict[str, list[float]]) -> list[Figure]:
    counts = {"floor": IN_HUNDREDS, "checks": IN_HUNDREDS, "hundreds": IN_HUNDREDS, "bare": SINGLY, "singly": SINGLY}
    rates = {name: [counts[name] / one for one in took] for name, took in times.items()}
    median = {name: statistics.median(found) for name, found in rates.items()}

    def against(name: str, floor: str) -> float:
        """The median of the rounds' own ratios: a shared machine is not equally fast in all of them."""
        return statistics.median(a / b for a, b in zip(rates[name], rates[floor], strict=True))

    return [
        Figure("EIP-712 struct and signature, checked alone", median["checks"], "/s"),
        Figure("floor: parse, check, insert a hundred", median["floor"], "/s", against("floor", "checks")),
        Figure(
            f"in hundreds, {CLIENTS_OF_HUNDREDS} clients", median["hundreds"], "/s", against("hundreds", "floor"),
            LIMIT_HUNDREDS, at_least=True,
        ),
        Figure("in hundreds, against checking alone", median["hundreds"], "/s", against("hundreds", "checks")),
        Figure(f"bare route, {CLIENTS} clients", median["bare"], "/s", against("bare", "checks")),
        Figure(
            f"singly, {CLIENTS} clients", median["singly"], "/s", against("singly", "bare"), LIMIT_SINGLY, at_least=True
        ),
        Figure("singly, against checking alone", median["singly"], "/s", against("singly", "checks")),
    ]  # fmt: skip


def _lines(maker: Registrations, count: int) -> list[str]:
    return [
        json.dumps({"statement": statement.to_json(), "salt": "0x" + salt.hex()})
        for statement, salt in maker.make(count)
    ]


def _checks(lines: list[str], domain: Domain) -> None:
    """What is left when all else is taken away; parsing of JSON is not timed apart, it is 5 % of it."""
    for line in lines:
        verify(parse_statement(json.loads(line)["statement"]), domain)


def _floor(path: Path, hundreds: list[list[str]], domain: Domain) -> None:
    with closing(_database(path)) as database:
        for hundred in hundreds:
            _insert(database, _read(_body(hundred), domain))


def _read(body: bytes, domain: Domain) -> list[tuple[bytes, bytes, bytes]]:
    """Rows of the statements in a body: digest, statementId, JSON."""
    rows = []
    for line in json.loads(body):
        statement = parse_statement(line["statement"])
        digest = verify(statement, domain)
        known_by = bytes.fromhex(statement.body["statementId"][2:])
        rows.append((digest, known_by, json.dumps(line["statement"]).encode()))
    return rows


def _database(path: Path) -> sqlite3.Connection:
    """With the durability that the ledger asks of it."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(
        "CREATE TABLE IF NOT EXISTS statement (idx INTEGER PRIMARY KEY, digest BLOB UNIQUE, statement_id BLOB UNIQUE,"
        " data BLOB) STRICT"
    )
    return database


def _insert(database: sqlite3.Connection, rows: Iterable[tuple[bytes, bytes, bytes]]) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO statement (digest, statement_id, data) VALUES (?, ?, ?)", rows)
    database.execute("COMMIT")


def _body(lines: list[str]) -> bytes:
    return ("[" + ",".join(lines) + "]").encode()


async def _load(port: int, path: str, bodies: list[list[str]], clients: int) -> float:
    """Seconds for all bodies, sent by some clients that each wait for their answers."""
    asked = [
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}"
        "\r\n\r\n".encode()
        + raw
        for raw in map(_body, bodies)
    ]
    waiting, loop = iter(asked), asyncio.get_running_loop()
    start = loop.time()
    await asyncio.gather(*(_client(port, waiting) for _ in range(clients)))
    return loop.time() - start


async def _client(port: int, waiting: Iterator[bytes]) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next_address(), 0))
        for _ in range(_PER_ADDRESS):
            asked = next(waiting, None)
            if asked is None:
                writer.close()
                return
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.index(b"content-length: ") + 16
            body = await reader.readexactly(int(head[at : head.index(b"\r", at)]))
            if not head.startswith(b"HTTP/1.1 200") or b'"refused":0,' not in body:
                raise RuntimeError(f"the server answered {head!r} {body[:2_000]!r}")
        writer.close()


class _Bare:
    """The least that takes statements one at a time: checked where they arrive, inserted in groups by one thread."""

    def __init__(self, path: Path, founding: Founding) -> None:
        self._path, self._domain = path, founding.domain
        self._queue: queue.SimpleQueue[tuple[Any, asyncio.Future[None], asyncio.AbstractEventLoop]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._run, daemon=True).start()

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import Response

        rows, loop = _read(await request.body(), self._domain), asyncio.get_running_loop()
        future = loop.create_future()
        self._queue.put((rows, future, loop))
        await future
        return Response(json.dumps({"refused": 0, "taken": len(rows)}, separators=(",", ":")), 200)

    def _run(self) -> None:
        database = _database(self._path)
        while True:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get())
            _insert(database, [row for rows, _, _ in group for row in rows])
            for _, future, loop in group:
                loop.call_soon_threadsafe(future.set_result, None)


def _serve(home: Path, bare: Path) -> None:
    """Carnet, and beside it the bare route, behind one door as `carnet serve` has it."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route
    from starlette.types import Receive, Send
    from starlette.types import Scope as AsgiScope

    from api.app import create_app
    from api.http.door import door
    from api.site.settings import ApiSettings
    from ledger.home import Home, Settings
    from ledger.wiring.reader import open_ledger

    with open_ledger(Home(home, Settings(home=home)), write=True) as ledger, socket.socket() as listener:
        carnet = create_app(ledger, settings=ApiSettings(base_url="https://id.example"))
        ledger.publish()
        floor = _Bare(bare, ledger.founding)

        async def route(request: Any) -> Any:
            return await floor(request)

        least = Starlette(routes=[Route("/bare/statements", route, methods=["POST"])])

        async def both(scope: AsgiScope, receive: Receive, send: Send) -> None:
            app = least if scope.get("path", "").startswith("/bare/") else carnet
            await app(scope, receive, send)

        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # before anybody is told
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(door(both)).run(sockets=[listener])


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
