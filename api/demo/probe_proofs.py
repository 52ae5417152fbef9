"""Probes of proof files: checked in processes of their own that get files, the founding pin, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from api.demo.bench import Bench
from api.demo.probe import Prober, Rule

FILES = "files"
"""The folder, beside the home, that holds what strangers have."""
_ROOT = Path(__file__).parents[2]
_SECONDS = 120.0


def probe_proofs(bench: Bench, prober: Prober) -> None:
    """A registered unit, an absent one, a recall; then the same files damaged, swapped, and under another pin.

    1. fetch the files; 2. set the slow processes going; 3. ask what came of them.
    """
    state, files = bench.stage.state, bench.folder / FILES
    files.mkdir()
    clean, recalled, invented = (state.text(slug, bench.url) for slug in ("clean", "recalled", "invented"))
    pin = bench.stage.ledger.founding.pin.hex()
    for name, code, headers in (("unit", clean, {}), ("absent", invented, bench.officer), ("recalled", recalled, {})):
        prober.ask(f"fetch the proof: {name}", Rule.PROOF, 200, _fetch, bench, name, code, headers)  # 1
    _damage(files / "unit.tlog-proof", files / "damaged.tlog-proof")
    whole = Verify(files, "unit", pin, "--code", clean)  # 2
    asked = Verify(files, "unit", pin, "--chain-rpc", bench.rpc_url)
    broken = Verify(files, "damaged", pin)
    told = stranger(
        files, [("absent", pin, invented), ("recalled", pin, None), ("unit", pin, recalled), ("unit", "00" * 32, None)]
    )
    good = [0, None, "present"]
    prober.ask("carnet verify: a registered unit", Rule.PROOF, good, whole.outcome)  # 3
    prober.ask("carnet verify: its anchor, asked at a node", Rule.ANCHOR, good, asked.outcome)
    prober.ask("carnet verify: one letter changed", Rule.PROOF, [1, True, None], broken.failed)
    prober.ask("a stranger: proof of absence", Rule.ABSENCE, [None, "absent"], _outcome, told, 0)
    prober.ask("a stranger: a recalled lot's proof says so", Rule.RECALL, True, _recalled, told, 1)
    prober.ask("a stranger: another code than the proof's", Rule.PROOF, ["code", None], _outcome, told, 2)
    prober.ask("a stranger: another founding pin", Rule.PROOF, ["founding", None], _outcome, told, 3)


class Verify:
    """`carnet verify` under way, in the files' folder, with nothing of ours in its environment."""

    def __init__(self, folder: Path, name: str, pin: str, *more: str) -> None:
        command = [sys.executable, "-m", "api.cli", "verify", f"{name}.tlog-proof", "--founding", pin, "--json", *more]
        self._process = subprocess.Popen(  # noqa: S603  (our own command)
            command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def outcome(self) -> list[Any]:
        """Exit code, the step that failed, and what is said of the unit."""
        code, report = self._result()
        return [code, report.get("failed"), _unit(report)]

    def failed(self) -> list[Any]:
        """Exit code, whether a step is named that failed, and what is said of the unit."""
        code, report = self._result()
        return [code, report.get("failed") is not None, _unit(report)]

    def _result(self) -> tuple[int, dict[str, Any]]:
        out, error = self._process.communicate(timeout=_SECONDS)
        return self._process.returncode, json.loads(out or json.dumps({"failed": error.decode()[-300:]}))


def stranger(folder: Path, questions: Sequence[tuple[str, str, str | None]]) -> list[dict[str, Any]]:
    """The verifier's reports on (file, pin, code), made by a process that gets only these; [] when it broke off."""
    asked = [{"file": f"{name}.tlog-proof", "pin": pin, "code": code} for name, pin, code in questions]
    done = subprocess.run(
        [sys.executable, "-m", "api.demo.stranger"],
        input=json.dumps(asked).encode(),
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    reports: list[dict[str, Any]] = json.loads(done.stdout or b"[]")
    return reports


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    return {**kept, "PYTHONPATH": str(_ROOT), "HOME": str(folder)}


def _fetch(bench: Bench, name: str, code: str, headers: Mapping[str, str]) -> int:
    response = bench.client.get("/v1/proofs/units", params={"code": code}, headers=headers)
    (bench.folder / FILES / f"{name}.tlog-proof").write_bytes(response.content)
    return response.status_code


def _damage(file: Path, to: Path) -> None:
    """Change one letter in the middle of a file."""
    raw = file.read_bytes()
    at = next(at for at in range(len(raw) // 2, len(raw)) if chr(raw[at]).isalpha())
    to.write_bytes(raw[:at] + (b"B" if raw[at : at + 1] != b"B" else b"C") + raw[at + 1 :])


def _unit(report: Mapping[str, Any]) -> Any:
    unit = report.get("shows", {}).get("unit")
    return unit["state"] if unit else None


def _outcome(reports: Sequence[Mapping[str, Any]], at: int) -> list[Any]:
    return [reports[at]["failed"], _unit(reports[at])]


def _recalled(reports: Sequence[Mapping[str, Any]], at: int) -> bool:
    return reports[at]["ok"] and bool(reports[at]["shows"]["batch"]["recall"])
