"""SIGKILL amid a request of many statements: nothing acknowledged is lost, and a repeat completes the rest."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from kill_world import Server, free_port
from ledger_world import World, gtin

from ledger.keys.store import EvmKey
from ledger.opened import Ledger
from ledger.services.record.append import now_ms
from ledger.services.units.serial import generate
from ledger.storage.database import open_database
from ledger.storage.log_reader import LogReader
from verifier.record.entry import decode_entry
from verifier.record.statement import Kind, header
from verifier.segment.view import salt_commitment
from verifier.tree.merkle import leaf_hash

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="helpers are found below /proc"),
]
PREFIX = "9521234"
MANY, FEW = 1_000, 50
TRIES = 5
"""Kills until one falls into the middle of a request; the first does, unless the machine holds this process up."""


def lines(world: World, ledger: Ledger, maker: EvmKey, count: int) -> list[dict[str, Any]]:
    """Registrations of as many lots, under one segment."""
    parent = world.prepare(ledger, maker, gtin(PREFIX, 1), "PARENT", generate(3))
    made = []
    for _ in range(count):
        salt = secrets.token_bytes(32)
        own = {"lot": secrets.token_hex(8), "saltCommitment": "0x" + salt_commitment(salt).hex()}
        body = {**parent.statement.body, **header(now_ms()), **own}
        statement = world.statement(ledger, maker, Kind.BATCH_REGISTERED, body)
        made.append({"statement": statement.to_json(), "salt": "0x" + salt.hex()})
    return made


def send(server: Server, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    response = httpx.post(f"{server.url}/v1/statements", json=given, timeout=120)
    assert response.status_code == 200, response.text
    answered: list[dict[str, Any]] = response.json()["lines"]
    return answered


def found(log: LogReader, given: list[dict[str, Any]], answered: list[dict[str, Any]]) -> None:
    """Every receipt leads to an entry with its statement."""
    for line, answer in zip(given, answered, strict=True):
        assert answer["problem"] is None, answer
        raw = log.entry(answer["receipt"]["entry"])
        assert "0x" + leaf_hash(raw).hex() == answer["receipt"]["leaf"]
        assert decode_entry(raw).statement.to_json() == line["statement"]


def killed_while_sending(server: Server, given: list[dict[str, Any]], size: Callable[[], int]) -> bool:
    """Send, and kill as soon as a part is in the log; whether no answer came."""
    heard = list[Any]()

    def sender() -> None:
        try:
            heard.append(send(server, given))
        except httpx.TransportError:
            return

    before, thread = size(), threading.Thread(target=sender)
    thread.start()
    deadline = time.monotonic() + 120
    while size() == before and time.monotonic() < deadline:
        time.sleep(0.001)
    helpers = server.helpers()
    server.kill()
    thread.join()
    assert helpers
    while any(Path(f"/proc/{pid}").exists() for pid in helpers):
        assert time.monotonic() < deadline, "helpers end with their server"
        time.sleep(0.05)
    return not heard


def test_what_was_acknowledged_is_found_and_a_repeat_completes_the_rest(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    world = World.found(tmp_path / "home", database)
    with world.open() as ledger:
        maker, founding = world.maker(ledger, "Aurora", PREFIX), ledger.founding
        few, *rest = (lines(world, ledger, maker, count) for count in (FEW, *[MANY] * TRIES))
    log = LogReader(open_database(database), founding.log_id)
    server = Server(world.home.path, database, free_port())
    try:
        server.start()
        first = send(server, few)
        for many in rest:
            before = log.head().size
            in_the_middle = killed_while_sending(server, many, lambda: log.head().size)
            there = log.head().size - before
            server.start()
            found(log, few, first)
            answered = send(server, many)
            found(log, many, answered)
            assert len({answer["receipt"]["entry"] for answer in answered}) == MANY
            duplicates = sum(answer["status"] == 200 for answer in answered)
            if in_the_middle and 0 < duplicates < MANY:
                assert duplicates <= there, "only what is in the log stands already"
                break
        else:
            pytest.fail("no kill fell into the middle of a request")
        assert [answer["status"] for answer in send(server, few)] == [200] * FEW
        assert server.stop() == 0
        audited = server.run("audit", "--founding", founding.pin.hex(), "--json")
        assert audited["ok"], audited
        with world.open(chain=False) as ledger:
            assert all(ledger.batches.salt(batch) is not None for batch in ledger.record.batches.values())
    finally:
        server.end()
