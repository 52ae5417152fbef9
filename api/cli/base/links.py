"""The start of printed links, and when it deserves a warning."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from api.cli.base.output import Out
from verifier.errors import Malformed

_ANY_GTIN = "00000000000000"
_LOCAL_ENDS = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain")
_SILENT = Out(json=True)


def check_base_url(base_url: str, out: Out) -> None:
    """Check that links can start with this; warn of plain http beyond this machine. Raises Malformed (`base_url`)."""
    from verifier.reading.digital_link import format_digital_link

    format_digital_link(base_url, _ANY_GTIN, None, None)
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        out.warn(f"links under {base_url} can be changed on their way: plain http is for loopback and for trials")


def check_label_base(base_url: str, named: bool, out: Out) -> None:
    """Check the start of the links on labels, since a printed link cannot be changed.

    Unless it was `named` for these labels, plain http and addresses that only this machine or this network knows are
    refused. Raises Malformed (`base_url`).
    """
    check_base_url(base_url, out if named else _SILENT)
    cause = _reach(base_url)
    if cause is not None and not named:
        raise Malformed(
            f"couldn't make labels: their links would lead to {base_url}, {cause}. Say with --base-url where the links "
            f"of these labels lead; --base-url {base_url} if that is meant",
            code="base_url",
            at="base-url",
        )


def _reach(base_url: str) -> str | None:
    """Why a link with this start leads a buyer nowhere, or not safely; None if there is no objection."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host):
        return "which is this machine alone"
    if _is_local(host):
        return "which only this network knows"
    return "which is plain http and can be changed on its way" if parts.scheme == "http" else None


def _is_local(host: str) -> bool:
    """Whether a name or address has no meaning beyond one network (RFC 1918, RFC 4193, RFC 6762, RFC 8375)."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").lower().endswith(_LOCAL_ENDS)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    from ledger.remote.urls import is_loopback as ours

    return ours(host)
