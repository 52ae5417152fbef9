"""W: the newest size that a quorum of witnesses has cosigned, and how fresh that is.

Good facts rest on W. An operator that lets W grow old can hide later events, so W is fresh for a limited time only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from verifier.tree.policy import Policy

MAX_WITNESS_AGE = 3_600
"""Seconds that a quorum's cosignatures stay fresh (`max_witness_age`); a log asks anew at half of it."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A size with a quorum.

    `time`: when the quorum-th newest cosignature was made (POSIX seconds); `names`: the witnesses.
    """

    size: int
    time: int
    names: tuple[str, ...]

    def fresh(self, now: float) -> bool:
        """Whether it may be relied on at an instant (POSIX seconds)."""
        return now - self.time < MAX_WITNESS_AGE


def witnessed(policy: Policy, cosignatures: Iterable[tuple[int, str, int]]) -> Witnessed | None:
    """The largest size with a quorum.

    Args:
        policy: who must have cosigned.
        cosignatures: verified ones as (size, name in the policy, POSIX seconds), larger sizes first; those of one size
            stand together. Read no further than the first quorum.
    """
    for size, group in groupby(cosignatures, key=itemgetter(0)):
        times = {name: time for _, name, time in group if name in policy.witnesses}
        time = policy.quorum_time(times)
        if time is not None:
            return Witnessed(size, time, tuple(name for name in policy.witnesses if name in times))
    return None
