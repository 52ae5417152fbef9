"""A sealed index, and who has confirmed it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.record.index import IndexHead, IndexView


@dataclass(slots=True, eq=False)
class SealedIndex:
    """A sealed index: what its entry claims and who confirmed that, in which entry (address -> index) and when (ms).

    Who of them counts, `verifier.record.independence` says.
    `view` is the index as this record computes it, None once it is no longer kept; `changes` how many entries of the
    log it covers speak of any subject.
    """

    head: IndexHead
    index: int
    recorded_at: int
    changes: int
    view: IndexView | None
    confirmed: dict[str, int] = field(default_factory=dict)
    confirmed_at: dict[str, int] = field(default_factory=dict)
