"""The gate: which connections a listener keeps, and a look at each of them twice a second.

When there is no room, a connection that keeps us waiting makes room for a new one. Such a connection has sent no whole
request, or does not read its answer, so no work of ours depends on it. So idle and half-open connections keep nobody
out, however many there are. Only real requests can fill the room; then the next caller is refused with a reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from uvicorn.middleware.proxy_headers import _TrustedHosts

from api.http.limits import DoorSettings

LOOK_SECONDS = 0.5


class Kept(Protocol):
    """A connection as the gate sees it."""

    network: str

    def patience(self) -> tuple[int, float] | None:
        """The rank of a connection that waits for its sender: class (lower goes first) and the start of the wait.

        None while it may not be ended, because work of ours depends on it.
        """
        ...

    def look(self, now: float, seconds: float) -> None:
        """End it if it is late; `seconds` have passed since the last look."""
        ...

    def end(self) -> None:
        """Close it at once."""
        ...


class Gate:
    """The connections of one listener. For its event loop only.

    `refused` and `pushed` count connections that were turned away, and that made room, since the start.
    """

    def __init__(self, limits: DoorSettings, proxies: str | list[str] | None) -> None:
        """`proxies`: addresses that speak for many, as uvicorn's `forwarded_allow_ips`. Raises Malformed."""
        self.limits, self.most = limits, limits.most()
        self._proxies = _TrustedHosts(proxies or [])
        self._kept: set[Kept] = set()
        self._of: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self.refused = self.pushed = 0

    def __len__(self) -> int:
        """How many connections are kept."""
        return len(self._kept)

    def enter(self, door: Kept, peer: str, loop: asyncio.AbstractEventLoop) -> bool:
        """Keep a connection of `peer`, an address; False when there is no room for it."""
        network = door.network
        bounded = peer not in self._proxies
        if bounded and self._of[network] >= self.limits.connections_per_network:
            there = (one for one in self._kept if one.network == network)
            if not self._make_room(there):
                return False
        if len(self._kept) >= self.most and not self._make_room(iter(self._kept)):
            return False
        self._kept.add(door)
        self._of[network] += 1
        if self._timer is None:
            self._looked = loop.time()
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)
        return True

    def leave(self, door: Kept) -> None:
        """The connection is gone. Nothing happens if it was never kept."""
        if door in self._kept:
            self._kept.remove(door)
            self._of[door.network] -= 1
            if not self._of[door.network]:
                del self._of[door.network]

    def _make_room(self, among: Iterator[Kept]) -> bool:
        """End the connection that has been waiting longest for its sender; False if every one is at work."""
        found = [(patience, one) for one in among if (patience := one.patience()) is not None]
        if not found:
            self.refused += 1
            return False
        _, last = min(found, key=lambda pair: pair[0])
        self.pushed += 1
        self.leave(last)
        last.end()
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        seconds, self._looked = now - self._looked, now
        for one in list(self._kept):
            one.look(now, seconds)
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if self._kept else None


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The unit that shares one limit: an IPv4 address, or an IPv6 /64, which one customer usually gets as a whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else f"{int(parsed) >> 64:x}::/64"
    return address
