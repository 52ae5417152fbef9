"""A published log as a mirror follows it: files below `/log/`, segments into a store, salts with a token."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from ledger.remote.client import open_client
from ledger.remote.deadline import Deadline
from ledger.remote.files import PublishedFiles, read_checkpoint, read_seal, read_tile
from ledger.remote.http import ANSWER_SECONDS, TIMEOUT
from ledger.remote.segments import fetch_segment
from ledger.storage.segment import SegmentStore
from verifier.tree.tiles import Level

SALT_ANSWER = 4_096  # bytes; an answer with a salt has about 100

Salts = Callable[[str], bytes | None]
"""A batch's id (0x and 64 hex) -> its salt, or None where it is not given."""


class PublishedRemote:
    """The port `RemoteLog` over published files."""

    def __init__(self, files: PublishedFiles, store: SegmentStore, salts: Salts | None = None) -> None:
        """`salts` None: without a token none are asked for."""
        self._files, self._store, self._salts = files, store, salts

    @property
    def name(self) -> str:
        """The address."""
        return self._files.name

    def checkpoint(self) -> bytes:
        """The newest published note."""
        return read_checkpoint(self._files)

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A tile or bundle, as it is served."""
        return read_tile(self._files, level, n, width)

    def fetch_segment(self, root: bytes, n: int) -> None:
        """Store a segment, checked whole."""
        fetch_segment(self._files, self._store, root, n)

    def seal(self, number: int) -> bytes:
        """The sorted leaves of a seal, as they are served."""
        return read_seal(self._files, number)

    def salt(self, batch_id: str) -> bytes | None:
        """The salt of a batch, or None."""
        return self._salts(batch_id) if self._salts is not None else None


class SaltClient:
    """Asks `GET /v1/batches/{id}/salt` with a token, which is sent to that server only. Close it when done."""

    def __init__(self, server: str, token: str) -> None:
        self._client = open_client(
            server,
            secret=True,
            base_url=server,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=TIMEOUT,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def __call__(self, batch_id: str) -> bytes | None:
        """The salt in the answer; the batch's commitment shows whether it is right. None for any other answer."""
        try:
            with Deadline(ANSWER_SECONDS).running():
                response = self._client.get(f"/v1/batches/{batch_id}/salt")
            text = (
                response.json()["salt"] if response.status_code == 200 and len(response.content) < SALT_ANSWER else ""
            )
            return bytes.fromhex(text[2:]) or None
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None


def server_of(log_url: str) -> str:
    """The server behind an address that ends in `/log/`."""
    return log_url.removesuffix("/").removesuffix("log").rstrip("/")
