"""Commands to try in a terminal while the demo runs, each with what it shows."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from api.demo.stage import Stage


def commands(stage: Stage) -> list[tuple[str, str]]:
    """Pairs of what a command shows and the command. All work in the folder where the demo was started."""
    name, home, label = program(), _relative(stage.ledger.home.path), stage.state.labels[-1]
    founding = stage.ledger.founding.pin.hex()
    clean, recalled = (stage.state.text(slug, stage.base_url).partition("?")[0] for slug in ("clean", "recalled"))
    make = f"label make {label.gtin}/{label.lot} --first 24 --out labels.pdf"
    return [
        ("every claim of this page put to the test", f"{name} demo --check"),
        ("a recalled lot: exit code 1", f"{name} scan {recalled} --home {home}"),
        ("a proof file", f"{name} scan {clean} --home {home} --proof unit.tlog-proof"),
        ("checked without this server", f"{name} verify unit.tlog-proof --founding {founding}"),
        ("the whole log recomputed", f"{name} audit --home {home}"),
        ("labels to print", f"{name} {make} --base-url {stage.base_url} --home {home}"),
    ]


def program() -> str:
    """How to call `carnet` from here."""
    return "carnet" if shutil.which("carnet") else _relative(Path(sys.executable).parent / "carnet")


def _relative(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
