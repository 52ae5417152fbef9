"""The head of a request: its one host, and its upgrade to another protocol (RFC 9112 3.2, RFC 9110 7.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable

Fields = Iterable[tuple[bytes, bytes]]
"""Header fields with their names in small letters."""

_HOST = re.compile(rb"[^\s/?#@\\,<>\"]*")  # RFC 3986 3.2.2 and 3.2.3, as far as it could mislead


def wrong_host(version: str, fields: Fields) -> str | None:
    """What is wrong with the Host fields of a request; None if nothing. An HTTP/1.1 request has exactly one.

    A proxy may use one field and a server another, so none is chosen.
    """
    hosts = [value.strip() for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return f"got {len(hosts)} Host fields, expected one"
    return None if all(map(_HOST.fullmatch, hosts)) else "the field Host holds no host"


def without_upgrade(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The head of a request as bytes, without the upgrade, which a server may ignore.

    The body still belongs to this request, and is not the start of another one.
    """
    lines = [b"%s %s HTTP/%s" % (method, target, version.encode())]
    lines += [b"%s: %s" % field for field in fields if field[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])
