"""Blocks of a serial file in which every row is good: checked as a whole, many times as fast as row by row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence

from ledger.services.units.serial_cell import BLANKS, ROUNDED_NUMBER
from ledger.services.units.serial_columns import Columns, rows_of
from verifier.reading.gs1 import CSET82, LONGEST

_EXPONENTS = ("E+", "E-", "e+", "e-")  # quick to look for; most files have none
_ROUNDED_LINE = re.compile(rf"(?:\A|[\r\n]){ROUNDED_NUMBER.pattern}(?:[\r\n]|\Z)", re.IGNORECASE)
# serials, one a line, and blank lines after them; possessive, or a long file would be tried in very many ways
_SOUND = re.compile(f"(?:[{re.escape(CSET82)}]{{1,{LONGEST}}}+(?:\r\n|\r|\n|\\Z))*+[\r\n]*")


class SoundRows:
    """Rows of blocks that were checked as a whole.

    `plain` says whether cells for GTIN, lot and expiry date name the file's batch exactly, so that no note is needed.
    """

    def __init__(self, columns: Columns, plain: Callable[[tuple[str, str, str]], bool]) -> None:
        self._columns, self._plain = columns, plain
        self._seen: set[str] = set()
        self._starts: list[tuple[int, int]] = []  # of each block: its first line, and its first serial
        self.serials: list[str] = []

    def take(self, text: str, before: int) -> bool:
        """Take whole lines with one good row each, and perhaps blank ones after them; `before`: lines before them.

        Returns False if something may be wrong. Then no row was taken, and the rows from here on are checked one by
        one.
        """
        if '"' in text:  # a row may go over several lines
            return False
        if not self._columns.alone:
            try:
                text = self._column(text)
            except (csv.Error, IndexError):
                return False
        if not _SOUND.fullmatch(text) or (any(mark in text for mark in _EXPONENTS) and _ROUNDED_LINE.search(text)):
            return False
        serials, known = text.split(), len(self._seen)
        self._seen.update(serials)
        if len(self._seen) != known + len(serials):
            return False  # one came twice
        self._starts.append((before + 1, len(self.serials)))
        self.serials += serials
        return True

    def rows(self) -> dict[str, int]:
        """Serial to the line that brought it."""
        rows: dict[str, int] = {}
        ends = [*(at for _, at in self._starts[1:]), len(self.serials)]
        for (line, at), end in zip(self._starts, ends, strict=False):
            rows.update(zip(self.serials[at:end], range(line, line + end - at), strict=True))
        return rows

    def _column(self, text: str) -> str:
        """The serials of a table, one a line; IndexError when a row has none or states another batch."""
        columns = self._columns
        cells = list(rows_of(lines_of(text), columns.delimiter))
        stated = {(_cell(row, columns.gtin), _cell(row, columns.lot), _cell(row, columns.expires)) for row in cells}
        serials = [row[columns.serial] for row in cells]
        if "" in serials or not all(map(self._plain, stated)):
            raise IndexError
        return "\n".join(serials)


def lines_of(text: str) -> io.StringIO:
    """The lines of a text with their ends, whichever of the three kinds these are."""
    return io.StringIO(text, newline="")


def count_lines(text: str) -> int:
    """How many lines `lines_of` gives."""
    ends = text.count("\n") + text.count("\r") - text.count("\r\n")
    return ends + (not text.endswith(("\n", "\r")))


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column].strip(BLANKS) if column is not None and column < len(cells) else ""
