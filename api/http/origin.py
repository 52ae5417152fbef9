"""Whether a form or a link comes from our own pages (RFC 6454), also behind a proxy that writes another Host."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def from_our_own(origin: str | None, base_url: str, host: str | None) -> bool:
    """Whether a browser's Origin is that of `base_url`, or the host that the request was sent to.

    The default port may be written. `null` and an invalid origin match nothing.
    """
    theirs = _origin(origin or "")
    if theirs is None:
        return False
    # Host gives no scheme: a proxy that ends TLS passes on plain HTTP.
    return theirs == _origin(base_url) or (host is not None and theirs == _origin(f"{theirs[0]}://{host}"))


def opened_from_elsewhere(mode: str, site: str) -> bool:
    """Whether a link that is not ours brought a browser here: printed, sent, or on another site.

    `mode`, `site`: its Sec-Fetch-Mode and Sec-Fetch-Site (W3C Fetch Metadata), empty if there is none. The parameters
    of such a link come from its maker, not from the reader. Programs send neither header, and ask for themselves.
    """
    return mode == "navigate" and site != "same-origin"


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port if port is not None else _PORTS[parts.scheme]
