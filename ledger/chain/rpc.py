"""JSON-RPC to one node: a result, a refusal by the node, or no connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from ledger.remote.urls import without_password
from verifier.errors import Unavailable

if TYPE_CHECKING:
    from ledger.chain.provider import Node

TIMEOUT_SECONDS = 20.0
"""For one whole call. A permissioned chain answers in milliseconds; longer means that it hangs."""


class RpcError(Unavailable):
    """The node answered with an error. `data` is the revert data if it gave any, else empty.

    If it means a refusal, callers turn it into one. Otherwise it counts as no answer.
    """

    default_code = "chain_error"

    def __init__(self, method: str, message: str, data: bytes) -> None:
        super().__init__(f"couldn't {method}: {message}")
        self.reason = message
        self.data = data


class Caller(Protocol):
    """Whatever answers JSON-RPC calls: one node, or the local chain that starts its node again."""

    @property
    def url(self) -> str:
        """Where it answers, for people."""
        ...

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises Unavailable, RpcError."""
        ...


class Rpc:
    """Calls methods of the node at `url`. Safe to share between threads."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.url = without_password(url)  # for people and messages; only the provider knows the rest
        self._whole, self._timeout = url, timeout

    @cached_property
    def _provider(self) -> Node:
        from ledger.chain.provider import Node

        return Node(self._whole, self._timeout)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. No retries: a repeated send could hide that the first one arrived.

        Raises Unavailable (`chain_unavailable`) when there is no connection, RpcError when the node refuses.
        """
        try:
            response = self._provider.call(method, params)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # ValueError: something other than a node answers there, and it is no JSON.
            cause = type(error).__name__
            raise Unavailable(
                f"couldn't reach the chain at {self.url}: {cause} in {method}", code="chain_unavailable"
            ) from error
        if not isinstance(response, dict) or not {"result", "error"} & set(response):
            raise Unavailable(f"couldn't reach the chain at {self.url}: no JSON-RPC there", code="chain_unavailable")
        if (failure := response.get("error")) is not None:
            raise _rpc_error(method, failure)
        return response.get("result")


def _rpc_error(method: str, failure: Any) -> RpcError:
    if not isinstance(failure, dict):
        return RpcError(method, str(failure), b"")
    return RpcError(method, str(failure.get("message", failure)), _revert_data(failure.get("data")))


def _revert_data(data: Any) -> bytes:
    # Hardhat nests it: {"data": {"message": ..., "data": "0x..."}}; Geth and Besu give the hex, older Besu
    # with a word before it.
    if isinstance(data, dict):
        return _revert_data(data.get("data"))
    if isinstance(data, str):
        try:
            return bytes.fromhex(data.removeprefix("Reverted ").removeprefix("0x"))
        except ValueError:
            return b""
    return b""
