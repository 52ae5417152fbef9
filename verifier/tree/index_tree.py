"""The tree of an index: rows by the bits of their key, so that one row or its absence shows in about log2(rows) hashes.

A subtree without rows hashes to SHA-256(""), one with a single row to that row's leaf, however deep it hangs; any other
splits at the next bit of the key. Its shape follows from the rows alone. Nodes never change: an update makes new ones
along one path and shares the rest, so every sealed index stays readable while the log grows, by any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from verifier.errors import ProofInvalid
from verifier.tree.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash

DEPTH_MAX = 8 * HASH_SIZE
"""Hashes of a path at most: one for each bit of a key."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the log says about one subject: `count` entries (at least 1) whose leaves have the RFC 6962 root `root`."""

    key: bytes
    count: int
    root: bytes

    @property
    def leaf(self) -> bytes:
        """SHA-256(0x00 ‖ key ‖ u64 count ‖ root), 32 bytes."""
        return leaf_hash(self.key + self.count.to_bytes(8) + self.root)


class Leaf:
    """A subtree of one row; hashed when first asked, which any thread may do."""

    __slots__ = ("_hash", "row")

    def __init__(self, row: IndexRow) -> None:
        self.row = row
        self._hash: bytes | None = None

    @property
    def hash(self) -> bytes:
        """The row's leaf, 32 bytes."""
        if self._hash is None:
            self._hash = self.row.leaf
        return self._hash


class Fork:
    """A subtree of two rows or more; hashed when first asked, which any thread may do."""

    __slots__ = ("_hash", "left", "right")

    def __init__(self, left: Tree, right: Tree) -> None:
        self.left, self.right = left, right
        self._hash: bytes | None = None

    @property
    def hash(self) -> bytes:
        """SHA-256(0x01 ‖ left ‖ right), 32 bytes."""
        if self._hash is None:
            self._hash = node_hash(tree_hash(self.left), tree_hash(self.right))
        return self._hash


Tree = Fork | Leaf | None
"""A subtree; None holds no row."""


def tree_hash(tree: Tree) -> bytes:
    """The hash of a subtree, 32 bytes."""
    return EMPTY_ROOT if tree is None else tree.hash


def put(tree: Tree, row: IndexRow) -> Tree:
    """The tree with this row, in place of an earlier one of its key; the old tree stays as it was."""
    bits, passed = int.from_bytes(row.key), []
    while isinstance(tree, Fork):
        passed.append(tree)
        tree = tree.right if bits >> (DEPTH_MAX - len(passed)) & 1 else tree.left
    new: Tree = Leaf(row)
    if isinstance(tree, Leaf) and tree.row.key != row.key:
        new = _part(tree, Leaf(row), len(passed))
    for depth in range(len(passed), 0, -1):
        fork = passed[depth - 1]
        new = Fork(fork.left, new) if bits >> (DEPTH_MAX - depth) & 1 else Fork(new, fork.right)
    return new


def find(tree: Tree, key: bytes) -> tuple[IndexRow | None, tuple[bytes, ...]]:
    """The place that a key leads to: its own row, another's or none; and the path upwards from its sibling."""
    path: list[bytes] = []
    while isinstance(tree, Fork):
        if key_bit(key, len(path)):
            path.append(tree_hash(tree.left))
            tree = tree.right
        else:
            path.append(tree_hash(tree.right))
            tree = tree.left
    return (tree.row if tree is not None else None), tuple(reversed(path))


def verify_path(row: IndexRow | None, path: tuple[bytes, ...], key: bytes, root: bytes) -> None:
    """Check that `key` leads to this row, or to none, under a root.

    Raises ProofInvalid (`index_path`, `index_elsewhere`, `root_mismatch`).
    """
    depth = len(path)
    if depth > DEPTH_MAX or any(len(sibling) != HASH_SIZE for sibling in path):
        raise ProofInvalid(
            f"couldn't verify the index: got a path of {depth} values, expected at most {DEPTH_MAX} of {HASH_SIZE} "
            "bytes",
            code="index_path",
        )
    if row is not None and any(key_bit(row.key, at) != key_bit(key, at) for at in range(depth)):
        raise ProofInvalid(
            f"couldn't verify the index: the row of key {row.key.hex()} does not lie where {key.hex()} leads",
            code="index_elsewhere",
        )
    node = row.leaf if row is not None else EMPTY_ROOT
    for at, sibling in zip(range(depth - 1, -1, -1), path, strict=True):
        node = node_hash(sibling, node) if key_bit(key, at) else node_hash(node, sibling)
    if node != root:
        raise ProofInvalid(
            f"couldn't verify the index: got root {node.hex()}, expected {root.hex()}", code="root_mismatch"
        )


def key_bit(key: bytes, at: int) -> int:
    """Bit number `at` of a key, from the most significant of its first byte."""
    return key[at >> 3] >> (7 - (at & 7)) & 1


def _part(one: Leaf, other: Leaf, depth: int) -> Fork:
    """The smallest subtree with two rows of different keys that agree on the first `depth` bits."""
    right, other_right = key_bit(one.row.key, depth), key_bit(other.row.key, depth)
    if right != other_right:
        return Fork(other, one) if right else Fork(one, other)
    below = _part(one, other, depth + 1)
    return Fork(None, below) if right else Fork(below, None)
