"""JSON-RPC to one node: a result, a refusal by the node, or no connection."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

from requests.exceptions import RequestException
from web3 import HTTPProvider
from web3.types import RPCEndpoint

import ledger.keys.account  # noqa: F401  (web3 loads eth-account; what comes with that is put right there)
from ledger.urls import without_password
from verifier.errors import Unavailable

TIMEOUT_SECONDS = 20.0
"""For one call. A permissioned chain answers in milliseconds; longer means that it hangs."""


class RpcError(Unavailable):
    """The node answered with an error. `data` is the revert data if it gave any, else empty.

    Where it means a refusal, callers turn it into one; otherwise there is simply no answer.
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
        self._provider = _connect(url, timeout)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call.

        Raises Unavailable (`chain_unavailable`) when there is no connection, RpcError when the node refuses.
        """
        try:
            response = self._provider.make_request(RPCEndpoint(method), list(params))
        except (RequestException, OSError, ValueError) as error:
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


def _connect(url: str, timeout: float) -> HTTPProvider:
    options: dict[str, Any] = {"timeout": timeout}
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        options["proxies"] = {"http": "", "https": ""}  # a proxy from the environment cannot see our loopback
    # No retries here: a repeated send could hide that the first one arrived.
    return HTTPProvider(url, request_kwargs=options, exception_retry_configuration=None)


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
