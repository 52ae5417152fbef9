"""A record that rests on tables: what an earlier fold of the same log has found, and the entries taken in since.

A batch is not in the tables. They say which entries speak of it, and it is folded from those when it is asked for, by
the code that folds any log; that they are the right ones, and all, shows in the root that the index holds for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import overload

from ledger.fold.layered import Layered, LayeredSet
from ledger.fold.standing import standing_digest
from ledger.fold.stored_tree import decode_row, stored_tree
from ledger.fold.table import numbers, u64
from ledger.fold.tables import State, View
from verifier.errors import ProofInvalid
from verifier.record.batch import Batch
from verifier.record.entry import Entry, decode_entry
from verifier.record.index import Index, IndexHead, IndexView, index_key
from verifier.record.lots import Lots
from verifier.record.participant import parse_mirrored
from verifier.record.record import Record, Target
from verifier.record.retired import SegmentReader
from verifier.record.rules import KNOWN, Rules
from verifier.record.sealed import Seals
from verifier.record.sealed_index import SealedIndex
from verifier.tree.index_tree import Tree, put
from verifier.tree.merkle import Frontier

BATCHES_KEPT = 4_096
"""Batches that stay folded after they were asked for: some 8 KB each."""

EntryReader = Callable[[int], bytes]
"""(index) -> the stored bytes of an entry."""


class SavedRecord(Record):
    """The record after the entries that `state` was made of, ready for the next one."""

    def __init__(self, segments: SegmentReader, state: State, entry: EntryReader, known: Rules = KNOWN) -> None:
        """`entry`: reads the stored bytes of an entry. Raises ProofInvalid where they are not those of the fold."""
        super().__init__(segments, known)
        self._entry, self.state = entry, state
        tables = self._tables = state.tables
        self._folded = lru_cache(BATCHES_KEPT)(self._fold_batch)
        self._restore_standing()
        self.size, self.head, self.recorded_at = state.size, state.head, state.recorded_at
        self.batches = Layered(self._batch, len(tables.order), lambda at: tables.order.value_at(at))
        self.by_lot = Layered(lru_cache(BATCHES_KEPT)(self._by_lot), len(tables.lots))
        self.by_gtin = Layered(lru_cache(BATCHES_KEPT)(self._by_gtin))
        self.statement_ids = Layered(
            self._statement, len(tables.statements), lambda at: "0x" + tables.statements.key_at(at).hex()
        )
        self._targets = Layered(self._target, len(tables.order) + len(tables.targets))
        self.segment_roots = LayeredSet(tables.roots)
        self.seals = Seals(state.seals)
        self.index_seals = Layered(
            self._index_seal, len(tables.index_seals), lambda at: int.from_bytes(tables.index_seals.key_at(at))
        )
        self._restore_index()

    # what the tables hold

    def _batch(self, leaf: bytes) -> Batch | None:
        folded = self._folded(leaf)
        return folded[0] if folded is not None else None

    def _target(self, leaf: bytes) -> Target | None:
        batch = self._tables.targets.get(leaf)
        folded = self._folded(batch if batch is not None else leaf)
        return folded[1].get(leaf) if folded is not None else None

    def _by_lot(self, lot: tuple[str, str]) -> Batch | None:
        leaf = self._tables.lots.get(index_key(*lot))
        return self.batches.get(leaf) if leaf is not None else None

    def _by_gtin(self, gtin: str) -> Lots | None:
        rows = self._tables.gtins.under(index_key(gtin))
        return Lots(_Older(self, rows)) if rows else None

    def _statement(self, statement_id: str) -> int | None:
        index = self._tables.statements.get(bytes.fromhex(statement_id[2:]))
        return int.from_bytes(index) if index is not None else None

    def _index_seal(self, size: int) -> SealedIndex | None:
        value = self._tables.index_seals.get(u64(size))
        if value is None:
            return None
        index, recorded_at, changes, gtins = numbers(value[:32])
        sealed = SealedIndex(IndexHead(size, gtins, value[32:]), index, recorded_at, changes, None)
        table = self._tables.confirmations
        said = [(table.key_at(at), numbers(table.value_at(at))) for at in table.under(u64(size))]
        for key, (at, when) in sorted(said, key=lambda one: one[1]):
            actor = "0x" + key[8:].hex()
            sealed.confirmed[actor], sealed.confirmed_at[actor] = at, when
        return sealed

    def _front(self, key: bytes) -> Frontier | None:
        value = self._tables.fronts.get(key)
        if value is None:
            return None
        table = self._tables.edges
        edge = [value[8:], *(table.value_at(at) for at in table.under(key))]
        return Frontier.decode(value[:8] + b"".join(edge))

    # how a batch is folded when it is asked for

    def _fold_batch(self, leaf: bytes) -> tuple[Batch, dict[bytes, Target]] | None:
        """A batch and what its statements stand for, or None. Raises ProofInvalid (`leaf_differs`), Unavailable."""
        index = self._tables.batches.get(leaf)
        if index is None:
            return None
        changes = self._tables.changes
        history = [index, *(changes.key_at(at)[32:] for at in changes.under(leaf))]
        entries = [(at, decode_entry(self._entry(at))) for at in map(int.from_bytes, history)]
        first, leaves = entries[0][1], Frontier()
        if first.leaf != leaf:
            raise _differs(entries[0][0])
        for _, entry in entries:
            leaves.append(entry.leaf)
        said = self._front(index_key(first.body["gtin"], first.body["lot"]))
        if said is None or said.encode() != leaves.encode():  # before anything in them is believed
            raise _differs(entries[0][0])
        part = Record(self._segments, self.known)
        for at, entry in entries:
            part._integrate_statement(entry, entry.leaf, at)
        (batch,) = part.batches.values()
        return batch, part._targets

    # what changes is put above the tables first

    def _integrate_statement(self, entry: Entry, leaf: bytes, index: int) -> None:
        body = entry.body  # a statement names its batch, or the statement about one that it takes back
        if "batch" in body:
            self._hold(bytes.fromhex(body["batch"][2:]))
        elif "target" in body and (target := self.target(body["target"])) is not None:
            self._hold(target.batch.id)
        super()._integrate_statement(entry, leaf, index)

    def _hold(self, leaf: bytes) -> None:
        """Keep a batch as an object from now on: readers that come later must see what changes in it."""
        folded = self._folded(leaf) if not dict.__contains__(self.batches, leaf) else None
        if folded is None:
            return
        batch, targets = folded
        for one, target in targets.items():
            self._targets[one] = target
        self.by_lot[batch.gtin, batch.lot] = batch
        self.batches[leaf] = batch

    def _confirm(self, head: IndexHead, actor: str, index: int, recorded_at: int) -> None:
        self.index_seals[head.size] = self.index_seals[head.size]
        super()._confirm(head, actor, index, recorded_at)

    # what is small is made at once

    def _restore_standing(self) -> None:
        """The founding and every decision, from their entries; `state` tells what must come of them."""
        self.integrate(decode_entry(self._entry(0)))
        for index in self.state.decisions:
            self.standing.apply(parse_mirrored(decode_entry(self._entry(index)).body), index)
        if (self.state.pin, self.state.standing) != (self.founding.pin, standing_digest(self.standing)):
            raise ProofInvalid("couldn't use the fold: its decisions give another standing", code="leaf_differs")

    def _restore_index(self) -> None:
        """The tree of the oldest index that is kept whole, and from it every later one and the present tree."""
        tree = stored_tree(self._tables.rows, self.state.hashes)
        for number, view in enumerate(self.state.views):
            tree = self._later(tree, number)
            self._restore_view(view, IndexView(view.size, view.gtins, tree))
        self.index = Index(self._later(tree, len(self.state.views)), Layered(self._front, len(self._tables.fronts)))
        self.index.gtins, self.index.changes = self.state.gtins, self.state.changes

    def _restore_view(self, view: View, kept: IndexView) -> None:
        sealed = self.index_seals[view.size]
        sealed.view = kept
        self.index_seals[view.size] = sealed
        if view.confirmed:
            self.confirmed_index = sealed
        else:
            self._unconfirmed.append(sealed)

    def _later(self, tree: Tree, number: int) -> Tree:
        puts = self._tables.puts
        for at in puts.under(u64(number)):
            tree = put(tree, decode_row(puts.key_at(at)[8:], puts.value_at(at)))
        return tree


class _Older(Sequence[Batch]):
    """The batches of one product in the tables, newest first; each is folded when it is reached."""

    def __init__(self, record: SavedRecord, rows: range) -> None:
        self._record, self._rows = record, rows[::-1]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Batch: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Batch]: ...
    def __getitem__(self, at: int | slice) -> Batch | Sequence[Batch]:
        rows = self._rows[at]
        if isinstance(rows, range):
            return [self._batch(row) for row in rows]
        return self._batch(rows)

    def _batch(self, row: int) -> Batch:
        return self._record.batches[self._record.state.tables.gtins.value_at(row)]


def _differs(index: int) -> ProofInvalid:
    return ProofInvalid(
        f"couldn't read entry {index}, or a later one about its batch: storage gives back other bytes than those that "
        "were folded",
        code="leaf_differs",
    )
