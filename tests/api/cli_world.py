"""Commands for tests: run in this process or as a real one, on a home of their own, and read back what they said."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.cli import run
from ledger.chain.local import open_chain

ROOT = Path(__file__).parents[2]
GTIN = "09506000134352"


def kept(secret: str) -> Path:
    """A file with a secret in it, as commands take them: arguments show in process lists."""
    file = Path(tempfile.mkdtemp(prefix="carnet-secret-")) / "secret"
    file.write_text(secret + "\n")
    return file


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as the one JSON object that it must be."""
        assert self.out.endswith("\n")
        assert "\n" not in self.out[:-1], f"more than one line: {self.out}"
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> dict[str, Any]:
        """The error object."""
        assert set(self.json) == {"error"}
        assert self.err == "" or self.err.startswith("carnet: warning")
        found: dict[str, Any] = self.json["error"]
        return found


class Cli:
    """The commands on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: object) -> Said:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*map(str, arguments), "--home", str(self.home)])
        return Said(code, out.getvalue(), err.getvalue())

    def yes(self, *arguments: object) -> dict[str, Any]:
        """Run a command with --json that must succeed; returns its answer."""
        said = self(*arguments, "--json")
        assert said.code == 0, said.out + said.err
        return said.json

    def no(self, *arguments: object, code: int = 1) -> dict[str, Any]:
        """Run a command with --json that must fail with an exit code; returns its error."""
        said = self(*arguments, "--json")
        assert said.code == code, said.out + said.err
        return said.error


def process(*arguments: object, env: Mapping[str, str] | None = None, stdin: str | None = None) -> Said:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def found(folder: Path) -> Cli:
    """A founded ledger of three countries with one maker `acme`, admitted with its prefix."""
    cli = Cli(folder)
    seats = [word for country in ("NL", "KE", "BR") for word in ("--authority", country)]
    cli.yes("init", "--origin", "carnet.example/cli", "--base-url", "https://id.example", *seats)
    cli.yes("key", "new", "acme")
    admission = ("--role", "manufacturer", "--country", "NL", "--name", "Acme", "--prefix", "9506000")
    cli.yes("participant", "admit", "acme", *admission, "--sign", "authority-nl", "--sign", "authority-ke")
    return cli


@contextmanager
def founded(folder: Path) -> Iterator[Cli]:
    """As `found`, with its local chain kept running: commands join it, where each would start and replay its own."""
    cli = found(folder)
    with open_chain(folder, None):
        yield cli


def write_serials(path: Path, rows: Sequence[str]) -> Path:
    """A file of serials, one a row."""
    path.write_text("".join(f"{row}\n" for row in rows))
    return path
