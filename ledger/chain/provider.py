"""web3's provider for one node. Loading web3 takes a second, so this is loaded when a node is first spoken to."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import httpx
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

import ledger.keys.account  # noqa: F401  (web3 loads eth-account; what comes with that is put right there)
from ledger.remote.client import open_client
from ledger.remote.deadline import Deadline
from ledger.remote.urls import without_password

ANSWER_MAX = 64 * 1024 * 1024
"""Bytes of one answer; events of the largest range that a node gives have a few."""


class Node(JSONBaseProvider):
    """JSON-RPC of web3 over the HTTP client whose deadlines are whole ones (docs/adr/0014)."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self._url, self._timeout = url, timeout
        # Nodes close idle connections after five seconds (Node.js). Ours could be used again at that moment.
        limits = httpx.Limits(keepalive_expiry=2.0)
        self._client = open_client(url, secret=without_password(url) != url, timeout=timeout, limits=limits)
        weakref.finalize(self, self._client.close)

    def call(self, method: str, params: Sequence[Any]) -> RPCResponse:
        """One call by the method's plain name. Raises as `make_request` does."""
        return self.make_request(RPCEndpoint(method), list(params))

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One call. Raises httpx.HTTPError, ValueError for what is no JSON or too much of it."""
        return self.decode_rpc_response(self._post(self.encode_rpc_request(method, params)))

    def _post(self, request: bytes) -> bytes:
        """The node's answer, whatever its status: some nodes give the reason of a refusal in the body of a 400."""
        body, headers = b"", {"Content-Type": "application/json"}
        posted = self._client.stream("POST", self._url, content=request, headers=headers)
        with Deadline(self._timeout).running(), posted as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > ANSWER_MAX:
                    raise ValueError(f"more than {ANSWER_MAX} bytes")
        return body
