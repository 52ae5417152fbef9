"""Leaves of seals at a mirror: fetched last, a part at each look.

No answer about goods rests on them. So leaves that are lost or wrong at the log are reported and requested again, and
hold up nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Unavailable
from verifier.record.seal import Seal, check_leaves
from verifier.record.sealed import Sealed

REQUESTS_AT_ONCE = 256
"""Seals asked for in one look: the next head must not wait for a first copy of all of them."""
FAILURES_AT_ONCE = 8
"""Missing seals after which one look stops; later looks ask for the others."""


class RemoteSeals(Protocol):
    """A log that serves its seals."""

    def seal(self, number: int) -> bytes:
        """The sorted leaves of a seal, as they are served. Raises NotFound, ProofInvalid, Unavailable."""
        ...


class KeptSeals(Protocol):
    """Where leaves of seals are kept."""

    def numbers(self) -> Iterable[int]:
        """The numbers of all seals whose leaves are here. Raises Unavailable."""
        ...

    def keep(self, number: int, leaves: bytes) -> None:
        """Keep the leaves of a seal that others closed; the same again is a no-op. Raises Unavailable, Stopped."""
        ...


class SealCopies:
    """The seals that are not here yet, and the work of getting them. For one thread. `kept`: how many it got."""

    def __init__(self, remote: RemoteSeals, kept: KeptSeals) -> None:
        self._remote, self._kept = remote, kept
        self._looked, self.kept = 0, 0
        self._absent: deque[Seal] = deque()
        self._failed: dict[int, CarnetError] = {}

    @property
    def waiting(self) -> int:
        """Seals that were not here when last looked."""
        return len(self._absent)

    def copy(self, seals: Sequence[Sealed]) -> CarnetError | None:
        """Fetch missing leaves; returns why the first one that is still missing could not be fetched.

        Raises Stopped.
        """
        # All of them at the first look, so that a row lost before the start is fetched again.
        try:
            here = set(self._kept.numbers()) if self._looked == 0 else set()
        except Unavailable as error:
            return error
        self._absent.extend(sealed.seal for sealed in seals[self._looked :] if sealed.seal.number not in here)
        self._looked = len(seals)
        failures = 0
        for _ in range(min(REQUESTS_AT_ONCE, len(self._absent))):
            seal = self._absent[0]
            try:
                leaves = self._remote.seal(seal.number)
                check_leaves(seal, leaves)
            except Unavailable as error:
                self._absent.rotate(-1)  # perhaps only this one is missing: the next look begins with another
                return error
            except (Malformed, NotFound, ProofInvalid) as error:
                self._failed[seal.number] = error
                self._absent.rotate(-1)
                failures += 1
                if failures == FAILURES_AT_ONCE:
                    break
            else:
                try:
                    self._kept.keep(seal.number, leaves)
                except Unavailable as error:
                    return error
                self.kept += 1
                self._failed.pop(seal.number, None)
                self._absent.popleft()
        return next(iter(self._failed.values()), None)
