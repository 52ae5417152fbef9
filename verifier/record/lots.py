"""The batches of one product, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload

from verifier.record.batch import Batch


class Lots(Sequence[Batch]):
    """Grows by `add` while others walk it: a walk sees those that were there when it began.

    `older`: earlier ones, newest first, which do not change.
    """

    __slots__ = ("_new", "_older")

    def __init__(self, older: Sequence[Batch] = ()) -> None:
        self._older, self._new = older, list[Batch]()

    def add(self, batch: Batch) -> None:
        """One more, which is the newest now."""
        self._new.append(batch)

    def __len__(self) -> int:
        return len(self._older) + len(self._new)

    @overload
    def __getitem__(self, at: int) -> Batch: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Batch]: ...
    def __getitem__(self, at: int | slice) -> Batch | Sequence[Batch]:
        new = len(self._new)  # read once: it may grow
        places = range(new + len(self._older))[at]
        if isinstance(places, range):
            return [self._at(place, new) for place in places]
        return self._at(places, new)

    def _at(self, place: int, new: int) -> Batch:
        return self._new[new - 1 - place] if place < new else self._older[place - new]

    def __iter__(self) -> Iterator[Batch]:
        new = len(self._new)
        return chain((self._new[at] for at in reversed(range(new))), self._older)
