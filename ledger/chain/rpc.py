"""JSON-RPC to one node: a result, a refusal by the node, or no connection."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import httpx
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

import ledger.keys.account  # noqa: F401  (web3 loads eth-account; what comes with that is put right there)
from ledger.deadline import Deadline
from ledger.http_client import open_client
from ledger.urls import without_password
from verifier.errors import Unavailable

TIMEOUT_SECONDS = 20.0
"""For one whole call. A permissioned chain answers in milliseconds; longer means that it hangs."""
ANSWER_MAX = 64 * 1024 * 1024
"""Bytes of one answer; events of the largest range that a node gives have a few."""


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
        self._provider = _Provider(url, timeout)

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. No retries: a repeated send could hide that the first one arrived.

        Raises Unavailable (`chain_unavailable`) when there is no connection, RpcError when the node refuses.
        """
        try:
            response = self._provider.make_request(RPCEndpoint(method), list(params))
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


class _Provider(JSONBaseProvider):
    """web3's JSON-RPC over the HTTP client whose deadlines are whole ones (docs/adr/0014)."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self._url, self._timeout = url, timeout
        # Nodes close what is idle after five seconds (Node.js); ours would be used again in that very moment.
        limits = httpx.Limits(keepalive_expiry=2.0)
        self._client = open_client(url, secret=without_password(url) != url, timeout=timeout, limits=limits)
        weakref.finalize(self, self._client.close)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One call. Raises httpx.HTTPError, ValueError for what is no JSON or too much of it."""
        return self.decode_rpc_response(self._post(self.encode_rpc_request(method, params)))

    def _post(self, request: bytes) -> bytes:
        """What the node answers, whatever its status: some say in a body of 400 why they refuse."""
        body, headers = b"", {"Content-Type": "application/json"}
        posted = self._client.stream("POST", self._url, content=request, headers=headers)
        with Deadline(self._timeout).running(), posted as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > ANSWER_MAX:
                    raise ValueError(f"more than {ANSWER_MAX} bytes")
        return body


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
