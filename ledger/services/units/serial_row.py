"""Notes on single rows of a serial file: bad rows, and cells whose reading differs from their text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be used. `row` counts the lines of the file from 1, header and blank ones included."""

    row: int
    value: str
    code: str
    message: str
    expected: str


@dataclass(frozen=True, slots=True)
class ReadAs:
    """A cell that was read without what a spreadsheet put around it: `written` in the file, `read` for use.

    `cell` is `serial`, `gtin`, `lot` or `expires`; `code` says which way it was written.
    """

    row: int
    cell: str
    code: str
    written: str
    read: str
