"""Receipts over HTTP: given with each officer's scan, told to their owner alone, and proved once sealed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cli_world import Cli, kept
from served import Stage, client, staged

from api.answer.schema import ReceiptStateOut, ScanReceiptOut
from api.asking.receipts import earlier_scans
from api.site.site import Site
from ledger.services.scans.seal import Seals
from verifier import canonical
from verifier.instant import parse_instant
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.receipt import parse_receipt, verify_receipt

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A ledger of its own: these tests decide when it seals."""
    with staged(tmp_path_factory.mktemp("receipts")) as made:
        yield made


@pytest.fixture(scope="module")
def desk(own: Stage) -> Iterator[httpx.Client]:
    with client(own.ledger) as made:
        yield made


def seals(own: Stage) -> Seals:
    assert own.ledger.seals is not None
    return own.ledger.seals


def body(own: Stage, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "code": own.link(own.batch, own.batch.serials[0]),
        "scanned_at": "2026-11-20T10:00:00Z",
        "device": "dock-3",
        "context": "import",
        **more,
    }


def ask(desk: httpx.Client, scan_id: str, headers: dict[str, str], **query: str) -> httpx.Response:
    return desk.get(f"/v1/scans/{scan_id}/receipt", headers=headers, params=query)


def test_a_scan_comes_with_a_receipt_that_is_kept(own: Stage, desk: httpx.Client) -> None:
    headers, sent = own.token("scan"), body(own)
    answer = desk.post("/v1/scans", json=sent, headers=headers).json()
    ScanReceiptOut.model_validate(answer["receipt"])
    receipt, founding = parse_receipt(answer["receipt"]), own.ledger.founding
    verify_receipt(receipt, founding.log_id, founding.log_keys)
    scan = canonical.decode(receipt.scan)
    assert (scan["id"], scan["code"], scan["verdict"]) == (sent["id"], sent["code"], answer["verdict"])
    assert desk.post("/v1/scans", json=sent, headers=headers).json() == answer, "the first receipt again"

    pending = ask(desk, sent["id"], headers)
    assert (pending.status_code, pending.headers["retry-after"]) == (202, "60")
    ReceiptStateOut.model_validate(pending.json())
    assert pending.json() == {"state": "pending", "receipt": answer["receipt"], "evidence": None}
    saved = ask(desk, sent["id"], headers, download="true")
    assert (saved.status_code, parse_receipt(canonical.decode(saved.content))) == (202, receipt)
    assert "attachment" in saved.headers["content-disposition"]

    seals(own).round()
    sealed = ask(desk, sent["id"], headers)
    assert sealed.status_code == 200
    ReceiptStateOut.model_validate(sealed.json())
    assert (sealed.json()["state"], sealed.json()["receipt"]) == ("kept", answer["receipt"])
    file = ask(desk, sent["id"], headers, download="true")
    assert canonical.decode(file.content) == sealed.json()["evidence"]
    report = check_scan_evidence(file.content, pin=founding.pin)
    assert report.ok
    assert report.shows["promise"]["state"] == "kept"
    assert parse_instant(report.shows["seal"]["recorded_at"]) <= receipt.deadline
    assert desk.post("/v1/scans", json=sent, headers=headers).json() == answer, "also when it is sealed"


def test_a_photograph_gets_one_too(own: Stage, desk: httpx.Client) -> None:
    from test_scan import photograph

    fields = {"id": str(uuid.uuid4()), "scanned_at": "2026-11-20T10:00:00Z", "device": "phone"}
    picture = photograph(own.link(own.batch, own.batch.serials[1]))
    answer = desk.post("/v1/scans/photo", data=fields, files={"photo": ("p.jpg", picture)}, headers=own.token("scan"))
    receipt = parse_receipt(answer.json()["receipt"])
    assert receipt.id == fields["id"]
    verify_receipt(receipt, own.ledger.founding.log_id, own.ledger.founding.log_keys)


def test_look_ups_carry_none(own: Stage, desk: httpx.Client) -> None:
    answer = desk.get("/v1/verify", params={"code": own.link(own.batch, own.batch.serials[2])}).json()
    assert "receipt" not in answer


def test_only_its_officer_and_administrators_are_told(own: Stage, desk: httpx.Client) -> None:
    tokens = own.ledger.tokens
    mine, other = ({"Authorization": "Bearer " + tokens.issue(name, ["scan"])} for name in ("gate", "dock"))
    admin = {"Authorization": "Bearer " + tokens.issue("office", ["scan", "admin"])}
    sent = body(own)
    assert desk.post("/v1/scans", json=sent, headers=mine).status_code == 200
    assert ask(desk, sent["id"], mine).status_code == 202
    assert ask(desk, sent["id"], admin).status_code == 202
    unknown, denied = ask(desk, str(uuid.uuid4()), other), ask(desk, sent["id"], other)
    assert (denied.status_code, denied.json()["code"]) == (unknown.status_code, unknown.json()["code"])
    assert (denied.status_code, denied.json()["code"]) == (404, "scan_unknown"), "as if there were none"
    assert ask(desk, sent["id"], own.token("proof")).status_code == 403
    assert ask(desk, sent["id"], {}).status_code == 401


def test_an_officer_is_an_administration_and_a_name(own: Stage, desk: httpx.Client) -> None:
    def gate(country: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {own.ledger.tokens.issue('gate', ['scan'], country)}"}

    dutch, kenyan, nowhere = gate("NL"), gate("KE"), gate(None)
    sent = body(own)
    receipt = desk.post("/v1/scans", json=sent, headers=dutch).json()["receipt"]
    assert (receipt["scan"]["officer"], receipt["scan"]["administration"]) == ("gate", "NL")
    assert receipt["spec"] == "carnet/scan-receipt/2"
    assert ask(desk, sent["id"], gate("NL")).status_code == 202, "the next shift of the same administration"
    for other in (kenyan, nowhere):
        assert ask(desk, sent["id"], other).json()["code"] == "scan_unknown"
        again = desk.post("/v1/scans", json=sent, headers=other).json()
        assert again["code"] == "scan_id_reused", "nor does sending it again bring its answer"
    assert [scan["id"] for scan in earlier_of(own, [sent["id"]], "NL")] == [sent["id"]]
    assert earlier_of(own, [sent["id"]], "KE") == []


def earlier_of(own: Stage, ids: list[str], country: str) -> list[dict[str, Any]]:
    """What the officer's page lists for a "gate" of this country."""
    who = own.ledger.tokens.authenticate(own.ledger.tokens.issue("gate", ["scan"], country))
    assert who is not None
    return earlier_scans(cast("Site", own), ids, who)


def test_a_promise_whose_time_is_up_is_said_to_be(own: Stage, desk: httpx.Client) -> None:
    headers, sent = own.token("scan"), body(own)
    promised = seals(own)._promise
    try:
        seals(own)._promise = -1_000
        assert desk.post("/v1/scans", json=sent, headers=headers).status_code == 200
    finally:
        seals(own)._promise = promised
    overdue = ask(desk, sent["id"], headers)
    assert (overdue.status_code, overdue.json()["state"]) == (202, "overdue")
    seals(own).round()
    late = ask(desk, sent["id"], headers)
    assert (late.status_code, late.json()["state"]) == (200, "late")
    report = check_scan_evidence(canonical.encode(late.json()["evidence"]), pin=own.ledger.founding.pin)
    assert (report.ok, report.shows["promise"]["broken"]) == (True, True), "the server hands out what convicts it"


def test_a_scan_without_a_promise_says_so(own: Stage, desk: httpx.Client) -> None:
    headers, sent = own.token("scan"), body(own)
    used, own.ledger.scans._promises = own.ledger.scans._promises, None
    try:
        assert desk.post("/v1/scans", json=sent, headers=headers).json()["receipt"] is None
    finally:
        own.ledger.scans._promises = used
    answer = ask(desk, sent["id"], headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "receipt_none")
    seals(own).round()
    assert ask(desk, sent["id"], headers).status_code == 404, "it stays without"


def test_a_seal_is_published_with_the_next_checkpoint(own: Stage, desk: httpx.Client) -> None:
    headers, sent = own.token("scan"), body(own)
    receipt = parse_receipt(desk.post("/v1/scans", json=sent, headers=headers).json()["receipt"])
    seals(own).round()
    assert own.ledger.publisher is not None
    own.ledger.publisher.round()
    leaves = desk.get(f"/log/seal/{receipt.seal}")
    assert leaves.status_code == 200
    assert receipt.leaf in [leaves.content[at : at + 32] for at in range(0, len(leaves.content), 32)]
    evidence = canonical.encode(ask(desk, sent["id"], headers).json()["evidence"])
    assert check_scan_evidence(evidence, pin=own.ledger.founding.pin).ok


def test_the_officer_s_page_keeps_an_eye_on_promises(own: Stage) -> None:
    with client(own.ledger) as page:
        origin = {"Origin": str(page.base_url).rstrip("/")}
        code = own.ledger.tokens.one_time_link("desk")
        page.post("/officer/sign-in", data={"code": code}, headers=origin)
        ids = [str(uuid.uuid4()) for _ in range(3)]

        def scan(scan_id: str) -> str:
            form = {"id": scan_id, "code": own.link(own.batch, own.batch.serials[3]), "device": "browser"}
            response = page.post("/officer", data=form, headers=origin)
            assert response.status_code == 200, response.text
            return response.text

        first = scan(ids[0])
        assert "This scan will be sealed in the log by" in first
        assert f"/v1/scans/{ids[0]}/receipt?download=true" in first
        assert first.count("data-receipt=") == 1, "no earlier scans"
        second = scan(ids[1])
        assert "to be sealed by" in second
        seals(own).round()
        third = scan(ids[2])
        assert third.count("promise-kept") == 2
        assert "promise-broken" not in third
        promised, seals(own)._promise = seals(own)._promise, -1_000
        try:
            late = str(uuid.uuid4())
            scan(late)
        finally:
            seals(own)._promise = promised
        after = page.get("/officer").text
        assert after.count("promise-broken") == 1, "red as soon as the time is up"
        assert "not sealed; overdue" in after
        seals(own).round()
        assert "sealed too late" in page.get("/officer").text
        page.cookies.set("carnet_scans", "not.an.id." + ids[0], path="/officer")
        assert page.get("/officer").status_code == 200


def test_a_ledger_that_was_killed_owes_what_it_promised(tmp_path: Path) -> None:
    """Promised, never sealed by that process: the next writer to open it seals before anything else."""
    with staged(tmp_path) as stage:
        sent = body(stage)
        with client(stage.ledger) as desk:
            receipt = parse_receipt(desk.post("/v1/scans", json=sent, headers=stage.token("scan")).json()["receipt"])
        assert stage.ledger.seals is not None
        stage.ledger.seals.settle = lambda: None  # type: ignore[method-assign]  # as if killed: nothing on closing
    with stage.world.open(chain=False) as ledger:
        assert [one.seal.number for one in ledger.record.seals] == [receipt.seal]
        assert ledger.seal_proofs is not None
        report = check_scan_evidence(ledger.seal_proofs.evidence(receipt), pin=ledger.founding.pin)
        assert report.shows["promise"]["state"] == "kept"


def test_a_log_that_goes_silent_has_broken_its_promise(
    own: Stage, desk: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No entry after the deadline: nobody can make a file of that, and it is said all the same."""
    officer, promised = Cli(tmp_path / "officer"), seals(own)._promise
    token = own.token("scan")["Authorization"].removeprefix("Bearer ")
    code = own.link(own.batch, own.batch.serials[4])
    assert own.ledger.publisher is not None
    own.ledger.publisher.round()
    monkeypatch.setattr("api.cli.officer.receipt.PUBLISHED_WITHIN", 0)
    try:
        seals(own)._promise = 0
        officer.yes("scan", code, "--server", desk.base_url, "--token-file", kept(token))
    finally:
        seals(own)._promise = promised
    said = officer("receipt", "check", "--server", desk.base_url, "--json")
    (row,) = said.json["receipts"]
    assert (said.code, row["state"], row["broken"], row["evidence"]) == (1, "overdue", True, None)
    seals(own).round()
    own.ledger.publisher.round()
    said = officer("receipt", "check", "--server", desk.base_url, "--json")
    (row,) = said.json["receipts"]
    assert (said.code, row["state"]) == (1, "late"), "now there is a file to show"
    assert officer.yes("verify", row["evidence"])["shows"]["promise"]["broken"] is True


def test_leaves_that_are_withheld_are_asked_for_elsewhere(own: Stage, desk: httpx.Client, tmp_path: Path) -> None:
    """Without the published leaves the officer asks the server itself; without a token it can only say so."""
    officer = Cli(tmp_path / "officer")
    token = own.token("scan")["Authorization"].removeprefix("Bearer ")
    code = own.link(own.batch, own.batch.serials[5])
    officer.yes("scan", code, "--server", desk.base_url, "--token-file", kept(token))
    assert own.ledger.publisher is not None
    seals(own).round()
    own.ledger.publisher.round()
    number = len(own.ledger.record.seals) - 1
    file = own.ledger.home.published / "seal" / str(number)
    leaves = file.read_bytes()
    file.unlink()
    try:
        said = officer("receipt", "check", "--server", desk.base_url, "--json")
        (row,) = said.json["receipts"]
        assert (said.code, row["state"], row["broken"]) == (0, "pending", False), "until its time is up"
        assert "not published" in row["words"]
        assert officer.yes("receipt", "check", "--server", desk.base_url, "--token-file", kept(token))["ok"] is True
    finally:
        file.write_bytes(leaves)
    (row,) = officer.yes("receipt", "check", "--server", desk.base_url)["receipts"]
    assert (row["state"], row["words"]) == ("kept", "found before")
