"""Serial files: one serial a row, alone or in a column, as ERP systems and spreadsheets write them.

The whole file is read before anything is decided, so that a maker sees every bad row at once, by number and reason.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from ledger.services.serial_block import SPREADSHEET, SoundRows, count_lines, lines_of
from ledger.services.serial_columns import Columns, find_columns
from verifier.errors import Malformed, NotFound, Unavailable
from verifier.gs1 import LONGEST, Gtin, parse_gtin, parse_serial

BAD_ROWS_KEPT = 1_000
"""Bad rows that are kept with their reason; more are only counted. Own limit."""

_BLOCK = 2**18  # characters looked at together
_PROGRESS_EVERY = 10_000  # rows, where they are looked at one by one
_SAMPLE = 50  # lines that decide about columns
_Record = tuple[int, list[str]]  # the line it starts on, its cells
_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be used. `row` counts the lines of the file from 1, header and blank ones included."""

    row: int
    value: str
    code: str
    message: str
    expected: str


@dataclass(slots=True)
class SerialFile:
    """What a file holds: the good serials in its order, and the bad rows (the first 1,000 of `bad_count`).

    `column` is the one that serials came from: its heading, else its position from 1.
    """

    serials: list[str] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    header: tuple[str, ...] | None = None
    column: str = "1"


def read_serial_csv(
    source: Path | BinaryIO,
    gtin: str | None = None,
    lot: str | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
    *,
    column: str | None = None,
    headed: bool = True,
) -> SerialFile:
    """Read a file of serials, with or without header, in UTF-8, UTF-16 or Windows-1252.

    The serials are the column that `column` names, else the one whose heading does, else the only one. Where the file
    has columns for GTIN and lot, each row's must be those given here. `progress` hears the number of rows done.

    Raises Malformed (`not_csv`, `columns`, `empty_file`), NotFound or Unavailable (`file`); bad rows do not raise.
    """
    if not isinstance(source, Path):
        return _read(source, gtin, lot, progress, column, headed)
    try:
        with source.open("rb") as stream:
            return _read(stream, gtin, lot, progress, column, headed)
    except FileNotFoundError as error:
        raise NotFound(f"couldn't read {source}: there is no such file", code="file") from error
    except OSError as error:
        raise Unavailable(f"couldn't read {source}: {error.strerror}", code="file") from error


def _read(
    stream: BinaryIO,
    gtin: str | None,
    lot: str | None,
    progress: Callable[[int], None],
    column: str | None,
    headed: bool,
) -> SerialFile:
    """Block by block while all is sound; from the first block on that is not, row by row."""
    blocks = _blocks(stream)
    block = next(blocks, "")
    try:
        sample = [line.strip("\r\n") for line in islice(lines_of(block), _SAMPLE) if line.strip()]
        columns = find_columns(sample, column, headed=headed)
    except csv.Error as error:
        raise Malformed(f"couldn't read the serials: {error}", code="not_csv") from error
    sound = SoundRows(columns, lambda *stated: _contradicts(stated, columns, gtin, lot))
    before, block, awaiting_header = _skip_header(block, columns)
    while block and not awaiting_header and sound.take(block, before):
        progress(len(sound.serials))
        before += count_lines(block)
        block = next(blocks, "")
    found = SerialFile(sound.serials, rows=len(sound.serials), header=columns.header, column=columns.name)
    if block:
        lines = chain.from_iterable(map(lines_of, chain([block], blocks)))
        records = _records(lines, columns.delimiter, before)
        if awaiting_header:
            next(cells for _, cells in records if any(cells))
        _take_each(records, found, sound.rows(), columns, gtin, lot, progress)
    if not found.rows:
        raise Malformed("couldn't read the serials: the file holds no row of data", code="empty_file")
    progress(found.rows)
    return found


def _skip_header(block: str, columns: Columns) -> tuple[int, str, bool]:
    """Lines up to and with the header, what follows, and whether it is still to come: it may go over several lines."""
    if columns.header is None:
        return 0, block, False
    lines, before = lines_of(block), 0
    for line in lines:
        before += 1
        if line.strip():
            break
    return (0, block, True) if '"' in line else (before, block[lines.tell() :], False)


def _take_each(
    records: Iterable[_Record],
    found: SerialFile,
    rows: dict[str, int],
    columns: Columns,
    gtin: str | None,
    lot: str | None,
    progress: Callable[[int], None],
) -> None:
    """Look at each row for itself; `rows` are those that were taken before, by serial."""
    for number, cells in records:
        if not any(cells):
            continue
        found.rows += 1
        if found.rows % _PROGRESS_EVERY == 0:
            progress(found.rows)
        if bad := _check_row(number, cells, columns, rows, gtin, lot):
            _note(found, bad)
    found.serials = list(rows)


def _check_row(
    number: int, cells: Sequence[str], columns: Columns, rows: dict[str, int], gtin: str | None, lot: str | None
) -> BadRow | None:
    """Put the row's serial among `rows`, or say what is wrong with it."""
    value = cells[columns.serial] if columns.serial < len(cells) else ""
    if bad := _check_batch(number, cells, columns, gtin, lot):
        return bad
    if not value:
        return BadRow(number, value, "empty", f"row {number}: no serial", f"1 to {LONGEST} characters")
    if SPREADSHEET.fullmatch(value):
        message = f"row {number}: {value} is a number that a spreadsheet has rounded; its digits are lost"
        return BadRow(
            number, value, "spreadsheet_notation", message, "the serial itself, in a column formatted as text"
        )
    try:
        parse_serial(value)
    except Malformed as error:
        if "\n" in value or "\r" in value:
            message = f"row {number}: a quotation mark is opened and not closed on the same line"
            return BadRow(number, value[:80], "quote", message, "a closing quotation mark")
        expected = f"1 to {LONGEST} characters" if error.code == "serial_length" else "characters of GS1 set 82"
        return BadRow(number, value[:80], error.code, f"row {number}: {error}", expected)
    first = rows.setdefault(value, number)
    if first != number:
        message = f"row {number}: {value} stands in row {first} already"
        return BadRow(number, value, "duplicate", message, "each serial once")
    return None


def _check_batch(
    number: int, cells: Sequence[str], columns: Columns, gtin: str | None, lot: str | None
) -> BadRow | None:
    if gtin is not None and (typed := _cell(cells, columns.gtin)):
        try:
            padded = _padded(typed)
        except Malformed as error:
            return BadRow(number, typed, error.code, f"row {number}: {error}", gtin)
        if padded != gtin:
            message = f"row {number}: GTIN {padded} is not the batch's"
            return BadRow(number, typed, "gtin_mismatch", message, gtin)
    if lot is not None and (typed := _cell(cells, columns.lot)) and typed != lot:
        return BadRow(number, typed, "lot_mismatch", f"row {number}: lot {typed} is not the batch's", lot)
    return None


def _contradicts(stated: tuple[str, str], columns: Columns, gtin: str | None, lot: str | None) -> bool:
    """Whether the cells for GTIN and lot name another batch."""
    return _check_batch(0, stated, replace(columns, gtin=0, lot=1), gtin, lot) is not None


@lru_cache(maxsize=64)
def _padded(typed: str) -> Gtin:
    """A column of GTINs says the same a million times."""
    return parse_gtin(typed)


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column] if column is not None and column < len(cells) else ""


def _note(found: SerialFile, bad: BadRow) -> None:
    found.bad_count += 1
    found.reasons[bad.code] += 1
    if len(found.bad) < BAD_ROWS_KEPT:
        found.bad.append(bad)


def _records(lines: Iterable[str], delimiter: str, before: int) -> Iterator[_Record]:
    """The records with the number of the line each one starts on; cells without surrounding spaces."""
    reader, start = csv.reader(lines, delimiter=delimiter), before + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Malformed(f"couldn't read the serials: row {start}: {error}", code="not_csv") from error
        yield start, [cell.strip() for cell in cells]
        start = before + reader.line_num + 1


def _blocks(stream: BinaryIO) -> Iterator[str]:
    """Whole lines with their ends, some thousand at a time; the lines may be in two encodings."""
    start = stream.read(4)
    if start.startswith(_ARCHIVES):
        raise Malformed(
            "couldn't read the serials: this is a spreadsheet; save it as CSV and send that", code="not_csv"
        )
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    whole = io.BufferedReader(_Joined(start, stream), 2**16)
    encoding = "utf-16" if wide else "utf-8-sig"
    errors = "replace" if wide else "surrogateescape"
    # newline="" keeps the line ends and knows those of Windows and of old Macs
    text = io.TextIOWrapper(whole, encoding=encoding, errors=errors, newline="")
    while block := text.read(_BLOCK):
        block += text.readline()
        yield block if block.isascii() else "".join(map(_mend, lines_of(block)))


def _mend(line: str) -> str:
    """A line that is not UTF-8 is read as Windows-1252, which old exports are in."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogateescape").decode("cp1252", errors="replace")
    return line


class _Joined(io.RawIOBase):
    """A stream whose first bytes have been looked at. Closing it leaves the stream open: it is the caller's."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._start or self._stream.read(len(buffer))
        part, self._start = data[: len(buffer)], data[len(buffer) :] if self._start else b""
        buffer[: len(part)] = part
        return len(part)
