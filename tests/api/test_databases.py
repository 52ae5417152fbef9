"""The ways through the house over HTTP, on both databases: register, look up, scan, recall, and texts with a NUL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledger_world import World, gtin
from served import PREFIX, WATCH, Stage, client

from ledger.services.units.serial import generate
from verifier.evidence.evidence import check_evidence
from verifier.record.statement import Kind

pytestmark = pytest.mark.node


@pytest.fixture
def own(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A stage of its own on either database."""
    world = World.found(tmp_path / "home", database_url)
    with world.open() as ledger:
        yield Stage.set(world, ledger)


def scan(http: httpx.Client, own: Stage, code: str, **more: Any) -> httpx.Response:
    body = {"id": str(uuid.uuid4()), "code": code, "scanned_at": "2026-11-20T10:00:00Z", "device": "dock-3", **more}
    return http.post("/v1/scans", json=body, headers=own.token("scan"))


def test_register_look_up_scan_and_recall(own: Stage) -> None:
    ledger = own.ledger
    made = own.world.prepare(ledger, own.maker, gtin(PREFIX, 9), "L-9", generate(20))
    sent = {"statement": made.statement.to_json(), "salt": "0x" + made.salt.hex()}
    with client(ledger) as http:
        first, again = (http.post("/v1/batches", json=sent) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200), first.text
        assert again.json()["entry"] == first.json()["entry"]
        code = f"(01){made.gtin}(10){made.lot}(21){made.serials[0]}"
        look_up = {"code": code}
        assert http.get("/v1/verify", params=look_up).json()["verdict"] == "registered"
        assert http.get("/v1/verify", params={"code": code[:-1]}).json()["verdict"] == "not_registered"
        ident = str(uuid.uuid4())
        scans = [scan(http, own, code, id=ident, place={"unlocode": "NLRTM"}) for _ in range(2)]
        assert scans[0].status_code == 200, scans[0].text
        assert scans[0].json() == scans[1].json()
        assert scan(http, own, code).json()["seen"]["times"] == 1
        proof = http.get("/v1/proofs/units", params=look_up).content
        assert check_evidence(proof, pin=ledger.founding.pin).ok
        heads = http.get(f"/v1/batches/{first.json()['batch']}").json()["heads"]
        body = {"batch": first.json()["batch"], "reason": "r", "noticeUrl": "", "supersedes": heads["recall"]}
        statement = own.world.statement(ledger, own.maker, Kind.BATCH_RECALLED, body).to_json()
        recalled = http.post(f"/v1/batches/{first.json()['batch']}/recall", json={"statement": statement})
        assert recalled.status_code == 201, recalled.text
        assert http.get("/v1/verify", params=look_up).json()["verdict"] == "stop"
        head = ledger.log.head()
    assert head.size == ledger.record.size


def test_a_nul_in_a_text_is_an_answer_and_never_a_fault(own: Stage) -> None:
    ledger, nul, size = own.ledger, "\0", own.ledger.record.size
    code = f"(01){WATCH}(21)A{nul}B"
    body = {"batch": own.batch.id, "reason": "a", "noticeUrl": "", "supersedes": "0x" + "00" * 32}
    recall = own.world.statement(ledger, own.maker, Kind.BATCH_RECALLED, body).to_json()
    recall["body"]["reason"] += nul
    lot = own.world.prepare(ledger, own.maker, gtin(PREFIX, 9), "L", ["A1"])
    registration = lot.statement.to_json()
    registration["body"]["lot"] += nul
    with client(ledger) as http:
        assert http.get("/v1/verify", params={"code": code}).json()["verdict"] in ("unreadable", "outside")
        assert http.get(f"/01/{WATCH}/21/A%00B").status_code == 400
        assert http.get("/v1/batches", params={"gtin": WATCH, "lot": nul}).status_code in (200, 400)
        assert scan(http, own, code).status_code == 200
        assert scan(http, own, "x", device=f"a{nul}").status_code == 400
        assert scan(http, own, "x", place={"country": f"N{nul}"}).status_code == 400
        sent = {"statement": registration, "salt": "0x" + lot.salt.hex()}
        assert http.post("/v1/batches", json=sent).status_code == 400
        named = {"name": f"a{nul}", "scopes": ["scan"]}
        assert http.post("/v1/tokens", json=named, headers=own.token("admin")).status_code == 400
        assert http.get("/v1/ledger", headers={"Authorization": "Bearer carnet_token_%00"}).status_code == 200
        refused = http.post(f"/v1/batches/{own.batch.id}/recall", json={"statement": recall})
        assert (refused.status_code, refused.json()["code"]) == (400, "body_field")
    assert ledger.log.head().size == size
