"""The output of a command: one answer on standard output, everything else on standard error.

With --json the answer is exactly one JSON object. Exit codes: 0 yes, 1 the answer is no, 2 wrong use, 3 a part cannot
be reached; 70 is a fault of Carnet's own.

Every line passes through `verifier.foreign`, so that foreign text stays one line and cannot control a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

from verifier.errors import CarnetError, Malformed, RulesUnknown, Stopped, Unavailable
from verifier.foreign import json_line, shown


class ExitCode(IntEnum):
    """How a command ends."""

    YES = 0
    NO = 1
    WRONG_USE = 2
    UNREACHABLE = 3
    FAULT = 70  # EX_SOFTWARE of sysexits.h


WRONG_USE_CODES = frozenset(
    {
        "key_unknown",
        "token_unknown",
        "session_unknown",
        "file",
        "not_founded",
        "founded",
        "key_exists",
        "no_witness",
        "witness_exists",
        "unauthenticated",
        "route",
        "method",
    }
)
"""Refusals and gaps that are no answer about goods or records: a name or place given to the command is wrong."""


CELL = 2_100
"""Characters of one value in a table or list; the longest text of a statement has 2,048."""


class Steps(Protocol):
    """Called with (done, in all) while long work goes on."""

    def __call__(self, done: int, total: int, /) -> None:
        """Show how far it is."""
        ...


class Detailed(Malformed):
    """A Malformed with more to show than one line: `details` go into the JSON, `lines` under the message."""

    def __init__(self, message: str, *, code: str, details: Mapping[str, Any], lines: Sequence[str]) -> None:
        super().__init__(message, code=code)
        self.details = details
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Out:
    """Says things in the form that was asked for."""

    json: bool

    def answer(self, value: Mapping[str, Any], text: str | Iterable[str]) -> None:
        """Give the command's one answer."""
        if self.json:
            _print(sys.stdout, json_line(value))
        else:
            _say(sys.stdout, *([text] if isinstance(text, str) else text))

    def note(self, line: str) -> None:
        """Say something about the work, to people only."""
        if not self.json:
            _say(sys.stderr, line)

    def warn(self, line: str) -> None:
        """Say something that people must see, also beside JSON."""
        _say(sys.stderr, f"carnet: warning: {line}")

    @contextmanager
    def progress(self, what: str) -> Iterator[Steps]:
        """Show a bar during long work, only on a terminal and only if the work takes more than a moment."""
        if self.json or not sys.stderr.isatty():
            yield _silent
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)

            def show(done: int, total: int, /) -> None:
                bar.update(task, completed=done, total=total or None)

            yield show


def exit_code(error: CarnetError) -> ExitCode:
    """The exit code of a command that was stopped by an error."""
    if isinstance(error, Unavailable | Stopped | RulesUnknown):
        return ExitCode.UNREACHABLE
    if isinstance(error, Malformed) or error.code in WRONG_USE_CODES:
        return ExitCode.WRONG_USE
    return ExitCode.NO


def report_error(error: CarnetError, *, as_json: bool) -> None:
    """Say what went wrong: one line on standard error, or one JSON object on standard output."""
    details = error.details if isinstance(error, Detailed) else {}
    lines = error.lines if isinstance(error, Detailed) else ()
    report_failure(error.code, str(error), as_json=as_json, at=error.at, details=details, lines=lines)


def report_failure(
    code: str,
    message: str,
    *,
    as_json: bool,
    at: str | None = None,
    details: Mapping[str, Any] | None = None,
    lines: Sequence[str] = (),
) -> None:
    """The same for an error that is not one of ours."""
    if as_json:
        place = {"at": at} if at else {}
        error = {"code": code, "message": message, **place, **(details or {})}
        _print(sys.stdout, json_line({"error": error}))
        return
    _say(sys.stderr, f"carnet: {message} [{code}]", *lines)


def report_trace(trace: str) -> None:
    """Show where in the code a fault lies, to people."""
    _say(sys.stderr, *trace.splitlines())


def table(rows: Sequence[Sequence[object]], head: Sequence[str]) -> list[str]:
    """Rows as aligned columns under a head; None shows as a dash."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    lines = [[text.upper() for text in head], *cells]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def pairs(value: Mapping[str, object]) -> list[str]:
    """Names and values, one a line; what is None is left out."""
    shown = {name: _cell(item) for name, item in value.items() if item is not None}
    width = max((len(name) for name in shown), default=0)
    return [f"{name.ljust(width)}  {text}" for name, text in shown.items()]


def _cell(value: object) -> str:
    match value:
        case None | "" | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple() | set() | frozenset():
            return ", ".join(shown(str(item), CELL) for item in value)
        case _:
            return shown(str(value), CELL)


def _silent(_done: int, _total: int, /) -> None:
    return None


def _say(stream: Any, *lines: str) -> None:
    _print(stream, "\n".join(map(shown, lines)))


def _print(stream: Any, text: str) -> None:
    secrets = sys.modules.get("ledger.keys.secret_text")  # while it is not loaded, no secret was read
    text = secrets.without_secrets(text) if secrets is not None else text
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))  # LANG=C knows ASCII alone
        stream.flush()
    except BrokenPipeError:
        # `carnet batch list | head`: the reader has seen enough; Python would complain at exit otherwise
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
