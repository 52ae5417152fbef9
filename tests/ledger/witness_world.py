"""Real witnesses for tests: each a home of its own behind uvicorn in this process, or a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from api.http.door import door
from api.witness.app import create_app
from ledger.home import Home, Settings
from ledger.services.outward.witness import trust
from ledger.wiring.witness import OpenWitness, create_witness, open_witness
from verifier.tree.note_key import VerifierKey

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Server:
    """A witness that can be started and stopped at one address. `name`: in the policy and in its key."""

    name: str
    home: Home
    key: VerifierKey
    port: int = field(default_factory=lambda: free_port())
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _opened: Any = None

    @classmethod
    def make(cls, folder: Path, name: str) -> Server:
        """A witness in a fresh home."""
        home = Home(folder / name, Settings(home=folder / name))
        return cls(name, home, create_witness(home, f"{name}.example/witness"))

    @property
    def url(self) -> str:
        """Its submission and monitoring prefix."""
        return f"http://127.0.0.1:{self.port}"

    def trust(self, key: VerifierKey) -> None:
        """Have it cosign a log."""
        with open_witness(self.home) as opened:
            trust(opened.store, opened.key, [key])

    def line(self) -> str:
        """Its line in a policy."""
        return f"witness {self.name} {self.key.format()} {self.url}"

    def start(self) -> Server:
        """Serve in this process; nothing new if it does."""
        if self._server is not None:
            return self
        self._opened = open_witness(self.home)
        opened: OpenWitness = self._opened.__enter__()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        app = create_app(opened.sign(), "100000/minute")
        self._server = uvicorn.Server(door(app, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        wait_for(lambda: self._server is not None and self._server.started)
        return self

    def stop(self) -> None:
        """Stop serving; what it remembers stays."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join()
            self._opened.__exit__(None, None, None)
            self._server = None

    def last(self, origin: str) -> int:
        """The size it has cosigned last."""
        with open_witness(self.home) as opened:
            last = opened.store.last(origin)
        return last.head.size if last is not None else 0


class Process:
    """`carnet witness serve` as a process of its own."""

    def __init__(self, server: Server) -> None:
        command = [sys.executable, "-m", "api.cli", "witness", "serve", "--port", str(server.port), "--json"]
        self._process = subprocess.Popen(
            [*command, "--home", str(server.home.path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )

    def ready(self) -> dict[str, Any]:
        """What it says once it answers."""
        assert self._process.stdout is not None
        about: dict[str, Any] = json.loads(self._process.stdout.readline())
        return about

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it."""
        self._process.send_signal(how)
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


def policy(*servers: Server, quorum: int) -> str:
    """A policy of these witnesses, so many of whom must cosign."""
    names = " ".join(server.name for server in servers)
    return "\n".join([*(server.line() for server in servers), f"group all {quorum} {names}", "quorum all"]) + "\n"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(done: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
