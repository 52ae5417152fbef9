"""A witness as a process of its own, on a home and a port, that can be stopped and killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from api.cli import run
from ledger.home import Home, Settings
from ledger.wiring.witness import open_witness
from verifier.tree.note_key import VerifierKey

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
PLENTY = "1000000"
"""Requests a minute, where limits are not what a test is about."""


HTTP = httpx.Client(timeout=30, verify=False, limits=httpx.Limits(max_keepalive_connections=0))
"""Without certificates, which take longer to load than a witness to answer; a connection for each request."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class WitnessProcess:
    """One `carnet witness serve` after the other."""

    def __init__(self, home: Path, *, per_minute: str = PLENTY) -> None:
        self.home, self._port, self._per_minute = home, free_port(), per_minute
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, home: Path, *keys: VerifierKey, per_minute: str = PLENTY) -> WitnessProcess:
        """Make a witness that trusts logs' keys."""
        logs = [word for key in keys for word in ("--log", key.format())]
        assert run(["witness", "init", "--name", "customs.example/witness", *logs, "--home", str(home)]) == 0
        return cls(home, per_minute=per_minute)

    @property
    def key(self) -> VerifierKey:
        """The witness's key."""
        with open_witness(Home(self.home, Settings())) as witness:
            return witness.key

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = ["--port", str(self._port), "--per-minute", self._per_minute, "--home", str(self.home), "--json"]
        with (self.home / "witness.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "witness", "serve", *words],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if HTTP.get(self.url).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the witness did not come up:\n{(self.home / 'witness.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as an administrator does; returns the exit code."""
        return self._end(signal.SIGTERM)

    def ask(self, raw: bytes) -> httpx.Response:
        """One request, on a connection of its own."""
        return HTTP.post(f"{self.url}/add-checkpoint", content=raw)

    def _end(self, number: int) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(30)
