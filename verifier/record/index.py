"""The index: what a log says about each product and each batch, as a pure function of the log, under one root.

A row maps a subject, a GTIN or a GTIN with a lot, to how many entries speak of it and to the RFC 6962 root of their
leaves. Who holds those leaves can count them and recompute the root: nothing about the subject was left out. That the
log says nothing about a subject shows where its key leads to no row of its own.

From version 2 of the rules on two more rows hang in the same tree: every mirrored decision, and the history, which is
every entry that does not merely commit to others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from verifier.errors import Malformed, ProofInvalid
from verifier.record.statement import Kind, check_hex
from verifier.tree.index_tree import IndexRow, Tree, find, put, tree_hash, verify_path
from verifier.tree.merkle import HASH_SIZE, Frontier

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SEPARATOR = b"\x1d"

DECISIONS = sha256(b"carnet/decisions").digest()
"""The key of the row of all mirrored decisions, 32 bytes. No GTIN has this text, so no product has this key."""
HISTORY = sha256(b"carnet/history").digest()
"""The key of the row of the history: all entries but those of a kind in `COMMITTING`."""
COMMITTING = frozenset({Kind.SCANS_SEALED, Kind.INDEX_SEALED, Kind.INDEX_CONFIRMED})
"""Kinds that only commit to what stands elsewhere. They are in no row, so that a seal never calls for another."""
LISTED_FROM = 2
"""The version of the rules from which on an index has the rows of decisions and history."""


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
        return self.row_at(index_key(gtin, lot))

    def row_at(self, key: bytes) -> IndexRow | None:
        """The row of a key (32 bytes), if there is one."""
        row, _ = find(self.tree, key)
        return row if row is not None and row.key == key else None

    @property
    def listed(self) -> bool:
        """Whether decisions and history have their rows. The history has entry 0 at least, so its row tells."""
        return self.row_at(HISTORY) is not None

    def prove(self, gtin: str, lot: str | None = None) -> IndexProof:
        """That a product or batch has its row, or that it has none."""
        return self.prove_at(index_key(gtin, lot))

    def prove_at(self, key: bytes) -> IndexProof:
        """That a key (32 bytes) has its row, or that it has none."""
        return IndexProof(*find(self.tree, key))


class Index:
    """The index of a growing log. `changes` is how many entries speak of any subject, `gtins` of how many products.

    An entry costs up to three paths of new nodes; a seal hashes them. No cost grows with the number of rows but as its
    log2. `tree` holds a row for each subject, `fronts` the edge of the tree over its leaves.
    """

    def __init__(self, tree: Tree = None, fronts: dict[bytes, Frontier] | None = None) -> None:
        self.tree = tree
        self.fronts: dict[bytes, Frontier] = {} if fronts is None else fronts
        self.gtins = 0
        self.changes = 0

    @property
    def decisions(self) -> int:
        """How many decisions have been mirrored."""
        leaves = self.fronts.get(DECISIONS)
        return leaves.size if leaves is not None else 0

    def note(self, kind: Kind, leaf: bytes, *, listed: bool) -> None:
        """Take an entry of any kind (its leaf, 32 bytes) into the lists that it belongs to.

        `listed`: they have their rows, by the rules that hold after this entry. The entry that raises a ledger to such
        rules is a decision, so it is in both lists and brings both rows.
        """
        if kind in COMMITTING:
            return
        for key in (HISTORY, DECISIONS) if kind is Kind.PARTICIPANT_MIRRORED else (HISTORY,):
            leaves = self._appended(key, leaf)
            if listed:
                self.tree = put(self.tree, IndexRow(key, leaves.size, leaves.root()))

    def add(self, gtin: str, lot: str, leaf: bytes) -> None:
        """One more entry (its leaf, 32 bytes) speaks of this batch."""
        product = index_key(gtin)
        self.gtins += product not in self.fronts
        self.changes += 1
        for key in (product, index_key(gtin, lot)):
            leaves = self._appended(key, leaf)
            self.tree = put(self.tree, IndexRow(key, leaves.size, leaves.root()))

    def view(self, size: int) -> IndexView:
        """The index as it is now, which is that of the first `size` entries."""
        return IndexView(size, self.gtins, self.tree)

    def _appended(self, key: bytes, leaf: bytes) -> Frontier:
        leaves = self.fronts.get(key)
        leaves = self.fronts[key] = Frontier() if leaves is None else leaves
        leaves.append(leaf)
        return leaves


def verify_index(proof: IndexProof, head: IndexHead, gtin: str, lot: str | None = None) -> IndexRow | None:
    """Check what a proof says about a product or batch under an index head: its row, or None when it has none.

    Raises ProofInvalid (`index_path`, `index_elsewhere`, `root_mismatch`).
    """
    return verify_row(proof, head, index_key(gtin, lot))


def verify_row(proof: IndexProof, head: IndexHead, key: bytes) -> IndexRow | None:
    """Check what a proof says about a key (32 bytes) under an index head: its row, or None when it has none.

    Raises ProofInvalid (`index_path`, `index_elsewhere`, `root_mismatch`).
    """
    verify_path(proof.row, proof.path, key, head.root)
    return proof.row if proof.row is not None and proof.row.key == key else None


def check_list(row: IndexRow | None, leaves: Iterable[bytes], what: str) -> None:
    """Check that these leaves, in the order of the log, are all that a row counts: none is missing, none is added.

    Args:
        row: the row as an index has it, None where there is none.
        leaves: the leaf hashes of the entries, 32 bytes each.
        what: the name of the entries in the error, as "decisions".

    Raises:
        ProofInvalid: it counts others (`index_row`).
    """
    mine = Frontier()
    for leaf in leaves:
        mine.append(leaf)
    if (row.count, row.root) != (mine.size, mine.root()) if row is not None else mine.size:
        raise ProofInvalid(
            f"couldn't check the {what}: got {mine.size}, the index counts {row.count if row is not None else 0}, or "
            "others",
            code="index_row",
        )
