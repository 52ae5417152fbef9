"""The seals of scans that a log holds, as bytes: one is recorded each minute, and few are ever asked for again."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from verifier.record.seal import Seal

_ROW = struct.Struct(">QQQq32s")  # number, leaves, index, recorded_at, root: 64 bytes where objects take some 400


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal of scans with the index of its entry and the instant (ms) at which that was recorded."""

    seal: Seal
    index: int
    recorded_at: int


class Seals(Sequence[Sealed]):
    """All seals in the order of their entries. Grows by `append`; others may read meanwhile."""

    __slots__ = ("_rows",)

    def __init__(self, rows: bytes | memoryview = b"") -> None:
        """`rows`: what `encode` gave. Raises ValueError unless they are whole."""
        if len(rows) % _ROW.size:
            raise ValueError(f"got {len(rows)} bytes of seals, expected rows of {_ROW.size}")
        self._rows = bytearray(rows)

    def append(self, sealed: Sealed) -> None:
        """One more seal."""
        seal = sealed.seal
        self._rows += _ROW.pack(seal.number, seal.leaves, sealed.index, sealed.recorded_at, seal.root)

    def encode(self) -> bytes:
        """All of them, as bytes."""
        return bytes(self._rows)

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    @overload
    def __getitem__(self, at: int) -> Sealed: ...
    @overload
    def __getitem__(self, at: slice) -> list[Sealed]: ...
    def __getitem__(self, at: int | slice) -> Sealed | list[Sealed]:
        places = range(len(self))[at]
        if isinstance(places, range):
            return [self._sealed(place) for place in places]
        return self._sealed(places)

    def _sealed(self, place: int) -> Sealed:
        number, leaves, index, recorded_at, root = _ROW.unpack_from(self._rows, place * _ROW.size)
        return Sealed(Seal(number, leaves, root), index, recorded_at)
