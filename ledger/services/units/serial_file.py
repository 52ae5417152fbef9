"""Serial files: one serial a row, alone or in a column, as ERP systems and spreadsheets write them.

The whole file is read before anything is decided, so that a maker sees every bad row at once, by number and reason.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from ledger.services.units.serial_batch import OTHER_BATCH, BatchCells, Target, cell_of
from ledger.services.units.serial_block import SoundRows, count_lines, lines_of
from ledger.services.units.serial_cell import BLANKS, NOTATION, is_error_value, rounded, undressed
from ledger.services.units.serial_columns import Columns, find_columns, named_separator, rows_of
from ledger.services.units.serial_foreign import LOOKED_AT, refuse_foreign
from ledger.services.units.serial_row import BadRow, ReadAs
from verifier.errors import Malformed, NotFound, Unavailable
from verifier.reading.gs1 import LONGEST, parse_serial

__all__ = ["BAD_ROWS_KEPT", "BadRow", "ReadAs", "SerialFile", "Target", "read_serial_csv"]

BAD_ROWS_KEPT = 1_000
"""Bad rows that are kept with their reason; further ones are only counted. Own limit."""

_BLOCK = 2**18  # characters looked at together
_PROGRESS_EVERY = 10_000  # rows, where they are looked at one by one
_SAMPLE = 50  # lines that decide about columns
_SEPARATOR_AT_MOST = 32  # characters of a first line that names the separator
_Record = tuple[int, list[str]]  # the line it starts on, its cells

ANY_BATCH = Target()
"""The target for files whose rows are not compared with a batch."""


@dataclass(slots=True)
class SerialFile:
    """What a file holds: the good serials in its order, and the bad rows (the first 1,000 of `bad_count`).

    `column` is the one that serials came from: its heading, else its position from 1. `read` are the first 1,000 of
    `read_count` cells whose reading differs from their text. `others` counts the rows of other batches by GTIN and lot;
    they are among the bad rows, or in `left_out` if only this batch's rows were asked for. `expiries` are the different
    texts of the column of expiry dates. `row_numbers` gives the line that brought each serial.
    """

    serials: list[str] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    header: tuple[str, ...] | None = None
    column: str = "1"
    read: list[ReadAs] = field(default_factory=list)
    read_count: int = 0
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_out: int = 0
    expiries: set[str] = field(default_factory=set)
    row_numbers: Callable[[], dict[str, int]] = field(default=dict, compare=False)


def read_serial_csv(
    source: Path | BinaryIO,
    target: Target = ANY_BATCH,
    progress: Callable[[int], None] = lambda _rows: None,
    *,
    column: str | None = None,
    headed: bool = True,
    only_batch: bool = False,
) -> SerialFile:
    """Read a file of serials, with or without header, in UTF-8, UTF-16 or Windows-1252.

    The serials are the column that `column` names, else the one whose heading does, else the only one. Where the file
    has columns for GTIN, lot and expiry date, each row's must be those of `target`; `only_batch` leaves the rows of
    other batches out. `progress` hears the number of rows done.

    Raises Malformed (`not_csv`, `columns`, `empty_file`), NotFound or Unavailable (`file`); bad rows do not raise.
    """
    if not isinstance(source, Path):
        return _read(source, target, progress, column, headed, only_batch)
    try:
        with source.open("rb") as stream:
            return _read(stream, target, progress, column, headed, only_batch)
    except FileNotFoundError as error:
        raise NotFound(f"couldn't read {source}: there is no such file", code="file") from error
    except OSError as error:
        raise Unavailable(f"couldn't read {source}: {error.strerror}", code="file") from error


def _read(
    stream: BinaryIO,
    target: Target,
    progress: Callable[[int], None],
    column: str | None,
    headed: bool,
    only_batch: bool,
) -> SerialFile:
    """Read block by block while all rows are sound; from the first bad block on, row by row."""
    blocks = _blocks(stream)
    before, block, delimiter = _skip_separator(next(blocks, ""))
    try:
        sample = [line.strip("\r\n") for line in islice(lines_of(block), _SAMPLE) if not _blank(line)]
        columns = find_columns(sample, column, headed=headed, delimiter=delimiter)
    except csv.Error as error:
        raise Malformed(f"couldn't read the serials: {error}", code="not_csv") from error
    cells = BatchCells(columns, target)
    sound = SoundRows(columns, cells.plain)
    before, block, awaiting_header = _skip_header(block, columns, before)
    while block and not awaiting_header and sound.take(block, before):
        progress(len(sound.serials))
        before += count_lines(block)
        block = next(blocks, "")
    found = SerialFile(sound.serials, rows=len(sound.serials), header=columns.header, column=columns.name)
    found.others, found.expiries, found.row_numbers = cells.others, cells.expiries, sound.rows
    if block:
        lines = chain.from_iterable(map(lines_of, chain([block], blocks)))
        records = _records(lines, columns.delimiter, before)
        if awaiting_header:
            next(cells for _, cells in records if any(cells))
        _take_each(records, found, cells, columns.serial, only_batch, progress)
    if not found.rows:
        raise Malformed("couldn't read the serials: the file holds no row of data", code="empty_file")
    progress(found.rows)
    return found


def _skip_separator(block: str) -> tuple[int, str, str | None]:
    """A first line such as `sep=;` is for spreadsheets: lines up to and with it, what follows, and its delimiter."""
    first = lines_of(block[:_SEPARATOR_AT_MOST]).readline()
    delimiter = named_separator(first.strip("\r\n"))
    return (0, block, None) if delimiter is None else (1, block[len(first) :], delimiter)


def _skip_header(block: str, columns: Columns, before: int) -> tuple[int, str, bool]:
    """Lines up to and with the header, what follows, and whether it is still to come: it may go over several lines."""
    if columns.header is None:
        return before, block, False
    lines, passed = lines_of(block), 0
    for line in lines:
        passed += 1
        if not _blank(line):
            break
    return (before, block, True) if '"' in line else (before + passed, block[lines.tell() :], False)


def _blank(line: str) -> bool:
    return not line.strip(BLANKS + "\r\n")


def _take_each(
    records: Iterable[_Record],
    found: SerialFile,
    batch: BatchCells,
    serial: int,
    only_batch: bool,
    progress: Callable[[int], None],
) -> None:
    """Check each row by itself, and put its serial (column `serial`) beside those that were taken before."""
    rows = found.row_numbers()
    for number, cells in records:
        if not any(cells):
            continue
        found.rows += 1
        if found.rows % _PROGRESS_EVERY == 0:
            progress(found.rows)
        looked = batch.look(number, cells)
        if looked.bad is not None and looked.bad.code in OTHER_BATCH and only_batch:
            found.left_out += 1
            continue
        value, code = undressed(cell_of(cells, serial))
        if bad := looked.bad or _check_serial(number, value, rows):
            _note(found, bad)
            continue
        _note_read(found, looked.read)
        if code is not None:
            _note_read(found, [ReadAs(number, "serial", code, cells[serial], value)])
    found.serials, found.row_numbers = list(rows), lambda: rows


def _check_serial(number: int, value: str, rows: dict[str, int]) -> BadRow | None:
    """Put a serial among `rows`, or say what is wrong with it."""
    if not value:
        return BadRow(number, value, "empty", f"row {number}: no serial", f"1 to {LONGEST} characters")
    if rounded(value):
        message = f"row {number}: {value} is a number that a spreadsheet has rounded; its digits are lost"
        return BadRow(number, value, NOTATION, message, "the serial itself, in a column formatted as text")
    if is_error_value(value):
        message = f"row {number}: {value} is an error value of a spreadsheet and no serial"
        return BadRow(number, value, "spreadsheet_error", message, "the serial itself")
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


def _note_read(found: SerialFile, read: Sequence[ReadAs]) -> None:
    found.read_count += len(read)
    found.read += read[: max(0, BAD_ROWS_KEPT - len(found.read))]


def _note(found: SerialFile, bad: BadRow) -> None:
    found.bad_count += 1
    found.reasons[bad.code] += 1
    if len(found.bad) < BAD_ROWS_KEPT:
        found.bad.append(bad)


def _records(lines: Iterable[str], delimiter: str | None, before: int) -> Iterator[_Record]:
    """The records with the number of the line each one starts on; cells without surrounding spaces."""
    reader, start = rows_of(lines, delimiter), before + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Malformed(f"couldn't read the serials: row {start}: {error}", code="not_csv") from error
        yield start, [cell.strip(BLANKS) for cell in cells]
        start = before + reader.line_num + 1


def _blocks(stream: BinaryIO) -> Iterator[str]:
    """Whole lines with their ends, some thousand at a time; the lines may be in two encodings."""
    start = stream.read(LOOKED_AT)
    refuse_foreign(start)
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
    """A line that is not UTF-8 is read as Windows-1252, the encoding of old exports."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogateescape").decode("cp1252", errors="replace")
    return line


class _Joined(io.RawIOBase):
    """A stream whose first bytes have been read. Closing it leaves the stream open for its owner, the caller."""

    def __init__(self, start: bytes, stream: BinaryIO) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._start or self._stream.read(len(buffer))
        part, self._start = data[: len(buffer)], data[len(buffer) :] if self._start else b""
        buffer[: len(part)] = part
        return len(part)
