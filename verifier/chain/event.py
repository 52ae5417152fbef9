"""Events of the two contracts, decoded from what `eth_getLogs` returns, without any library that talks to a chain.

The reader is the verifier's own node. A check with somebody else's node rests on trust in that somebody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eth_utils.crypto import keccak

from verifier.errors import Malformed, ProofInvalid
from verifier.record.founding import Founding
from verifier.record.statement import Proposal, check_hex
from verifier.tree.merkle import MAX_TREE_SIZE

ANCHORED: Final = "0x" + keccak(text="Anchored(bytes32,uint64,bytes32,uint64)").hex()
"""First topic of the anchor contract's event."""
EXECUTED: Final = "0x" + keccak(text="ProposalExecuted(uint64,bytes32,uint8,bytes,bytes[])").hex()
"""First topic of the registry's event."""

KINDS: Final = tuple(Proposal)
"""The contract's kinds 1, 2, 3 …, in order (docs/spec/contracts.md)."""
VOTES_MAX: Final = 64
"""Signatures in one decision: as many as a registry has authorities."""

RawLog = Mapping[str, Any]
"""One element of an `eth_getLogs` answer, as JSON-RPC gives it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its number, its hash (0x and 64 lower hex), its time (ms; the chain counts whole seconds)."""

    number: int
    block_hash: str
    time: int


class ChainReader(Protocol):
    """A node of the ledger's chain. Every method raises Unavailable when it gives no answer.

    An empty answer of `logs` is no denial, since nodes prune and lag. `call` asks the contract itself.
    """

    def chain_id(self) -> int:
        """`eth_chainId` as a number."""
        ...

    def logs(self, query: Mapping[str, Any]) -> Sequence[RawLog]:
        """`eth_getLogs` for `address`, `topics` and either `blockHash`, or all blocks up to `toBlock` (hex)."""
        ...

    def block(self, number: int | None = None) -> Block | None:
        """A block by its number, the newest without one; None when the node has none."""
        ...

    def call(self, address: str, data: bytes, block: int) -> bytes:
        """`eth_call` on the state after that block; empty where there is no contract."""
        ...


@dataclass(frozen=True, slots=True)
class Where:
    """The position of an event on the chain. `block_hash` and `transaction` are 0x and 64 lower hex."""

    block_number: int
    block_hash: str
    transaction: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Anchored:
    """The contract accepted a head of this log: size, root (32 bytes) and the size it extends."""

    size: int
    root: bytes
    previous_size: int
    where: Where


@dataclass(frozen=True, slots=True)
class Executed:
    """The registry executed a proposal: its number, the digest (32 bytes) that was signed, kind and votes.

    `signatures` are 0x and lower hex, as they were given to the contract. `encoded` is the ABI encoding of the struct,
    which `chain_decided` reads.
    """

    sequence: int
    digest: bytes
    proposal: Proposal
    signatures: tuple[str, ...]
    where: Where
    encoded: bytes


def anchored_query(founding: Founding, size: int | None = None, block_hash: str | None = None) -> dict[str, Any]:
    """The `eth_getLogs` filter for this log's anchors, or for one of them in one block."""
    topics = [ANCHORED, "0x" + founding.log_id.hex()]
    if size is not None:
        topics.append(f"0x{size:064x}")
    query: dict[str, Any] = {"address": founding.anchor, "topics": topics}
    return query if block_hash is None else {**query, "blockHash": block_hash}


def executed_query(founding: Founding) -> dict[str, Any]:
    """The `eth_getLogs` filter for everything that the registry executed."""
    return {"address": founding.registry, "topics": [EXECUTED]}


def parse_anchored(raw: RawLog, founding: Founding) -> Anchored:
    """Decode one `Anchored` event. Raises ProofInvalid (`chain_event`) if it is no anchor of this log."""
    topics, data = _event(raw, founding.anchor, ANCHORED, 3)
    if topics[1] != founding.log_id or len(data) != 64:
        raise _bad("an anchor of another log, or other data than root and size")
    return Anchored(_uint64(topics[2]), data[:32], _uint64(data[32:]), _where(raw))


def parse_executed(raw: RawLog, founding: Founding) -> Executed:
    """Decode one `ProposalExecuted` event. Raises ProofInvalid (`chain_event`)."""
    topics, data = _event(raw, founding.registry, EXECUTED, 3)
    kind = int.from_bytes(_word(data, 0))
    if not 1 <= kind <= len(KINDS):
        raise _bad(f"a decision of kind {kind}")
    return Executed(
        _uint64(topics[1]), topics[2], KINDS[kind - 1], _votes(data), _where(raw), _bytes(data, _number(data, 32))
    )


def _event(raw: RawLog, address: str, topic: str, topics: int) -> tuple[list[bytes], bytes]:
    try:
        words = [bytes.fromhex(word[2:]) for word in raw["topics"]]
        data, emitter = bytes.fromhex(raw["data"][2:]), raw["address"].lower()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _bad(f"an answer that is no log ({type(error).__name__})") from error
    if emitter != address or len(words) != topics or "0x" + words[0].hex() != topic:
        raise _bad(f"an event of {emitter}, not the one asked for")
    if raw.get("removed") or any(len(word) != 32 for word in words):
        raise _bad("an event of a block that was removed, or topics that are not 32 bytes")
    return words, data


def _where(raw: RawLog) -> Where:
    try:
        block_hash, transaction = raw["blockHash"].lower(), raw["transactionHash"].lower()
        check_hex("blockHash", block_hash, 32)
        check_hex("transactionHash", transaction, 32)
        return Where(int(raw["blockNumber"], 16), block_hash, transaction, int(raw["logIndex"], 16))
    except (Malformed, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _bad("an event that doesn't say where it stands") from error


def _votes(data: bytes) -> tuple[str, ...]:
    """The `bytes[]` of an event's data (kind, proposal, votes). Contract ABI specification, "formal encoding"."""
    at = _number(data, 64)
    count = _number(data, at)
    if count > VOTES_MAX:
        raise _bad(f"{count} votes in one decision")
    votes: list[str] = []
    for number in range(count):
        start = at + 32 + _number(data, at + 32 + 32 * number)
        votes.append("0x" + _bytes(data, start).hex())
    return tuple(votes)


def _bytes(data: bytes, start: int) -> bytes:
    """A `bytes` value: its length, then itself."""
    length = _number(data, start)
    value = data[start + 32 : start + 32 + length]
    if len(value) != length:
        raise _bad("an event whose data is cut short")
    return value


def _number(data: bytes, at: int) -> int:
    """An offset or a length; none can pass the data itself."""
    number = int.from_bytes(_word(data, at))
    if number > len(data):
        raise _bad("an event whose data is cut short")
    return number


def _word(data: bytes, at: int) -> bytes:
    if len(data) < at + 32:
        raise _bad("an event whose data is cut short")
    return data[at : at + 32]


def _uint64(word: bytes) -> int:
    number = int.from_bytes(word, "big")
    if number > MAX_TREE_SIZE:
        raise _bad(f"the number {number}")
    return number


def _bad(got: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't read the chain's answer: got {got}", code="chain_event")
