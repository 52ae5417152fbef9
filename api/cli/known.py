"""The pins of ledgers that this home has spoken to: a server that turns into another ledger is noticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ledger.keys.file import write_file
from verifier.errors import Malformed, Refused

if TYPE_CHECKING:
    from ledger.home import Home

FILE = "known.json"
"""Origin -> founding pin, as first seen. To trust a pin, compare it with one that came another way."""


def check_pin(home: Home, about: Mapping[str, Any]) -> None:
    """Compare a server's founding pin with the one this home knows for that origin, or remember it.

    Raises Refused (`pin_changed`), Malformed (`known`).
    """
    origin, pin = str(about["origin"]), str(about["founding_pin"])
    known = _known(home)
    if home.founded and home.config().origin == origin:
        known[origin] = home.config().pin
    if origin not in known:
        home.create()
        write_file(home.path / FILE, json.dumps({**known, origin: pin}, indent=2).encode() + b"\n")
    elif known[origin] != pin:
        raise Refused(
            f"couldn't trust the server: it gives {origin} the founding pin {pin}, this home knows {known[origin]}; "
            f"it is another ledger. If yours was founded anew, remove that line from {home.path / FILE}",
            code="pin_changed",
        )


def known_pin(home: Home) -> str | None:
    """The pin of the home's own ledger, or of the only one it has spoken to; None when that is not clear."""
    if home.founded:
        return home.config().pin
    pins = list(_known(home).values())
    return pins[0] if len(pins) == 1 else None


def pins(home: Home) -> dict[str, str]:
    """Origin -> founding pin of every ledger that this home knows, its own among them."""
    own = home.config() if home.founded else None
    return {**_known(home), **({own.origin: own.pin} if own is not None else {})}


def _known(home: Home) -> dict[str, str]:
    try:
        value = json.loads((home.path / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Malformed(f"couldn't read {home.path / FILE}: it is no JSON", code="known") from error
    return {str(origin): str(pin) for origin, pin in value.items()}
