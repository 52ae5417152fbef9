"""An index tree over a table of rows: its nodes are made when they are asked for, and only its upper hashes are kept.

The shape of an index tree follows from its sorted keys, so rows and the hashes of the upper levels are all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from ledger.fold.table import Buffer, Table, u64
from verifier.tree.index_tree import Fork, IndexRow, Leaf, Tree, key_bit, tree_hash
from verifier.tree.merkle import HASH_SIZE

ROW = (HASH_SIZE, 8 + HASH_SIZE)
"""Widths of a table of rows: key, then count (u64) and root."""
_BELOW = 4  # levels that are hashed when asked for: some 16 rows hang below the lowest hash that is kept


class StoredFork(Fork):
    """The rows low … high − 1 of a table, at least two, which agree on their first `depth` bits."""

    __slots__ = ("_depth", "_hashes", "_high", "_low", "_middle", "_rows")

    def __init__(self, rows: Table, hashes: Buffer, low: int, high: int, depth: int) -> None:
        self._rows, self._hashes, self._low, self._high, self._depth = rows, hashes, low, high, depth
        self._middle: int | None = None
        place = _place(rows.key_at(low), depth) * HASH_SIZE
        self._hash = bytes(hashes[place : place + HASH_SIZE]) or None

    @property
    def left(self) -> Tree:  # type: ignore[override]  # a slot above, made anew here: kept, it would hold every row
        """What hangs where the next bit is 0."""
        return self._child(self._low, self._split())

    @property
    def right(self) -> Tree:  # type: ignore[override]  # as `left`
        """What hangs where the next bit is 1."""
        return self._child(self._split(), self._high)

    def same(self, other: Tree) -> bool:
        """Whether both are the same part of the same table."""
        return isinstance(other, StoredFork) and (self._rows is other._rows) and self._span() == other._span()

    def _span(self) -> tuple[int, int, int]:
        return self._low, self._high, self._depth

    def _split(self) -> int:
        if self._middle is None:
            keys = range(self._low, self._high)
            self._middle = self._low + bisect_left(keys, 1, key=lambda at: key_bit(self._rows.key_at(at), self._depth))
        return self._middle

    def _child(self, low: int, high: int) -> Tree:
        return _stored(self._rows, self._hashes, low, high, self._depth + 1)


def stored_tree(rows: Table, hashes: Buffer) -> Tree:
    """The tree over all rows of a table, with the hashes that `upper_hashes` gave for it."""
    return _stored(rows, hashes, 0, len(rows), 0)


def upper_hashes(tree: Tree, rows: int) -> bytes:
    """The hashes of a tree's forks down to where some 16 of its `rows` hang, by level and then by their bits.

    32 bytes each, zeros in front (so that a fork's place is 1 and its path's bits) and where no fork is.
    """
    deepest = rows.bit_length() - 1 - _BELOW
    if deepest < 0:
        return b""
    hashes = bytearray(HASH_SIZE << (deepest + 1))
    waiting: list[tuple[Tree, int, int]] = [(tree, 0, 1)]
    while waiting:
        node, depth, place = waiting.pop()
        if isinstance(node, Fork) and depth <= deepest:
            hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE] = tree_hash(node)
            waiting += [(node.left, depth + 1, 2 * place), (node.right, depth + 1, 2 * place + 1)]
    return bytes(hashes)


def differences(old: Tree, new: Tree) -> Iterator[IndexRow]:
    """The rows of a tree that an earlier state of it does not have like this; what both share is not walked."""
    waiting = [(old, new)]
    while waiting:
        old, new = waiting.pop()
        if old is new or (isinstance(old, StoredFork) and old.same(new)):
            continue
        if isinstance(new, Fork):
            if isinstance(old, Fork):
                waiting += [(old.left, new.left), (old.right, new.right)]
            else:
                # An old row hangs somewhere in the new subtree; it is met there as itself or as its newer state.
                waiting += [(old, new.left), (old, new.right)]
        elif isinstance(new, Leaf) and not (isinstance(old, Leaf) and old.row == new.row):
            yield new.row


def encode_row(row: IndexRow) -> bytes:
    """A row's value in a table: count and root."""
    return u64(row.count) + row.root


def decode_row(key: bytes, value: bytes) -> IndexRow:
    """The counterpart of `encode_row`."""
    return IndexRow(key, int.from_bytes(value[:8]), value[8:])


def _stored(rows: Table, hashes: Buffer, low: int, high: int, depth: int) -> Tree:
    if high - low > 1:
        return StoredFork(rows, hashes, low, high, depth)
    return Leaf(decode_row(rows.key_at(low), rows.value_at(low))) if high > low else None


def _place(key: bytes, depth: int) -> int:
    return 1 << depth | int.from_bytes(key) >> (8 * HASH_SIZE - depth)
