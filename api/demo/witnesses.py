"""The demo's witnesses: customs of two countries, each with a key, a memory and a listener of its own on this computer.

They are the same as those of `carnet witness serve`, and stop with the demo. Demos of earlier versions have none.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn

from api.demo.phone import QuietServer, bind, server_config
from api.witness.app import create_app
from ledger.home import Home, Settings, WitnessAddress
from ledger.opened import Ledger
from ledger.services.outward.witness import trust
from ledger.wiring.witness import create_witness, open_witness
from verifier.tree.note_key import VerifierKey

FOLDER = "witnesses"
"""Below the demo's home."""
NAMES = {"customs-kenya": "customs.ke.example/witness", "customs-brazil": "customs.br.example/witness"}
"""The witnesses of the policy, by their names there, with their names for ever."""
HOST = "127.0.0.1"
RATE = "6000/minute"
"""A demo asks more often than a real log."""


@dataclass(slots=True)
class DemoWitness:
    """One witness. `url` while it listens."""

    name: str
    home: Home
    url: str | None = None
    _port: int = 0
    _open: ExitStack | None = None

    def start(self) -> None:
        """Listen on loopback, at the same port as before. Raises Unavailable."""
        if self._open is not None:
            return
        with ExitStack() as stack:
            app = create_app(stack.enter_context(open_witness(self.home)).sign(), RATE)
            sock = bind(HOST, self._port)
            self._port = sock.getsockname()[1]
            server = QuietServer(server_config(app))
            thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), name=self.name, daemon=True)
            stack.callback(_end, server, thread)
            thread.start()
            self.url = f"http://{HOST}:{self._port}"
            self._open = stack.pop_all()

    def stop(self) -> None:
        """Stop listening; what it remembers stays."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def show(self, request: bytes) -> int:
        """Ask for a cosignature as anybody may; returns the HTTP status."""
        return httpx.post(f"{self.url}/add-checkpoint", content=request, timeout=10, trust_env=False).status_code


@dataclass(slots=True)
class DemoWitnesses:
    """All of them."""

    each: list[DemoWitness] = field(default_factory=list)

    def start(self) -> None:
        """Start all of them."""
        for witness in self.each:
            witness.start()

    def stop(self) -> None:
        """Stop all of them."""
        for witness in self.each:
            witness.stop()

    def addresses(self) -> tuple[WitnessAddress, ...]:
        """The addresses at which the log asks them, while they listen."""
        return tuple(WitnessAddress(witness.name, witness.url) for witness in self.each if witness.url)


def create(folder: Path, log_key: VerifierKey) -> str:
    """Make the witnesses of a demo's home, each trusting its log's key; returns the policy for entry 0: both."""
    lines = []
    for name, forever in NAMES.items():
        home = _home(folder, name)
        lines.append(f"witness {name} {create_witness(home, forever).format()}")
        with open_witness(home) as witness:
            trust(witness.store, witness.key, [log_key])
    return "\n".join([*lines, f"group customs all {' '.join(NAMES)}", "quorum customs"]) + "\n"


@contextmanager
def listening(folder: Path) -> Iterator[DemoWitnesses]:
    """The witnesses of a demo's home, listening until the context ends; none if it has none."""
    there = [name for name in NAMES if (folder / FOLDER / name / "witness.json").exists()]
    witnesses = DemoWitnesses([DemoWitness(name, _home(folder, name)) for name in there])
    try:
        witnesses.start()
        yield witnesses
    finally:
        witnesses.stop()


def wait_for_quorum(ledger: Ledger, seconds: float = 10.0) -> bool:
    """Wait until a quorum has cosigned the present head; False if the wait is over before."""
    size, end = ledger.record.size, time.monotonic() + seconds
    while ledger.founding.policy is not None:
        ledger.witnessed.renew()
        w = ledger.witnessed.current()
        if w is not None and w.size >= size:
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True


def _home(folder: Path, name: str) -> Home:
    path = folder / FOLDER / name
    return Home(path, Settings(home=path, database=None, chain_rpc=None, base_url=None))


def _end(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = server.force_exit = True  # connections are kept open by the log that asks
    thread.join()
