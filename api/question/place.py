"""Places: UN/LOCODEs by their shape, and countries by ISO 3166-1."""

from __future__ import annotations

import re

from verifier.errors import Malformed

_LISTED = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK XZ"
)
COUNTRIES = frozenset(_LISTED.split())
"""ISO 3166-1 alpha-2, and what UN/LOCODE adds: XK for Kosovo, XZ for the high seas."""

_UNLOCODE = re.compile(r"([A-Z]{2}) ?([A-Z2-9]{3})")


def parse_unlocode(text: str) -> str:
    """Read a UN/LOCODE of a known country, with or without its space; returns it as `NL RTM`.

    Its shape and country are checked, not whether the place is listed. Raises Malformed (`unlocode`).
    """
    match = _UNLOCODE.fullmatch(text)
    if match is None or match[1] not in COUNTRIES:
        raise Malformed(
            f"couldn't read the place: got {text[:20]!r}, expected a UN/LOCODE such as NLRTM "
            "(the country's two letters, then three of A-Z and 2-9)",
            code="unlocode",
            at="place/unlocode",
        )
    return f"{match[1]} {match[2]}"


def country_of(country: str | None, unlocode: str | None, otherwise: str | None) -> str | None:
    """The country of a scan: as given, as the UN/LOCODE says, or the officer's own.

    Raises Malformed (`country`) for no country, or for another one than the UN/LOCODE's.
    """
    if country is not None and country not in COUNTRIES:
        raise _bad_country(f"got {country[:8]!r}, expected two capital letters of ISO 3166-1")
    if country is not None and unlocode is not None and unlocode[:2] != country:
        raise _bad_country(f"got {country}, but the UN/LOCODE {unlocode} lies in {unlocode[:2]}")
    return country or (unlocode[:2] if unlocode else otherwise)


def _bad_country(cause: str) -> Malformed:
    return Malformed(f"couldn't read the country: {cause}", code="country", at="place/country")
