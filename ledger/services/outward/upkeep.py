"""Upkeep: the background work of a running server. It reads the registry, anchors new heads, follows open anchors,
removes uploads that nothing refers to, and forgets old sign-ins.

The ledger accepts and serves while the chain is down, even at its start. Each part fails separately; its trouble is
kept for `/readyz`, and it is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ledger.services.outward.anchoring import Anchoring
from ledger.services.record.append import now_ms
from ledger.services.record.participant import Mirror
from verifier.errors import CarnetError
from verifier.instant import HOUR
from verifier.tree.checkpoint import Checkpoint

SWEEP_EVERY = HOUR
"""How often uploads and sign-ins are removed, in milliseconds; those younger than a day always stay."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last round failed, and when (ms)."""

    code: str
    message: str
    at: int


class Upkeep:
    """Runs a round every `interval` seconds.

    `connect` opens the chain, the first time it is there; until then each round asks it again. `troubles`: what failed
    in the last round, by part: `chain` (it could not be opened), `registry`, `anchor`, `uploads`, `sign_ins`.
    """

    def __init__(
        self,
        connect: Callable[[], tuple[Mirror, Anchoring]],
        signed: Callable[[], Checkpoint | None],
        interval: float,
        sweep: Callable[[], object],
        publish: Callable[[], object] = lambda: None,
        forget: Callable[[], bool] = lambda: False,
    ) -> None:
        """`publish` publishes signed heads. `forget` takes one bounded step and returns True if there is more."""
        self._connect, self._signed, self._publish = connect, signed, publish
        self._interval = interval
        self._hourly = {"uploads": _Hourly(sweep), "sign_ins": _Hourly(forget)}
        self._wake, self._stop = threading.Event(), False
        self._one = threading.Lock()
        self.troubles: Mapping[str, Trouble] = {}
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Finish the round under way and stop."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Mirror, follow, anchor. Raises the first failure, after trying all the others too."""
        for error in self._round().values():
            raise error

    def _round(self) -> dict[str, Exception]:
        # One at a time: a caller's round beside ours would mirror a decision twice and use a nonce twice.
        with self._one:
            try:
                mirror, anchoring = self._connect()
            except Exception as error:
                return {"chain": error}
            # Separately: a gap in the registry's events must not keep the log from being anchored.
            return _failed({"registry": mirror.sync, "anchor": partial(self._anchor, anchoring)})

    def _anchor(self, anchoring: Anchoring) -> None:
        """1. open anchors; 2. a new head; 3. late or lost anchors.

        A head is published before it is anchored, so anybody who finds it in the contract finds it in the log too.
        """
        anchoring.follow()  # 1
        head, final = self._signed(), anchoring.final()
        if head is not None and (final is None or final.size < head.size):
            self._publish()
            anchoring.anchor_now(head)  # 2
        anchoring.check()  # 3

    def _run(self) -> None:
        while not self._stop:
            # Whatever the chain does: strangers' uploads and old sign-ins must not fill the disk.
            failed = _failed(self._hourly) | self._round()
            self.troubles = {name: trouble_of(error, now_ms()) for name, error in failed.items()}
            self._wake.wait(self._interval)


class _Hourly:
    """Hourly work. It runs again in the next round if it failed, or if it returned True because there is more."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work, self._done_at = work, 0

    def __call__(self) -> None:
        if now_ms() - self._done_at >= SWEEP_EVERY and self._work() is not True:
            self._done_at = now_ms()


def _failed(parts: Mapping[str, Callable[[], object]]) -> dict[str, Exception]:
    """Run each part; returns the failures. An unexpected error must not end upkeep silently and for ever."""
    failed: dict[str, Exception] = {}
    for name, work in parts.items():
        try:
            work()
        except Exception as error:
            failed[name] = error
    return failed


def trouble_of(error: Exception, at: int) -> Trouble:
    """A failure at an instant (ms), as `/readyz` shows it; `fault` for an unexpected one."""
    if isinstance(error, CarnetError):
        return Trouble(error.code, str(error), at)
    return Trouble("fault", repr(error), at)
