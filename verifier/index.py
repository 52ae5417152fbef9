"""The index: what a log says about each GTIN, as a pure function of the log, under one root.

A row maps SHA-256(gtin14) to how many entries speak of that GTIN and to the RFC 6962 root of their leaves. Rows are
sorted by key, so that a GTIN of which the log says nothing is proved absent by its neighbours. Who holds the leaves of
a row can count them and recompute its root: nothing about the GTIN was left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from verifier.errors import Malformed, ProofInvalid
from verifier.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Frontier,
    MemoryTree,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_inclusion,
)
from verifier.statement import check_hex

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def index_key(gtin: str) -> bytes:
    """SHA-256 of the 14 digits, 32 bytes: what the rows are sorted by."""
    return sha256(gtin.encode()).digest()


@dataclass(frozen=True, slots=True, order=True)
class IndexRow:
    """What the log says about one GTIN: `count` entries (at least 1) whose leaves have the RFC 6962 root `root`."""

    key: bytes
    count: int
    root: bytes

    @property
    def leaf(self) -> bytes:
        """SHA-256(0x00 ‖ key ‖ u64 count ‖ root): the row as a leaf of the index, 32 bytes."""
        return leaf_hash(self.key + self.count.to_bytes(8) + self.root)


@dataclass(frozen=True, slots=True)
class IndexHead:
    """An index by its root: of the first `size` entries of the log, over `gtins` rows."""

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
class ShownRow:
    """A row with its place in the sorted index and its inclusion path."""

    position: int
    row: IndexRow
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class IndexProof:
    """That a GTIN has a row (it alone is shown) or none: its neighbours, one at either end, none in an empty index."""

    rows: tuple[ShownRow, ...]


class IndexView:
    """The rows of a sealed index, frozen: gives proofs at its head."""

    def __init__(self, head: IndexHead, rows: Sequence[IndexRow]) -> None:
        self.head, self._rows = head, rows
        self._tree: MemoryTree | None = None

    def prove(self, gtin: str) -> IndexProof:
        """The row of a GTIN, or the neighbours that show there is none."""
        key = index_key(gtin)
        at = bisect_left(self._rows, key, key=lambda row: row.key)
        if at < len(self._rows) and self._rows[at].key == key:
            return IndexProof((self._show(at),))
        return IndexProof(tuple(self._show(near) for near in (at - 1, at) if 0 <= near < len(self._rows)))

    def _show(self, position: int) -> ShownRow:
        if self._tree is None:
            self._tree = MemoryTree([row.leaf for row in self._rows])
        path = inclusion_proof(position, len(self._rows), self._tree)
        return ShownRow(position, self._rows[position], path)


class Index:
    """The index of a growing log. Costs one hash tree over all GTINs at each seal, one frontier for each GTIN."""

    def __init__(self) -> None:
        self._trees: dict[bytes, Frontier] = {}
        self._keys: list[bytes] = []
        self._rows: dict[bytes, IndexRow] = {}

    def add(self, gtin: str, leaf: bytes) -> None:
        """One more entry (its leaf, 32 bytes) speaks of this GTIN."""
        key = index_key(gtin)
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = Frontier()
            insort(self._keys, key)
        tree.append(leaf)
        self._rows.pop(key, None)

    def view(self, size: int) -> IndexView:
        """The index as it is now, said to be that of the first `size` entries."""
        rows = [self._row(key) for key in self._keys]
        root = root_of([row.leaf for row in rows]) if rows else EMPTY_ROOT
        return IndexView(IndexHead(size, len(rows), root), rows)

    def _row(self, key: bytes) -> IndexRow:
        row = self._rows.get(key)
        if row is None:
            tree = self._trees[key]
            row = self._rows[key] = IndexRow(key, tree.size, tree.root())
        return row


def verify_index(proof: IndexProof, gtin: str, head: IndexHead) -> IndexRow | None:
    """Check what a proof says about a GTIN under an index head: its row, or None when it has none.

    Raises ProofInvalid (`index_gap`, `inclusion_index`, `proof_length`, `root_mismatch`, `hash_length`).
    """
    key = index_key(gtin)
    for shown in proof.rows:
        verify_inclusion(shown.row.leaf, shown.position, head.gtins, shown.path, head.root)
    match proof.rows:
        case (only,) if only.row.key == key:
            return only.row
        case () if head.gtins == 0 and head.root == EMPTY_ROOT:
            return None
        case (first,) if first.position == 0 and key < first.row.key:
            return None
        case (last,) if last.position == head.gtins - 1 and last.row.key < key:
            return None
        case (left, right) if right.position == left.position + 1 and left.row.key < key < right.row.key:
            return None
    raise ProofInvalid(
        f"couldn't verify the index of GTIN {gtin}: expected its row, or the neighbours around it", code="index_gap"
    )


def verify_row(row: IndexRow, leaves: Sequence[bytes]) -> None:
    """Check that these leaves, in the order of the log, are all that a row counts.

    Raises ProofInvalid (`index_row`).
    """
    if len(leaves) != row.count or root_of(leaves) != row.root:
        raise ProofInvalid(
            f"couldn't verify the entries of a GTIN: got {len(leaves)}, expected the {row.count} that the index counts",
            code="index_row",
        )
