"""A server that is killed, and clients who remember what it promised them.

`Server` is `carnet serve` as a process of its own. `Clients` register batches over HTTP from eight threads and keep
every receipt they were given: their memory is the truth that storage is measured against.
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ledger.keys.store import EvmKey
from ledger.services.record.append import now_ms
from ledger.services.units.segment import build
from verifier.record.statement import Domain, Kind, Statement, header, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.note_key import VerifierKey
from verifier.tree.tlog_proof import TlogProof

ROOT = Path(__file__).parents[2]
START_SECONDS = 300.0
"""Starting takes two seconds; a machine that runs other tests takes longer."""
PER_ADDRESS = 20
"""Registrations a client sends from one loopback address: a server takes 60 a minute from one network."""


@dataclass(frozen=True)
class Promise:
    """A receipt as a client got it, with the checkpoint that came along, opened with the pinned log key."""

    statement: Statement
    index: int
    leaf: bytes
    checkpoint: Checkpoint
    duplicate: bool


@dataclass
class Truth:
    """What the clients know. `open`: sent, and no answer came; `refusals`: answers that nobody should have got.

    `come_again`: how often a client heard 503 `unavailable`, which promises nothing and invites it to ask again.
    """

    promises: list[Promise] = field(default_factory=list)
    open: dict[str, Statement] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    come_again: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self) -> list[Promise]:
        """All promises so far."""
        with self.lock:
            return list(self.promises)


class Server:
    """One `carnet serve` after the other, on the same port and home."""

    def __init__(self, home: Path, database: str | None, port: int) -> None:
        self._environment = {**os.environ, "CARNET_HOME": str(home), "PYTHONPATH": str(ROOT)}
        if database is not None:
            self._environment["CARNET_DATABASE"] = database
        self.home, self._port = home, port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{port}"
        self.nodes: set[int] = set()
        self.output = home / "server.log"

    def launch(self) -> None:
        """Start it; returns at once."""
        command = [sys.executable, "-m", "api.cli", "serve", "--port", str(self._port), "--json"]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def start(self) -> None:
        """Start it and wait until it answers that every part is there."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not come up:\n{self.output.read_text()[-3000:]}")
            time.sleep(0.05)
        self._remember_node()

    def answers(self) -> bool:
        """Whether `/readyz` says yes."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        """JSON from the server."""
        response = httpx.get(self.url + path, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def causes(self) -> str:
        """What the server wrote about answers that it could not give: strangers are not told, its log is."""
        lines = self.output.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if '"no answer"' in line or '"fault"' in line)[-3_000:]

    def helpers(self) -> set[int]:
        """Processes that the server has started and that check statements."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        pids = {int(pid) for file in children for pid in file.read_text().split()}
        return {pid for pid in pids if _runs(pid, b"ledger.services.record.checkers")}

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._remember_node()

    def stop(self) -> int:
        """SIGTERM, as an operator does; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def run(self, *arguments: str) -> Any:
        """Another `carnet` command on the same home; its JSON."""
        command = [sys.executable, "-m", "api.cli", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=300)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def nodes_alive(self) -> set[int]:
        """Local chain nodes of any of these servers that still run."""
        return {pid for pid in self.nodes if _is_node(pid)}

    def _remember_node(self) -> None:
        recorded = self.home / "chain" / "node.json"
        try:
            self.nodes.add(int(json.loads(recorded.read_text())["pid"]))
        except (OSError, ValueError):
            return


class Clients:
    """Eight makers' computers that register one batch after the other until they are told to stop."""

    COUNT = 8

    def __init__(
        self, url: str, gtin: str, maker: EvmKey, domain: Domain, log_key: VerifierKey, folder: Path, seed: int
    ) -> None:
        self._url, self._gtin, self._maker = url, gtin, maker
        self._domain, self._log_key, self._folder, self._seed = domain, log_key, folder, seed
        self.truth = Truth()
        self._in_flight: set[int] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[n], daemon=True) for n in range(self.COUNT)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def in_flight(self) -> int:
        """Registrations that were sent and are not answered yet."""
        return len(self._in_flight)

    def _run(self, number: int) -> None:
        dice, sender = random.Random(self._seed * 1_000 + number), _Sender(self._url, number)
        count = 0
        while not self._stop.is_set():
            count += 1
            job = self._prepare(f"C{number}-{count}", dice.randint(1, 20))
            try:
                # Some makers send the same statement again until they are answered, and some never ask again.
                while not self._send(sender, number, *job) and dice.random() < 0.6 and not self._stop.is_set():
                    pass
            except Exception as error:  # reported by the test's own thread; this client calls no more
                with self.truth.lock:
                    self.truth.refusals.append(repr(error))
                return

    def _prepare(self, lot: str, units: int) -> tuple[Statement, bytes, Path, str]:
        salt, path = secrets.token_bytes(32), self._folder / f"{lot}.seg"
        built = build(self._gtin, lot, [f"{lot}.{unit}" for unit in range(units)], salt, path)
        body = {
            **header(now_ms()),
            "gtin": self._gtin,
            "lot": lot,
            "unitCount": str(built.n),
            "segmentRoot": "0x" + built.root.hex(),
            "saltCommitment": "0x" + salt_commitment(salt).hex(),
            "salt": ZERO32,
            "serialSource": 2,
            "serialSpaceBits": 0,
            "labelKey": ZERO32,
            "labelCarriers": [],
            "markets": [],
            "expires": "",
        }
        signature = sign(Kind.BATCH_REGISTERED, body, self._domain, self._maker.secret)
        statement = Statement(Kind.BATCH_REGISTERED, body, self._maker.address, signature)
        return statement, salt, path, f"/v1/segments/0x{built.root.hex()}?units={built.n}"

    def _send(self, sender: _Sender, number: int, statement: Statement, salt: bytes, path: Path, address: str) -> bool:
        """Upload and register; False when no answer came, so that it is not known whether the batch is registered."""
        while not sender.put(address, path.read_bytes()):
            if self._stop.wait(0.05):  # the server is down: nothing was asked for yet, so nothing is unanswered
                return True
        request = {"statement": statement.to_json(), "salt": "0x" + salt.hex()}
        with self.truth.lock:
            self.truth.open[statement.body["statementId"]] = statement
        self._in_flight.add(number)
        try:
            answer = sender.post("/v1/batches", request)
        except httpx.TransportError:
            return False
        finally:
            self._in_flight.discard(number)
        return self._heard(statement, answer)

    def _heard(self, statement: Statement, answer: httpx.Response) -> bool:
        """Whether this was an answer: an honest 503 is none, and the statement stays open as if nothing had come."""
        with self.truth.lock:
            if answer.status_code == 503 and answer.json()["code"] == "unavailable":
                self.truth.come_again += 1
                return False
            if answer.status_code not in (200, 201):
                self.truth.refusals.append(f"{answer.status_code} {answer.text}")
                return True
            told = answer.json()
            proof = TlogProof.decode(base64.b64decode(told["tlog_proof"]))
            checkpoint = open_checkpoint(proof.checkpoint, self._log_key).checkpoint
            leaf = bytes.fromhex(told["leaf"][2:])
            proof.verify(leaf, checkpoint)
            assert proof.index == told["entry"]
            self.truth.promises.append(Promise(statement, told["entry"], leaf, checkpoint, told["duplicate"]))
            del self.truth.open[statement.body["statementId"]]
            return True


class _Sender:
    """One client's connection. It moves to another loopback address from time to time; see PER_ADDRESS."""

    def __init__(self, url: str, number: int) -> None:
        self._url, self._number, self._sent = url, number, 0
        self._http = self._connect()

    def put(self, address: str, data: bytes) -> bool:
        """Upload a segment; False while nobody is there."""
        while True:
            try:
                answer = self._http.put(address, content=data)
            except httpx.TransportError:
                return False
            if answer.status_code != 429:  # others are uploading: come again
                assert answer.status_code in (200, 201), answer.text
                return True
            time.sleep(0.01)

    def post(self, address: str, value: dict[str, Any]) -> httpx.Response:
        self._sent += 1
        if self._sent % PER_ADDRESS == 0:
            self._http.close()
            self._http = self._connect()
        return self._http.post(address, json=value)

    def _connect(self) -> httpx.Client:
        source = f"127.{10 + self._number}.{self._sent // PER_ADDRESS // 250}.{1 + self._sent // PER_ADDRESS % 250}"
        return httpx.Client(
            base_url=self._url, timeout=30, transport=httpx.HTTPTransport(local_address=source, retries=0)
        )


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_node(pid: int) -> bool:
    return _runs(pid, b"node.js")


def _runs(pid: int, name: bytes) -> bool:
    """Whether the process runs our script of that name (a pid may have been given to somebody else since)."""
    try:
        return name in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
