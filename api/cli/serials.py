"""Serial files on the command line: read with progress, and refused with every bad row by number and reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.output import Detailed, Out
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.services.serial_file import BadRow, SerialFile

ROWS_SHOWN = 20
"""Bad rows listed on a terminal; --json lists the first 1,000."""


def read_serials(
    path: Path, gtin: str | None, lot: str | None, out: Out, column: str | None, no_header: bool
) -> SerialFile:
    """Read a file of serials. Raises as `read_serial_csv`; bad rows do not raise."""
    from ledger.services.serial_file import read_serial_csv

    with out.progress("reading serials") as progress:
        return read_serial_csv(
            path, gtin, lot, progress=lambda rows: progress(rows, 0), column=column, headed=not no_header
        )


def check_rows(file: SerialFile, skip_bad: bool | None, out: Out) -> None:
    """Refuse a file with bad rows, all of them named, unless they are to be left out. Raises Detailed (`bad_rows`).

    `skip_bad` is None where the command does not offer to leave rows out.
    """
    if not file.bad_count:
        return
    lines = [f"  {_row(bad)}" for bad in file.bad[:ROWS_SHOWN]]
    if file.bad_count > len(lines):
        lines.append(f"  … and {file.bad_count - len(lines)} more; --json lists up to 1,000")
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
    raise Detailed(
        f"couldn't use the serials: {file.bad_count} of {file.rows} rows are bad and nothing was written; "
        + ("correct them" if skip_bad is None else "correct them, or leave them out with --skip-bad"),
        code="bad_rows",
        details=details,
        lines=lines,
    )


def _row(bad: BadRow) -> str:
    """What is wrong with a row and what was expected, once."""
    return bad.message if "expected " in bad.message else f"{bad.message}; expected {bad.expected}"
