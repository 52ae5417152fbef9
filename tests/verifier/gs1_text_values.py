"""Right values for every application identifier, drawn at random, for `gs1_texts`."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from gs1_oracle_checks import (
    COUNTRIES,
    COUNTRIES_ALPHA2,
    CSET39,
    CSET64,
    CSET82,
    CURRENCIES,
    DIGITS,
    PACKAGES,
    Component,
    Row,
    check_digit,
    check_pair,
)

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LISTS = {
    "countries": sorted(COUNTRIES),
    "countries_alpha2": sorted(COUNTRIES_ALPHA2),
    "currencies": sorted(CURRENCIES),
    "packages": sorted(PACKAGES),
}
LETTERS = {"N": DIGITS, "X": CSET82, "Y": CSET39, "Z": CSET64}


def value_of(rng: Random, row: Row) -> str:
    """A value that the row allows. Optional components come half the time, and then up to some place."""
    value = ""
    for part in row.components:
        if part.optional and rng.random() < 0.5:
            break
        value += _piece(rng, part)
    return value


def chars(rng: Random, letters: str, count: int) -> str:
    """`count` characters out of `letters`."""
    return "".join(rng.choices(letters, k=count))


def _piece(rng: Random, part: Component) -> str:
    for check in part.checks:
        if check in MAKERS:
            return MAKERS[check](rng)
    least = max(part.least, 4) if "gcppos1" in part.checks else part.least
    length = rng.choice((least, part.most, rng.randint(least, part.most), min(part.most, least + 5)))
    letters = LETTERS[part.cset]
    if part.cset == "X":  # most real serials and lots are plain; the rest of the set must come as well
        letters = rng.choice((ALPHANUMERIC, ALPHANUMERIC, DIGITS, CSET82))
    if "pcenc" in part.checks:
        letters = letters.replace("%", "")
    body = chars(rng, letters, length)
    if "gcppos1" in part.checks or "gcppos2" in part.checks:
        body = chars(rng, DIGITS, min(4, length)) + body[4:]
    if "csum" in part.checks:
        return body[:-1] + check_digit(body[:-1])
    if "csumalpha" in part.checks:
        body = chars(rng, DIGITS, 4) + "A" + chars(rng, ALPHANUMERIC, rng.randint(0, part.most - 7))
        return body + check_pair(body)
    if "nozeroprefix" in part.checks or "nonzero" in part.checks:
        return rng.choice("123456789") + body[1:]
    if "pcenc" in part.checks and length > 6 and rng.random() < 0.3:
        return body[:-3] + rng.choice(("%20", "%C3", "%2f"))
    return body


def day(rng: Random, *, zero: bool = False) -> str:
    """YYMMDD; with `zero`, the day is 00 in one of five."""
    last = rng.randint(0, 49), rng.randint(1, 12), 0 if zero and rng.random() < 0.2 else rng.randint(1, 28)
    leap = f"{rng.choice((0, 24, 28, 32)):02}0229"
    return leap if rng.random() < 0.1 else "{:02}{:02}{:02}".format(*last)


def clock(rng: Random) -> str:
    """HHMM."""
    return f"{rng.randint(0, 23):02}{rng.randint(0, 59):02}"


def _iban(rng: Random) -> str:
    country, body = rng.choice(LISTS["countries_alpha2"]), chars(rng, DIGITS + "ABCXYZ", rng.randint(11, 30))
    number = int("".join(str(int(char, 36)) for char in body + country + "00"))
    return f"{country}{98 - number % 97:02}{body}"


def _ordered(rng: Random, pattern: str, most: int) -> str:
    total = rng.randint(1, most)
    return pattern.format(rng.randint(1, total), total)


def _counted(rng: Random, least: int, most: int, more: int = 0) -> str:
    size = rng.randint(least, most)
    return str(size) + chars(rng, DIGITS, size + more)


def _coupon(rng: Random) -> str:
    start, end = sorted((day(rng), day(rng)))
    code = _counted(rng, 0, 6, 6) + chars(rng, DIGITS, 6) + _counted(rng, 1, 5) + _counted(rng, 1, 3)
    code += rng.choice("012349") + chars(rng, DIGITS, 3)
    options = ("3" + end + "4" + start, "5" + _counted(rng, 0, 3, 6), "9" + rng.choice("01256") + "1" + "7" + "0")
    return code + "".join(option for option in options if rng.random() < 0.4)


def _offer(rng: Random) -> str:
    return rng.choice("01") + _counted(rng, 0, 6, 6) + chars(rng, DIGITS, 6) + _counted(rng, 0, 9, 6)


MAKERS: dict[str, Callable[[Random], str]] = {
    "couponcode": _coupon,
    "couponposoffer": _offer,
    "hh": lambda rng: f"{rng.randint(0, 23):02}",
    "hhmi": clock,
    "hyphen": lambda rng: "-",
    "iban": _iban,
    "importeridx": lambda rng: rng.choice(CSET64),
    "iso3166": lambda rng: rng.choice(LISTS["countries"]),
    "iso3166999": lambda rng: rng.choice(("999", rng.choice(LISTS["countries"]))),
    "iso3166alpha2": lambda rng: rng.choice(LISTS["countries_alpha2"]),
    "iso4217": lambda rng: rng.choice(LISTS["currencies"]),
    "iso5218": lambda rng: rng.choice("0129"),
    "latitude": lambda rng: f"{rng.choice((0, 180 * 10**7, rng.randint(0, 180 * 10**7))):010}",
    "longitude": lambda rng: f"{rng.choice((0, 360 * 10**7, rng.randint(0, 360 * 10**7))):010}",
    "mediatype": lambda rng: f"{rng.choice((rng.randint(1, 10), rng.randint(80, 99))):02}",
    "mi": lambda rng: f"{rng.randint(0, 59):02}",
    "packagetype": lambda rng: rng.choice(LISTS["packages"]),
    "pieceoftotal": lambda rng: _ordered(rng, "{:02}{:02}", 99),
    "posinseqslash": lambda rng: _ordered(rng, "{}/{}", 9),
    "ss": lambda rng: f"{rng.randint(0, 59):02}",
    "winding": lambda rng: rng.choice("019"),
    "yesno": lambda rng: rng.choice("01"),
    "yymmd0": lambda rng: day(rng, zero=True),
    "yymmdd": day,
    "yyyymmdd": lambda rng: rng.choice(("19", "20")) + day(rng).replace("000229", "000228"),
    "zero": lambda rng: "0",
}
