"""How people name a batch."""

from __future__ import annotations

from verifier.errors import Malformed
from verifier.reading.gs1 import parse_gtin, parse_lot


def split_batch(text: str) -> tuple[str, str]:
    """GTIN/LOT as (GTIN-14, lot); the lot may hold further slashes. Raises Malformed."""
    gtin, slash, lot = text.partition("/")
    if not slash:
        raise Malformed(
            f"couldn't read the batch {text!r}: expected GTIN/LOT, or the batch's id as 0x…", code="batch_name"
        )
    return parse_gtin(gtin), parse_lot(lot)
