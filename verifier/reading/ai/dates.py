"""Dates and times in the values of AIs. GS1 General Specifications 7.12.

Each function takes the right number of digits and returns what is wrong with them, or None.
"""

from __future__ import annotations

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def day_or_none(text: str) -> str | None:
    """YYMMDD; 00 as the day is the whole month. Years are within 50 of now, so year 00 is 2000, a leap year."""
    return _month_and_day(int(text[:2]), text[2:], least=0)


def day(text: str) -> str | None:
    """YYMMDD with a day."""
    return _month_and_day(int(text[:2]), text[2:], least=1)


def long_day(text: str) -> str | None:
    """YYYYMMDD with a day."""
    return _month_and_day(int(text[:4]), text[4:], least=1)


def long_day_or_none(text: str) -> str | None:
    """YYYYMMDD; 00 as the day is the whole month."""
    return _month_and_day(int(text[:4]), text[4:], least=0)


def _month_and_day(year: int, rest: str, least: int) -> str | None:
    month, day = int(rest[:2]), int(rest[2:])
    if not 1 <= month <= 12:
        return f"its month is {rest[:2]}, expected 01 to 12"
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0 or year < 100)
    most = 28 if month == 2 and not leap else _DAYS[month - 1]
    return None if least <= day <= most else f"its day is {rest[2:]}, expected {least:02d} to {most} in that month"


def hour(text: str) -> str | None:
    """HH, 00 to 23."""
    return None if int(text) <= 23 else f"its hour is {text}, expected 00 to 23"


def minute(text: str) -> str | None:
    """A minute or second, 00 to 59."""
    return None if int(text) <= 59 else f"its minute or second is {text}, expected 00 to 59"


def hour_and_minute(text: str) -> str | None:
    """HHMM."""
    return hour(text[:2]) or minute(text[2:])
