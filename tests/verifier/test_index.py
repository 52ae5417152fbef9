"""The index: one root over what a log says of every product and batch, and what its proofs can and cannot say."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim import Actor, Sim, gtin_of, secret
from verifier.errors import CarnetError, Malformed, ProofInvalid
from verifier.record.batch import RetireReason
from verifier.record.entry import decode_entry
from verifier.record.index import Index, IndexHead, IndexProof, index_key, parse_index_head, verify_index
from verifier.record.participant import Role
from verifier.record.record import INDEXES_KEPT, Record
from verifier.record.statement import Kind, Proposal
from verifier.tree.index_tree import DEPTH_MAX, IndexRow, find, key_bit, put, tree_hash, verify_path
from verifier.tree.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of

PREFIX = "9521234"
GTIN, OTHER = gtin_of(PREFIX, 1), gtin_of(PREFIX, 2)


# the tree, against its definition


def naive(rows: Mapping[bytes, IndexRow], depth: int = 0) -> bytes:
    """The root as docs/spec/index.md defines it."""
    if not rows:
        return sha256(b"").digest()
    if len(rows) == 1:
        (row,) = rows.values()
        return sha256(b"\x00" + row.key + row.count.to_bytes(8, "big") + row.root).digest()
    sides: tuple[dict[bytes, IndexRow], dict[bytes, IndexRow]] = ({}, {})
    for key, row in rows.items():
        sides[int.from_bytes(key, "big") >> (255 - depth) & 1][key] = row
    return sha256(b"\x01" + naive(sides[0], depth + 1) + naive(sides[1], depth + 1)).digest()


# Keys that agree on many bits, at both ends and in between: random ones would never hang deep.
keys = st.builds(
    lambda head, fill, tail: bytes([head]) + bytes([fill]) * 30 + bytes([tail]),
    st.sampled_from([0, 1, 128, 255]),
    st.sampled_from([0, 255]),
    st.integers(0, 255),
)
rows = st.builds(IndexRow, keys, st.integers(1, 2**63), st.binary(min_size=32, max_size=32))


@given(st.lists(rows, max_size=24), st.lists(keys, max_size=8))
def test_root_and_proofs_are_those_of_the_definition(given_: list[IndexRow], asked: list[bytes]) -> None:
    tree, model = None, dict[bytes, IndexRow]()
    for row in given_:
        tree = put(tree, row)
        model[row.key] = row
    root = tree_hash(tree)
    assert root == naive(model)
    ends = [bytes(32), bytes([255]) * 32]
    for key in [*asked, *model, *ends]:
        row_, path = find(tree, key)
        verify_path(row_, path, key, root)
        assert model.get(key) == (row_ if row_ is not None and row_.key == key else None)


@given(st.lists(rows, min_size=1, max_size=24), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_old_trees_stay(given_: list[IndexRow], random: Any) -> None:
    unique = list({row.key: row for row in given_}.values())
    shuffled = random.sample(unique, len(unique))
    tree, roots = None, []
    for row in unique:
        before, at = tree, tree_hash(tree)
        tree = put(tree, row)
        assert tree_hash(before) == at
        roots.append(tree_hash(tree))
    again = None
    for row in shuffled:
        again = put(again, row)
    assert tree_hash(again) == roots[-1]


def test_an_empty_index_shows_by_nothing_that_nothing_is_there() -> None:
    head = Index().view(0).head
    assert head == IndexHead(0, 0, EMPTY_ROOT)
    assert verify_index(Index().view(0).prove(GTIN), head, GTIN) is None
    with pytest.raises(ProofInvalid):
        verify_index(IndexProof(None, (bytes(32),)), head, GTIN)


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ABC"), st.integers(0, 99)), max_size=30))
def test_rows_count_every_entry_about_a_product_and_about_a_batch(said: list[tuple[int, str, int]]) -> None:
    index, model = Index(), dict[tuple[str, str | None], list[bytes]]()
    for at, (item, lot, text) in enumerate(said):
        leaf, gtin = leaf_hash(f"{at}/{text}".encode()), gtin_of(PREFIX, item)
        index.add(gtin, lot, leaf)
        model.setdefault((gtin, None), []).append(leaf)
        model.setdefault((gtin, lot), []).append(leaf)
    view = index.view(len(said))
    assert view.head.gtins == len({gtin for gtin, _ in model})
    assert index.changes == len(said)
    for item in range(1, 6):
        for lot in (None, *"ABC"):
            gtin = gtin_of(PREFIX, item)
            leaves = model.get((gtin, lot), [])
            row = verify_index(view.prove(gtin, lot), view.head, gtin, lot)
            assert row == view.row(gtin, lot)
            assert row == (IndexRow(index_key(gtin, lot), len(leaves), root_of(leaves)) if leaves else None)


def filled(count: int) -> Index:
    index = Index()
    for item in range(count):
        index.add(f"{item:014}", "L", secret(f"leaf {item}"))
    return index


def damaged(proof: IndexProof, other: IndexRow) -> list[IndexProof]:
    """Everything that can be done to a proof without breaking a hash."""
    row, path = proof.row, proof.path
    cut = [IndexProof(row, path[1:]), IndexProof(row, path[:-1]), IndexProof(row, ())]
    grown = [IndexProof(row, (EMPTY_ROOT, *path)), IndexProof(row, (*path, path[-1])), IndexProof(row, path * 200)]
    swapped = [IndexProof(row, path[::-1]), IndexProof(row, (path[1], path[0], *path[2:]))]
    short = [IndexProof(row, (path[0][:31], *path[1:])), IndexProof(row, (b"", *path[1:]))]
    flipped = [IndexProof(row, (*path[:at], bytes(32), *path[at + 1 :])) for at in range(len(path))]
    others = [IndexProof(other, path), IndexProof(None, path)]
    if row is not None:
        others += [IndexProof(replace(row, count=row.count + 1), path), IndexProof(replace(row, root=bytes(32)), path)]
        others += [IndexProof(replace(row, key=other.key), path), IndexProof(None, (row.leaf, *path))]
    return cut + grown + swapped + short + flipped + others


def test_no_damaged_proof_is_accepted() -> None:
    index = filled(300)
    view, other = index.view(300), index.view(300).row(f"{7:014}")
    assert other is not None
    refused = 0
    for item in [*range(20, 60), *range(1000, 1040)]:
        gtin = f"{item:014}"
        honest = view.prove(gtin)
        verify_index(honest, view.head, gtin)
        for proof in damaged(honest, other):
            if proof == honest:
                continue
            with pytest.raises(ProofInvalid):
                verify_index(proof, view.head, gtin)
            refused += 1
    assert refused > 1_500


def test_a_row_proves_nothing_about_another_subject() -> None:
    index = filled(50)
    view = index.view(50)
    for item in range(50):
        proof, gtin = view.prove(f"{item:014}"), f"{(item + 1) % 50:014}"
        try:
            found = verify_index(proof, view.head, gtin)
        except ProofInvalid:
            continue
        raise AssertionError(f"{item}: another's row was taken for {found}")


def test_a_fork_can_not_be_shown_as_a_row() -> None:
    """Rows hash 73 bytes under 0x00 and forks 65 under 0x01, so neither passes for the other."""
    index = filled(4)
    row, path = find(index.tree, index_key(f"{1:014}"))
    assert row is not None
    assert row.leaf != node_hash(row.key, row.root)
    assert len(path) < DEPTH_MAX
    with pytest.raises(ProofInvalid):
        verify_path(None, path, row.key, tree_hash(index.tree))


def test_bits_are_read_from_the_most_significant() -> None:
    key = bytes([0b1010_0000]) + bytes(30) + bytes([1])
    assert [key_bit(key, at) for at in (0, 1, 2, 3, 254, 255)] == [1, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("products", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_after_the_first_seal_only_what_is_new_is_hashed(record_property: Any, products: int) -> None:
    index = filled(products)
    started = time.perf_counter()
    first = index.view(products).head
    whole = time.perf_counter() - started
    for item in range(64):
        index.add(f"{item:014}", "L", secret("more"))
    started = time.perf_counter()
    second = index.view(products + 64).head
    next_ = time.perf_counter() - started
    assert first.root != second.root
    assert next_ < whole
    proof = index.view(products + 64).prove(f"{5:014}")
    assert verify_index(proof, second, f"{5:014}") is not None
    record_property(
        "said",
        f"index of {products:,} products and as many batches: sealed whole in {whole:.2f} s, the next 64 entries in "
        f"{1000 * next_:.1f} ms; a path has {len(proof.path)} hashes",
    )


# heads


def test_heads_come_back_as_they_were() -> None:
    head = IndexHead(12, 3, secret("root"))
    assert parse_index_head(head.body(), sealed=True) == head
    for body in (
        {**head.body(), "more": 1},
        {**head.body(), "size": 12},
        {**head.body(), "gtins": "03"},
        {**head.body(), "root": "0x00"},
    ):
        with pytest.raises(Malformed):
            parse_index_head(body, sealed=True)


# in the record


def story() -> tuple[Sim, Actor, Actor]:
    sim = Sim.found(checked=False)
    return sim, sim.maker("aurora", PREFIX), sim.admit("ledgerdemain", Role.AUDITOR, "FR")


def refused(code: str, ask: Any, *arguments: Any) -> None:
    with pytest.raises(CarnetError) as refusal:
        ask(*arguments)
    assert refusal.value.code == code


def test_every_kind_of_statement_is_counted_where_it_belongs() -> None:
    sim, maker, _ = story()
    one, two = sim.register_batch(maker, lot="ONE"), sim.register_batch(maker, lot="TWO")
    other = sim.register_batch(maker, gtin=OTHER, lot="ONE")
    recall = sim.recall(maker, one)
    sim.retire(maker, two, RetireReason.SOLD, two.serials[:3])
    sim.undo(maker, recall)
    sim.checked = True
    size = sim.seal_index()
    view = sim.record.index_seals[size].view
    assert view is not None

    def count(lot: str | None, gtin: str = one.gtin) -> int:
        row = view.row(gtin, lot)
        return row.count if row is not None else 0

    assert (count(None), count("ONE"), count("TWO"), count("NONE")) == (6 - 1, 3, 2, 0)
    assert (count(None, other.gtin), count("ONE", other.gtin)) == (1, 1)
    leaves = [leaf_hash(sim.entries[at]) for at in sim.batch(one).history]
    assert view.row(one.gtin, "ONE") == IndexRow(index_key(one.gtin, "ONE"), 3, root_of(leaves))


def test_an_index_must_be_that_of_all_entries_before_it() -> None:
    sim, maker, _ = story()
    sim.register_batch(maker)
    honest = sim.record.index.view(sim.record.size).head
    for wrong in (
        replace(honest, size=honest.size - 1),
        replace(honest, size=honest.size + 1),
        replace(honest, gtins=2),
        replace(honest, root=EMPTY_ROOT),
    ):
        refused("index_differs", sim.append, Kind.INDEX_SEALED, wrong.body(), None, None)
    sim.seal_index()
    refused("index_differs", sim.append, Kind.INDEX_SEALED, honest.body(), None, None)
    sim.check()


def test_an_audit_finds_an_index_that_leaves_something_out() -> None:
    sim, maker, auditor = story()
    batch = sim.register_batch(maker)
    before = sim.record.index.view(0)
    sim.recall(maker, batch)
    hiding = replace(before.head, size=sim.size())
    at = sim.force(Kind.INDEX_SEALED, hiding.body(), None, None)
    findings = sim.audit().findings
    assert [(finding.at, finding.code) for finding in findings] == [(f"entry {at}", "index_differs")]
    assert "left out" in findings[0].meaning
    assert auditor.address in sim.record.standing.participants


def test_only_auditors_and_customs_confirm_and_never_the_operator() -> None:
    sim, maker, auditor = story()
    carrier = sim.admit("swift", Role.CARRIER)
    sim.register_batch(maker)
    sim.seal_index()
    for nobody in (maker, carrier):
        refused("not_entitled", sim.confirm_index, nobody)
    sim.decide(Proposal.OPERATOR_SET, logId="0x" + sim.founding.log_id.hex(), operator=auditor.address)
    refused("not_entitled", sim.confirm_index, auditor)
    sim.checked = True
    sim.confirm_index(sim.authorities[1])
    assert sim.record.confirmed_index is sim.record.sealed_index


def test_what_was_not_sealed_is_not_confirmed() -> None:
    sim, maker, auditor = story()
    sim.register_batch(maker)
    size = sim.seal_index()
    head = sim.record.index_seals[size].head
    for wrong in (replace(head, size=size - 1), replace(head, root=bytes(32)), replace(head, gtins=9)):
        body = {**sim.header(), **wrong.body()}
        refused("index_unsealed", sim.say, sim.statement(auditor, Kind.INDEX_CONFIRMED, body))
    first = sim.confirm_index(auditor)
    refused("index_confirmed", sim.confirm_index, auditor)
    assert sim.record.index_seals[size].confirmed == {auditor.address: first}


def test_rows_are_kept_for_the_newest_confirmed_index_and_for_later_ones_only() -> None:
    sim, maker, auditor = story()
    batch = sim.register_batch(maker)
    sizes = []
    for _ in range(4):
        sim.undo(maker, sim.recall(maker, batch))
        sizes.append(sim.seal_index())
    sim.confirm_index(auditor, sizes[2])

    def kept(record: Record) -> list[bool]:
        return [record.index_seals[size].view is not None for size in sizes]

    assert kept(sim.record) == [False, False, True, True]
    sim.confirm_index(auditor, sizes[1])  # later than a newer one: on record, and of no use for proofs
    assert sim.record.confirmed_index is sim.record.index_seals[sizes[2]]
    assert list(sim.record.index_seals[sizes[1]].confirmed) == [auditor.address]
    sim.confirm_index(sim.authorities[0], sizes[2])
    assert kept(sim.record) == [False, False, True, True]
    sim.confirm_index(auditor, sizes[3])
    assert kept(sim.record) == [False, False, False, True]
    sim.check()


def test_indexes_that_nobody_confirms_are_not_kept_for_ever() -> None:
    sim, maker, auditor = story()
    batch = sim.register_batch(maker)
    sizes = []
    for _ in range(INDEXES_KEPT + 3):
        sim.recall(maker, batch)
        sizes.append(sim.seal_index())
    kept = [size for size in sizes if sim.record.index_seals[size].view is not None]
    assert kept == sizes[3:]
    sim.confirm_index(auditor, sizes[0])
    assert sim.record.confirmed_index is None


def test_two_records_of_one_log_give_the_same_heads() -> None:
    sim, maker, auditor = story()
    heads: list[Sequence[Any]] = []
    for item in range(1, 6):
        sim.recall(maker, sim.register_batch(maker, gtin=gtin_of(PREFIX, item)))
        sim.seal_index()
        sim.confirm_index(auditor)
    for _ in range(2):
        record = Record(sim.segment)
        for raw in sim.entries:
            record.integrate(decode_entry(raw))
        assert all(sealed.view is None or sealed.view.head == sealed.head for sealed in record.index_seals.values())
        heads.append([sealed.head for sealed in record.index_seals.values()])
    assert heads[0] == heads[1]
