"""Serials by the ten or hundred thousand, from a file as an ERP system writes it, all the way to a proof.

The maker has a home of its own with its key and its serials, the ledger is `carnet serve` over HTTP, the officer scans
rendered PNGs, and the proof is checked by another process that gets only the file and the pin.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kill_world import ROOT, Server, free_port
from ledger_world import World, gtin

from ledger.services.scans.token import Scope
from ledger.services.units.serial import generate

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
PREFIX = "9521234"
WATCH = gtin(PREFIX, 1)
SAMPLE = 5


@dataclass
class Maker:
    """A maker's computer: commands on its own home, against the ledger's server."""

    home: Path
    url: str
    token: str
    pin: str

    def run(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """A real command; its JSON. It must end with `code`."""
        command = [sys.executable, "-m", "api.cli", *map(str, arguments), "--json"]
        environment = {**os.environ, "CARNET_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def register(self, bulk: BulkFile, *more: str, code: int = 0) -> dict[str, Any]:
        """Register the lot from a file."""
        given = ("--gtin", WATCH, "--lot", bulk.lot, "--serials", bulk.path, "--key", "aurora", "--server", self.url)
        return self.run("batch", "register", *given, *more, code=code)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Maker]]:
    folder = tmp_path_factory.mktemp("bulk")
    world = World.found(folder / "ledger")
    with world.open() as ledger:
        key = world.maker(ledger, "Aurora", PREFIX)
        token = ledger.tokens.issue("gate 4", [Scope.SCAN, Scope.PROOF], "NL")
        pin = ledger.founding.pin.hex()
        ledger.anchor_now()
    home = folder / "maker"
    (home / "keys").mkdir(parents=True)
    home.chmod(0o700)
    shutil.move(world.home.keys / f"{key.name}.json", home / "keys")
    server = Server(world.home.path, None, free_port())
    server.start()
    try:
        yield server, Maker(home, server.url, token, pin)
    finally:
        server.end()


@dataclass
class BulkFile:
    """A file and what is wrong with it: line number to code."""

    path: Path
    lot: str
    good: list[str]
    wrong: dict[int, str]


@pytest.fixture(scope="module", params=[10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def bulk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BulkFile:
    """Header, Windows line ends, blank lines, columns for product and lot, three malformed rows, five duplicates."""
    units: int = request.param
    lot = f"2027-{units}"
    dice, serials = random.Random(7), generate(units)
    rows = [(serial, "") for serial in serials]
    for at, (serial, code) in zip(
        sorted(dice.sample(range(1_000, units), 3)),
        [("ABCDEFGHIJKLMNOPQRSTU", "serial_length"), ("4.0123E+12", "spreadsheet_notation"), ("AB 12", "charset")],
        strict=True,
    ):
        rows.insert(at, (serial, code))
    for at in sorted(dice.sample(range(units // 2, units), 5)):
        rows.insert(at, (serials[dice.randrange(units // 2)], "duplicate"))
    lines, wrong = ["Serial Number;GTIN;Charge"], {}
    for number, (serial, code) in enumerate(rows):
        if number % 9_001 == 0:
            lines.append("")
        lines.append(f"{serial};{WATCH[1:]};{lot}")
        if code:
            wrong[len(lines)] = code
    path = tmp_path_factory.mktemp("file") / "export.csv"
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())
    return BulkFile(path, lot, serials, wrong)


def test_a_file_with_bad_rows_writes_nothing(served: tuple[Server, Maker], bulk: BulkFile) -> None:
    server, maker = served
    size = server.get("/v1/ledger")["entries"]
    error = maker.register(bulk, code=2)["error"]
    assert error["code"] == "bad_rows"
    assert {row["row"]: row["code"] for row in error["rows"]} == bulk.wrong
    assert all(row["message"].startswith(f"row {row['row']}: ") and row["expected"] for row in error["rows"])
    assert (error["bad"], error["good"]) == (8, len(bulk.good))
    assert server.get("/v1/ledger")["entries"] == size
    assert not (maker.home / "batches").exists()
    assert list((server.home / "segments").glob("*.seg")) == []


def test_the_good_rows_go_all_the_way_to_a_proof(served: tuple[Server, Maker], bulk: BulkFile, tmp_path: Path) -> None:
    server, maker = served
    made = maker.register(bulk, "--skip-bad", "--market", "NL", "--expires", "2031-01-31")
    assert (made["unit_count"], made["skipped"]) == (len(bulk.good), 8)
    shown = server.get(f"/v1/batches/{made['batch']}")
    assert (shown["unit_count"], shown["salt_published"]) == (len(bulk.good), False)
    assert maker.run("verify", made["proof"], "--founding", maker.pin)["ok"]
    again = maker.register(bulk, "--skip-bad", "--market", "NL", "--expires", "2031-01-31")
    assert (again["again"], again["receipt"]) == (True, made["receipt"])

    chosen = random.Random(8).sample(bulk.good, SAMPLE)
    named = [part for serial in chosen for part in ("--serial", serial)]
    more = ("--format", "png", "--out", tmp_path / "labels", "--base-url", server.url)
    labels = maker.run("label", "make", f"{WATCH}/{bulk.lot}", *more, *named)
    images = sorted((tmp_path / "labels").glob("*.png"))
    assert len(images) == SAMPLE, labels
    token = tmp_path / "token"
    token.write_text(maker.token)
    officer = ("--server", maker.url, "--token-file", token, "--country", "NL", "--context", "import")
    seen = set()
    for number, image in enumerate(images):
        proof = tmp_path / f"{number}.tlog-proof"
        answer = maker.run("scan", "--image", image, *officer, "--proof", proof)
        assert answer["verdict"] == "registered", answer
        assert {"check": "label signature", "result": "passed"}.items() <= _check(answer, "label signature").items()
        seen.add(answer["code"]["serial"])
        assert maker.run("verify", proof, "--founding", maker.pin, "--code", answer["code"]["read"])["ok"]
    assert seen == set(chosen)


def test_what_was_skipped_is_not_registered(served: tuple[Server, Maker], bulk: BulkFile) -> None:
    """The malformed rows did not turn into units, nor a neighbour of a good one."""
    _, maker = served
    for serial in ("4.0123E+12", "AB", "ABCDEFGHIJKLMNOPQRST"):
        code = f"https://id.example/01/{WATCH}/10/{bulk.lot}/21/{serial}"
        assert maker.run("scan", code, "--server", maker.url, code=1)["verdict"] == "not_registered"


def _check(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in answer["checks"] if row["check"] == name)
