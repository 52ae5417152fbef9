"""The index: what a log says about each product and each batch, as a pure function of the log, under one root.

A row maps a subject, a GTIN or a GTIN with a lot, to how many entries speak of it and to the RFC 6962 root of their
leaves. Who holds those leaves can count them and recompute the root: nothing about the subject was left out. That the
log says nothing about a subject shows where its key leads to no row of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from verifier.errors import Malformed
from verifier.record.statement import check_hex
from verifier.tree.index_tree import IndexRow, Tree, find, put, tree_hash, verify_path
from verifier.tree.merkle import HASH_SIZE, Frontier

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SEPARATOR = b"\x1d"


def index_key(gtin: str, lot: str | None = None) -> bytes:
    """SHA-256(gtin14), or SHA-256(gtin14 ‖ 0x1D ‖ lot): where the row of a product, or of a batch, hangs."""
    return sha256(gtin.encode() if lot is None else gtin.encode() + _SEPARATOR + lot.encode()).digest()


@dataclass(frozen=True, slots=True)
class IndexHead:
    """An index by its root: of the first `size` entries of the log, which speak of `gtins` products."""

    size: int
    gtins: int
    root: bytes

    def body(self) -> dict[str, Any]:
        """The body of an `index_sealed` entry; an `index_confirmed` statement has these fields after its header."""
        return {"size": str(self.size), "gtins": str(self.gtins), "root": "0x" + self.root.hex()}


def parse_index_head(body: Mapping[str, Any], *, sealed: bool) -> IndexHead:
    """Read the body of an `index_sealed` entry, or the same fields of a confirmation. Raises Malformed (`index`)."""
    if sealed and set(body) != {"size", "gtins", "root"}:
        raise Malformed("couldn't read the index seal: expected exactly size, gtins, root", code="index")
    for name in ("size", "gtins"):
        if not isinstance(body[name], str) or not _DECIMAL.fullmatch(body[name]):
            raise Malformed(f"couldn't read the index seal: {name} is no decimal text", code="index", at=name)
    check_hex("root", body["root"], HASH_SIZE)
    return IndexHead(int(body["size"]), int(body["gtins"]), bytes.fromhex(body["root"][2:]))


@dataclass(frozen=True, slots=True)
class IndexProof:
    """Where a subject's key leads in an index: its row, another one's, or none (None); and the path to the root.

    `path` goes from the row's sibling upwards, 32 bytes each, at most 256.
    """

    row: IndexRow | None
    path: tuple[bytes, ...]


class IndexView:
    """The index as it was at one size of the log: gives rows and proofs. Never changes; any thread may read it."""

    __slots__ = ("_size", "gtins", "tree")

    def __init__(self, size: int, gtins: int, tree: Tree) -> None:
        self._size, self.gtins, self.tree = size, gtins, tree

    @property
    def head(self) -> IndexHead:
        """Its head; hashes what is new since the last one that was asked for."""
        return IndexHead(self._size, self.gtins, tree_hash(self.tree))

    def row(self, gtin: str, lot: str | None = None) -> IndexRow | None:
        """The row of a product or batch, if the log speaks of it."""
        key = index_key(gtin, lot)
        row, _ = find(self.tree, key)
        return row if row is not None and row.key == key else None

    def prove(self, gtin: str, lot: str | None = None) -> IndexProof:
        """That a product or batch has its row, or that it has none."""
        return IndexProof(*find(self.tree, index_key(gtin, lot)))


class Index:
    """The index of a growing log. `changes` is how many entries speak of any subject, `gtins` of how many products.

    An entry costs two paths of new nodes; a seal hashes them. No cost grows with the number of rows but as its log2.
    `tree` holds a row for each subject, `fronts` the edge of the tree over its leaves.
    """

    def __init__(self, tree: Tree = None, fronts: dict[bytes, Frontier] | None = None) -> None:
        self.tree = tree
        self.fronts: dict[bytes, Frontier] = {} if fronts is None else fronts
        self.gtins = 0
        self.changes = 0

    def add(self, gtin: str, lot: str, leaf: bytes) -> None:
        """One more entry (its leaf, 32 bytes) speaks of this batch."""
        product = index_key(gtin)
        self.gtins += product not in self.fronts
        self.changes += 1
        for key in (product, index_key(gtin, lot)):
            leaves = self.fronts.get(key)
            leaves = self.fronts[key] = Frontier() if leaves is None else leaves
            leaves.append(leaf)
            self.tree = put(self.tree, IndexRow(key, leaves.size, leaves.root()))

    def view(self, size: int) -> IndexView:
        """The index as it is now, which is that of the first `size` entries."""
        return IndexView(size, self.gtins, self.tree)


def verify_index(proof: IndexProof, head: IndexHead, gtin: str, lot: str | None = None) -> IndexRow | None:
    """Check what a proof says about a product or batch under an index head: its row, or None when it has none.

    Raises ProofInvalid (`index_path`, `index_elsewhere`, `root_mismatch`).
    """
    key = index_key(gtin, lot)
    verify_path(proof.row, proof.path, key, head.root)
    return proof.row if proof.row is not None and proof.row.key == key else None
