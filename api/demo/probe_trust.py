"""Probes of what keeps an operator honest: the anchor on the chain, history rewritten, and the audit."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from pydantic import SecretStr

from api.demo.bench import Bench
from api.demo.probe import Prober, Rule
from api.demo.probe_proofs import FILES, stranger
from api.demo.rewrite import Rewritten, rewrite
from api.demo.witnesses import NAMES
from ledger.home import Home, Settings
from ledger.wiring.audit import audit_ledger
from verifier.audit.report import AuditReport
from verifier.errors import Refused
from verifier.evidence.file import decode_evidence
from verifier.record.entry import decode_entry
from verifier.record.statement import Kind
from verifier.tree.merkle import leaf_hash
from verifier.tree.tlog_proof import TlogProof

_ANCHORED = "0x" + keccak(text="Anchored(bytes32,uint64,bytes32,uint64)").hex()


def probe_trust(bench: Bench, prober: Prober) -> None:
    """Anchor, forgery, audit."""
    _probe_anchor(bench, prober)
    _probe_forgery(bench, prober)
    _probe_audit(bench, prober)


def _probe_anchor(bench: Bench, prober: Prober) -> None:
    bench.stage.ledger.anchor_now()
    head = bench.stage.ledger.signed()
    assert head is not None  # noqa: S101  (a founded log has one)
    expected = {"size": head.size, "root": head.root.hex(), "chained": True}
    prober.ask("the signed head, by raw eth_getLogs", Rule.ANCHOR, expected, _anchored, bench)


def _anchored(bench: Bench) -> dict[str, Any]:
    """The newest anchor as the node tells it, decoded by hand; and whether each names the size before it."""
    founding = bench.stage.ledger.founding
    topics = [_ANCHORED, "0x" + founding.log_id.hex()]
    logs = bench.rpc(
        "eth_getLogs", {"address": founding.anchor, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
    )
    sizes = [int(log["topics"][2], 16) for log in logs]
    before = [int(log["data"][66:], 16) for log in logs]
    return {"size": sizes[-1], "root": logs[-1]["data"][2:66], "chained": before == [0, *sizes[:-1]]}


def _probe_forgery(bench: Bench, prober: Prober) -> None:
    audits: list[Any] = []
    kept: list[Rewritten] = []

    def look(copy: Path) -> None:
        audits.append(_audited(bench, copy))

    def refused() -> str:
        try:
            kept.append(
                rewrite(
                    bench.stage.ledger,
                    bench.stage.state,
                    lambda home: audits.append(_audited(bench, home)),
                    bench.stage.witnesses.each,
                )
            )
        except Refused as error:
            return error.code
        return kept[0].refusal.error

    prober.ask("a forged history, anchored", Rule.ANCHOR, "AnchorInconsistent", refused)
    if not kept:
        return
    done = kept[0]
    prober.ask(
        "its transaction, by raw eth_getTransactionReceipt",
        Rule.ANCHOR,
        ["0x0", hex(done.refusal.block_number), 0],
        _receipt,
        bench,
        done.refusal.transaction,
    )
    fooled = [True, "Stop", "Registered, no reports"]
    prober.ask(
        "inside, the forgery is perfect",
        Rule.STAGE,
        fooled,
        lambda: [done.forged.signatures > 0, done.answer_before, done.answer_after],
    )
    declined = dict.fromkeys(NAMES, True)
    prober.ask("the forged head, shown to the witnesses", Rule.WITNESS, declined, lambda: _declined(done))
    prober.ask("an old proof under the forged head", Rule.PROOF, [None, "inclusion"], _spliced, bench, done)
    prober.ask("the forged home, audited against the chain", Rule.AUDIT, [False, True], lambda: audits[0])


def _declined(done: Rewritten) -> dict[str, bool]:
    """The witnesses that refused, with 409 or 422, because of what they remember (C2SP tlog-witness)."""
    return {name: status in (409, 422) for name, status in done.witnesses.items()}


def _receipt(bench: Bench, transaction: str) -> list[Any]:
    receipt = bench.rpc("eth_getTransactionReceipt", transaction)
    return [receipt["status"], receipt["blockNumber"], len(receipt["logs"])]


def _spliced(bench: Bench, done: Rewritten) -> list[Any]:
    """An old file with the forged checkpoint, as a stranger would hold it who trusts the operator's newest head."""
    old = decode_evidence(done.old_file)
    spliced = TlogProof(old.proof.index, old.proof.path, done.forged_note, old.proof.extra)
    (bench.folder / FILES / "old-under-new.tlog-proof").write_bytes(spliced.encode())
    (bench.folder / FILES / "old.tlog-proof").write_bytes(done.old_file)
    pin = bench.stage.ledger.founding.pin.hex()
    reports = stranger(bench.folder / FILES, [("old", pin, None), ("old-under-new", pin, None)])
    return [report["failed"] for report in reports]


def _probe_audit(bench: Bench, prober: Prober) -> None:
    home = bench.stage.ledger.home
    pin = bench.stage.ledger.founding.pin
    prober.ask("the true home, audited", Rule.AUDIT, [True, []], lambda: _plain(audit_ledger(home, pin)))
    recall = next(
        i
        for i, raw in enumerate(bench.stage.ledger.log.read_entries(0, bench.stage.ledger.record.size))
        if decode_entry(raw).kind is Kind.BATCH_RECALLED
    )
    for name, rehash in (("one byte of an old entry flipped", False), ("an entry reworded, its hash too", True)):
        prober.ask(f"{name}, found and named", Rule.AUDIT, [False, True], _tampered, bench, recall, rehash)


def _plain(report: AuditReport) -> list[Any]:
    return [report.ok, [f"{finding.at}: {finding.code}" for finding in report.findings]]


def _audited(bench: Bench, folder: Path) -> list[Any]:
    """Whether an auditor with a node of the chain finds a copy sound, and misses its head among the anchors."""
    report = _audit(bench, folder)
    return [report.ok, any(finding.code.startswith("anchor") for finding in report.findings)]


def _audit(bench: Bench, folder: Path) -> AuditReport:
    settings = Settings(home=folder, database=None, chain_rpc=SecretStr(bench.rpc_url), base_url=None)
    return audit_ledger(Home(folder, settings), bench.stage.ledger.founding.pin)


def _tampered(bench: Bench, index: int, rehash: bool) -> list[Any]:
    """Change a stored entry in a copy of the home, and audit the copy: unsound, and the entry named?"""
    with tempfile.TemporaryDirectory(prefix="carnet-tampered-") as scratch:
        folder = Path(scratch) / "home"
        _copy(bench.stage.ledger.home, folder)
        with sqlite3.connect(folder / "ledger.db") as database:
            (data,) = database.execute("SELECT data FROM open_entry WHERE idx = ?", (index,)).fetchone()
            changed = data.replace(b"below", b"above") if rehash else bytes([*data[:-9], data[-9] ^ 1, *data[-8:]])
            database.execute("UPDATE open_entry SET data = ? WHERE idx = ?", (changed, index))
            if rehash:
                database.execute("UPDATE open_entry SET leaf = ? WHERE idx = ?", (leaf_hash(changed), index))
        database.close()
        report = _audit(bench, folder)
        return [report.ok, any(str(index) in finding.at for finding in report.findings)]


def _copy(home: Home, folder: Path) -> None:
    """A copy of a home as a thief or a backup has it; the database by SQLite's own backup, as it may be in use."""
    folder.mkdir()
    for part in ("keys", "segments"):
        shutil.copytree(home.path / part, folder / part)
    for part in ("ledger.json", "signed_head"):
        shutil.copy2(home.path / part, folder / part)
    source, target = sqlite3.connect(home.path / "ledger.db"), sqlite3.connect(folder / "ledger.db")
    with source, target:
        source.backup(target)
    source.close()
    target.close()
