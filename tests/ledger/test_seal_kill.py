"""A server killed (SIGKILL) while officers scan: every receipt that an officer holds is in its seal, and in time.

The officers' memory is the truth. What had no answer is sent again under the same id, as a device does.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from kill_world import Server, free_port
from ledger_world import World

from ledger.storage.database import open_database
from ledger.storage.seal import SealTable
from tests.scale import scaled
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.evidence_file import encode_scan_evidence
from verifier.scan.receipt import ScanReceipt, parse_receipt, verify_receipt
from verifier.scan.search import ScanSearch
from verifier.tree.tiles import Level, tile_path

pytestmark = [pytest.mark.node, pytest.mark.timeout(1_200)]
OFFICERS = 8


@dataclass
class Officers:
    """Threads that scan until they are told to stop. `open`: sent, and no answer has come."""

    url: str
    tokens: list[str]
    receipts: dict[str, ScanReceipt] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    again: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Officers:
        self._threads = [threading.Thread(target=self._scan, args=[token]) for token in self.tokens]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _scan(self, token: str) -> None:
        with httpx.Client(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {token}"}) as http:
            while not self.stop.is_set():
                self._one(
                    http, {"id": str(uuid.uuid4()), "code": "x", "device": "d", "scanned_at": "2026-11-20T10:00:00Z"}
                )

    def _one(self, http: httpx.Client, scan: dict[str, Any]) -> None:
        """Send a scan until an answer comes; give up only when the test ends."""
        for attempt in range(10_000):
            try:
                answer = http.post("/v1/scans", json=scan)
            except httpx.TransportError:
                if self.stop.wait(0.05):
                    return
                continue
            if answer.status_code == 429:
                time.sleep(0.2)
                continue
            if answer.status_code != 200 or answer.json()["receipt"] is None:
                self.refusals.append(f"{answer.status_code} {answer.text[:300]}")
                return
            self.again += attempt > 0
            receipt = parse_receipt(answer.json()["receipt"])
            self.receipts[receipt.id] = receipt
            return


class Published:
    """The published log, over HTTP."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url + "/log/", timeout=30)

    def get(self, path: str) -> bytes:
        answer = self._http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.content

    def tile(self, level: Level, n: int, width: int) -> bytes:
        return self.get(tile_path(level, n, width))

    def seal(self, number: int) -> bytes:
        return self.get(f"seal/{number}")


@pytest.mark.parametrize("kills", scaled(6, 30))
def test_every_receipt_that_an_officer_holds_is_in_its_seal(
    tmp_path: Path,
    database_url: str,
    kills: int,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """1. scan; 2. kill at a random instant, seals every third of a second; 3. restart; in the end 4. look all up."""
    dice = random.Random(seed := secrets.randbits(32))
    print(f"seed {seed}")
    monkeypatch.setenv("CARNET_SEAL_SECONDS", "0.3")
    world = World.found(tmp_path / "home", database_url)
    with world.open(chain=False) as ledger:
        tokens = [ledger.tokens.issue(f"officer {n}", ["scan"], "NL") for n in range(OFFICERS)]
        founding = ledger.founding
    server = Server(world.home.path, database_url, free_port())
    try:
        server.start()
        with Officers(server.url, tokens) as officers:
            for _ in range(kills):
                before, until = len(officers.receipts), time.monotonic() + 60
                while len(officers.receipts) < before + 20:  # 1
                    assert time.monotonic() < until, officers.refusals
                    time.sleep(0.01)
                time.sleep(dice.uniform(0, 0.7))
                server.kill()  # 2
                server.start()  # 3
            time.sleep(1.0)
        assert officers.refusals == []
        receipts = dict(officers.receipts)
        published, states = Published(server.url), dict[str, int]()
        newest, until = max(receipts.values(), key=lambda receipt: receipt.seal), time.monotonic() + 60
        while True:
            search = ScanSearch(published.get("checkpoint"), published, published.seal)
            if search.evidence(newest) is not None:
                break
            assert time.monotonic() < until, "the last seal is not published"
            time.sleep(0.2)
        for receipt in receipts.values():  # 4
            verify_receipt(receipt, founding.log_id, founding.log_keys)
            found = search.evidence(receipt)
            assert found is not None, receipt
            report = check_scan_evidence(encode_scan_evidence(found), pin=founding.pin)
            assert report.ok, report.failed
            state = report.shows["promise"]["state"]
            states[state] = states.get(state, 0) + 1
        assert states == {"kept": len(receipts)}
        assert server.stop() == 0
        audited = server.run("audit", "--no-chain", "--json")
        assert audited["ok"], audited["findings"][:5]
        engine = open_database(database_url)
        table = SealTable(engine)
        assert table.waiting() == 0, "a ledger that was closed owes nothing"
        kept = {one.id for one in table.promised()}
        engine.dispose()
        assert set(receipts) <= kept
        record_property(
            "said",
            f"{engine.dialect.name}: {kills} kills; {len(receipts)} receipts in {audited['counts']['seals']} seals, "
            f"all kept; {officers.again} of them on asking again; {len(kept) - len(receipts)} scans nobody heard of",
        )
    finally:
        server.end()
