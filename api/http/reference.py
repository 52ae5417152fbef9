"""Addresses in the form that problems name them (RFC 3986)."""

from __future__ import annotations

import re
from urllib.parse import quote

_STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def uri_reference(raw_path: bytes) -> str:
    """A path as it came over the wire, as a URI reference. Escapes stay, and characters that no URI may hold are
    escaped.

    A path that begins with two slashes would name a host (RFC 3986 4.2), so it gets a dot segment before it.
    """
    escaped = quote(_STRAY.sub(b"%25", raw_path), safe="/%:@!$&'()*+,;=-._~")  # RFC 3986 3.3: pchar and "/"
    return "/." + escaped if escaped.startswith("//") else escaped
