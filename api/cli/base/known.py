"""Servers and ledgers that this home has used. It notices when a server starts to serve another ledger.

A server is known by its URL and by the ledger it served at first: the log's origin and its founding pin. To trust a
pin, compare it with one that reached you another way. Only https shows that no other machine answers in a server's
name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ledger.keys.file import write_file
from ledger.remote.urls import without_password
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.foreign import shown

if TYPE_CHECKING:
    from ledger.home import Home

FILE = "known.json"
"""Origin -> founding pin, as first seen."""
SERVERS = "servers.json"
"""URL of a server -> origin and founding pin of the ledger that it served first."""

_PIN = re.compile("[0-9a-f]{64}")
_PORTS = {"http": 80, "https": 443}


def check_server(home: Home, url: str, about: Mapping[str, Any], *, keep: bool) -> None:
    """Compare the ledger that a server says it serves with the one it served before, or remember it.

    `keep`: it must be remembered, since a token goes there; else a home that cannot be written does not matter.
    Raises Refused (`server_changed`, `pin_changed`), Malformed (`known`), Unavailable (`server`, `home`).
    """
    now, key = _told(url, about), server_key(url)
    before = servers(home).get(key)
    if before is not None and before != now:
        raise Refused(
            f"couldn't trust {key}: it serves the ledger {now['origin']} with the founding pin {now['pin']}, and this "
            f"home knows {before['origin']} with {before['pin']} there; nothing was sent or signed. If the change is "
            f"meant, `carnet server forget {key}` accepts it",
            code="server_changed",
        )
    try:
        check_pin(home, about)
        if before is None:
            home.create()
            write_file(home.path / SERVERS, _encoded({**servers(home), key: now}))
    except Unavailable:
        if keep:
            raise


def check_pin(home: Home, about: Mapping[str, Any]) -> None:
    """Compare a server's founding pin with the one this home knows for that origin, or remember it.

    Raises Refused (`pin_changed`), Malformed (`known`), Unavailable (`home`).
    """
    origin, pin = str(about["origin"]), str(about["founding_pin"])
    known = _known(home)
    if home.founded and home.config().origin == origin:
        known[origin] = home.config().pin
    if origin not in known:
        home.create()
        write_file(home.path / FILE, _encoded({**known, origin: pin}))
    elif known[origin] != pin:
        raise Refused(
            f"couldn't trust the server: it gives {origin} the founding pin {pin}, this home knows {known[origin]}; "
            f"it is another ledger. If yours was founded anew, remove that line from {home.path / FILE}",
            code="pin_changed",
        )


def forget_server(home: Home, url: str) -> dict[str, str]:
    """Forget a server, and the pin of its ledger where no other server is known for it; returns what was known.

    Raises NotFound (`server_unknown`), Malformed (`known`), Unavailable (`home`).
    """
    found, key = servers(home), server_key(url)
    if key not in found:
        raise NotFound(f"couldn't forget {key}: this home does not know it", code="server_unknown")
    was = found.pop(key)
    if was["origin"] not in {other["origin"] for other in found.values()}:
        rest = {origin: pin for origin, pin in _known(home).items() if origin != was["origin"]}
        write_file(home.path / FILE, _encoded(rest))
    # If we stop here, the server is still known, and the command can be given again.
    write_file(home.path / SERVERS, _encoded(found))
    return was


def servers(home: Home) -> dict[str, dict[str, str]]:
    """Every server that this home knows: its URL -> `origin` and `pin` of its ledger. Raises Malformed (`known`)."""
    found = _read(home.path / SERVERS)
    for key, one in found.items():
        if not isinstance(one, dict) or set(one) != {"origin", "pin"}:
            raise Malformed(f"couldn't read {home.path / SERVERS}: {key} has no origin and pin", code="known")
    return found


def server_key(url: str) -> str:
    """A server's URL in its one spelling. Raises Malformed (`server`)."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise Malformed(f"couldn't use --server {shown(url, 200)}: {error}", code="server") from error
    host = f"[{host}]" if ":" in host else host
    end = f":{port}" if port is not None and port != _PORTS.get(parts.scheme) else ""
    return f"{parts.scheme}://{host}{end}{parts.path.rstrip('/')}"


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


def _told(url: str, about: Mapping[str, Any]) -> dict[str, str]:
    origin, pin = about.get("origin"), about.get("founding_pin")
    if not isinstance(origin, str) or not isinstance(pin, str) or not _PIN.fullmatch(pin):
        raise Unavailable(
            f"couldn't understand the server at {without_password(url)}: expected a ledger's origin and founding pin",
            code="server",
        )
    return {"origin": origin, "pin": pin}


def _known(home: Home) -> dict[str, str]:
    return {origin: str(pin) for origin, pin in _read(home.path / FILE).items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Malformed(f"couldn't read {path}: it is no JSON", code="known") from error
    if not isinstance(value, dict):
        raise Malformed(f"couldn't read {path}: expected a JSON object", code="known")
    return value


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
