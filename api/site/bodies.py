"""Room for large bodies: many connections may each send one, and memory is bounded by what has come, not by how many.

A sender holds what it has sent and no more, and has a whole deadline, so whoever wants to fill the room pays for it in
bytes a second, without end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.http.denied import Denied
from api.site.settings import MIB

ROOM = 64 * MIB
"""Bytes of bodies held at once, of all senders; a network has half of it."""
SECONDS = 30.0
"""How long a body may take. A full one of 4 MiB then needs 1.2 Mbit/s; who has less sends fewer lines at a time."""


class Bodies:
    """The room of one listener, for its event loop only."""

    def __init__(self, room: int = ROOM, seconds: float = SECONDS) -> None:
        self._room, self._seconds = room, seconds
        self._held: Counter[str] = Counter()

    @asynccontextmanager
    async def read(self, stream: AsyncIterator[bytes], network: str) -> AsyncIterator[bytes]:
        """A whole body, held as long as the context. Raises Denied (`body_late`, `rate_limited`: no room now)."""
        parts, size = list[bytes](), 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    async for chunk in stream:
                        self._held[network] += len(chunk)
                        size += len(chunk)
                        self._check(network)
                        parts.append(chunk)
            except TimeoutError:
                words = f"couldn't read the body: {size} bytes came in {self._seconds:.0f} s; send less at a time"
                raise Denied(words, code="body_late") from None
            yield b"".join(parts)
        finally:
            self._held[network] -= size
            if not self._held[network]:
                del self._held[network]

    def _check(self, network: str) -> None:
        if self._held[network] > self._room // 2 or self._held.total() > self._room:
            words = "couldn't read the body: too much is being sent at this moment"
            raise Denied(words, code="rate_limited", headers={"Retry-After": "5"})
