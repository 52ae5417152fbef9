"""The founding pin as an option: 64 hex digits that somebody trustworthy told."""

from __future__ import annotations

from api.cli.values import parse_bytes32


def parse_pin(text: str | None) -> bytes | None:
    """The 32 bytes, or None where none was given. Raises Malformed (`hex`)."""
    return parse_bytes32("--founding", text) if text is not None else None
