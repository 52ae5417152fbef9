"""The founding pin as an option: 64 hex digits that somebody trustworthy told."""

from __future__ import annotations

from verifier.statement import check_hex


def parse_pin(text: str | None) -> bytes | None:
    """The 32 bytes, or None where none was given. Raises Malformed (`hex`)."""
    if text is None:
        return None
    digits = text.lower().removeprefix("0x")
    check_hex("founding", f"0x{digits}", 32)
    return bytes.fromhex(digits)
