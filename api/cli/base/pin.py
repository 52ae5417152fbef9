"""The founding pin as an option: 64 hex digits that somebody trustworthy told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.cli.base.output import Out
from api.cli.base.values import parse_bytes32
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.home import Home


def parse_pin(text: str | None) -> bytes | None:
    """The 32 bytes, or None where none was given. Raises Malformed (`hex`)."""
    return parse_bytes32("--founding", text) if text is not None else None


def told_pin(pin: bytes | None, place: Home, doing: str, out: Out) -> bytes:
    """The given pin, or else the one this home knows. Checking somebody else's log cannot start without one.

    `doing`: what needs it, for the error. Raises Malformed (`pin_needed`).
    """
    from api.cli.base.known import known_pin

    if pin is not None:
        return pin
    known = known_pin(place)
    if known is None:
        raise Malformed(
            f"couldn't {doing}: no founding pin is known here; give --founding, as somebody you trust told you",
            code="pin_needed",
        )
    out.note(f"with the founding pin {known} that {place.path} knows")
    return bytes.fromhex(known)
