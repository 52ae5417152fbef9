"""Values that stay for ever once they are signed: refused where they cannot be meant, warned of where they are odd."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from api.cli.output import Out
from api.place import COUNTRIES
from verifier.errors import Malformed

MARKETS = COUNTRIES - {"XZ"}
"""Countries that goods can be made for or that can admit somebody: all but the high seas."""

_PIN = re.compile("[0-9a-f]{64}")


def check_country(option: str, text: str) -> str:
    """A country by its two letters. Raises Malformed (`country`)."""
    if text not in MARKETS:
        hint = f"; did you mean {text.upper()}?" if text.upper() in MARKETS else ""
        raise Malformed(
            f"couldn't use {option} {text[:40]!r}: expected ISO 3166-1 alpha-2 such as KE{hint}",
            code="country",
            at=option.strip("-"),
        )
    return text


def parse_bytes32(option: str, text: str) -> bytes:
    """64 hex digits in either case, with or without 0x. Raises Malformed (`hex`)."""
    digits = text.strip().lower().removeprefix("0x")
    if not _PIN.fullmatch(digits):
        got = f"{len(digits)} characters" if len(digits) != 64 else "other characters"
        raise Malformed(
            f"couldn't read {option}: got {got}, expected 64 hex digits, with or without 0x before them",
            code="hex",
            at=option.strip("-"),
        )
    return bytes.fromhex(digits)


def warn_of_expiry(expires: str, out: Out) -> None:
    """Warn of an expiry date that has passed: every unit will be answered with `check`."""
    if expires and expires < datetime.now(UTC).date().isoformat():
        out.warn(f"--expires {expires} has passed: every unit of this batch will be answered with Check further")


def warn_of_notice(notice: str, out: Out) -> None:
    """Warn of a notice that nobody can open."""
    if notice and (urlsplit(notice).scheme not in ("http", "https") or not urlsplit(notice).netloc):
        out.warn(f"--notice {notice} is no http or https address; it stays in the record as it is")


def warn_of_lost_zeros(serials: Sequence[str], out: Out) -> None:
    """Warn of serials that a spreadsheet may have taken for numbers: all of digits, not all of one length."""
    lengths = {len(serial) for serial in serials}
    if len(lengths) > 1 and all(serial.isdigit() for serial in serials) and any(s[0] != "0" for s in serials):
        out.warn(
            f"the serials are digits of {min(lengths)} to {max(lengths)} places: if a spreadsheet took leading zeros "
            "away, these are not the printed ones"
        )


def warn_of_guessing(length: int, count: int, out: Out) -> None:
    """Warn of made serials so short that the batch's salt cannot be published."""
    from ledger.services.serial import space_bits
    from verifier.batch import HIDDEN_BITS, SerialSource, may_publish_salt

    if not may_publish_salt(SerialSource.GENERATED, space_bits(length), count):
        margin = max(space_bits(length) - (count - 1).bit_length(), 0)
        out.warn(
            f"serials of {length} characters can be guessed: 1 in 2^{margin} tries hits one of {count}, less than "
            f"2^{HIDDEN_BITS}; the salt stays hidden, and not everybody can check that a unit is absent"
        )
