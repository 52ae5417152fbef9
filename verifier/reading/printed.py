"""The other fields of a label, besides product, lot and serial: dates and whatever else its code holds.

Every field that was read is compared with the register, or is named as not compared. None is dropped.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping

from verifier.reading.gs1 import UnitCode

EXPIRY_AIS = ("17", "7003")
"""Fields that say when goods expire: YYMMDD, and YYMMDDhhmm. GS1 General Specifications 3.4.7, 3.8.3."""

Printed = tuple[tuple[str, tuple[str, ...]], ...]
"""AI and its values (one each, or several where codes of one picture disagree), AIs in order."""


def printed_fields(*codes: UnitCode) -> Printed:
    """The fields of one item's codes besides product, serial and the first code's lot."""
    found: dict[str, dict[str, None]] = {}
    for code in codes:
        for ai, value in code.extra.items():
            found.setdefault(ai, {})[value] = None
    return tuple((ai, tuple(values)) for ai, values in sorted(found.items()))


def expiries(printed: Printed, today: str) -> tuple[str, ...]:
    """The expiry dates on a label as YYYY-MM-DD, each once. `today` (YYYY-MM-DD) tells the century."""
    values: Mapping[str, tuple[str, ...]] = dict(printed)
    return tuple(dict.fromkeys(full_date(value, today) for ai in EXPIRY_AIS for value in values.get(ai, ())))


def full_date(value: str, today: str) -> str:
    """`YYMMDD…`, already checked, as YYYY-MM-DD; day 00 is the last of its month (GS1 General Specifications 3.4.7).

    The century is the one in which the year lies nearest, 49 years back or 50 ahead at most (7.12).
    """
    now, year = int(today[:4]), int(value[:2])
    full = now - now % 100 + year
    if year - now % 100 >= 51:
        full -= 100
    elif year - now % 100 <= -50:
        full += 100
    month, day = int(value[2:4]), int(value[4:6])
    return f"{full:04d}-{month:02d}-{day or monthrange(full, month)[1]:02d}"
