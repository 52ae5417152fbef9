"""Notices look-ups of the label on the demo page, so that the page can show them. Keeps no addresses."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from ledger.services.record.append import now_ms

KEPT = 12
"""Look-ups remembered for the page; the ledger itself counts them all."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One look-up of a watched label: when (ms), and whether it came over the network listener."""

    path: str
    at: int
    phone: bool


class Lookups:
    """The last look-ups of labels."""

    def __init__(self) -> None:
        self._kept: deque[Lookup] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def note(self, path: str, *, phone: bool) -> None:
        """Somebody asked for this path, percent-encoded as it came."""
        with self._lock:
            self._kept.append(Lookup(path, now_ms(), phone))

    def of(self, path: str) -> list[Lookup]:
        """Look-ups of one label, newest first."""
        with self._lock:
            return [lookup for lookup in reversed(self._kept) if lookup.path == path]


def watched(app: ASGIApp, note: Callable[[str], None]) -> ASGIApp:
    """The application, with every look-up of a printed link reported by its path."""

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith("/01/"):
            note(bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1"))
        await app(scope, receive, send)

    return watching
