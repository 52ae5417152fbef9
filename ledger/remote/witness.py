"""Witnesses over HTTP, as a log asks them (C2SP tlog-witness v1.0.0). Bounded in time and in bytes read."""

from __future__ import annotations

import httpx

from ledger.ports import WitnessReply
from ledger.remote.client import open_client
from ledger.remote.deadline import Deadline
from ledger.remote.urls import without_password
from verifier.errors import Unavailable
from verifier.tree.note import MAX_NOTE_SIZE

CONNECT_SECONDS = 3.0
"""Seconds to connect."""
ANSWER_SECONDS = 10.0
"""From the first byte sent to the last one read. A witness answers in milliseconds, for once in seconds."""


class HttpWitness:
    """One witness. `url`: its submission prefix, at which it is monitored too. For one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Redirects are not followed: requests are not signed, so they go only where the configuration says.
        self._http = open_client(
            url,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},  # a small packed answer could unpack to more than we read
        )

    def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Ask for a cosignature. Raises Unavailable (`witness_unavailable`)."""
        return self._send("POST", "/add-checkpoint", body)

    def checkpoint(self, origin_hash: str) -> WitnessReply:
        """The newest checkpoint it cosigned of the log with this SHA-256 of its origin, 64 lower hex. Raises so too."""
        return self._send("GET", f"/{origin_hash}/checkpoint", None)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _send(self, method: str, path: str, body: bytes | None) -> WitnessReply:
        whole = Deadline(ANSWER_SECONDS)
        try:
            with whole.running(), self._http.stream(method, self._url + path, content=body) as response:
                return WitnessReply(response.status_code, _read(response))
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            if isinstance(error, httpx.ReadTimeout):
                cause = f"its answer took more than {ANSWER_SECONDS:.0f} s"
            raise self._unavailable(cause) from error

    def _unavailable(self, cause: str) -> Unavailable:
        return Unavailable(
            f"couldn't reach the witness at {without_password(self._url)}: {cause}", code="witness_unavailable"
        )


def _read(response: httpx.Response) -> bytes:
    """The body, cut off at the largest note: anything longer is no note."""
    body = b""
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_NOTE_SIZE:
            return body[: MAX_NOTE_SIZE + 1]
    return body
