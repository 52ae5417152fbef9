"""A sorted map from keys to values of fixed width, searched in its bytes: no object a row, no parsing at opening."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

Buffer = bytes | memoryview

FEW = 16
"""A merge of less than a sixteenth of the rows copies what lies between them in slices; of more it sorts anew."""


class Table:
    """Rows of `key` ‖ `value`, strictly rising by key. Never changes; any thread may read it.

    `key`, `value`: bytes of each; `data`: all rows, one after the other.
    """

    __slots__ = ("_data", "_row", "key", "value")

    def __init__(self, key: int, value: int, data: Buffer = b"") -> None:
        """Raises ValueError unless `data` is whole rows."""
        self.key, self.value, self._row, self._data = key, value, key + value, memoryview(data)
        if len(data) % self._row:
            raise ValueError(f"got {len(data)} bytes, expected rows of {self._row}")

    def __len__(self) -> int:
        return len(self._data) // self._row

    @property
    def data(self) -> memoryview:
        """All rows."""
        return self._data

    def key_at(self, at: int) -> bytes:
        """The key of row `at`."""
        start = at * self._row
        return bytes(self._data[start : start + self.key])

    def value_at(self, at: int) -> bytes:
        """The value of row `at`."""
        start = at * self._row
        return bytes(self._data[start + self.key : start + self._row])

    def place(self, key: bytes, low: int = 0) -> int:
        """The first row from `low` on whose key is not less; a shorter key stands before all that begin with it."""
        return bisect_left(range(len(self)), key, lo=low, key=self.key_at)

    def get(self, key: bytes) -> bytes | None:
        """The value under a key, or None."""
        at = self.place(key)
        return self.value_at(at) if at < len(self) and self.key_at(at) == key else None

    def under(self, prefix: bytes) -> range:
        """The rows whose keys begin with these bytes, which are not all 0xFF."""
        after = (int.from_bytes(prefix) + 1).to_bytes(len(prefix))
        start = self.place(prefix)
        return range(start, self.place(after, start))

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key with its value."""
        return ((self.key_at(at), self.value_at(at)) for at in range(len(self)))

    def merged(self, new: Mapping[bytes, bytes | None]) -> Table:
        """A table with these rows put in or replaced; None takes a row away, if it is there."""
        if not new:
            return self
        parts = self._cut(new) if len(new) * FEW < len(self) else self._sorted(new)
        return Table(self.key, self.value, b"".join(parts))

    def _cut(self, new: Mapping[bytes, bytes | None]) -> Iterator[Buffer]:
        at = 0
        for key in sorted(new):
            place = self.place(key, at)
            yield self._data[at * self._row : place * self._row]
            at = place + (place < len(self) and self.key_at(place) == key)
            if (value := new[key]) is not None:
                yield key + value
        yield self._data[at * self._row :]

    def _sorted(self, new: Mapping[bytes, bytes | None]) -> list[bytes]:
        data, width, size = bytes(self._data), self._row, self.key
        rows = [
            row for at in range(0, len(data), width) if (row := data[at : at + width])[:size] not in new
        ]  # two rising runs follow, which a sort merges
        rows += [key + value for key in sorted(new) if (value := new[key]) is not None]
        rows.sort()
        return rows


def u64(number: int) -> bytes:
    """A number of 0 … 2^64 − 1 so that its bytes sort as it does."""
    return number.to_bytes(8)


def numbers(data: bytes) -> list[int]:
    """The numbers that were joined by `u64`."""
    return [int.from_bytes(data[at : at + 8]) for at in range(0, len(data), 8)]
