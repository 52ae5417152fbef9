"""Checks of one component of a value, by the names that GS1's dictionary has for them.

Each takes the component's text, with characters and length already checked, and returns what is wrong, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from biip.checksums import gs1_standard_check_digit

from verifier.reading.ai import dates
from verifier.reading.ai.codes import COUNTRIES, COUNTRIES_ALPHA2, CURRENCIES, MEDIA_TYPES, PACKAGES
from verifier.reading.ai.coupon import coupon_code, coupon_offer
from verifier.reading.gs1 import CSET82

Lint = Callable[[str], str | None]

_SHORTEST_PREFIX = 4  # digits of the shortest GS1 company prefix, General Specifications 1.4.2
_CSET32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_LONGEST_DEGREES = {"latitude": 1_800_000_000, "longitude": 3_600_000_000}  # 10^-7 degrees, shifted to be positive


def _csum(text: str) -> str | None:
    """The check digit of GTIN, SSCC, GLN and the like. General Specifications 7.9.1."""
    expected = gs1_standard_check_digit(text[:-1])
    return None if text[-1] == str(expected) else f"its check digit is {text[-1]}, expected {expected}"


def _csumalpha(text: str) -> str | None:
    """The check pair of a GMN. General Specifications 7.9.5: primes from the right, modulo 1021, two of set 32."""
    payload, pair = text[:-2], text[-2:]
    total = sum(CSET82.index(char) * prime for char, prime in zip(reversed(payload), _PRIMES, strict=False)) % 1021
    expected = _CSET32[total >> 5] + _CSET32[total & 31]
    return None if len(text) >= 2 and pair == expected else f"its check characters are {pair!r}, expected {expected!r}"


def _prefix(text: str) -> str | None:
    digits = text[:_SHORTEST_PREFIX]
    good = len(digits) == _SHORTEST_PREFIX and digits.isdigit()
    return (
        None if good else f"it starts with {digits!r}, expected a company prefix of {_SHORTEST_PREFIX} digits or more"
    )


def _prefix_behind_first(text: str) -> str | None:
    return _prefix(text[1:])


def _piece_of_total(text: str) -> str | None:
    half = len(text) // 2
    piece, total = int(text[:half]), int(text[half:])
    return None if 1 <= piece <= total else f"it is piece {piece} of {total}"


def _position_in_sequence(text: str) -> str | None:
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    good = match is not None and int(match[1]) <= int(match[2])
    return None if good else f"got {text!r}, expected a position such as 1/2"


def _percent(text: str) -> str | None:
    return "a % without two hex digits behind it" if re.search(r"%(?![0-9A-Fa-f]{2})", text) else None


def _iban(text: str) -> str | None:
    """ISO 13616: country, check digits and account modulo 97."""
    if not re.fullmatch(r"[0-9A-Z]{11,34}", text) or text[:2] not in COUNTRIES_ALPHA2:
        return "it is no IBAN: expected a country, two check digits and an account"
    number = int("".join(str(int(char, 36)) for char in text[4:] + text[:4]))
    return None if number % 97 == 1 else "the check digits of the IBAN are wrong"


def _degrees(name: str) -> Lint:
    most = _LONGEST_DEGREES[name]
    return lambda text: None if int(text) <= most else f"its {name} is {text}, expected at most {most:010d}"


def _listed(what: str, known: frozenset[str]) -> Lint:
    return lambda text: None if text in known else f"{text!r} is no {what}"


def _shaped(pattern: str, expected: str) -> Lint:
    compiled = re.compile(pattern)
    return lambda text: None if compiled.fullmatch(text) else f"got {text!r}, expected {expected}"


LINTS: Mapping[str, Lint] = {
    "csum": _csum,
    "csumalpha": _csumalpha,
    "gcppos1": _prefix,
    "gcppos2": _prefix_behind_first,
    "yymmd0": dates.day_or_none,
    "yymmdd": dates.day,
    "yyyymmd0": dates.long_day_or_none,
    "yyyymmdd": dates.long_day,
    "hh": dates.hour,
    "mi": dates.minute,
    "ss": dates.minute,
    "hhmi": dates.hour_and_minute,
    "iso3166": _listed("ISO 3166 country number", COUNTRIES),
    "iso3166999": _listed("ISO 3166 country number and not 999", COUNTRIES | {"999"}),
    "iso3166alpha2": _listed("ISO 3166 country of two letters", COUNTRIES_ALPHA2),
    "iso4217": _listed("ISO 4217 currency number", CURRENCIES),
    "packagetype": _listed("GS1 package type", PACKAGES),
    "mediatype": _listed("AIDC media type", MEDIA_TYPES),
    "iso5218": _shaped("[0129]", "0, 1, 2 or 9"),
    "winding": _shaped("[019]", "0, 1 or 9"),
    "yesno": _shaped("[01]", "0 or 1"),
    "zero": _shaped("0+", "zeros"),
    "nonzero": _shaped(r"\d*[1-9]\d*", "a number above zero"),
    "nozeroprefix": _shaped(r"[1-9]\d*", "a number without a zero in front"),
    "hasnondigit": _shaped(r".*\D.*", "at least one character that is no digit"),
    "hyphen": _shaped("-+", "a hyphen"),
    "importeridx": _shaped(r"[-0-9A-Za-z_]", "one of 64 characters"),
    "latitude": _degrees("latitude"),
    "longitude": _degrees("longitude"),
    "pieceoftotal": _piece_of_total,
    "posinseqslash": _position_in_sequence,
    "pcenc": _percent,
    "iban": _iban,
    "couponcode": coupon_code,
    "couponposoffer": coupon_offer,
}
"""Every check that the table names."""
