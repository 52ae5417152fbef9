"""What GS1 asks of the value of one application identifier, check by check.

Source: GS1 Barcode Syntax Dictionary, release 2026-01-27, and the sections of the GS1 General
Specifications that its checks name. Small and slow on purpose: every check is one function of the
text of one component and says yes or no. The table of which AI has which check is in
`gs1_oracle_ais`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import gs1_oracle_ais as facts

DIGITS = "0123456789"
CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
CSET39 = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CSET64 = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
CSET32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
PRIMES = [n for n in range(2, 600) if all(n % d for d in range(2, int(n**0.5) + 1))]
CSETS = {"N": DIGITS, "X": CSET82, "Y": CSET39, "Z": CSET64 + "="}


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a value: `least` to `most` characters of `cset`, with its `checks` by name."""

    optional: bool
    cset: str
    least: int
    most: int
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One AI. `needs`: demands, each a list of alternatives, each a list of AI patterns."""

    ai: str
    fixed: bool
    attribute: bool
    components: tuple[Component, ...]
    needs: tuple[tuple[tuple[str, ...], ...], ...]
    bars: tuple[str, ...]
    qualifiers: tuple[tuple[str, ...], ...] | None

    @property
    def length(self) -> int:
        """The length in characters of a value of predefined length."""
        return sum(part.most for part in self.components)


def _component(text: str) -> Component:
    match = re.fullmatch(r"(\??)([NXYZ])(?:(\d+)-)?(\d+)(?::(.+))?", text)
    assert match, text
    optional, cset, least, most, checks = match.groups()
    return Component(bool(optional), cset, int(least or most), int(most), tuple(checks.split("+")) if checks else ())


def _rows(line: str) -> list[Row]:
    ai, flags, parts, needs, bars, qualifiers = (column.strip() for column in line.split("|", 5))
    first, _, last = ai.partition("-")
    return [
        Row(
            ai=str(number).zfill(len(first)),
            fixed="fixed" in flags,
            attribute="attribute" in flags,
            components=tuple(_component(part) for part in parts.split()),
            needs=tuple(
                tuple(tuple(group.split("+")) for group in demand.split(",")) for demand in needs.split(" & ") if demand
            ),
            bars=tuple(bars.split(",")) if bars else (),
            qualifiers=tuple(tuple(way.strip("-").split(",")) for way in qualifiers.split("|")) if qualifiers else None,
        )
        for number in range(int(first), int(last or first) + 1)
    ]


ROWS = {row.ai: row for line in facts.AIS.strip().splitlines() for row in _rows(line)}

COUNTRIES = frozenset(facts.COUNTRIES.split())
COUNTRIES_ALPHA2 = frozenset(facts.COUNTRIES_ALPHA2.split())
CURRENCIES = frozenset(facts.CURRENCIES.split())
PACKAGES = frozenset(facts.PACKAGES.split())


def check_digit(digits: str) -> str:
    """The GS1 check digit for `digits` (GenSpecs 7.9.1): weights 3, 1, 3 ... from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def check_pair(data: str) -> str:
    """The check character pair for alphanumeric keys (GenSpecs 7.9.5): prime weights, modulo 1021."""
    total = sum(CSET82.index(char) * prime for char, prime in zip(reversed(data), PRIMES, strict=False)) % 1021
    return CSET32[total >> 5] + CSET32[total & 31]


def day_exists(yymmdd: str, *, day_zero: bool = False) -> bool:
    """Whether YYMMDD or YYYYMMDD is a day; `day_zero`: 00 stands for the month's last day (GenSpecs 3.4).

    A two-digit year is one of the hundred around now (GenSpecs 7.12), so 00 is 2000, a leap year.
    """
    year, month, day = int(yymmdd[:-4]), int(yymmdd[-4:-2]), int(yymmdd[-2:])
    leap = year % 4 == 0 if len(yymmdd) == 6 else (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if not 1 <= month <= 12:
        return False
    last = 30 if month in (4, 6, 9, 11) else 31
    if month == 2:
        last = 29 if leap else 28
    return (0 if day_zero else 1) <= day <= last


def _iban(value: str) -> bool:
    """ISO 13616: country, two check digits, 7 to 30 more capitals and digits; modulo 97 is 1."""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{7,30}", value) or value[:2] not in COUNTRIES_ALPHA2:
        return False
    return int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1


def _piece_of_total(value: str) -> bool:
    return 1 <= int(value[:2]) <= int(value[2:])


def _position_in_sequence(value: str) -> bool:
    match = re.fullmatch(r"([1-9][0-9]*)/([1-9][0-9]*)", value)
    return match is not None and int(match[1]) <= int(match[2])


def _escapes(value: str) -> bool:
    return re.fullmatch(r"(?:[^%]|%[0-9A-Fa-f]{2})*", value) is not None


class _Digits:
    """Reads fields of digits off the front; a field that is not there raises ValueError."""

    def __init__(self, value: str) -> None:
        if not re.fullmatch("[0-9]+", value):
            raise ValueError
        self.left = value

    def take(self, count: int, allowed: str = DIGITS) -> str:
        field, self.left = self.left[:count], self.left[count:]
        if len(field) < count or field[0] not in allowed:
            raise ValueError
        return field

    def counted(self, lengths: str, more: int = 0) -> None:
        """A length digit out of `lengths`, then that many digits and `more`."""
        self.take(int(self.take(1, lengths)) + more)

    def option(self, number: str) -> bool:
        """Whether the optional field `number` comes next; takes its digit."""
        if not self.left.startswith(number):
            return False
        self.take(1)
        return True


def _coupon_code(value: str) -> bool:
    """North American coupon code, AI 8110 (GS1 US application guideline)."""
    try:
        _read_coupon(_Digits(value))
    except ValueError:
        return False
    return True


def _read_coupon(code: _Digits) -> None:
    code.counted("0123456", 6)  # company prefix
    code.take(6)  # offer
    code.counted("12345")  # save value
    code.counted("12345")  # purchase requirement
    code.take(1, "012349")
    code.take(3)  # family
    for option in "12":  # second and third purchase
        if code.option(option):
            if option == "1":
                code.take(1, "0123")
            code.counted("12345")
            code.take(1, "012349")
            code.take(3)
            length = code.take(1, "01234569")
            if length != "9":
                code.take(int(length) + 6)
    _read_coupon_rest(code)


def _read_coupon_rest(code: _Digits) -> None:
    dates = {option: code.take(6) for option in "34" if code.option(option)}
    if not all(map(day_exists, dates.values())) or dates.get("4", "0") > dates.get("3", "999999"):
        raise ValueError
    if code.option("5"):
        code.counted(DIGITS, 6)  # serial
    if code.option("6"):
        code.counted("1234567", 6)  # retailer
    if code.option("9"):
        code.take(1, "01256")
        code.take(1, "012")
        code.take(1)
        code.take(1, "01")
    if code.left:
        raise ValueError


def _positive_offer(value: str) -> bool:
    """North American positive offer file coupon, AI 8112 (GS1 US coupon data specification)."""
    try:
        code = _Digits(value)
        code.take(1, "01")
        code.counted("0123456", 6)
        code.take(6)
        code.counted(DIGITS, 6)
    except ValueError:
        return False
    return not code.left


CHECKS: dict[str, Callable[[str], bool]] = {
    "couponcode": _coupon_code,
    "couponposoffer": _positive_offer,
    "csum": lambda value: check_digit(value[:-1]) == value[-1],
    "csumalpha": lambda value: len(value) >= 2 and check_pair(value[:-2]) == value[-2:],
    "gcppos1": lambda value: re.match("[0-9]{4}", value) is not None,  # the shortest prefix has four digits
    "gcppos2": lambda value: re.match("[0-9]{5}", value) is not None,
    "hasnondigit": lambda value: not set(value) <= set(DIGITS),
    "hh": lambda value: int(value) <= 23,
    "hhmi": lambda value: int(value[:2]) <= 23 and int(value[2:]) <= 59,
    "hyphen": lambda value: value == "-",
    "iban": _iban,
    "importeridx": lambda value: value in CSET64,
    "iso3166": COUNTRIES.__contains__,
    "iso3166999": lambda value: value == "999" or value in COUNTRIES,
    "iso3166alpha2": COUNTRIES_ALPHA2.__contains__,
    "iso4217": CURRENCIES.__contains__,
    "iso5218": lambda value: value in "0129",
    "latitude": lambda value: int(value) <= 180 * 10**7,
    "longitude": lambda value: int(value) <= 360 * 10**7,
    "mediatype": lambda value: 1 <= int(value) <= 10 or int(value) >= 80,
    "mi": lambda value: int(value) <= 59,
    "nonzero": lambda value: int(value) != 0,
    "nozeroprefix": lambda value: not value.startswith("0"),
    "packagetype": PACKAGES.__contains__,
    "pcenc": _escapes,
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "ss": lambda value: int(value) <= 59,
    "winding": lambda value: value in "019",
    "yesno": lambda value: value in "01",
    "yymmd0": lambda value: day_exists(value, day_zero=True),
    "yymmdd": day_exists,
    "yyyymmdd": day_exists,
    "zero": lambda value: value == "0",
}


def fault_in(row: Row, value: str) -> str | None:
    """What is wrong with `value` as the value of the AI, as one word; None if it is right."""
    if not value:
        return "empty"
    rest = value
    for part in row.components:
        piece, rest = rest[: part.most], rest[part.most :]
        if part.optional and not piece:
            continue
        if len(piece) < part.least:
            return "length"
        if not set(piece) <= set(CSETS[part.cset]) or (part.cset == "Z" and not _base64(piece)):
            return "charset"
        for check in part.checks:
            if not CHECKS[check](piece):
                return check
    return "length" if rest else None


def _base64(value: str) -> bool:
    """Base64url. Choice: `=` only where RFC 4648 has it, as padding to a multiple of four."""
    data = value.rstrip("=")
    return "=" not in data and (data == value or (len(value) % 4 == 0 and len(value) - len(data) <= 2))
