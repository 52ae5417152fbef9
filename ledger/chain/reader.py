"""A node of the chain as a verifier reads it: `eth_chainId` and `eth_getLogs`, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.chain.rpc import Caller
from verifier.errors import Unavailable

LOG_RANGE = 5_000
"""Blocks in one eth_getLogs: the limit a Besu node has by default (--rpc-max-logs-range)."""


class NodeReader:
    """Reads events through anything that answers JSON-RPC. Both methods raise Unavailable when it does not."""

    def __init__(self, rpc: Caller) -> None:
        self._rpc = rpc

    def chain_id(self) -> int:
        """The chain that the node belongs to."""
        return self._number("eth_chainId")

    def logs(self, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The events that match, in one block if the query names it, else in all."""
        if "blockHash" in query:
            return self._logs(query)
        newest, found = self._number("eth_blockNumber"), list[Mapping[str, Any]]()
        for start in range(0, newest + 1, LOG_RANGE):
            span = {"fromBlock": hex(start), "toBlock": hex(min(newest, start + LOG_RANGE - 1))}
            found += self._logs({**query, **span})
        return found

    def _logs(self, query: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        answer = self._rpc.call("eth_getLogs", dict(query))
        if not isinstance(answer, list):
            raise Unavailable("couldn't read the chain: its node gave no list of events", code="chain_error")
        return answer

    def _number(self, method: str) -> int:
        try:
            return int(self._rpc.call(method), 16)
        except (TypeError, ValueError) as error:
            raise Unavailable(f"couldn't read the chain: {method} gave no number", code="chain_error") from error
