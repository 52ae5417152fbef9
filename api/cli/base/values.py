"""Values that stay for ever once they are signed. Impossible ones are refused; odd ones are asked about."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api.cli.base.output import Out
from api.question.place import COUNTRIES
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.services.units.serial_doubt import Doubt
    from verifier.reading.gs1 import Gtin

MARKETS = COUNTRIES - {"XZ"}
"""Countries that goods can be made for or that can admit somebody: all but the high seas."""

_OTHERWISE_CALLED = {"UK": "GB", "EL": "GR"}
"""Letters that law and custom use for countries to which ISO 3166-1 gives others."""

_PIN = re.compile("[0-9a-f]{64}")


def check_country(option: str, text: str) -> str:
    """A country by its two letters. Raises Malformed (`country`)."""
    if text not in MARKETS:
        meant = _OTHERWISE_CALLED.get(text.upper(), text.upper())
        hint = f"; did you mean {meant}?" if meant in MARKETS else ""
        raise Malformed(
            f"couldn't use {option} {text[:40]!r}: expected two capital letters of ISO 3166-1, such as KE{hint}",
            code="country",
            at=option.strip("-"),
        )
    return text


def parse_bytes32(option: str, text: str) -> bytes:
    """64 hex digits in either case, with or without 0x. Raises Malformed (`hex`)."""
    digits = text.strip("\ufeff \t\r\n").lower().removeprefix("0x")
    if not _PIN.fullmatch(digits):
        got = f"{len(digits)} characters" if len(digits) != 64 else "other characters"
        raise Malformed(
            f"couldn't read {option}: got {got}, expected 64 hex digits, with or without 0x before them",
            code="hex",
            at=option.strip("-"),
        )
    return bytes.fromhex(digits)


def read_typed_gtin(text: str, out: Out) -> Gtin:
    """A GTIN as typed or pasted, padded to 14 digits; says so where it was written otherwise. Raises Malformed."""
    from ledger.services.units.serial_cell import read_gtin

    gtin, _ = read_gtin(text)
    if gtin != text:
        out.note(f"GTIN {text} is {gtin}")
    return gtin


def today() -> str:
    """The day by this machine's clock, YYYY-MM-DD in UTC."""
    return datetime.now(UTC).date().isoformat()


def doubts_of_notice(notice: str) -> list[Doubt]:
    """A doubt about a notice that nobody can open; it would stay in the record as it is."""
    from ledger.services.record.doubt_name import DoubtName
    from ledger.services.units.serial_doubt import Doubt, Doubtful

    parts = urlsplit(notice)
    if not notice or (parts.scheme in ("http", "https") and parts.netloc):
        return []
    return [Doubt(DoubtName.NOTICE, "notice", 1, (Doubtful(None, notice, "https://…"),))]


def warn_of_guessing(length: int, count: int, out: Out) -> None:
    """Warn of made serials so short that the batch's salt cannot be published."""
    from ledger.services.units.serial import space_bits
    from verifier.record.batch import HIDDEN_BITS, SerialSource, may_publish_salt

    if not may_publish_salt(SerialSource.GENERATED, space_bits(length), count):
        margin = max(space_bits(length) - (count - 1).bit_length(), 0)
        out.warn(
            f"serials of {length} characters can be guessed: 1 in 2^{margin} tries hits one of {count}, less than "
            f"2^{HIDDEN_BITS}; the salt stays hidden, and not everybody can check that a unit is absent"
        )
