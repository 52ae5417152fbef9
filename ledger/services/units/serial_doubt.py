"""Named faults that spreadsheets and people put into serials: doubts that are asked about before anything is signed.

A serial stays for ever once it is registered, and most of these are legal serials. So none is refused here, and none
passes without a question. `doubt_name` holds their names and words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from biip.checksums import gs1_standard_check_digit

from ledger.services.record.doubt_name import KEPT_DIGITS, DoubtName
from ledger.services.units.serial_cell import MONTH_NAMES, dates_of
from ledger.services.units.serial_columns import ACCEPTED
from ledger.services.units.serial_file import SerialFile

ROWS_KEPT = 1_000
"""Rows of one doubt that are kept; more are only counted. Own limit."""

_CHUNK = 65_536  # serials looked at together
_NOTHING = "no serial at all"
_OTHERS = 3  # values with letters, all of one length, that show how long the digits should be
_OF_PREFIX = 7  # digits that two products of one company share at least


@dataclass(frozen=True, slots=True)
class Doubtful:
    """One value in doubt: the line of the file (None for an option), and what it may have been before."""

    row: int | None
    value: str
    perhaps: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Values of one kind in doubt, in `cell` (`serial`, `lot` or `expires`): how many, and the first 1,000 of them."""

    name: DoubtName
    cell: str
    count: int
    values: tuple[Doubtful, ...]


_Found = Iterator[tuple[DoubtName, str, str]]  # what, the value, what it may have been

_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_PATTERNS: Mapping[DoubtName, str] = {
    DoubtName.GROUPED: r"\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d{1,3}(?:\.\d{3})+(?:,\d*)?|\d{1,3}(?:'\d{3})+(?:[.,]\d*)?"
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?",
    DoubtName.DECIMAL: r"[+-]?\d+[.,]\d+",
    DoubtName.DATE: rf"\d{{1,2}}[-/.](?:{MONTH_NAMES})\.?(?:[-/.](?:\d{{2}}|\d{{4}}))?"
    rf"|(?:{MONTH_NAMES})\.?[-/.](?:\d{{2}}|\d{{4}})"
    rf"|(?:{_DAY}[-/.]{_MONTH}|{_MONTH}[-/.]{_DAY})[-/.](?:\d{{4}}|\d{{2}})"
    rf"|(?:19|20)\d\d[-/.]{_MONTH}[-/.]{_DAY}"
    r"|(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?",
    DoubtName.ELEMENT: r"\(\d{2,4}\).*",
    DoubtName.LINK: r"https?:.*|www\..*",
    DoubtName.FORMULA: r"=.+",
    DoubtName.QUOTED: r"\"[^\n]+\"|'[^\n]+'",
    DoubtName.TEXT_MARK: r"'[^\n]*",
    DoubtName.NO_VALUE: r"[^A-Za-z0-9\n]+|n/a|<[a-z]+>|\(null\)",
}
_CELL = re.compile("|".join(f"(?P<{name}>^(?:{pattern})$)" for name, pattern in _PATTERNS.items()), re.I | re.M)
_MARKS = frozenset("!\"%&'()*+,-./:;<=>?_")  # every pattern needs one of them
_NO_VALUES = "NULL NIL NONE NAN NA TBD TBA UNKNOWN UNBEKANNT INCONNU EMPTY LEER VIDE MISSING UNDEFINED"
_TRUTH_VALUES = "TRUE FALSE WAHR FALSCH VRAI FAUX VERDADERO FALSO VERO WAAR ONWAAR"
_HEADINGS = " ".join((*(name for name in ACCEPTED if name.isalpha()), "serialno serialnumber TOTAL TOTALS SUM SUMME"))
_WORDS: Mapping[str, DoubtName] = {
    form: name
    for words, name in (
        (_NO_VALUES, DoubtName.NO_VALUE),
        (_TRUTH_VALUES, DoubtName.TRUTH_VALUE),
        (_HEADINGS, DoubtName.HEADING),
    )
    for word in words.split()
    for form in (word, word.upper(), word.lower(), word.capitalize())
}
_WORD_SET = frozenset(_WORDS)


def doubts_of_file(file: SerialFile, gtin: str | None, expires: str | None) -> list[Doubt]:
    """Doubts about a file's values. `gtin` has 14 digits; `expires` is empty if the batch has no expiry date.

    If either is None, it is not compared.
    """
    found: dict[DoubtName, list[tuple[str, str]]] = {}
    for name, value, perhaps in _serial_doubts(file.serials, gtin):
        found.setdefault(name, []).append((value, perhaps))
    rows = file.row_numbers() if found else {}
    doubts = [
        Doubt(name, "serial", len(values), tuple(Doubtful(rows.get(v), v, p) for v, p in values[:ROWS_KEPT]))
        for name, values in found.items()
    ]
    if expires == "" and file.expiries:
        cells = tuple(Doubtful(None, cell, " or ".join(sorted(dates_of(cell)))) for cell in sorted(file.expiries))
        doubts.append(Doubt(DoubtName.EXPIRY_UNSAID, "expires", len(cells), cells))
    return doubts


def doubts_of_values(gtin: str, lot: str, expires: str, today: str) -> list[Doubt]:
    """Doubts about typed values: the lot, and an expiry date before `today` (both YYYY-MM-DD)."""
    found = [(name, "lot", lot, perhaps) for name, _, perhaps in _cell_doubts([lot])]
    if lot.isdigit() and lot.zfill(14) == gtin:
        found.append((DoubtName.GTIN, "lot", lot, "no lot"))
    if expires and expires < today:
        found.append((DoubtName.EXPIRED, "expires", expires, "another year"))
    return [Doubt(name, cell, 1, (Doubtful(None, value, perhaps),)) for name, cell, value, perhaps in found]


def _serial_doubts(serials: Sequence[str], gtin: str | None) -> _Found:
    digits = [serial for serial in serials if serial.isdigit()]
    yield from _cell_doubts(serials)
    zeros = list(_lost_zeros(serials, digits))
    yield from zeros
    yield from _rounded(digits)
    yield from _product_numbers(digits, gtin)
    if not zeros:  # they explain the lengths
        yield from _odd_lengths(serials)
    yield from _two_cases(serials)


def _cell_doubts(values: Sequence[str]) -> _Found:
    """Doubts about single values. Values without punctuation cost one look into a table."""
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        for word in sorted(_WORD_SET.intersection(chunk)):
            yield _WORDS[word], word, _NOTHING
        text = "\n".join(chunk)
        if any(mark in text for mark in _MARKS):
            for match in _CELL.finditer(text):
                name = DoubtName(str(match.lastgroup))
                yield name, match[0], _perhaps(name, match[0])


def _perhaps(name: DoubtName, value: str) -> str:
    """What a value may have been before."""
    match name:
        case DoubtName.GROUPED:
            whole = re.sub(r"([.,])\d{0,2}\Z", "", value) if len(re.findall(r"[.,']", value)) > 1 else value
            return re.sub(r"\D", "", whole)
        case DoubtName.DECIMAL:
            return re.split("[.,]", value)[0]
        case DoubtName.DATE:
            return "a serial such as JUN1, 6-1 or 12:30"
        case DoubtName.ELEMENT:
            inner = re.search(r"\(21\)([^(]+)", value) or re.match(r"\(\d+\)([^(]*)", value)
            return inner[1] if inner and inner[1] else "no serial"
        case DoubtName.LINK:
            return value.partition("/21/")[2].partition("?")[0] or _NOTHING
        case DoubtName.FORMULA:
            return "what the formula gives"
        case DoubtName.QUOTED:
            return value[1:-1]
        case DoubtName.TEXT_MARK:
            return value[1:] or _NOTHING
        case _:
            return _NOTHING


def _lost_zeros(serials: Sequence[str], digits: Sequence[str]) -> _Found:
    """Values of digits that are shorter than all others, which have one length: a spreadsheet has stripped zeros."""
    if not digits:
        return
    longest = max(map(len, digits))
    if len(digits) < len(serials):
        others = {len(serial) for serial in serials if not serial.isdigit()}
        if len(others) > 1 or len(serials) - len(digits) < _OTHERS:
            return
        longest = max(longest, *others)
    for serial in digits:
        if len(serial) < longest and serial[0] != "0":
            yield DoubtName.LOST_ZEROS, serial, serial.zfill(longest)


def _rounded(digits: Sequence[str]) -> _Found:
    long = [serial for serial in digits if len(serial) > KEPT_DIGITS]
    if all(not serial[KEPT_DIGITS:].strip("0") for serial in long):
        for serial in long:
            yield DoubtName.ROUNDED, serial, f"{serial[:KEPT_DIGITS]} and {len(serial) - KEPT_DIGITS} digits more"


def _product_numbers(digits: Sequence[str], gtin: str | None) -> _Found:
    """The batch's GTIN, numbers of the same company, or a column in which every number has a right check digit."""
    numbers = [serial for serial in digits if len(serial) in (8, 12, 13, 14)]
    right = [number for number in numbers if int(number[-1]) == gs1_standard_check_digit(number[:-1])]
    of_company = gtin[1 : 1 + _OF_PREFIX] if gtin is not None else None
    for number in right:
        if len(right) == len(numbers) or (of_company is not None and number.zfill(14).startswith(of_company, 1)):
            yield DoubtName.GTIN, number, _NOTHING


def _odd_lengths(serials: Sequence[str]) -> _Found:
    """One serial, or one in a hundred, of another length than the others; not if they are simply numbered on."""
    lengths = Counter(map(len, serials))
    (usual, many), *_ = lengths.most_common(1) or [(0, 0)]
    few = len(serials) - many
    if many < 2 or not few or (few > 1 and few * 100 > len(serials)) or _counts_on(serials):
        return
    for serial in serials:
        if len(serial) != usual:
            yield DoubtName.ODD_LENGTH, serial, f"a serial of {usual} characters"


def _counts_on(serials: Sequence[str]) -> bool:
    """Whether serials are one stem and numbers without gaps or leading zeros, as in A9, A10."""
    numbers = []
    stem = serials[0].rstrip("0123456789")
    for serial in serials:
        number = serial.removeprefix(stem)
        if not serial.startswith(stem) or not number.isdigit() or (number[0] == "0" and number != "0"):
            return False
        numbers.append(int(number))
    return max(numbers) - min(numbers) == len(numbers) - 1


def _two_cases(serials: Sequence[str]) -> _Found:
    """Serials that differ only in capitals. Hashes first, since a table of ten million would take a gigabyte."""
    if not _has_both_cases(serials):
        return
    hashes = np.fromiter((hash(serial.upper()) for serial in serials), dtype=np.int64, count=len(serials))
    order = np.sort(hashes)
    twice = set(order[1:][order[1:] == order[:-1]].tolist())
    first: dict[str, str] = {}
    for serial, number in zip(serials, _numbers(hashes) if twice else (), strict=False):
        if number in twice and (other := first.setdefault(serial.upper(), serial)) != serial:
            yield DoubtName.TWO_CASES, serial, other


def _numbers(hashes: np.typing.NDArray[np.int64]) -> Iterable[int]:
    return (int(number) for number in hashes)


def _has_both_cases(serials: Sequence[str]) -> bool:
    capitals = small = False
    for start in range(0, len(serials), _CHUNK):
        text = "".join(serials[start : start + _CHUNK])
        capitals, small = capitals or text != text.lower(), small or text != text.upper()
        if capitals and small:
            return True
    return False
