"""carnet receipt: an officer elsewhere, a server that seals every second, and what the officer finds out by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_world import GTIN, ROOT, Cli, found, kept, process, write_serials
from lying import Liar, lying

from api.cli.base.receipt_folder import ReceiptFolder
from ledger.home import Home
from ledger.keys.store import KeyStore
from ledger.services.record.append import now_ms
from tests.sim import gtin_of
from verifier import canonical
from verifier.scan.receipt import ScanReceipt, encode_scan, parse_receipt, sign_receipt

pytestmark = pytest.mark.node
PATIENCE_S = 40.0
OTHER = gtin_of("9506000")
"""A product with a recalled lot BAD, which holds R1, and a lot FINE, which holds K1."""


@dataclass
class Served:
    """A running server, the commands on its home, an officer's home, and the officer's token."""

    url: str
    keeper: Cli
    officer: Cli
    token: str
    code: str

    def scan(self, *more: str) -> dict[str, Any]:
        """Scan as the officer does."""
        said = self.officer("scan", self.code, "--server", self.url, "--token-file", kept(self.token), *more, "--json")
        assert said.err == "", said.err
        assert (said.json["receipt_check"]["faults"], said.json["receipt_check"]["odd"]) == ([], [])
        return said.json

    def check(self, *more: str) -> tuple[int, dict[str, Any]]:
        """Look all receipts up."""
        said = self.officer("receipt", "check", "--server", self.url, *more, "--json")
        return said.code, said.json

    def receipts(self) -> dict[str, ScanReceipt]:
        found = dict(ReceiptFolder(Home(self.officer.home)).all())
        return {name: receipt for name, receipt in found.items() if isinstance(receipt, ScanReceipt)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("receipts")
    keeper, officer = found(folder / "keeper"), Cli(folder / "officer")
    for lot, serial in (("BAD", "R1"), ("FINE", "K1")):
        file = write_serials(folder / f"{lot}.csv", [serial])
        keeper.yes("batch", "register", "--gtin", OTHER, "--lot", lot, "--key", "acme", "--serials", file)
    keeper.yes("batch", "recall", f"{OTHER}/BAD", "--reason", "seal may leak", "--key", "acme")
    words = [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--json", "--home", str(keeper.home)]
    server = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, "CARNET_SEAL_SECONDS": "0.5"}, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    about = json.loads(server.stdout.readline())
    token = keeper.yes("token", "new", "gate", "--country", "NL")["token"]
    yield Served(about["url"], keeper, officer, token, f"(01){GTIN}(10)NONE(21)X1")
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0


def until_kept(served: Served, scan_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while (row := row_of(served, scan_id))["state"] != "kept":
        assert (row["state"], row["broken"]) == ("pending", False), row
        assert time.monotonic() < deadline, "the server did not seal"
        time.sleep(0.3)
    return row


def row_of(served: Served, scan_id: str) -> dict[str, Any]:
    return next(row for row in served.check()[1]["receipts"] if row["scan"] == scan_id)


def test_a_promise_is_kept_and_shown_without_the_server(served: Served) -> None:
    answer = served.scan()
    scan_id = answer["scan"]["id"]
    assert served.receipts()[scan_id].to_json() == answer["receipt"]
    row = until_kept(served, scan_id)
    file = Path(row["evidence"])
    assert (file.name, file.stat().st_mode & 0o777) == (f"{scan_id}.evidence.json", 0o600)
    verified = served.officer.yes("verify", file)
    assert (verified["ok"], verified["shows"]["promise"]["state"]) == (True, "kept")
    said = served.officer("verify", file)
    assert "The operator kept its promise." in said.out
    stranger = Cli(served.officer.home.parent / "court")
    about = httpx.get(f"{served.url}/v1/ledger").json()
    assert stranger.yes("verify", file, "--founding", about["founding_pin"])["ok"]
    assert stranger("verify", file, "--founding", "11" * 32).code == 1
    again = served.check()
    assert again[0] == 0
    assert next(row for row in again[1]["receipts"] if row["scan"] == scan_id)["words"] == "found before"


def test_every_field_of_a_receipt_is_compared_or_said_not_to_be(served: Served) -> None:
    place = ("--unlocode", "NLRTM", "--latitude", "51.95", "--longitude", "4.14", "--context", "import")
    for more in ((), place):
        answer = served.scan(*more)
        told = answer["receipt_check"]
        named = {*told["compared"], *(one["what"] for one in told["not_compared"])}
        assert set(answer["receipt"]["scan"]) <= named
    # the second scan knows its place, and its officer from the first; only a seal may still be missing
    assert {one["what"] for one in told["not_compared"]} <= {"seal", "deadline"}
    row, until = row_of(served, answer["scan"]["id"]), time.monotonic() + 60
    while "prefix_unknown" not in row["compared"] and time.monotonic() < until:  # the log is published a moment later
        row = row_of(served, answer["scan"]["id"])
    assert (row["faults"], row["broken"]) == ([], False)
    assert {"officer", "administration", "latitude", "verdict", "prefix_unknown", "deadline"} <= set(row["compared"])
    text = served.officer("receipt", "check", "--server", served.url).out
    assert "compared and the same: " in text
    assert "not compared: behaviour (it rests on other scans" in text


LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another place": (lambda r: r["scan"].update(unlocode="BRSSZ", country="BR"), "country 'BR'"),
    "another officer": (lambda r: r["scan"].update(officer="rival"), "officer 'rival'"),
    "a seal that never comes": (lambda r: r.update(seal=str(2**53 - 1)), "can't come before the deadline"),
    "a deadline that never comes": (lambda r: r.update(deadline="9999-12-31T23:59:59.999Z"), "days ahead"),
}


@pytest.fixture(scope="module")
def liar(served: Served) -> Iterator[Liar]:
    """The operator, who has the log's key, between the officer and an honest server."""
    key = KeyStore(served.keeper.home / "keys").load_ed25519("log").note_key("carnet.example/cli")
    with lying(served.url, key) as made:
        yield made


def test_what_an_operator_signs_instead_of_what_was_sent_is_said_at_once(served: Served, liar: Liar) -> None:
    """Every lie is signed anew by the log's own key, so only the device can notice it."""
    until_kept(served, served.scan("--unlocode", "NLRTM")["scan"]["id"])
    officer = Cli(served.officer.home.parent / "deceived")
    words = ("scan", served.code, "--server", liar.url, "--token-file", kept(served.token), "--unlocode", "NLRTM")
    liar.lie = None
    assert officer(*words, "--json").json["receipt_check"]["faults"] == []
    lied = {}
    for name, (lie, expected) in LIES.items():
        liar.lie = lie
        said = officer(*words, "--json")
        faults = said.json["receipt_check"]["faults"]
        assert said.code == 1
        assert any(expected in fault for fault in faults), (name, faults)
        assert "it is kept as evidence" in said.err
        lied[said.json["scan"]["id"]] = expected
    said = officer("receipt", "check", "--server", served.url, "--json")
    rows = {row["scan"]: row for row in said.json["receipts"]}
    assert (said.code, said.json["ok"]) == (1, False)
    for scan_id, expected in lied.items():
        assert rows[scan_id]["broken"], expected
        assert any(expected in fault for fault in rows[scan_id]["faults"]), (expected, rows[scan_id])
    text = officer("receipt", "check", "--server", served.url)
    assert f"{len(LIES)} of {len(LIES) + 1} promises are broken" in text.out


def test_no_reason_in_a_signed_answer_keeps_a_recall_from_being_compared(served: Served, liar: Liar) -> None:
    """A unit of a recalled lot: what was truly told agrees with the log, wherever it was printed, and no lie does."""
    officer = Cli(served.officer.home.parent / "told-of-another-lot")

    def scan(lot: str, lie: Callable[[dict[str, Any]], None] | None) -> str:
        liar.lie, code = lie, f"(01){OTHER}(10){lot}(21)R1"
        said = officer("scan", code, "--server", liar.url, "--token-file", kept(served.token), "--json")
        liar.lie = None
        return str(said.json["scan"]["id"])

    def lie(*reasons: str, verdict: str) -> Callable[[dict[str, Any]], None]:
        return lambda receipt: receipt["scan"].update(reasons=list(reasons), verdict=verdict)

    true = [scan("BAD", None), scan("FINE", None)]
    lies = [
        scan("BAD", lie("unit_registered", "lot_mismatch", "not_witnessed", verdict="check")),
        scan("BAD", lie("unit_absent", "not_witnessed", verdict="not_registered")),
        scan("FINE", lie("unit_registered", "not_witnessed", verdict="registered")),
    ]
    until = time.monotonic() + PATIENCE_S
    while True:  # the log is published a moment later
        said = officer("receipt", "check", "--server", served.url, "--token-file", kept(served.token), "--json")
        rows = {row["scan"]: row for row in said.json["receipts"]}
        if all("no_serial" in rows[one]["compared"] for one in (*true, *lies)) or time.monotonic() > until:
            break
        time.sleep(0.3)
    for scan_id in true:
        assert (rows[scan_id]["faults"], rows[scan_id]["broken"]) == ([], False)
        assert {"recalled", "unit", "verdict"} <= set(rows[scan_id]["compared"]), rows[scan_id]
    assert "lot_mismatch" in rows[true[1]]["compared"], "the proof shows the lot that the unit is in"
    for scan_id, about in zip(lies, ("'recalled'", "absent", "'recalled'"), strict=True):
        found_ = [one for one in rows[scan_id]["faults"] if "of the log say" in one or "its proof shows" in one]
        assert any(about in one for one in found_), rows[scan_id]


def test_what_is_no_receipt_is_kept_and_stays_a_finding(served: Served, liar: Liar) -> None:
    officer = Cli(served.officer.home.parent / "fobbed-off")
    words = ("scan", served.code, "--server", liar.url, "--token-file", kept(served.token))
    liar.resign = False
    try:
        for lie in (
            lambda r: r.update(salt="0x" + "11" * 32),
            lambda r: r.update(seal=str(int(r["seal"]) + 1)),
            lambda r: r.update(spec=""),
        ):
            liar.lie = lie
            said = officer(*words, "--json")
            assert said.code == 1
            assert "no receipt is kept for this scan" in said.err
            assert said.json["receipt_check"]["faults"]
    finally:
        liar.resign = True
    said = officer("receipt", "check", "--server", served.url, "--json")
    assert [(row["state"], row["broken"]) for row in said.json["receipts"]] == [("refused", True)] * 3


def test_a_receipt_whose_signature_could_not_be_checked_is_kept_and_accuses_nobody(served: Served, liar: Liar) -> None:
    """The server answers a scan and then does not show its entry 0: silence is neither a fault nor a way out."""
    officer = Cli(served.officer.home.parent / "met-with-silence")
    words = ("scan", served.code, "--server", liar.url, "--token-file", kept(served.token))
    forged, liar.silent = [], "/v1/proofs/entries/0"
    try:
        for lie, resign in ((None, True), (lambda r: r.update(seal=str(int(r["seal"]) + 1)), False)):
            liar.lie, liar.resign = lie, resign
            said = officer(*words, "--json")
            assert said.json["receipt_check"]["faults"] == []
            assert "receipt" in {one["what"] for one in said.json["receipt_check"]["not_compared"]}
            assert "the receipt is kept, and could not be checked yet" in said.err
            forged.append(said.json["scan"]["id"])
    finally:
        liar.silent, liar.lie, liar.resign = None, None, True
    said = officer("receipt", "check", "--server", served.url, "--json")
    rows = {row["scan"]: row for row in said.json["receipts"]}
    honest, lied = forged
    assert (said.code, rows[honest]["broken"], "device" in rows[honest]["compared"]) == (1, False, True)
    assert (rows[lied]["state"], rows[lied]["broken"]) == ("refused", True)


def test_a_damaged_record_of_what_was_sent_hides_no_other_receipt(served: Served) -> None:
    scan_id = served.scan()["scan"]["id"]
    file = served.officer.home / "receipts" / f"{scan_id}.sent.json"
    raw = file.read_bytes()
    file.write_text("{")
    try:
        code, answer = served.check()
        row = next(row for row in answer["receipts"] if row["scan"] == scan_id)
        assert (code, row["broken"]) == (0, False)
        assert file.name in next(one["why"] for one in row["not_compared"] if one["what"] == "scan")
    finally:
        file.write_bytes(raw)


def forge(served: Served, name: str, **over: Any) -> ScanReceipt:
    """A receipt that the operator signs for a scan it never sealed."""
    key = KeyStore(served.keeper.home / "keys").load_ed25519("log").note_key("carnet.example/cli")
    like = next(iter(served.receipts().values()))
    scan = encode_scan({**canonical.decode(like.scan), "id": f"{name}-{uuid.uuid4()}"})
    receipt = replace(like, scan=scan, **over)
    return sign_receipt(key, receipt.log_id, receipt.scan, receipt.salt, receipt.seal, receipt.deadline)


def test_broken_promises_are_found_without_the_operator_s_help(served: Served) -> None:
    until_kept(served, served.scan()["scan"]["id"])
    folder = ReceiptFolder(Home(served.officer.home))
    before = now_ms() - 3_000
    broken = {
        "missing": forge(served, "missing", seal=0, deadline=now_ms() + 60_000),
        "late": forge(served, "late", seal=0, deadline=1_700_000_000_000),
        "overdue": forge(served, "overdue", seal=10**6, deadline=before),
    }
    paths = [folder.keep(receipt) for receipt in broken.values()]
    try:
        code, answer = served.check()
        states = {row["scan"]: row for row in answer["receipts"]}
        assert (code, answer["ok"]) == (1, False)
        for state, receipt in broken.items():
            row = states[receipt.id]
            assert (row["state"], row["broken"]) == (state, True), row
            verified = served.officer.yes("verify", row["evidence"])
            assert verified["shows"]["promise"]["broken"] is True
        text = served.officer("receipt", "check", "--server", served.url)
        assert (text.code, "3 of" in text.out, "BROKEN" in text.out) == (1, True, True)
    finally:
        for path, receipt in zip(paths, broken.values(), strict=True):
            path.unlink()
            folder.evidence_file(receipt.id).unlink()
    assert served.check()[0] == 0


def test_receipts_that_are_worth_nothing_are_refused(served: Served, tmp_path: Path) -> None:
    folder = ReceiptFolder(Home(served.officer.home))
    receipt = next(iter(served.receipts().values()))
    other = tmp_path / "other"
    stranger = sign_receipt(
        KeyStore(served.keeper.home / "keys").create_ed25519(f"s-{uuid.uuid4().hex[:8]}").note_key("x"),
        receipt.log_id, receipt.scan, receipt.salt, receipt.seal, now_ms() + 3_600_000,
    )  # fmt: skip
    lonely = Cli(other)
    ReceiptFolder(Home(other)).keep(stranger)
    said = lonely("receipt", "check", "--server", served.url, "--json")
    (row,) = said.json["receipts"]
    assert (row["state"], row["broken"]) == ("refused", True), "a signature of somebody else promises nothing"
    assert "signature is wrong" in row["words"]
    elsewhere = replace(receipt, log_id=bytes(32))
    path = folder.keep(replace(elsewhere, scan=encode_scan({**canonical.decode(receipt.scan), "id": "elsewhere"})))
    try:
        row = next(row for row in served.check()[1]["receipts"] if row["scan"] == "elsewhere")
        assert (row["state"], row["broken"]) == ("other_ledger", False)
    finally:
        path.unlink()
    (served.officer.home / "receipts" / "bad.json").write_text("{}")
    try:
        code, answer = served.check()
        (bad,) = [row for row in answer["receipts"] if row["scan"] == "bad"]
        assert (code, bad["state"], bad["broken"]) == (1, "unreadable", True)
        assert "bad.json" in bad["words"]
        assert len(answer["receipts"]) > 1, "one file that can't be read hides no other"
    finally:
        (served.officer.home / "receipts" / "bad.json").unlink()


def test_wrong_use_is_said(served: Served, tmp_path: Path) -> None:
    assert Cli(tmp_path / "empty").yes("receipt", "check") == {"ok": True, "receipts": []}
    assert served.officer.no("receipt", "check", code=2)["code"] == "usage"
    assert served.officer.no("receipt", "check", "--server", served.url, "--founding", "ab", code=2)["code"] == "hex"
    wrong = served.officer("receipt", "check", "--server", served.url, "--founding", "11" * 32, "--json")
    assert (wrong.code, wrong.error["code"]) == (1, "pin")
    down = served.officer("receipt", "check", "--server", "http://127.0.0.1:9", "--json")
    assert (down.code, down.error["code"]) == (3, "server")
    file = tmp_path / "other.json"
    file.write_text('{"spec":"carnet/scan-evidence/9"}')
    assert served.officer.no("verify", file, code=2)["code"] == "spec"
    file.write_text('{"spec":"carnet/scan-evidence/1"}')
    said = served.officer("verify", file, "--json")
    assert (said.code, said.json["failed"]) == (1, "file")
    assert served.officer.no("verify", file, "--code", served.code, code=2)["code"] == "usage"


def test_a_scan_kept_beside_the_server_says_that_nobody_promised_anything(served: Served) -> None:
    said = served.keeper("scan", served.code, "--record", "--json")
    assert (said.json["scan"]["recorded"], said.json["receipt"]) == (True, None)
    assert "without a receipt" in served.keeper("scan", served.code, "--record").err


def test_the_settings_are_checked() -> None:
    said = process("doctor", env={"CARNET_SEAL_SECONDS": "soon"})
    assert (said.code, "CARNET_SEAL_SECONDS" in said.err, "[settings]" in said.err) == (2, True, True)


def test_the_keeper_s_audit_looks_at_scans(served: Served) -> None:
    until_kept(served, served.scan()["scan"]["id"])
    report = served.keeper.yes("audit", "--no-chain")
    assert report["ok"] is True
    assert report["counts"]["scans"] >= 1
    assert report["counts"]["sealed leaves"] >= 16
    assert parse_receipt(next(iter(served.receipts().values())).to_json())
