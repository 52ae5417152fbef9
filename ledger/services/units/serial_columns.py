"""The columns of a serial file: headings, delimiter, and the names that systems give to columns.

Nothing is guessed: a table needs a heading that names its serials, or the caller names the column.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.services.units.serial_cell import BLANKS
from verifier.errors import Malformed

if TYPE_CHECKING:
    from _csv import Reader

ACCEPTED = (
    "serial", "serials", "serial no", "serial nr", "serial number", "serial numbers", "SN", "SNR", "Seriennummer",
    "Seriennr", "serienummer", "numéro de série", "num série", "número de serie",
)  # fmt: skip
"""Headings of a column of serials, and `(21)`. Capitals, spaces, accents and punctuation do not count."""

_DELIMITERS = ("\t", ";", ",")
_NO_TEXT = "\ud800"
"""The delimiter for `csv` if there is none, since it needs one.

Half a surrogate pair: no decoder of UTF-8, UTF-16 or Windows-1252 gives one, so no file can hold it.
"""
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w"\r\n])"?[ ]*', re.IGNORECASE)
_GTIN_NAMES = {"gtin", "gtin14", "gtin13", "ean", "ean13", "upc"}
_LOT_NAMES = {"lot", "lotno", "lotnumber", "batch", "batchno", "batchnumber", "charge", "chargennummer"}
_EXPIRY_NAMES = {
    "expiry", "expires", "expirydate", "expirationdate", "expiration", "exp", "expdate", "bestbefore", "bestbeforedate",
    "useby", "usebydate", "mhd", "verfall", "verfalldatum", "verwendbarbis", "haltbarbis", "peremption",
    "datedeperemption", "dlc", "caducidad", "fechadecaducidad", "vervaldatum", "houdbaartot",
}  # fmt: skip
_BRACKETED = {"(21)": "serial", "(01)": "gtin", "(10)": "lot", "(17)": "expires"}
_SHOWN = 12  # headings that a message names


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of serial, GTIN, lot and expiry date in a row; `header` is None if the first line is data.

    `delimiter` is None where a line is one serial, whatever punctuation it holds.
    """

    delimiter: str | None
    header: tuple[str, ...] | None
    serial: int
    gtin: int | None
    lot: int | None
    expires: int | None

    @property
    def alone(self) -> bool:
        """Whether a row is a serial and nothing else."""
        return self.delimiter is None

    @property
    def name(self) -> str:
        """The column that serials are taken from: its heading, else its position from 1."""
        return self.header[self.serial] if self.header is not None else str(self.serial + 1)


def find_columns(
    sample: Sequence[str], column: str | None = None, *, headed: bool = True, delimiter: str | None = None
) -> Columns:
    """Decide about headings and delimiter by the first lines (without blank ones and line ends).

    `column` is the heading of the serials, or their position from 1; `headed` False says that the first line is data;
    `delimiter` is the one that the file names itself. If the lines do not settle it, an error asks the caller.

    Raises Malformed (`empty_file`, `columns`).
    """
    if not sample:
        raise Malformed("couldn't read the serials: the file is empty", code="empty_file")
    if delimiter is None:
        delimiter = _delimiter(sample, column, headed)
    cells = _split(sample[0], delimiter)
    kinds = [_kind(name) if headed else None for name in cells]
    if column is not None:
        serial = _named(cells, column, headed)
    elif len(cells) == 1:
        serial, headed = 0, headed and _heads_alone(sample, delimiter, kinds[0])
    else:
        serial = _recognised(cells, kinds, headed)
    others = {kind: at for at, kind in reversed(list(enumerate(kinds))) if kind is not None and at != serial}
    header = tuple(cells) if headed else None
    return Columns(delimiter, header, serial, others.get("gtin"), others.get("lot"), others.get("expires"))


def named_separator(line: str) -> str | None:
    """The delimiter that a first line such as `sep=;` names for spreadsheets; None for any other line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1] if found else None


def rows_of(lines: Iterable[str], delimiter: str | None) -> Reader:
    """The cells of each record; one a record where there is no delimiter. Raises csv.Error."""
    return csv.reader(lines, delimiter=_NO_TEXT if delimiter is None else delimiter)


def _delimiter(sample: Sequence[str], column: str | None, headed: bool) -> str | None:
    """The delimiter that gives known headings in the first line, else the one that makes all lines equally wide."""
    if headed:
        for delimiter in (*_DELIMITERS, None):
            cells = _split(sample[0], delimiter)
            known = any(map(_kind, cells)) or (column is not None and _plain(column) in map(_plain, cells))
            if known and (len(cells) > 1 or delimiter is None):
                return delimiter
    for delimiter in _DELIMITERS:
        widths = {len(cells) for cells in rows_of(sample, delimiter)}
        if len(widths) == 1 and widths != {1}:
            return delimiter
    if any(delimiter in line for delimiter in _DELIMITERS for line in sample):
        # a comma is legal in a serial, so half a table must not turn into odd serials
        raise Malformed(
            "couldn't tell the columns: some lines hold a tab, semicolon or comma and others do not; "
            "expected a first line that names the column 'serial'",
            code="columns",
        )
    return None


def _named(cells: Sequence[str], column: str, headed: bool) -> int:
    """The column that the caller named, by heading or position."""
    if headed:
        same = [at for at, name in enumerate(cells) if name == column.strip(BLANKS)] or [
            at for at, name in enumerate(cells) if _plain(name) == _plain(column)
        ]
        if len(same) == 1:
            return same[0]
    if column.isascii() and column.isdigit() and 1 <= int(column) <= len(cells):
        return int(column) - 1
    found = f"the headings are {_listed(cells)}" if headed else f"a row has {len(cells)} columns"
    raise Malformed(f"couldn't find the column {column!r}: {found}", code="columns")


def _recognised(cells: Sequence[str], kinds: Sequence[str | None], headed: bool) -> int:
    """The one column of a table whose heading names serials."""
    serials = [at for at, kind in enumerate(kinds) if kind == "serial"]
    if len(serials) == 1:
        return serials[0]
    if not headed:
        raise Malformed(
            f"couldn't tell which of {len(cells)} columns holds the serials; say it with --column 1 to {len(cells)}",
            code="columns",
        )
    cause = "two headings name serials" if serials else "no heading names serials"
    raise Malformed(
        f"couldn't tell which column holds the serials: {cause}. Found {_listed(cells)}; expected one of "
        f"{', '.join(ACCEPTED)}. Say it with --column NAME, or --column 1 to {len(cells)}, "
        "and --no-header if the first line is data",
        code="columns",
    )


def _heads_alone(sample: Sequence[str], delimiter: str | None, kind: str | None) -> bool:
    """Whether the first line of a lone column is its heading. An error asks if it may be a heading of unknown name.

    A heading has no digit while every row below has one; a first serial that does too is let in by --no-header.
    """
    if kind == "serial":
        return True
    first, *below = (cells[0] for cells in rows_of(sample, delimiter))
    if kind is None and (_has_digit(first) or not all(map(_has_digit, below))):
        return False
    raise Malformed(
        f"couldn't tell whether {first.strip(BLANKS)!r} is a heading or a serial. If it is the heading, say --column "
        f"{first.strip(BLANKS)!r}; if it is a serial, say --no-header. Known headings: {', '.join(ACCEPTED)}",
        code="columns",
    )


def _split(line: str, delimiter: str | None) -> list[str]:
    return [name.strip(BLANKS) for name in next(iter(rows_of([line], delimiter)))]


def is_heading(cell: str) -> bool:
    """Whether a cell is a heading of serials. One further down belongs to another page of the list."""
    return _kind(cell) == "serial"


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _listed(cells: Sequence[str]) -> str:
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return ", ".join(repr(name[:40]) for name in cells[:_SHOWN]) + more


def _kind(name: str) -> str | None:
    if name.strip(BLANKS) in _BRACKETED:
        return _BRACKETED[name.strip(BLANKS)]
    plain = _plain(name)
    kinds = {"serial": _SERIAL_NAMES, "gtin": _GTIN_NAMES, "lot": _LOT_NAMES, "expires": _EXPIRY_NAMES}
    return next((kind for kind, names in kinds.items() if plain in names), None)


def _plain(name: str) -> str:
    """Letters and digits alone, small, without accents."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKD", name)).lower()


_SERIAL_NAMES = {_plain(name) for name in ACCEPTED}
