"""Anchors and their states, against a chain that mines, forgets and refuses when it is told to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from ledger_world import World, gtin
from sqlalchemy import delete

from ledger.ports import AnchoredHead, Log
from ledger.services.outward.anchoring import Anchoring, AnchorState
from ledger.storage import schema
from ledger.storage.anchor import AnchorTable
from ledger.storage.database import create_all, open_database, writing
from verifier.errors import ProofInvalid, Refused, Unavailable
from verifier.evidence.file import decode_evidence
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import MemoryTree, leaf_hash, root_at, verify_consistency

TREE = MemoryTree([leaf_hash(bytes([n])) for n in range(32)])


class Tree:
    """The part of a log that anchoring reads."""

    def hashes(self) -> MemoryTree:
        return TREE


class Chain:
    """A contract and its node. Transactions wait in `pool` until `mine`."""

    def __init__(self) -> None:
        self.head, self.nonce, self.mined = AnchoredHead(0, b""), 0, dict[str, tuple[int, tuple[int, int, bytes]]]()
        self.pool: dict[str, tuple[int, int, bytes]] = {}
        self.built: dict[bytes, tuple[str, tuple[int, int, bytes]]] = {}
        self.refuses, self.final = False, True

    def anchored(self) -> AnchoredHead:
        return self.head

    def accepted(self, size: int) -> tuple[int, str, int, str] | None:
        found = [(p, tx, block) for tx, (block, (p, s, _)) in self.mined.items() if s == size and p != s]
        return next(((p, tx, block, "0x" + "bb" * 32) for p, tx, block in found if self.final), None)

    def build(self, previous: int, size: int, root: bytes, proof: Sequence[bytes]) -> tuple[bytes, str, int]:
        if previous:
            verify_consistency(previous, root_at(previous, TREE), size, root, proof)
        self.nonce += 1
        raw = f"{self.nonce}:{previous}:{size}".encode()
        self.built[raw] = "0x" + hashlib.sha256(raw).hexdigest(), (previous, size, root)
        return raw, self.built[raw][0], self.nonce

    def send(self, raw: bytes) -> None:
        if self.refuses:
            raise Refused("couldn't send a transaction: nonce too low", code="chain_refused")
        tx, call = self.built[raw]
        self.pool[tx] = call

    def mine(self) -> None:
        for tx, call in self.pool.items():
            assert call[0] == self.head.size, "a transaction that the contract refuses was sent"
            self.head = AnchoredHead(call[1], call[2])
            self.mined[tx] = len(self.mined) + 1, call
        self.pool.clear()

    def locate(self, tx_hash: str) -> tuple[AnchorState, int | None, str | None]:
        if tx_hash in self.mined:
            state = AnchorState.FINAL if self.final else AnchorState.MINED
            return state, self.mined[tx_hash][0], "0x" + "bb" * 32
        return (AnchorState.SUBMITTED if tx_hash in self.pool else AnchorState.BUILT), None, None

    def refusal(self, tx_hash: str) -> str:
        raise AssertionError(tx_hash)

    def raised(self, raw: bytes) -> None:
        assert raw in self.built

    def used(self, nonce: int) -> bool:
        return nonce <= self.nonce

    def height(self) -> int:
        return len(self.mined)


@pytest.fixture
def table(database_url: str) -> Iterator[AnchorTable]:
    engine = open_database(database_url)
    create_all(engine)
    yield AnchorTable(engine)
    engine.dispose()


def head(size: int) -> Checkpoint:
    return Checkpoint("ledger.example/goods", size, root_at(size, TREE))


def anchoring(chain: Chain, table: AnchorTable) -> Anchoring:
    return Anchoring(cast("Log", Tree()), cast("Any", chain), table)


def test_an_anchor_is_called_anchored_only_when_final(table: AnchorTable) -> None:
    chain = Chain()
    chain.final = False
    one = anchoring(chain, table)
    assert one.anchor_now(head(3)).state is AnchorState.SUBMITTED
    chain.mine()
    assert one.anchor_now(head(3)).state is AnchorState.MINED
    assert one.final() is None
    chain.final = True
    one.follow()
    final = one.final()
    assert final is not None
    assert (final.size, final.state) == (3, AnchorState.FINAL)


def test_while_one_is_on_its_way_no_second_is_sent(table: AnchorTable) -> None:
    chain = Chain()
    one = anchoring(chain, table)
    one.anchor_now(head(3))
    for _ in range(3):
        assert one.anchor_now(head(7)).size == 3
    assert len(chain.built) == 1
    chain.mine()
    one.anchor_now(head(7))
    chain.mine()
    one.follow()
    final = one.final()
    assert final is not None
    assert (final.previous_size, final.size) == (3, 7)


def test_a_lost_transaction_is_sent_again_after_a_restart(table: AnchorTable) -> None:
    chain = Chain()
    anchoring(chain, table).anchor_now(head(3))
    chain.pool.clear()
    anchoring(chain, table).follow()
    assert len(chain.built) == 1, "the very same bytes"
    chain.mine()
    anchoring(chain, table).follow()
    assert table.final_size() == 3


def test_what_no_node_takes_any_more_does_not_stop_later_anchors(table: AnchorTable) -> None:
    chain = Chain()
    one = anchoring(chain, table)
    one.anchor_now(head(3))
    chain.pool.clear()
    chain.refuses = True  # the operator's key was used elsewhere, with this nonce
    with pytest.raises(Refused):
        one.anchor_now(head(3))
    chain.refuses = False
    one.anchor_now(head(4))
    chain.mine()
    one.follow()
    assert table.final_size() == 4


def test_a_head_of_another_history_is_an_alarm(table: AnchorTable) -> None:
    chain = Chain()
    chain.head = AnchoredHead(9, bytes(32))
    with pytest.raises(ProofInvalid) as foreign:
        anchoring(chain, table).anchor_now(head(9))
    assert foreign.value.code == "foreign_anchor"
    assert not chain.built


def test_a_forgotten_anchor_is_found_on_the_chain_again(table: AnchorTable) -> None:
    chain = Chain()
    one = anchoring(chain, table)
    for size in (3, 7):
        one.anchor_now(head(size))
        chain.mine()
    one.follow()
    with writing(table._engine) as connection:
        connection.execute(delete(schema.anchor).where(schema.anchor.c.size == 7))
    chain.final = False
    with pytest.raises(Unavailable):
        one.anchor_now(head(7))
    chain.final = True
    found = one.anchor_now(head(7))
    assert (found.previous_size, found.state, len(chain.built)) == (3, AnchorState.FINAL, 2)
    assert table.get(7) == found


@pytest.mark.node
def test_proofs_go_on_after_anchors_were_forgotten(tmp_path: Path) -> None:
    """On a real chain: restored from a copy taken between an append and its anchor."""
    world = World.found(tmp_path / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", "9521234")
        batch = world.register(ledger, maker, gtin("9521234", 1), "L1")
        ledger.anchor_now()
        with writing(ledger.engine) as connection:
            connection.execute(delete(schema.anchor))
    with world.open() as ledger:
        anchored = ledger.anchor_now()["anchored"]
        assert anchored["previous_size"] < anchored["size"] == ledger.record.size
        anchor = decode_evidence(ledger.proofs.for_entry(batch.receipt.index)).anchor
        assert anchor is not None
        assert (anchor.size, anchor.transaction) == (anchored["size"], anchored["transaction"])
