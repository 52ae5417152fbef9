"""Doubtful values on the command line: they are shown and asked about once, before anything is signed.

Without a terminal nobody can be asked. The values are then refused unless a flag accepts them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from api.cli.base.output import Detailed, Out
from verifier.errors import Refused

if TYPE_CHECKING:
    from ledger.services.units.serial_doubt import Doubt, Doubtful

SHOWN = 5
"""Values of one doubt that are shown to people; --json lists the first 1,000."""


def settle(doubts: Sequence[Doubt], accepted: Iterable[str] | None, yes: bool, out: Out) -> None:
    """Get every doubt accepted, by flag or else by the person at the terminal.

    Raises Detailed (`doubtful`) where nobody can be asked, Refused (`declined`) when the answer is no.
    """
    taken = set(accepted or ())
    opened = [doubt for doubt in doubts if not yes and doubt.name not in taken]
    for doubt in doubts:
        if doubt not in opened:
            out.note(f"taken as asked: {doubt.count} x {doubt.name} in {doubt.cell}")
    if not opened:
        return
    lines = [line for doubt in opened for line in _lines(doubt)]
    names = list(dict.fromkeys(doubt.name.value for doubt in opened))
    if out.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        flags = " ".join(f"--accept {name}" for name in names)
        raise Detailed(
            f"couldn't take values that may not be what they were: {', '.join(names)}; nothing was written or signed. "
            f"Correct them, or take them as they are with {flags}, or all with --yes",
            code="doubtful",
            details={"doubts": [as_json(doubt) for doubt in opened]},
            lines=lines,
        )
    out.note("these values may not be what they were:")
    for line in lines:
        out.note(line)
    _ask()


def as_json(doubt: Doubt) -> dict[str, Any]:
    """A doubt for programs: its name, what it is, how many, and the first values."""
    from ledger.services.record.doubt_name import ABOUT

    values = [{"row": value.row, "value": value.value, "perhaps": value.perhaps} for value in doubt.values]
    name = doubt.name
    return {"name": name.value, "cell": doubt.cell, "about": ABOUT[name], "count": doubt.count, "values": values}


def _ask() -> None:
    import typer

    if not typer.confirm("Take all of them as they are?", default=False, err=True):
        raise Refused("couldn't go on: the values were not taken; nothing was written or signed", code="declined")


def _lines(doubt: Doubt) -> list[str]:
    from ledger.services.record.doubt_name import ABOUT

    lines = [f"  {doubt.name} in {doubt.cell}, {doubt.count} x: {ABOUT[doubt.name]}"]
    lines += [f"    {_shown(value)}" for value in doubt.values[:SHOWN]]
    if doubt.count > SHOWN:
        lines.append(f"    … and {doubt.count - SHOWN} more; --json lists up to 1,000")
    return lines


def _shown(value: Doubtful) -> str:
    where = f"row {value.row}: " if value.row is not None else ""
    return f"{where}{value.value} (perhaps {value.perhaps})"
