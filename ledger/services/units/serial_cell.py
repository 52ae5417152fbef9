"""How spreadsheets write single cells: values are read without decoration, and lost digits are recognised.

Serials, GTINs, lots and expiry dates go through the same functions, so one habit of a spreadsheet has one answer.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from verifier.errors import Malformed
from verifier.reading.gs1 import Gtin, parse_gtin

BLANKS = " \t\u00a0"
"""Blanks around a value. `str.strip` would also remove the separators U+001C to U+001F, which are data."""

NOTATION = "spreadsheet_notation"
"""The code of a number that a spreadsheet has rounded."""

ROUNDED_NUMBER = re.compile(r"\d+([.,]\d*)?E[+-]\d+", re.IGNORECASE)
"""A cell that was a number once: mantissa, and an exponent with its sign (`12E5` may well be a serial)."""

_TEXT_FORMULA = re.compile(r'=\s*"([^"]*)"')  # keeps leading zeros where a spreadsheet opens the file
_ERROR = re.compile(r"#(?:[A-Z/0]+[!?]?|#+)", re.IGNORECASE)  # #REF!, #N/A, #DIV/0!, #WERT!, and ##### for too narrow
_GROUPED = re.compile("\\d+(?:[ \u00a0\u202f.,'\u2019-]\\d+)+")
_DECIMALS = re.compile(r"[.,]0{1,2}\Z")
_SHEETS_BEGIN = date(1899, 12, 30)  # day 0 of the numbers that spreadsheets keep dates as
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan janv ene gen january januar", "feb fev fevr february februar", "mar mrt mars march maerz",
            "apr avr abr april", "may mai mei mag", "jun juin giu june juni", "jul juil lug july juli",
            "aug ago aout august", "sep sept set september", "oct okt ott out october oktober",
            "nov november", "dec dez dic december dezember",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
MONTH_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
"""Names and short names of months in the languages that spreadsheets write them in, as alternatives of a pattern."""


def undressed(cell: str) -> tuple[str, str | None]:
    """A cell's meant value, and the code of the removed decoration: `text_formula` for `="000123"`; None if none."""
    formula = _TEXT_FORMULA.fullmatch(cell)
    return (formula[1].strip(BLANKS), "text_formula") if formula else (cell, None)


def rounded(cell: str) -> bool:
    """Whether a spreadsheet has rounded the number in a cell, so that its digits are lost."""
    return ROUNDED_NUMBER.fullmatch(cell) is not None


def is_error_value(cell: str) -> bool:
    """Whether a cell is a spreadsheet's error value, such as `#REF!` or `#N/A`."""
    return _ERROR.fullmatch(cell) is not None


@lru_cache(maxsize=64)  # a column of GTINs says the same a million times
def read_gtin(text: str) -> tuple[Gtin, str | None]:
    """A GTIN as people and spreadsheets write it, and the code of the removed decoration; None if it is plain.

    Read are `="9521234000013"` (`text_formula`), `952 12340 00013` and other groups of digits (`grouped`), and a number
    with zeros behind its point. Raises Malformed: `spreadsheet_notation`, and as `parse_gtin`.
    """
    plain, code = undressed(text)
    if rounded(plain):
        raise Malformed(
            f"couldn't read the GTIN: {plain} is a number that a spreadsheet has rounded; its digits are lost",
            code=NOTATION,
            at="gtin",
        )
    whole = _DECIMALS.sub("", plain)
    if _GROUPED.fullmatch(plain) and (whole.isdigit() or _GROUPED.fullmatch(whole)):
        return parse_gtin(re.sub(r"\D", "", whole)), "grouped"
    return parse_gtin(plain), code


def dates_of(cell: str) -> frozenset[str]:
    """Every day (YYYY-MM-DD) that a cell may mean; empty when it is no date.

    Known are ISO 8601, AI 17 (YYMMDD, day 00 for the end of a month), day and month in either order, names of months,
    and the number of a day as spreadsheets keep it.
    """
    text, _ = undressed(cell)
    text = re.sub(r"[T ]00:00(:00)?(\.0+)?Z?\Z", "", text)
    found = {_day(*parts) for parts in _readings(text.lower())}
    return frozenset(day.isoformat() for day in found if day is not None)


def _readings(text: str) -> list[tuple[int, int, int]]:
    """Year, month, day in all the orders that the form of the text allows."""
    if re.fullmatch(r"\d{6}", text):
        return [(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))]
    if re.fullmatch(r"\d{8}", text):
        return [(int(text[:4]), int(text[4:6]), int(text[6:])), (int(text[4:]), int(text[2:4]), int(text[:2]))]
    if re.fullmatch(r"\d{5}", text):
        day = _SHEETS_BEGIN + timedelta(days=int(text))
        return [(day.year, day.month, day.day)]
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text):
        return [(int(match[1]), int(match[2]), int(match[3]))]
    if match := re.fullmatch(r"(\d{1,2})[-/. ]+(\d{1,2})[-/. ]+(\d{2}|\d{4})", text):
        first, second, year = int(match[1]), int(match[2]), _year(match[3])
        return [(year, second, first), (year, first, second)]
    if match := re.fullmatch(rf"(\d{{1,2}})[-/. ]+({MONTH_NAMES})\.?[-/. ]+(\d{{2}}|\d{{4}})", text):
        return [(_year(match[3]), _MONTHS[match[2]], int(match[1]))]
    return []


def _year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        if day == 0:  # GS1 General Specifications 3.4.7: the last day of the month
            return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return date(year, month, day)
    except ValueError:
        return None
