"""Runs the Hardhat tests of the contracts, so that one command runs every test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ledger.chain.node import find_node
from verifier.errors import Unavailable

ROOT = Path(__file__).parents[2]
HARDHAT = ROOT / "node_modules" / "hardhat" / "internal" / "cli" / "bootstrap.js"


@pytest.mark.node
def test_hardhat_tests_pass() -> None:
    try:
        node = find_node()
    except Unavailable as error:
        pytest.skip(str(error))
    if not HARDHAT.exists():
        pytest.skip("Hardhat is not installed: run `make setup`")
    environment = os.environ | {"HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"}
    run = subprocess.run([node, HARDHAT, "test"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4_000:] + run.stderr[-2_000:]
    assert " passing" in run.stdout
    assert " pending" not in run.stdout or not (ROOT.parent / "shared").is_dir(), run.stdout[-4_000:]
