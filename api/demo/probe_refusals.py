"""Probes of refusals: statements and scans that must be refused, sent as an attacker would send them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import httpx

from api.demo.bench import Bench
from api.demo.cast import BATCHES, ROTTERDAM, SOLMIRE, Batch
from api.demo.maker import Run, make_gtin, recall, registration, retirement
from api.demo.probe import Prober, Rule
from ledger.services.record.append import now_ms
from ledger.services.units.serial import generate
from verifier.instant import DAY
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import ReadCode, read
from verifier.record.batch import RetireReason
from verifier.record.statement import HALF_ORDER, Kind, Statement, header, sign


def probe_refusals(bench: Bench, prober: Prober) -> None:
    """Forged, misdirected, repeated, expired; each leaves the log as it was."""
    size = _size(bench)
    _probe_registrations(bench, prober)
    _probe_changes(bench, prober)
    prober.ask("none of these is in the log", Rule.MAKER, size + 1, _size, bench)
    _probe_scans(bench, prober)


def _probe_registrations(bench: Bench, prober: Prober) -> None:
    ledger, solmire = bench.stage.ledger, bench.key("solmire")
    gtin = make_gtin(SOLMIRE.prefix or "", 3)
    run = _run(bench, gtin)
    good = registration(ledger, solmire, run)
    altered = replace(good, body={**good.body, "markets": ["BR"]})
    high = replace(good, signature=_high_s(good.signature))
    stranger = registration(ledger, bench.key("kestrin"), _run(bench, gtin))
    late = _signed_anew(bench, good, header(now_ms() - 3 * DAY))
    tries: tuple[tuple[str, Rule, list[Any], Statement], ...] = (
        ("a registration altered after signing", Rule.MAKER, [422, "signature_wrong"], altered),
        ("a signature's malleable twin", Rule.MAKER, [422, "signature_high_s"], high),
        ("a statement that has expired", Rule.MAKER, [422, "expired"], late),
        ("a rival's prefix", Rule.PREFIX, [403, "prefix_not_held"], stranger),
        ("the true one", Rule.MAKER, [201, None], good),
        ("the true one again: its first receipt", Rule.MAKER, [200, None], good),
    )
    for name, rule, expected, statement in tries:
        prober.ask(name, rule, expected, _sent, bench, "/v1/batches", statement, _salt(statement))


def _probe_changes(bench: Bench, prober: Prober) -> None:
    ledger = bench.stage.ledger
    plan = next(plan for plan in BATCHES if plan.batch is Batch.HERO)
    batch = ledger.batches.find_lot(make_gtin(plan.maker.prefix or "", plan.item), plan.lot)
    serial = bench.stage.state.labels[-1].serial
    theft = retirement(ledger, bench.key("skarvane"), batch, RetireReason.STOLEN, [serial])
    foreign = recall(ledger, bench.key("kestrin"), batch, "out of spite")
    path = f"/v1/batches/0x{batch.id.hex()}"
    ask = prober.ask
    ask(
        "a carrier calls goods stolen",
        Rule.RIGHTS,
        [403, "not_entitled"],
        lambda: _answer(bench.send(f"{path}/retire", theft)),
    )
    ask(
        "a rival recalls a lot",
        Rule.RIGHTS,
        [403, "not_entitled"],
        lambda: _answer(bench.send(f"{path}/recall", foreign)),
    )


def _probe_scans(bench: Bench, prober: Prober) -> None:
    """Officers' routes: no scan without a token, one scan counts once, one id for one scan."""
    code = bench.stage.state.text("stolen", bench.url)
    one = {"id": "6f1c0f0e-1b52-4d8e-9a53-0c5b7a3e2d11", "scanned_at": "2026-01-05T08:00:00.000Z"}

    def bare() -> Any:
        return bench.client.post("/v1/scans", json={"code": code}).status_code

    def twice() -> Any:
        first, second = (bench.scan(code, ROTTERDAM, **one) for _ in range(2))
        return [first.status_code, second.status_code, first.json() == second.json()]

    def reused() -> Any:
        return _answer(bench.scan(bench.stage.state.text("clean", bench.url), ROTTERDAM, **one))

    prober.ask("a scan without a token", Rule.DOORS, 401, bare)
    prober.ask("a scan sent twice", Rule.BEHAVIOUR, [200, 200, True], twice)
    prober.ask("its id for another scan", Rule.BEHAVIOUR, [409, "scan_id_reused"], reused)
    prober.ask("public look-ups move no verdict", Rule.BEHAVIOUR, ["registered", "registered"], _many, bench)


def _many(bench: Bench) -> list[str]:
    """Forty look-ups of one label, as if by somebody who wants to discredit it."""
    label = bench.stage.state.labels[-2].link(bench.url)
    verdicts = [bench.verify(label)["verdict"] for _ in range(40)]
    return [verdicts[0], verdicts[-1]]


def _run(bench: Bench, gtin: str) -> Run:
    """A run that leaves nothing in the home."""
    log_id = bench.stage.ledger.founding.log_id
    lot = f"T-{secrets.token_hex(4).upper()}"
    run = Run(gtin, lot, tuple(generate(17)), secrets.token_bytes(32), secrets.token_bytes(32), log_id)
    reading = read(run.link(run.serials[0], bench.url), carrier=Carrier.QR)
    assert isinstance(reading, ReadCode)  # noqa: S101  (what we print must read)
    return run


def _signed_anew(bench: Bench, statement: Statement, head: dict[str, str]) -> Statement:
    body = {**statement.body, **head}
    key, domain = bench.key("solmire"), bench.stage.ledger.founding.domain
    return Statement(Kind.BATCH_REGISTERED, body, key.address, sign(Kind.BATCH_REGISTERED, body, domain, key.secret))


def _salt(statement: Statement) -> bytes:
    """Generated runs publish their salt."""
    return bytes.fromhex(statement.body["salt"][2:])


def _high_s(signature: str) -> str:
    """The other signature that the same key, message and r have (EIP-2 forbids it)."""
    order = 2 * HALF_ORDER + 1
    raw = bytes.fromhex(signature[2:])
    s = order - int.from_bytes(raw[32:64], "big")
    return "0x" + (raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])).hex()


def _sent(bench: Bench, path: str, statement: Statement, salt: bytes | None = None) -> list[Any]:
    return _answer(bench.send(path, statement, salt))


def _size(bench: Bench) -> int:
    """Statements in the log; seals of scans come in by themselves meanwhile."""
    return len(bench.stage.ledger.record.statement_ids)


def _answer(response: httpx.Response) -> list[Any]:
    body = response.json()
    return [response.status_code, body.get("code")]
