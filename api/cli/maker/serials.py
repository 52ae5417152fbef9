"""Serial files on the command line: read with progress, and refused with every bad row by number and reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.base.output import Detailed, Out
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.services.units.serial_file import BadRow, SerialFile, Target

ROWS_SHOWN = 20
"""Bad rows listed on a terminal; --json lists the first 1,000."""

_BATCHES_NAMED = 5  # in one line


def read_serials(
    path: Path, target: Target, out: Out, column: str | None, no_header: bool, only_batch: bool = False
) -> SerialFile:
    """Read a file of serials for a batch. Raises as `read_serial_csv`; bad rows do not raise.

    Cells whose reading differs from their text are noted.
    """
    from ledger.services.units.serial_file import read_serial_csv

    with out.progress("reading serials") as progress:
        file = read_serial_csv(
            path,
            target,
            progress=lambda rows: progress(rows, 0),
            column=column,
            headed=not no_header,
            only_batch=only_batch,
        )
    _note_read(file, out)
    if file.left_out:
        out.note(f"left out {file.left_out} rows of other batches: {_batches(file.others)}")
    return file


def check_rows(file: SerialFile, target: Target, skip_bad: bool | None, out: Out) -> None:
    """Refuse a file with bad rows, all of them named, unless they are to be left out. Raises Detailed (`bad_rows`).

    `skip_bad` is None where the command does not offer to leave rows out.
    """
    if not file.bad_count:
        if not file.serials:
            raise Malformed(
                f"couldn't use the serials: no row is of GTIN {target.gtin} lot {target.lot}, but "
                f"{_batches(file.others)}",
                code="bad_rows",
            )
        return
    lines = _bad_lines(file, target)
    if skip_bad:
        out.note(f"left out {file.bad_count} bad rows of {file.rows}:")
        for line in lines:
            out.note(line)
        if not file.serials:
            raise Malformed("couldn't register: no row of the file is good", code="bad_rows")
        return
    rows = [
        {"row": bad.row, "value": bad.value, "code": bad.code, "message": bad.message, "expected": bad.expected}
        for bad in file.bad
    ]
    details = {"rows": rows, "bad": file.bad_count, "good": len(file.serials), "reasons": dict(file.reasons)}
    if file.others:
        details["batches"] = [{"gtin": gtin, "lot": lot, "rows": n} for (gtin, lot), n in file.others.most_common()]
    raise Detailed(
        f"couldn't use the serials: {file.bad_count} of {file.rows} rows are bad and nothing was written; "
        + ("correct them" if skip_bad is None else "correct them, or leave them out with --skip-bad"),
        code="bad_rows",
        details=details,
        lines=lines,
    )


def read_json(file: SerialFile | None) -> list[dict[str, Any]]:
    """The cells whose reading differs from their text, for programs."""
    cells = file.read if file is not None else []
    return [{"row": one.row, "cell": one.cell, "written": one.written, "read": one.read} for one in cells]


def _bad_lines(file: SerialFile, target: Target) -> list[str]:
    """Rows of other batches in sum and by batch, all other bad rows one by one."""
    from ledger.services.units.serial_batch import OTHER_BATCH

    others = sum(file.others.values())
    lines = []
    if others:
        own = f"GTIN {target.gtin} lot {target.lot}: {len(file.serials)} good rows, this batch"
        lines += [f"  {others} rows are of other batches than the one that is registered here:", f"    {own}"]
        lines += [f"    GTIN {gtin} lot {lot}: {n} rows" for (gtin, lot), n in file.others.most_common(ROWS_SHOWN)]
        if len(file.others) > ROWS_SHOWN:
            lines.append(f"    … and {len(file.others) - ROWS_SHOWN} batches more; --json lists them")
        if file.serials:
            lines.append("  register each batch by itself from this file: its --gtin and --lot, and --only-batch")
        else:
            lines.append("  no row is of this batch: see --gtin and --lot")
    shown = [bad for bad in file.bad if bad.code not in OTHER_BATCH][:ROWS_SHOWN]
    lines += [f"  {_row(bad)}" for bad in shown]
    if rest := file.bad_count - others - len(shown):
        lines.append(f"  … and {rest} more; --json lists up to 1,000")
    return lines


def _batches(others: Counter[tuple[str, str]]) -> str:
    named = ", ".join(f"GTIN {gtin} lot {lot} ({n})" for (gtin, lot), n in others.most_common(_BATCHES_NAMED))
    more = len(others) - _BATCHES_NAMED
    return named + (f" and {more} batches more" if more > 0 else "")


def _note_read(file: SerialFile, out: Out) -> None:
    if not file.read_count:
        return
    first = file.read[0]
    out.note(
        f"{file.read_count} cells were read without what a spreadsheet put around them, the first in row {first.row}: "
        f"{first.cell} {first.written} as {first.read}"
    )


def _row(bad: BadRow) -> str:
    """What is wrong with a row and what was expected, once."""
    return bad.message if "expected " in bad.message else f"{bad.message}; expected {bad.expected}"
