"""The README's commands, run as they stand there by a shell in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()


def block(heading: str) -> str:
    """The first shell block below a heading."""
    below = README.split(f"## {heading}\n", 1)[1]
    found = re.search(r"```sh\n(.*?)```", below, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.node
@pytest.mark.timeout(330)  # the commands' own limit and a little more
def test_the_main_job_by_hand(tmp_path: Path) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("The main job, by hand")],
        cwd=tmp_path,
        env=environment | {"PATH": programs},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for said in ("founding pin", "registered: GTIN 09521234000013", "Registered, no reports", "everything holds"):
        assert said in run.stdout
    assert (tmp_path / "labels.pdf").read_bytes().startswith(b"%PDF")


def test_linked_pages_exist() -> None:
    root = Path(__file__).parent.parent
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md")), *root.glob("[A-Z]*.md")]
    missing = {
        f"{page.relative_to(root)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    }
    assert not missing
