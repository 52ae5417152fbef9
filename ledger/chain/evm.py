"""Registry and anchor contract on an EVM chain: founding them, proposals, heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode as abi_encode

from ledger.chain.abi import constructor_types, decode_event, encode_call, event_topic
from ledger.chain.artefacts import artefact
from ledger.chain.proposals import EXECUTED, REGISTRY, decode_executed, encode_proposal
from ledger.chain.reader import read_logs
from ledger.chain.transactions import Receipt, SignedTransaction, Transactions
from ledger.keys.account import LocalAccount
from verifier.errors import ProofInvalid, Unavailable
from verifier.record.founding import Authority
from verifier.record.participant import Mirrored
from verifier.record.statement import Proposal

ANCHOR = "LedgerAnchor"

# Gas limits, given so that no estimate is needed; the measured use stands in docs/spec/contracts.md.
_GAS_DEPLOY_REGISTRY, _GAS_SEAT = 3_200_000, 150_000
_GAS_DEPLOY_ANCHOR = 1_500_000
_GAS_PROPOSAL, _GAS_VOTE = 800_000, 30_000
_GAS_ANCHOR, _GAS_HASH = 120_000, 2_000


@dataclass(frozen=True, slots=True)
class AnchoredEvent:
    """One head the contract accepted. `root` 32 bytes; block hash and transaction 0x and lower hex."""

    log_id: bytes
    size: int
    root: bytes
    previous_size: int
    block_number: int
    block_hash: str
    transaction: str
    log_index: int


class EvmChain(Transactions):
    """One EVM chain with the two contracts of a ledger, once `use` or the deployments have named them."""

    registry: str = ""
    anchor: str = ""

    def use(self, registry: str, anchor: str) -> None:
        """Name the contracts (0x, 40 lower hex) of an existing ledger."""
        self.registry, self.anchor = registry, anchor

    # founding

    def deploy_registry(self, log_id: bytes, authorities: Sequence[Authority], rules: int) -> str:
        """Create the registry of a log that starts with this version of the rules; returns its address (0x, 40 hex).

        Raises ChainRefused for authorities the contract does not take, Unavailable.
        """
        founders = [(a.account, a.country, a.recovery) for a in authorities]
        gas = _GAS_DEPLOY_REGISTRY + _GAS_SEAT * len(founders)
        self.registry = self._deploy(REGISTRY, gas, log_id, rules, founders)
        return self.registry

    def deploy_anchor(self) -> str:
        """Create the anchor contract that obeys the registry in use; returns its address."""
        self.anchor = self._deploy(ANCHOR, _GAS_DEPLOY_ANCHOR, self.registry)
        return self.anchor

    # proposals

    def execute(self, kind: str, body: Mapping[str, Any], signatures: Sequence[str]) -> Receipt:
        """Relay a proposal with its votes (0x, 130 lower hex) and wait until it is in a block.

        Raises Malformed, ChainRefused with the registry's custom error, Unavailable.
        """
        data = encode_proposal(Proposal(kind), body, signatures)
        return self.relayed(self.registry, data, _GAS_PROPOSAL + _GAS_VOTE * len(signatures))

    def proposals(self, after_sequence: int = 0, from_block: int = 0) -> Iterator[Mirrored]:
        """Proposals executed in final blocks after a sequence number, in (block, logIndex) order.

        `from_block` only saves searching: no earlier block is read.

        Raises ProofInvalid (`proposal_gap`) when one is missing, Unavailable.
        """
        newest = self.finality.newest(self.rpc)
        if newest < 0:
            return
        (count,) = self.view(REGISTRY, self.registry, "sequence", block=hex(newest))
        expected = after_sequence + 1
        if count < after_sequence:
            raise ProofInvalid(
                f"couldn't read proposals: {after_sequence} were known and the registry has {count}",
                code="proposal_gap",
            )
        if count == after_sequence:
            return
        for log in self._logs(self.registry, [event_topic(REGISTRY, EXECUTED)], from_block, newest):
            if int(log["topics"][1], 16) < expected:
                continue
            mirrored = decode_executed(log, self._block_time(log))
            if mirrored.sequence != expected:
                break
            expected += 1
            yield mirrored
        if expected != count + 1:
            raise ProofInvalid(
                f"couldn't read proposal {expected} of {count}: its event is missing", code="proposal_gap"
            )

    # heads

    def head(self, log_id: bytes, *, final: bool = False) -> tuple[int, bytes]:
        """Size and root (32 bytes) the anchor contract holds; (0, zeros) before the first. Raises Unavailable."""
        block = hex(max(0, self.finality.newest(self.rpc))) if final else "latest"
        size, root = self.view(ANCHOR, self.anchor, "head", log_id, block=block)
        return size, root

    def build_anchor(
        self,
        key: LocalAccount,
        log_id: bytes,
        previous_size: int,
        size: int,
        root: bytes,
        proof: Sequence[bytes],
        nonce: int | None = None,
    ) -> SignedTransaction:
        """Sign the transaction that anchors (size, root) on top of the stored head. Sends nothing."""
        data = encode_call(ANCHOR, "anchor", log_id, previous_size, size, root, list(proof))
        return self.build(key, self.anchor, data, _GAS_ANCHOR + _GAS_HASH * len(proof), nonce)

    def anchored_events(self, log_id: bytes, from_block: int = 0) -> Iterator[AnchoredEvent]:
        """The anchors of a log in final blocks, oldest first. Raises Unavailable."""
        topics = [event_topic(ANCHOR, "Anchored"), "0x" + log_id.hex()]
        for log in self._logs(self.anchor, topics, from_block, self.finality.newest(self.rpc)):
            event = decode_event(ANCHOR, "Anchored", log["topics"], log["data"])
            yield AnchoredEvent(
                log_id=event["logId"],
                size=event["size"],
                root=event["root"],
                previous_size=event["previousSize"],
                block_number=int(log["blockNumber"], 16),
                block_hash=log["blockHash"],
                transaction=log["transactionHash"],
                log_index=int(log["logIndex"], 16),
            )

    def _deploy(self, contract: str, gas: int, *arguments: Any) -> str:
        code = artefact(contract).bytecode + abi_encode(constructor_types(contract), arguments)
        receipt = self.relayed(None, code, gas)
        if receipt.contract is None:
            raise Unavailable(f"couldn't create {contract}: the receipt names no contract", code="chain_contract")
        return receipt.contract.lower()

    def _logs(self, address: str, topics: Sequence[str], first: int, last: int) -> Iterator[Mapping[str, Any]]:
        return read_logs(self.rpc, {"address": address, "topics": list(topics)}, first, last)

    def latest_time(self) -> int:
        """The time of the newest block (ms); chains may idle, so it is no clock. Raises Unavailable."""
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["timestamp"], 16) * 1000

    def _block_time(self, log: Mapping[str, Any]) -> int:
        block = self.rpc.call("eth_getBlockByNumber", log["blockNumber"], False)
        if block is None or block["hash"] != log["blockHash"]:
            raise Unavailable(
                f"couldn't read block {int(log['blockNumber'], 16)}: it changed while it was read",
                code="chain_reorganised",
            )
        return int(block["timestamp"], 16) * 1000
