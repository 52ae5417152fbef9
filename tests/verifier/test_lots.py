"""Lots of one product, newest first: what is asked for is what is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import pytest

from verifier.record.lots import Lots


class Older(Sequence[Any]):
    """Stands for batches in a saved fold, each of which costs a read."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.read = names, list[str]()

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Any: ...
    def __getitem__(self, at: int | slice) -> Any:
        assert isinstance(at, int)
        self.read.append(self.names[at])
        return self.names[at]


PAGES = [slice(0, 3), slice(1, 2), slice(3, 5), slice(None, None, -1), slice(90, 99), slice(-2, None)]


@pytest.mark.parametrize("at", PAGES)
def test_a_page_reads_its_own_lots_alone(at: slice) -> None:
    older = Older(["c", "b", "a"])
    lots = Lots(older)
    for name in ("d", "e"):
        lots.add(name)  # type: ignore[arg-type]
    expected = ["e", "d", "c", "b", "a"][at]
    assert lots[at] == expected
    assert sorted(older.read) == sorted(set(expected) & {"a", "b", "c"})
