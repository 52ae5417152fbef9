"""The index over HTTP: what stands, and confirmations that are signed and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from ledger_world import gtin
from served import PREFIX, WATCH, Stage, client, staged

from api.answer.schema import IndexOut, ReceiptOut
from ledger.keys.store import EvmKey
from verifier.evidence.evidence import check_evidence
from verifier.record.participant import Role
from verifier.record.statement import Kind

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of its own: the numbers of seals matter here."""
    with staged(Path(tmp_path_factory.mktemp("index"))) as made:
        yield made


@pytest.fixture(scope="module")
def web(own: Stage) -> Iterator[httpx.Client]:
    with client(own.ledger) as made:
        yield made


UNKNOWN = gtin(PREFIX, 77)


def sealed_body(stage: Stage) -> dict[str, Any]:
    """The newest sealed index, as a confirmation repeats it."""
    sealed = stage.ledger.record.sealed_index
    assert sealed is not None
    return sealed.head.body()


def confirmation(stage: Stage, by: EvmKey, **over: Any) -> dict[str, Any]:
    body = {**sealed_body(stage), **over}
    return {"statement": stage.world.statement(stage.ledger, by, Kind.INDEX_CONFIRMED, body).to_json()}


def changed(body: dict[str, Any], **fields: str) -> dict[str, Any]:
    """A signed statement with something else in it."""
    statement = body["statement"]
    return {"statement": {**statement, "body": {**statement["body"], **fields}}}


def test_the_index_is_sealed_confirmed_and_shown(own: Stage, web: httpx.Client) -> None:
    before = web.get("/v1/index").json()
    IndexOut.model_validate(before)
    assert (before["sealed"], before["confirmed"]) == (None, None)
    assert before["new"] == own.ledger.record.index.changes > 0
    own.ledger.indexes.seal()
    auditor = own.world.admit(own.ledger, "Vera", Role.AUDITOR, "BR")
    answer = web.post("/v1/index/confirmations", json=confirmation(own, auditor))
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    ReceiptOut.model_validate(receipt)
    proof = check_evidence(base64.b64decode(receipt["tlog_proof"]), pin=own.ledger.founding.pin)
    assert proof.ok, proof.failed
    assert proof.shows["entry"]["kind"] == "index_confirmed"
    shown = web.get("/v1/index").json()
    IndexOut.model_validate(shown)
    assert shown["confirmed"]["root"] == shown["sealed"]["root"]
    assert [(c["by"], c["name"]) for c in shown["confirmed"]["confirmations"]] == [(auditor.address, "Vera")]
    again = web.post("/v1/index/confirmations", json=confirmation(own, auditor))
    assert (again.status_code, again.json()["code"]) == (409, "index_confirmed")


def test_who_may_not_or_says_something_else_is_refused(own: Stage, web: httpx.Client) -> None:
    own.world.register(own.ledger, own.maker, WATCH, "INDEX-2")
    own.ledger.indexes.seal()
    size = own.ledger.record.size
    wrong = [
        (confirmation(own, own.maker), 403, "not_entitled"),
        (confirmation(own, own.world.keys.load_evm("operator")), 403, "not_admitted"),
        (confirmation(own, own.world.keys.load_evm("authority-nl"), root="0x" + "00" * 32), 422, "index_unsealed"),
        (changed(confirmation(own, own.world.keys.load_evm("authority-nl")), gtins="x"), 400, "body_field"),
        (changed(confirmation(own, own.world.keys.load_evm("authority-nl")), gtins="9"), 422, "signature_wrong"),
        ({"statement": own.batch.statement.to_json()}, 400, "malformed"),
        ({}, 400, "malformed"),
    ]
    for body, status, code in wrong:
        answer = web.post("/v1/index/confirmations", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    for path in ("/v1/undo", f"/v1/batches/{own.batch.id}/recall", "/v1/batches"):
        body = confirmation(own, own.world.keys.load_evm("authority-nl"))
        answer = web.post(path, json={**body, **({"salt": "0x" + "00" * 32} if path == "/v1/batches" else {})})
        assert answer.status_code == 400, f"{path} takes no confirmations"
    assert own.ledger.record.size == size


def test_proofs_are_complete_once_the_index_is_confirmed(own: Stage, web: httpx.Client) -> None:
    world, ledger, pin = own.world, own.ledger, own.ledger.founding.pin
    batch = world.register(ledger, own.maker, WATCH, "INDEX-3")
    world.register(ledger, own.maker, WATCH, "INDEX-4")
    ledger.indexes.seal()
    ledger.indexes.confirm(
        world.statement(ledger, world.keys.load_evm("authority-ke"), Kind.INDEX_CONFIRMED, sealed_body(own))
    )
    link = own.link(batch, batch.serials[0])
    report = check_evidence(web.get("/v1/proofs/units", params={"code": link}).content, pin=pin)
    assert report.ok
    size = report.shows["log"]["size"]
    assert report.shows["index"]["no_recall_up_to"] == size
    world.recall(ledger, own.maker, batch)
    recalled = check_evidence(web.get("/v1/proofs/units", params={"code": link}).content, pin=pin)
    assert recalled.ok
    assert recalled.shows["batch"]["recall"] is not None
    assert recalled.shows["index"]["no_recall_up_to"] is None
    assert recalled.shows["index"]["complete_to"] == size + 1


def test_an_absent_lot_is_proved_to_officers_and_nobody_else_learns_of_it(own: Stage, web: httpx.Client) -> None:
    pin, proof = own.ledger.founding.pin, own.token("proof")
    for query in ({"gtin": WATCH, "lot": "NOLOT"}, {"gtin": WATCH, "lot": own.batch.lot}, {"gtin": WATCH}):
        assert web.get("/v1/proofs/lots", params=query).status_code == 401
        assert web.get("/v1/proofs/lots", params=query, headers=own.token("scan")).status_code == 403
    absent = web.get("/v1/proofs/lots", params={"gtin": WATCH, "lot": "NOLOT"}, headers=proof)
    report = check_evidence(absent.content, pin=pin)
    assert report.ok, report.failed
    assert report.shows["index"]["lot_absent_up_to"] == report.shows["log"]["size"]
    never = web.get("/v1/proofs/lots", params={"gtin": UNKNOWN}, headers=proof)
    assert check_evidence(never.content, pin=pin).shows["index"]["lot_absent_up_to"]
    for query in ({"gtin": WATCH, "lot": own.batch.lot}, {"gtin": WATCH}):
        present = web.get("/v1/proofs/lots", params=query, headers=proof)
        assert (present.status_code, present.json()["code"]) == (409, "lot_present")
    assert web.get("/v1/proofs/lots", params={"gtin": "123"}, headers=proof).status_code == 400
    code = {"code": f"(01){WATCH}(10)NOLOT(21)NOSUCHUNIT"}
    by_code = web.get("/v1/proofs/units", params=code, headers=proof)
    assert check_evidence(by_code.content, pin=pin).shows["index"]["lot_absent_up_to"]
    assert web.get("/v1/proofs/units", params=code).status_code == 404


def test_officers_are_told_what_absence_rests_on(own: Stage, web: httpx.Client) -> None:
    scan = {
        "id": str(uuid4()),
        "code": f"(01){WATCH}(10)NOLOT(21)NOSUCHUNIT",
        "carrier": "qr",
        "machine_read": True,
        "scanned_at": "2026-11-20T10:00:00Z",
        "device": "dock-3",
        "context": "import",
    }
    answer = web.post("/v1/scans", json=scan, headers=own.token("scan")).json()
    evidence = next(reason["evidence"] for reason in answer["reasons"] if reason["code"] == "unit_absent")
    assert evidence["rests_on"] == "index"
    assert evidence["confirmed_by"]
