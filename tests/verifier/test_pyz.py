"""carnet-verify.pyz: the verifier alone, run in an empty folder by a Python that knows nothing of Carnet."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.evidence_vectors import FOLDER, complete_file, indexed
from verifier.evidence.file import encode_evidence

ROOT = Path(__file__).parents[2]
VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text())


@dataclass(frozen=True)
class Alone:
    """A built file, a bare environment, and an empty folder to run in."""

    pyz: Path
    python: Path
    folder: Path

    def __call__(self, *words: object, options: tuple[str, ...] = ("-I", "-S")) -> subprocess.CompletedProcess[str]:
        """Run it without site-packages, environment variables or, where the machine allows it, a network."""
        unshare = shutil.which("unshare")
        cut_off = [unshare, "-rn"] if unshare and not subprocess.run([unshare, "-rn", "true"]).returncode else []
        return subprocess.run(
            [*cut_off, self.python, *options, self.pyz, *map(str, words)],
            cwd=self.folder,
            env={"TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=250,
        )

    def file(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    place = tmp_path_factory.mktemp("pyz")
    build = [sys.executable, ROOT / "scripts" / "build-verifier", place / "carnet-verify.pyz"]
    subprocess.run(build, check=True, capture_output=True, timeout=250)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "bare"], check=True)
    (place / "empty").mkdir()
    yield Alone(place / "carnet-verify.pyz", place / "bare" / "bin" / "python", place / "empty")
    assert not [left for left in (place / "empty").iterdir() if left.name.startswith("carnet-verify")]


def test_nothing_of_ledger_or_api_is_in_it(alone: Alone) -> None:
    with zipfile.ZipFile(alone.pyz) as packed:
        tops = {name.split("/")[1] for name in packed.namelist() if name.startswith("site/")}
        assert packed.testzip() is None
    assert {"verifier", "cryptography", "coincurve"} <= tops
    assert not tops & {"ledger", "api", "tests", "sqlalchemy", "fastapi", "web3", "httpx"}


def test_every_import_of_the_verifier_is_taken_along() -> None:
    """DIRECT in the script names the packages of everything that verifier/ imports."""
    tree = ast.parse((ROOT / "scripts" / "build-verifier").read_text())
    direct = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "DIRECT"
    )
    imported = set()
    for file in (ROOT / "verifier").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names - {"verifier"}
    assert foreign <= {name.replace("-", "_") for name in direct}


def test_it_explains_each_step_and_what_follows(alone: Alone) -> None:
    pin = indexed().sim.pin.hex()
    done = alone(alone.file("good.tlog-proof", encode_evidence(complete_file())), "--founding", pin)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("yes") for line in lines) >= 8
    assert "Everything in this file holds." in lines
    assert any("not recalled or withdrawn" in line for line in lines)
    assert any("does not show that this item is genuine" in line for line in lines)


def test_it_names_the_first_step_that_fails(alone: Alone) -> None:
    case = next(case for case in VECTORS if case["file"] == "index-recall-kept-back.tlog-proof")
    file = alone.file(case["file"], (FOLDER / case["file"]).read_bytes())
    done = alone(file, "--founding", case["pin"], "--json")
    report = json.loads(done.stdout)
    assert (report["ok"], report["failed"]) == (False, case["failed"])
    assert done.returncode == 1


def test_no_file_ends_it_in_another_way(alone: Alone) -> None:
    deep = alone.file("deep.json", b'{"spec":' + b"[" * 100_000)
    done = alone(deep, "--founding", "00" * 32, "--json")
    assert (done.returncode, set(json.loads(done.stdout))) == (2, {"error"}), done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_it_was_not_built_for_is_told_so(alone: Alone, tmp_path: Path) -> None:
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(alone.pyz) as packed, zipfile.ZipFile(other, "w") as changed:
        boot = packed.read("__main__.py").decode()
        changed.writestr("__main__.py", boot.replace(f'"{sys.version_info[0]}.{sys.version_info[1]}"', '"2.7"'))
    done = subprocess.run([sys.executable, other, "x"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "built for CPython 2.7" in done.stderr
