"""Maps that rest on tables: what is new or changed is held as objects, the rest is looked up where it lies.

They are dicts, so that the fold of a record goes over them as over its own. Whoever changes a value that was looked up
puts it back first: what is below never changes, and is made anew at each look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from ledger.fold.table import Table

K = TypeVar("K")
V = TypeVar("V")


class Layered(dict[K, V], Generic[K, V]):
    """A dict above what `below` gives for a key (None: nothing). `held` are the items that lie above.

    `count`: how many keys lie below; `at`: the key in a place below, for maps that are walked in order.
    """

    def __init__(self, below: Callable[[K], V | None], count: int = 0, at: Callable[[int], K] | None = None) -> None:
        super().__init__()
        self._below, self._count, self._at = below, count, at
        self._fresh: list[K] = []  # keys that are not below, in the order in which they came

    def held(self) -> list[tuple[K, V]]:
        """What lies above: a copy, which another thread may walk while this map grows."""
        return list(super().items())

    def get(self, key: K, default: Any = None) -> Any:
        """The value, from above or below; `default` for none."""
        found = super().get(key)
        if found is None:
            found = self._below(key)
        return default if found is None else found

    def __missing__(self, key: K) -> V:
        found = self._below(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._below(key) is not None  # type: ignore[arg-type]  # as dict has it

    def __setitem__(self, key: K, value: V) -> None:
        fresh = key not in self
        super().__setitem__(key, value)
        if fresh:
            self._fresh.append(key)

    def __len__(self) -> int:
        return self._count + len(self._fresh)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[K]:
        return (self.key_at(at) for at in range(len(self)))

    def __reversed__(self) -> Iterator[K]:
        return (self.key_at(at) for at in reversed(range(len(self))))

    def values(self) -> Values[K, V]:  # type: ignore[override]  # a sequence can also be walked from its end
        """All values, in the order in which their keys came."""
        return Values(self)

    def items(self) -> list[tuple[K, V]]:  # type: ignore[override]  # a list shows the same
        """All keys with their values, in the order in which they came."""
        return [(key, self[key]) for key in self]

    def key_at(self, at: int) -> K:
        """The key that came in this place. Raises TypeError where the keys below are known by their hashes alone."""
        if at >= self._count:
            return self._fresh[at - self._count]
        if self._at is None:
            raise TypeError("the keys of this map are not kept")
        return self._at(at)


class Values(Sequence[V], Generic[K, V]):
    """The values of a layered map, in order; each is looked up when it is reached."""

    def __init__(self, of: Layered[K, V]) -> None:
        self._of = of

    def __len__(self) -> int:
        return len(self._of)

    @overload
    def __getitem__(self, at: int) -> V: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[V]: ...
    def __getitem__(self, at: int | slice) -> V | Sequence[V]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._of[self._of.key_at(at % len(self))]


class LayeredSet(set[bytes]):
    """A set above the keys of a table."""

    def __init__(self, below: Table) -> None:
        super().__init__()
        self._below = below

    def held(self) -> list[bytes]:
        """What lies above."""
        return list(set.__iter__(self))

    def add(self, key: bytes) -> None:
        """Put a key in."""
        if key not in self:
            super().add(key)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._below.get(key) is not None  # type: ignore[arg-type]  # as set has it

    def __len__(self) -> int:
        return len(self._below) + super().__len__()

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[bytes]:
        yield from (key for key, _ in self._below.rows())
        yield from set.__iter__(self)
