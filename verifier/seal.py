"""Seals: an officer's scans committed to by one entry of the log, so that none can be dropped or added afterwards.

A scan is no entry: its leaf is salted, and an entry `scans_sealed` carries only the root over the sorted leaves of one
seal. Random leaves pad their number to a power of two, so that it tells little about how busy a port is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import Malformed
from verifier.merkle import HASH_SIZE
from verifier.statement import check_hex

LEAVES_MIN = 16
"""Leaves of the smallest seal, an empty one included."""
LEAVES_MAX = 2**24
"""Leaves of the largest seal; own limit, a busier log seals more often."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Seal:
    """What one `scans_sealed` entry says: number (0, 1, 2 …), leaves (a power of two of 16 … 2^24), their root."""

    number: int
    leaves: int
    root: bytes

    def body(self) -> dict[str, Any]:
        """The body of the entry."""
        return {"seal": str(self.number), "leaves": str(self.leaves), "root": "0x" + self.root.hex()}


def parse_seal(body: Mapping[str, Any]) -> Seal:
    """Read the body of a `scans_sealed` entry. Raises Malformed (`seal`)."""
    if set(body) != {"seal", "leaves", "root"}:
        raise Malformed("couldn't read the seal: expected exactly seal, leaves, root", code="seal")
    for name in ("seal", "leaves"):
        if not isinstance(body[name], str) or not _DECIMAL.fullmatch(body[name]):
            raise Malformed(f"couldn't read the seal: {name} is no decimal text", code="seal", at=name)
    check_hex("root", body["root"], HASH_SIZE)
    leaves = int(body["leaves"])
    if not LEAVES_MIN <= leaves <= LEAVES_MAX or leaves & (leaves - 1):
        raise Malformed(
            f"couldn't read the seal: got {leaves} leaves, expected a power of two of {LEAVES_MIN} … {LEAVES_MAX}",
            code="seal",
            at="leaves",
        )
    return Seal(int(body["seal"]), leaves, bytes.fromhex(body["root"][2:]))
