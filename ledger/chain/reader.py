"""A node of the chain as a verifier reads it: its id, blocks, events, and views of a contract; nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.chain.rpc import Caller, RpcError
from verifier.chain.event import Block
from verifier.errors import Unavailable

LOG_RANGE = 5_000
"""Blocks in one eth_getLogs to begin with: the limit a Besu node has by default (--rpc-max-logs-range)."""


def read_logs(rpc: Caller, query: Mapping[str, Any], first: int, last: int) -> Iterator[Mapping[str, Any]]:
    """The events of blocks first to last that match `address` and `topics`, in the chain's order.

    Nodes limit such a question by blocks or by results, each with its own words and codes. So a refused range is asked
    again in halves, down to one block. A refusal of one block counts as no answer. Raises Unavailable.
    """
    start, width = first, LOG_RANGE
    while start <= last:
        end = min(last, start + width - 1)
        try:
            logs = _logs(rpc, {**query, "fromBlock": hex(start), "toBlock": hex(end)})
        except RpcError:
            if start == end:
                raise
            width = (end - start + 1) // 2
            continue
        # The order is the chain's own, but a node behind a cache has been seen to answer otherwise.
        yield from sorted(logs, key=_place)
        start = end + 1
        # A limit by results matters where events are dense. After such a place the range grows again step by step.
        width = min(LOG_RANGE, width + max(1, width // 8))


class NodeReader:
    """Reads through anything that answers JSON-RPC. Every method raises Unavailable when it does not."""

    def __init__(self, rpc: Caller) -> None:
        self._rpc = rpc

    def chain_id(self) -> int:
        """The chain that the node belongs to."""
        return _number("eth_chainId", self._rpc.call("eth_chainId"))

    def logs(self, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The events that match, in one block if the query names it, else in all up to `toBlock`."""
        if "blockHash" in query:
            return _logs(self._rpc, query)
        match = {name: query[name] for name in ("address", "topics")}
        return list(read_logs(self._rpc, match, 0, int(query["toBlock"], 16)))

    def block(self, number: int | None = None) -> Block | None:
        """A block by its number, the newest without one."""
        name = "latest" if number is None else hex(number)
        found = self._rpc.call("eth_getBlockByNumber", name, False)
        if found is None:
            return None
        try:
            return Block(int(found["number"], 16), str(found["hash"]).lower(), int(found["timestamp"], 16) * 1000)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable("couldn't read the chain: its node gave no block", code="chain_error") from error

    def call(self, address: str, data: bytes, block: int) -> bytes:
        """A view of a contract on the state after a block; empty where there is none."""
        answer = self._rpc.call("eth_call", {"to": address, "data": "0x" + data.hex()}, hex(block))
        try:
            return bytes.fromhex(answer.removeprefix("0x"))
        except (AttributeError, ValueError) as error:
            raise Unavailable("couldn't read the chain: eth_call gave no bytes", code="chain_error") from error


def _logs(rpc: Caller, query: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    answer = rpc.call("eth_getLogs", dict(query))
    if not isinstance(answer, list):
        raise Unavailable("couldn't read the chain: its node gave no list of events", code="chain_error")
    return answer


def _place(log: Mapping[str, Any]) -> tuple[int, int]:
    try:
        return int(log["blockNumber"], 16), int(log["logIndex"], 16)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("couldn't read the chain: an event does not say where it is", code="chain_error") from error


def _number(method: str, answer: Any) -> int:
    try:
        return int(answer, 16)
    except (TypeError, ValueError) as error:
        raise Unavailable(f"couldn't read the chain: {method} gave no number", code="chain_error") from error
