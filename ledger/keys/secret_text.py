"""Secrets as text: read from files as editors and shells write them, and kept out of all output.

A file may begin with a byte order mark, be UTF-16 as PowerShell writes it, and end its line with CR LF.
"""

from __future__ import annotations

import codecs
import json
from urllib.parse import quote

SECRET_MIN = 8
"""Characters; shorter texts would match innocent words. Tokens have 43, passphrases should have more."""
HIDDEN = "[secret]"

_told: set[str] = set()


def decode_text(raw: bytes) -> str:
    """The text of a file, without its byte order mark. Raises UnicodeDecodeError, which holds the bytes: show none."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16")
    return raw.decode("utf-8-sig")


def trimmed(text: str) -> str:
    """A token or number without byte order mark, spaces and line ends around it."""
    return text.strip("\ufeff \t\r\n\v\f\u00a0\u200b")


def keep_unsaid(secret: str) -> str:
    """Make `without_secrets` hide this text in all output of this process; returns the text."""
    if len(secret) >= SECRET_MIN:
        forms = (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe=""))
        _told.update(form for form in forms if len(form) >= SECRET_MIN)
    return secret


def without_secrets(text: str) -> str:
    """The text without any secret that this process was given."""
    for secret in sorted(_told, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
