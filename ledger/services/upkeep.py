"""Upkeep: what a running server does by itself. Reads the registry, anchors new heads, follows open anchors, and
sweeps uploads that nothing refers to.

The ledger accepts and serves while the chain is down; the trouble is remembered for `/readyz` and tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ledger.services.anchoring import Anchoring
from ledger.services.append import now_ms
from ledger.services.participant import Mirror
from verifier.checkpoint import Checkpoint
from verifier.errors import CarnetError
from verifier.instant import HOUR

SWEEP_EVERY = HOUR
"""How often uploads are swept, in milliseconds; what is younger than a day stays anyway."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last round failed, and when (ms)."""

    code: str
    message: str
    at: int


class Upkeep:
    """Runs a round every `interval` seconds, and soon after `nudge`."""

    def __init__(
        self,
        mirror: Mirror,
        anchoring: Anchoring,
        signed: Callable[[], Checkpoint | None],
        interval: float,
        sweep: Callable[[], object],
    ) -> None:
        self._mirror, self._anchoring, self._signed = mirror, anchoring, signed
        self._interval, self._sweep, self._swept_at = interval, sweep, 0
        self._wake, self._stop = threading.Event(), False
        self._one = threading.Lock()
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """There is something new to anchor."""
        self._wake.set()

    def close(self) -> None:
        """Finish the round under way and stop."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Mirror, follow, anchor. Raises what stopped it."""
        # One at a time: a caller's round beside our own would mirror a decision twice and use a nonce twice.
        with self._one:
            self._mirror.sync()
            self._anchoring.follow()
            head = self._signed()
            final = self._anchoring.final()
            if head is not None and (final is None or final.size < head.size):
                self._anchoring.anchor_now(head)

    def _run(self) -> None:
        while not self._stop:
            # Whatever the chain does: strangers' uploads must not fill the disk.
            swept = _tried(self._sweep_hourly)
            self.trouble = _tried(self.round) or swept
            self._wake.wait(self._interval)
            self._wake.clear()

    def _sweep_hourly(self) -> None:
        if now_ms() - self._swept_at >= SWEEP_EVERY:
            self._sweep()
            self._swept_at = now_ms()


def _tried(work: Callable[[], None]) -> Trouble | None:
    try:
        work()
    except CarnetError as error:
        return Trouble(error.code, str(error), now_ms())
    except Exception as error:
        # A node or a library that surprises us must not end upkeep for good, and unseen.
        return Trouble("fault", repr(error), now_ms())
    return None
