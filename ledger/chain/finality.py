"""When a block counts as final: at once, after so many blocks, or when the chain's own tag says so."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.chain.rpc import Caller
from verifier.errors import Malformed


@dataclass(frozen=True, slots=True)
class Finality:
    """`instant` (Besu QBFT, Hardhat: what is in a block stays), a depth in blocks, or the tag `finalized`.

    Besu's QBFT never moves its `finalized` tag, so `instant` is the right one there and the default.
    """

    depth: int | None = 0

    @classmethod
    def parse(cls, text: str) -> Finality:
        """Read `instant`, `finalized` or a number of blocks. Raises Malformed (`finality`)."""
        if text == "instant":
            return cls(0)
        if text == "finalized":
            return cls(None)
        if text.isascii() and text.isdigit() and len(text) <= 6:
            return cls(int(text))
        raise Malformed(
            f"couldn't read finality: got {text!r}, expected instant, finalized or a number of blocks", code="finality"
        )

    def newest(self, rpc: Caller) -> int:
        """The number of the newest final block; -1 when there is none yet. Raises Unavailable."""
        if self.depth is None:
            block = rpc.call("eth_getBlockByNumber", "finalized", False)
            return int(block["number"], 16) if block else -1
        return max(-1, int(rpc.call("eth_blockNumber"), 16) - self.depth)
