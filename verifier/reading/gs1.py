"""GS1 identifiers: GTIN, lot, serial, company prefixes, and the code that a carrier bears.

GS1 General Specifications: 3.3.2 (AI 01), 3.4.1 (AI 10), 3.5.2 (AI 21), 7.9 (check digit), 7.11 (character set 82).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from biip.checksums import gs1_standard_check_digit
from biip.gs1_prefixes import GS1Prefix, GS18Prefix

from verifier.errors import Malformed

Gtin = NewType("Gtin", str)
"""A trade item number: 14 digits, left-padded with zeros, its check digit right."""
Lot = NewType("Lot", str)
"""A batch or lot number, AI 10: 1 to 20 characters of set 82, case-sensitive, not escaped."""
Serial = NewType("Serial", str)
"""A serial number, AI 21: 1 to 20 characters of set 82, case-sensitive, not escaped."""

LONGEST = 20
"""Characters of AI 10 and AI 21. GS1 General Specifications 3.4.1, 3.5.2."""
CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""The characters that AI 10 and AI 21 may hold. GS1 General Specifications figure 7.11-1."""

_OUTSIDE_CSET82 = re.compile(f"[^{re.escape(CSET82)}]")
_GTIN_LENGTHS = (8, 12, 13, 14)
_GTIN8_ZEROS = "00000"  # after the indicator; also in a GTIN-14 made from a GTIN-8


class Carrier(StrEnum):
    """The carrier of the code. TEXT: typed, pasted, or from a device that does not say."""

    QR = "qr"
    DATAMATRIX = "datamatrix"
    TEXT = "text"


class CodeForm(StrEnum):
    """How the code was written."""

    DIGITAL_LINK = "digital_link"
    ELEMENT_STRING = "element_string"
    BRACKETED = "bracketed"
    SGTIN_URN = "sgtin_urn"
    GTIN = "gtin"


@dataclass(frozen=True, slots=True)
class UnitCode:
    """One GS1 code as read. Without a serial it names a product. Without a lot, any batch of its GTIN may hold it.

    `signature` is the text of `s` as read (None: there was none; it may be damaged); `extra` holds further AIs, such
    as 17 for an expiry date, by their digits.
    """

    gtin: Gtin
    lot: Lot | None
    serial: Serial | None
    signature: str | None = None
    carrier: Carrier = Carrier.TEXT
    form: CodeForm = CodeForm.ELEMENT_STRING
    extra: Mapping[str, str] = field(default_factory=dict)


@lru_cache(4096)  # a maker's batches belong to few products
def parse_gtin(text: str) -> Gtin:
    """Read a GTIN of 8, 12, 13 or 14 digits and pad it to 14.

    Raises Malformed (`charset`, `gtin_length`, `check_digit`).
    """
    if not (text.isascii() and text.isdigit()):
        raise Malformed(f"couldn't read the GTIN: got {_shown(text)}, expected digits only", code="charset", at="gtin")
    if len(text) not in _GTIN_LENGTHS:
        hint = "; was a leading zero lost?" if len(text) in (7, 10, 11) else ""
        raise Malformed(
            f"couldn't read the GTIN: got {len(text)} digits ({_shown(text)}), expected 8, 12, 13 or 14{hint}",
            code="gtin_length",
            at="gtin",
        )
    expected = gs1_standard_check_digit(text[:-1])
    if int(text[-1]) != expected:
        raise Malformed(
            f"couldn't read the GTIN: {text} ends in {text[-1]}, but its check digit is {expected}",
            code="check_digit",
            at="gtin",
        )
    return Gtin(text.zfill(14))


def parse_lot(text: str) -> Lot:
    """Read a lot number, unescaped. Raises Malformed (`lot_length`, `charset`)."""
    return Lot(_parse_value("lot", text))


def parse_serial(text: str) -> Serial:
    """Read a serial number, unescaped. Raises Malformed (`serial_length`, `charset`)."""
    return Serial(_parse_value("serial", text))


def prefix_matches(prefix: str, gtin: str) -> bool:
    """Whether a GTIN-14 was issued under a company prefix.

    A prefix is matched from digit 2, after the packaging indicator. A GTIN-8 has a GS1-8 prefix of its own. The
    register writes it with "00000" before it, so that one rule serves both and no UPC prefix matches a GTIN-8.
    """
    return gtin.startswith(prefix, 1)


@lru_cache(maxsize=4_096)  # a shipment has few products, and the table of ranges is long
def gs1_office(gtin: str) -> str | None:
    """The office that issued the prefix range of a GTIN-14, in words; None for a range that nobody has.

    The office says where a company became a member, never where goods were made. Ranges that no company can hold are
    named: 02, 04 and 20-29 are for restricted circulation, 952 for demonstrations, 977-979 for books and serials.
    """
    of_gtin8 = gtin.startswith(_GTIN8_ZEROS, 1)
    found = GS18Prefix.extract(gtin[6:]) if of_gtin8 else GS1Prefix.extract(gtin[1:])
    if found is None:
        return None
    if "Restricted Circulation" in found.usage:
        where = "region" if "geographic" in found.usage else "company"
        return f"nobody: numbers for restricted circulation within a {where}"
    if "demonstrations" in found.usage:
        return "nobody: numbers for demonstrations and examples (GS1 Global Office)"
    return None if found.usage.startswith("Unused") else found.usage


def _parse_value(name: str, text: str) -> str:
    if not 1 <= len(text) <= LONGEST:
        raise Malformed(
            f"couldn't read the {name}: got {len(text)} characters ({_shown(text)}), expected 1 to {LONGEST}",
            code=f"{name}_length",
            at=name,
        )
    if bad := _OUTSIDE_CSET82.search(text):
        raise Malformed(
            f"couldn't read the {name} {_shown(text)}: got {bad[0]!r} at character {bad.start() + 1}, "
            "expected letters, digits and the punctuation of GS1 character set 82",
            code="charset",
            at=name,
        )
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
