"""URLs of databases, nodes and witnesses: without passwords for display, and checked before use."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from verifier.errors import Malformed


def without_password(url: str) -> str:
    """The URL with the password of its user part left out; for configuration files and for people to see."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()


def check_http_url(url: str) -> None:
    """Check that a part can be asked over HTTP here, below a path: http or https, a host, nothing after the path.

    Raises:
        Malformed: anything else, or a user name in it (`url`).
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise Malformed(f"couldn't use the address {url[:200]!r}: expected http(s)://host[:port][/path]", code="url")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return name == "localhost" or name.endswith(".localhost")  # RFC 6761 6.3
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
