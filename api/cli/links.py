"""What printed links start with, and when that is worth a warning."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from api.cli.output import Out

_ANY_GTIN = "00000000000000"


def check_base_url(base_url: str, out: Out) -> None:
    """Check that links can start with this; warn of plain http beyond this machine. Raises Malformed (`base_url`)."""
    from verifier.digital_link import format_digital_link

    format_digital_link(base_url, _ANY_GTIN, None, None)
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        out.warn(f"links under {base_url} can be changed on their way: plain http is for loopback and for trials")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
