"""Probes of proof files: checked in a process of their own that gets files, the founding pin, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from api.demo.bench import Bench
from api.demo.probe import Prober, Rule

_ROOT = Path(__file__).parents[2]
_SECONDS = 60.0


def probe_proofs(bench: Bench, prober: Prober) -> None:
    """A registered unit, an absent one, a recall; then the same files damaged, swapped, and under another pin."""
    state, files = bench.stage.state, bench.folder / "files"
    files.mkdir()
    clean, recalled, invented = (state.text(slug, bench.url) for slug in ("clean", "recalled", "invented"))
    pin = bench.stage.ledger.founding.pin.hex()
    unit = _fetch(bench, files, "unit", clean, {})
    absent = _fetch(bench, files, "absent", invented, bench.officer)
    stopped = _fetch(bench, files, "recalled", recalled, {})
    bad = files / "damaged.tlog-proof"
    if unit is not None:
        bad.write_bytes(_damaged(unit.read_bytes()))
    ask, rule = prober.ask, Rule.PROOF
    ask("proof of a registered unit", rule, [0, None, "present"], check, unit, pin, "--code", clean)
    ask(
        "the same, anchor asked at a node",
        Rule.ANCHOR,
        [0, None, "present"],
        lambda: check(unit, pin, "--chain-rpc", bench.rpc_url),
    )
    ask("proof of absence", Rule.ABSENCE, [0, None, "absent"], check, absent, pin, "--code", invented)
    ask("a recalled lot's proof says so", Rule.RECALL, True, _mentions_recall, stopped, pin)
    ask("another code than the proof's", rule, [1, "code", None], check, unit, pin, "--code", recalled)
    ask("one letter of a hash changed", rule, [1, "file or later"], _fails, bad, pin)
    ask("another founding pin", rule, [1, "founding", None], check, unit, "00" * 32)


def check(file: Path | None, pin: str, *more: str) -> list[Any]:
    """`carnet verify` in a process of its own: exit code, failed step, and what it says of the unit."""
    code, report = run_verify(file, pin, *more)
    unit = report.get("shows", {}).get("unit")
    return [code, report.get("failed"), unit["state"] if unit else None]


def run_verify(file: Path | None, pin: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `carnet verify`, run in the file's folder with nothing of ours in its environment."""
    if file is None:
        raise FileNotFoundError("there is no proof file to check")
    command = [sys.executable, "-m", "api.cli", "verify", file.name, "--founding", pin, "--json", *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    environment |= {"PYTHONPATH": str(_ROOT), "HOME": str(file.parent)}
    done = subprocess.run(  # noqa: S603  (our own command)
        command, cwd=file.parent, env=environment, capture_output=True, timeout=_SECONDS, check=False
    )
    return done.returncode, json.loads(done.stdout or b"{}")


def _fetch(bench: Bench, folder: Path, name: str, code: str, headers: Any) -> Path | None:
    response = bench.client.get("/v1/proofs/units", params={"code": code}, headers=headers)
    if response.status_code != 200:
        return None
    file = folder / f"{name}.tlog-proof"
    file.write_bytes(response.content)
    return file


def _mentions_recall(file: Path | None, pin: str) -> bool:
    code, report = run_verify(file, pin)
    return code == 0 and bool(report["shows"]["batch"]["recall"])


def _fails(file: Path, pin: str) -> list[Any]:
    code, report = run_verify(file, pin)
    return [code, "file or later" if report.get("failed") in report_steps(report) else report]


def report_steps(report: dict[str, Any]) -> list[str]:
    """The names of a report's steps."""
    return [step["step"] for step in report.get("steps", [])]


def _damaged(raw: bytes) -> bytes:
    """A proof file with one letter of its last line but one changed: the checkpoint's own signature stays."""
    at = len(raw) // 2
    while not chr(raw[at]).isalpha():
        at += 1
    other = b"B" if raw[at : at + 1] != b"B" else b"C"
    return raw[:at] + other + raw[at + 1 :]
