"""Taking the state of a record: what is new in it since the tables it rests on, merged into them.

The record must stand still meanwhile. Its own objects are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

from ledger.fold.layered import Layered, LayeredSet
from ledger.fold.saved_record import SavedRecord
from ledger.fold.standing import standing_digest
from ledger.fold.stored_tree import differences, encode_row, stored_tree, upper_hashes
from ledger.fold.table import Table, u64
from ledger.fold.tables import EMPTY, State, Tables, View
from verifier.record.batch import Batch
from verifier.record.index import index_key
from verifier.record.record import Record
from verifier.record.sealed_index import SealedIndex
from verifier.tree.index_tree import Tree
from verifier.tree.merkle import Frontier

K = TypeVar("K")
V = TypeVar("V")


def state_of(record: Record, root: bytes) -> State:
    """The state of a record, under whose entries the log's tree has this root (32 bytes).

    1. batches; 2. statements and segments; 3. index: rows, trees and seals; 4. all of it, as one value.
    """
    kept = record.kept_indexes()
    trees = [(sealed.view.tree if sealed.view is not None else None) for sealed in kept] + [record.index.tree]
    before = record.state if isinstance(record, SavedRecord) else None
    old = before.tables if before is not None else EMPTY
    held = _held(record.index_seals)
    rows, puts = _rows(stored_tree(old.rows, before.hashes if before is not None else b""), old.rows, trees)
    fronts, edges = _fronts(old, _held(record.index.fronts))
    tables = Tables(
        **_batches(old, [batch for _, batch in _held(record.batches)]),  # 1
        targets=old.targets.merged(
            {leaf: one.batch.id for leaf, one in _held(record._targets) if leaf != one.batch.id}
        ),
        statements=old.statements.merged({_bytes(key): u64(at) for key, at in _held(record.statement_ids)}),  # 2
        roots=old.roots.merged(dict.fromkeys(_roots(record.segment_roots), b"")),
        fronts=fronts,  # 3
        edges=edges,
        rows=rows,
        puts=puts,
        index_seals=old.index_seals.merged({u64(size): _sealed(one) for size, one in held}),
        confirmations=old.confirmations.merged(dict(_confirmed(one for _, one in held))),
    )
    return State(  # 4
        record.size, root, record.head, record.recorded_at, record.founding.pin, standing_digest(record.standing),
        tuple(record.standing.entries), tuple(_view(sealed, record) for sealed in kept), record.index.gtins,
        record.index.changes, upper_hashes(trees[0], len(rows)), record.seals.encode(), tables,
    )  # fmt: skip


def _batches(old: Tables, batches: list[Batch]) -> dict[str, Table]:
    return {
        "order": old.order.merged({u64(batch.index): batch.id for batch in batches}),
        "batches": old.batches.merged({batch.id: u64(batch.index) for batch in batches}),
        "changes": old.changes.merged({batch.id + u64(at): b"" for batch in batches for at in batch.history[1:]}),
        "lots": old.lots.merged({index_key(batch.gtin, batch.lot): batch.id for batch in batches}),
        "gtins": old.gtins.merged({index_key(batch.gtin) + u64(batch.index): batch.id for batch in batches}),
    }


def _rows(before: Tree, old: Table, trees: list[Tree]) -> tuple[Table, Table]:
    """The rows of the first tree, and what each later one has new."""
    rows = old.merged({row.key: encode_row(row) for row in differences(before, trees[0])})
    puts: dict[bytes, bytes | None] = {}
    for number, (tree, later) in enumerate(pairwise(trees), start=1):
        puts |= {u64(number) + row.key: encode_row(row) for row in differences(tree, later)}
    return rows, EMPTY.puts.merged(puts)


def _fronts(old: Tables, held: list[tuple[bytes, Frontier]]) -> tuple[Table, Table]:
    """Each subject's edge: its size and first hash in one table, and further hashes, which few have, in another."""
    fronts: dict[bytes, bytes | None] = {}
    edges: dict[bytes, bytes | None] = {}
    for key, front in held:
        before = old.fronts.get(key)
        stale = int.from_bytes(before[:8]).bit_count() if before is not None else 0
        edge = front.edge
        fronts[key] = u64(front.size) + edge[0]
        edges |= {key + bytes([at]): (edge[at] if at < len(edge) else None) for at in range(1, max(stale, len(edge)))}
    return old.fronts.merged(fronts), old.edges.merged(edges)


def _sealed(one: SealedIndex) -> bytes:
    return b"".join(map(u64, (one.index, one.recorded_at, one.changes, one.head.gtins))) + one.head.root


def _confirmed(sealed: Iterable[SealedIndex]) -> Iterable[tuple[bytes, bytes]]:
    for one in sealed:
        for actor, index in one.confirmed.items():
            yield u64(one.head.size) + _bytes(actor), u64(index) + u64(one.confirmed_at[actor])


def _view(sealed: SealedIndex, record: Record) -> View:
    return View(sealed.head.size, sealed.head.gtins, sealed is record.confirmed_index)


def _held(items: dict[K, V]) -> list[tuple[K, V]]:
    return items.held() if isinstance(items, Layered) else list(items.items())


def _roots(roots: set[bytes]) -> list[bytes]:
    return roots.held() if isinstance(roots, LayeredSet) else list(roots)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
