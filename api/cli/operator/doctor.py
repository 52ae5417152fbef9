"""carnet doctor: every part that Carnet stands on, its version, and how to start or install it."""

from __future__ import annotations

import json as json_
import platform
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from api.cli.base.options import HomeOption, JsonOption, open_home
from api.cli.base.output import ExitCode, Out, table
from verifier.errors import CarnetError

if TYPE_CHECKING:
    from ledger.home import Home

LIBRARIES = {
    "qrcode": "single labels",
    "zxing-cpp": "reading codes, print runs",
    "fpdf2": "sheets of labels",
    "coincurve": "signatures",
    "web3": "the chain",
}
"""Libraries that carry native code or an outside format, and what for."""

_ROOT = Path(__file__).parents[3]
_SECONDS = 10  # for another program to say its version


class State(StrEnum):
    """The state of a part. `down`: something configured does not work.

    `absent`: only what needs the part does not work.
    """

    OK = "ok"
    WARN = "warn"
    ABSENT = "absent"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what it is, how it is, its version, and what to do or know."""

    part: str
    state: State
    version: str | None = None
    note: str = ""


def doctor(home: HomeOption = None, json: JsonOption = False) -> None:
    """Check every part that Carnet uses. Exit code 3 if one that this home needs is down."""
    place = open_home(home)
    checks: tuple[Callable[[Home], Iterator[Part]], ...] = (
        _carnet, _home, _database, _chain, _node, _libraries, _test_parts,
    )  # fmt: skip
    parts = [part for check in checks for part in check(place)]
    down = [part.part for part in parts if part.state is State.DOWN]
    rows = [(part.part, part.state, part.version, part.note) for part in parts]
    last = [f"down: {', '.join(down)}"] if down else ["everything this home needs is there"]
    answer = {"ok": not down, "parts": [asdict(part) for part in parts]}
    Out(json).answer(answer, [*table(rows, ("part", "state", "version", "note")), *last])
    if down:
        raise typer.Exit(ExitCode.UNREACHABLE)


def _carnet(_place: Home) -> Iterator[Part]:
    yield Part("carnet", State.OK, version("carnet"), str(_ROOT))
    yield Part("python", State.OK, platform.python_version(), platform.platform())


def _home(place: Home) -> Iterator[Part]:
    if not place.path.exists():
        yield Part("home", State.ABSENT, None, f"{place.path} is not there; carnet init makes one")
        return
    mode = stat.S_IMODE(place.path.stat().st_mode)
    if mode & 0o077:
        yield Part("home", State.WARN, None, f"{place.path} can be read by others: chmod 700 {place.path}")
    elif place.founded:
        yield Part("home", State.OK, None, f"{place.config().origin} in {place.path}")
    else:
        yield Part("home", State.OK, None, f"{place.path}, without a ledger of its own; carnet init founds one")
    server = place.server()
    if server is not None:
        yield Part("server", State.OK, None, f"running at {server}")
    elif place.founded:
        yield Part("server", State.ABSENT, None, "not running; carnet serve starts it")


def _database(place: Home) -> Iterator[Part]:
    from sqlalchemy import text

    from ledger.remote.urls import without_password
    from ledger.storage.database import open_database

    url = place.database_url
    kind = "postgresql" if url.startswith("postgresql") else "sqlite"
    if kind == "sqlite" and not place.founded:
        import sqlite3

        yield Part("database", State.OK, f"SQLite {sqlite3.sqlite_version}", "made by carnet init")
        return
    try:
        engine = open_database(url)
        with engine.connect() as connection:
            query = "SHOW server_version" if kind == "postgresql" else "SELECT sqlite_version()"
            found = str(connection.execute(text(query)).scalar_one())
        engine.dispose()
    except Exception as error:  # a driver has errors of its own kind; whichever it is, the part is down
        cause = str(error).splitlines()[0]
        hint = "start the PostgreSQL server, or correct CARNET_DATABASE" if kind == "postgresql" else "see the home"
        yield Part("database", State.DOWN, None, f"{without_password(url)}: {cause}; {hint}")
        return
    name = "PostgreSQL" if kind == "postgresql" else "SQLite"
    yield Part("database", State.OK, f"{name} {found}", without_password(url))


def _chain(place: Home) -> Iterator[Part]:
    rpc = place.chain_rpc
    if rpc is None:
        yield Part(
            "chain", State.OK, None, "a local development chain, started when needed; CARNET_CHAIN_RPC names a real one"
        )
        return
    from ledger.chain.reader import NodeReader
    from ledger.chain.rpc import Rpc
    from ledger.remote.urls import without_password

    shown = without_password(rpc)
    try:
        caller = Rpc(rpc)
        chain_id, client = NodeReader(caller).chain_id(), str(caller.call("web3_clientVersion"))
    except CarnetError as error:
        yield Part("chain", State.DOWN, None, f"{shown}: {error}; start its node, or correct CARNET_CHAIN_RPC")
        return
    expected = place.config().chain_id if place.founded else chain_id
    if chain_id != expected:
        yield Part("chain", State.DOWN, client, f"{shown} is chain {chain_id}, this ledger lives on {expected}")
        return
    yield Part("chain", State.OK, client, f"chain {chain_id} at {shown}")


def _node(place: Home) -> Iterator[Part]:
    """The local chain's parts: needed only where no chain is configured."""
    from ledger.chain.node import find_node

    missing = State.DOWN if place.chain_rpc is None else State.ABSENT
    try:
        node = find_node()
        yield Part("node.js", State.OK, _says(str(node), "--version"), str(node))
    except CarnetError as error:
        yield Part("node.js", missing, None, str(error))
    package = _ROOT / "node_modules" / "hardhat" / "package.json"
    if package.exists():
        yield Part("hardhat", State.OK, str(json_.loads(package.read_bytes())["version"]), "the local chain")
    else:
        yield Part("hardhat", missing, None, "make setup installs it")


def _libraries(_place: Home) -> Iterator[Part]:
    for name, use in LIBRARIES.items():
        try:
            yield Part(name, State.OK, version(name), use)
        except PackageNotFoundError:
            yield Part(name, State.DOWN, None, f"for {use}; make setup installs it")


def _test_parts(_place: Home) -> Iterator[Part]:
    """What only tests use."""
    for name, programs in (("chromium", ("chromium", "chromium-browser", "google-chrome")), ("initdb", ("initdb",))):
        found = next((path for path in map(shutil.which, programs) if path), None)
        if found:
            yield Part(f"{name} (tests)", State.OK, _says(found, "--version"), found)
        else:
            yield Part(f"{name} (tests)", State.ABSENT, None, "make setup-test looks for it, or skips what needs it")


def _says(program: str, argument: str) -> str | None:
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().removeprefix("v").split("\n")[0] or None
