"""RFC 9162 (and 6962) Merkle trees over SHA-256: roots, proofs, and their verification.

Leaves and nodes are 32-byte hashes. A tree is read through a `HashReader`, so the same code serves
tiles, segment files and trees in memory. Sizes and indices are integers of 0 … 2**63 - 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import sha256

from verifier.errors import Malformed, ProofInvalid

HASH_SIZE = 32
# Signed 64-bit columns hold sizes in both databases; C2SP tlog-tiles has no smaller bound.
MAX_TREE_SIZE = 2**63 - 1
EMPTY_ROOT = sha256(b"").digest()  # RFC 9162 2.1.1: the hash of an empty list

HashReader = Callable[[int, int], bytes]
"""(level, index) -> hash of the complete subtree over leaves [index * 2**level, (index + 1) * 2**level)."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data). RFC 9162 2.1.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right). RFC 9162 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def next_level(nodes: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours in pairs; an odd last node is promoted unchanged."""
    pairs = zip(nodes[::2], nodes[1::2], strict=False)
    parents = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(nodes) & 1:
        parents.append(nodes[-1])
    return parents


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root over these leaf hashes, level by level (the same tree as RFC 9162's recursive definition)."""
    if not leaf_hashes:
        return EMPTY_ROOT
    nodes = leaf_hashes
    while len(nodes) > 1:
        nodes = next_level(nodes)
    return nodes[0]


def root_at(size: int, read: HashReader) -> bytes:
    """Root of the tree of the first `size` leaves.

    Raises:
        Malformed: size outside 0 … 2**63 - 1.
    """
    _check_size(size)
    return _subtree(0, size, read) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """Hashes from the leaf's sibling up to the root's child. RFC 9162 2.1.3.1.

    Raises:
        Malformed: unless 0 <= index < size < 2**63.
    """
    _check_size(size)
    if not 0 <= index < size:
        raise Malformed(
            f"couldn't prove inclusion: got index {index} in a tree of {size} leaves, expected 0 <= index < size",
            code="tree_index",
        )
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    return tuple(reversed(path))


def consistency_proof(old_size: int, new_size: int, read: HashReader) -> tuple[bytes, ...]:
    """Hashes showing that the first `old_size` leaves of the new tree are the old tree. RFC 9162 2.1.4.1.

    Equal sizes give the empty proof.

    Raises:
        Malformed: unless 1 <= old_size <= new_size < 2**63. Every tree extends the empty one, so a proof
            from size 0 would say nothing.
    """
    _check_size(new_size)
    if not 1 <= old_size <= new_size:
        raise Malformed(
            f"couldn't prove consistency: got sizes {old_size} and {new_size}, expected 1 <= old <= new",
            code="tree_size",
        )
    path: list[bytes] = []
    start, end = 0, new_size
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    if start:  # the old tree is not itself a node of the path: its last subtree must be shown
        path.append(_subtree(start, end, read))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a leaf hash) is number `index` of the tree (size, root). RFC 9162 2.1.3.2.

    Raises:
        ProofInvalid: the proof does not lead to the root, has another length than it must have, a value is
            not 32 bytes, or the index is not in the tree.
    """
    _check_hashes("inclusion", leaf, root, *proof)
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ProofInvalid(
            f"couldn't verify inclusion: got index {index} in a tree of {size} leaves, expected 0 <= index < size",
            code="inclusion_index",
        )
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise _bad_length("inclusion", len(proof))
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise _bad_length("inclusion", len(proof))
    _check_root("inclusion", node, root)


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (new_size, new_root) extends the tree (old_size, old_root). RFC 9162 2.1.4.2.

    Raises:
        ProofInvalid: the proof does not lead to both roots, has another length than it must have, a value is
            not 32 bytes, or the sizes are not 1 <= old <= new. Old size 0 is refused by policy: anything extends the
            empty tree, so the caller has lost the head to extend.
    """
    _check_hashes("consistency", old_root, new_root, *proof)
    if not 1 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ProofInvalid(
            f"couldn't verify consistency: got sizes {old_size} and {new_size}, expected 1 <= old <= new",
            code="consistency_size",
        )
    if old_size == new_size:
        if proof:
            raise _bad_length("consistency", len(proof))
        _check_root("consistency", old_root, new_root)
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # the old tree is a complete subtree: its root starts the path
        path.insert(0, old_root)
    if not path:
        raise _bad_length("consistency", len(proof))
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise _bad_length("consistency", len(proof))
        if fn & 1 or fn == sn:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new_node = node_hash(new_node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise _bad_length("consistency", len(proof))
    _check_root("consistency with the old tree", old_node, old_root)
    _check_root("consistency with the new tree", new_node, new_root)


class Frontier:
    """The right edge of a growing tree (compact range): enough to append and to know the root.

    Holds one hash per set bit of `size`, largest subtree first: at most 63 hashes.
    """

    __slots__ = ("_edge", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._edge: list[bytes] = []

    @classmethod
    def at(cls, size: int, read: HashReader) -> Frontier:
        """The edge of the tree of the first `size` leaves, read from its complete subtrees."""
        _check_size(size)
        frontier = cls()
        frontier._size = size
        frontier._edge = [read(level, index) for level, index in _complete_subtrees(0, size)]
        return frontier

    @property
    def size(self) -> int:
        """Number of leaves appended so far."""
        return self._size

    @property
    def edge(self) -> tuple[bytes, ...]:
        """The complete subtrees over all leaves so far, largest first."""
        return tuple(self._edge)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        _check_hashes("the appended leaf", leaf)
        node, size = leaf, self._size
        while size & 1:  # each trailing one bit is a complete subtree waiting for its right sibling
            node = node_hash(self._edge.pop(), node)
            size >>= 1
        self._edge.append(node)
        self._size += 1

    def root(self) -> bytes:
        """Root over all leaves appended so far."""
        return _fold(self._edge) if self._edge else EMPTY_ROOT

    def encode(self) -> bytes:
        """u64 big-endian size ‖ the hashes of the edge, largest subtree first."""
        return struct.pack(">Q", self._size) + b"".join(self._edge)

    @classmethod
    def decode(cls, data: bytes) -> Frontier:
        """The counterpart of `encode`.

        Raises:
            Malformed: the length does not fit the size, or the size is over 2**63 - 1.
        """
        size = struct.unpack_from(">Q", data)[0] if len(data) >= 8 else -1
        expected = 8 + HASH_SIZE * size.bit_count()
        if size < 0 or len(data) != expected:
            raise Malformed(
                f"couldn't decode a tree edge: got {len(data)} bytes, expected {max(expected, 8)}", code="tree_edge"
            )
        _check_size(size)
        frontier = cls()
        frontier._size = size
        frontier._edge = [data[at : at + HASH_SIZE] for at in range(8, len(data), HASH_SIZE)]
        return frontier


class MemoryTree:
    """All complete subtrees over a list of leaf hashes, as a `HashReader`. For segments, tests and audits."""

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        level = list(leaf_hashes)
        self._levels = [level]
        while len(level) > 1:
            level = next_level(level[: len(level) & ~1])  # a promoted odd node is no complete subtree
            self._levels.append(level)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def __call__(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree of 2**level leaves at `index`; IndexError when it is not complete."""
        if level < 0 or index < 0:
            raise IndexError(f"no subtree at level {level}, index {index}")
        return self._levels[level][index]


def _split(size: int) -> int:
    """The largest power of two smaller than size (size >= 2). RFC 9162 2.1.1."""
    return 1 << (size - 1).bit_length() - 1


def _complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Complete subtrees covering [start, end), largest first; start is a multiple of the largest one's size."""
    covering = []
    while start < end:
        level = (end - start).bit_length() - 1
        covering.append((level, start >> level))
        start += 1 << level
    return covering


def _fold(edge: Sequence[bytes]) -> bytes:
    """Hash subtrees of falling size together, from the right."""
    node = edge[-1]
    for left in reversed(edge[:-1]):
        node = node_hash(left, node)
    return node


def _subtree(start: int, end: int, read: HashReader) -> bytes:
    return _fold([read(level, index) for level, index in _complete_subtrees(start, end)])


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_TREE_SIZE:
        raise Malformed(f"couldn't use a tree: got size {size}, expected 0 … {MAX_TREE_SIZE}", code="tree_size")


def _check_hashes(what: str, *hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise ProofInvalid(
                f"couldn't verify {what}: got a hash of {len(value)} bytes, expected {HASH_SIZE}", code="hash_length"
            )


def _check_root(what: str, got: bytes, expected: bytes) -> None:
    if got != expected:
        raise ProofInvalid(
            f"couldn't verify {what}: got root {got.hex()}, expected {expected.hex()}", code="root_mismatch"
        )


def _bad_length(what: str, got: int) -> ProofInvalid:
    return ProofInvalid(
        f"couldn't verify {what}: got {got} hashes, which is not the length of this path", code="proof_length"
    )
