"""Names of saved files: they name the unit in characters that every file system and header takes."""

from __future__ import annotations

import hashlib
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9-]")
_PLAIN = re.compile(r"[A-Z0-9-]*")
_DIGITS = 8  # hex digits that tell units apart whose names differ only in replaced characters or in case


def file_name(kind: str, *parts: str | None) -> str:
    """`unit-09521234000013-L1-KYZ2479`; with a digest behind it where characters were replaced or are small letters."""
    given = [part for part in parts if part is not None]
    name = "-".join([kind, *(_UNSAFE.sub("_", part) for part in given)])
    if all(_PLAIN.fullmatch(part) for part in given):
        return name
    digest = hashlib.sha256("\x1d".join(given).encode()).hexdigest()
    return f"{name}-{digest[:_DIGITS]}"
