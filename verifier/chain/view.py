"""A node's view of a ledger's two contracts at one block: their events, and whether these are complete.

Silence is no denial. A node may lag, prune its logs, or cut an answer short without saying so. So the events are
counted against the contracts' own state at the same block: missing ones were left out by the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.crypto import keccak

from verifier.chain.event import (
    Anchored,
    Block,
    ChainReader,
    Executed,
    anchored_query,
    executed_query,
    parse_anchored,
    parse_executed,
)
from verifier.errors import Unavailable
from verifier.record.founding import Founding

_SEQUENCE = keccak(text="sequence()")[:4]
_HEAD = keccak(text="head(bytes32)")[:4]


@dataclass(frozen=True, slots=True)
class RegistryView:
    """The registry at the block `newest`: its decisions by number, and how many it counts itself."""

    newest: Block
    executed: Mapping[int, Executed]
    decided: int

    @property
    def decisions_missing(self) -> str | None:
        """Why the decisions are incomplete, or None if they are complete."""
        if len(self.executed) == self.decided and set(self.executed) == set(range(1, self.decided + 1)):
            return None
        return f"the registry counts {self.decided} decisions, and the node gives {len(self.executed)}"


@dataclass(frozen=True, slots=True)
class ChainView(RegistryView):
    """Both contracts at one block: also the anchors in order, and size and root (32 bytes) that the anchor holds."""

    anchors: tuple[Anchored, ...]
    head: tuple[int, bytes]

    @property
    def anchors_missing(self) -> str | None:
        """Why the anchors are incomplete, or None if they are complete."""
        previous, root = 0, bytes(32)
        for anchor in self.anchors:
            if anchor.previous_size != previous or anchor.size <= previous:
                return f"the node gives {anchor.size} after {anchor.previous_size}, and {previous} before it"
            previous, root = anchor.size, anchor.root
        if (previous, root) != self.head:
            return f"the contract holds size {self.head[0]}, and the node's last anchor is {previous}"
        return None


def read_view(chain: ChainReader, founding: Founding) -> ChainView:
    """Read both contracts at the node's newest block. Raises as `read_registry`."""
    newest = _newest(chain, founding)
    query = {**anchored_query(founding), "toBlock": hex(newest.number)}
    anchors = [parse_anchored(log, founding) for log in chain.logs(query)]
    registry = _registry(chain, founding, newest)
    return ChainView(
        newest,
        registry.executed,
        registry.decided,
        tuple(sorted(anchors, key=lambda event: (event.where.block_number, event.where.log_index))),
        head_at(chain, founding, newest),
    )


def read_registry(chain: ChainReader, founding: Founding) -> RegistryView:
    """Read the registry alone at the node's newest block.

    Raises Unavailable (`chain_other`: a node of another chain; `chain_contract`: no contract there) and ProofInvalid
    (`chain_event`: invalid events).
    """
    return _registry(chain, founding, _newest(chain, founding))


def _newest(chain: ChainReader, founding: Founding) -> Block:
    if (chain_id := chain.chain_id()) != founding.chain_id:
        raise Unavailable(
            f"couldn't ask the chain: got a node of chain {chain_id}, expected {founding.chain_id}", code="chain_other"
        )
    newest = chain.block()
    if newest is None:
        raise Unavailable("couldn't ask the chain: its node has no block", code="chain_behind")
    return newest


def _registry(chain: ChainReader, founding: Founding, newest: Block) -> RegistryView:
    query = {**executed_query(founding), "toBlock": hex(newest.number)}
    executed = [parse_executed(log, founding) for log in chain.logs(query)]
    return RegistryView(newest, {event.sequence: event for event in executed}, decided_at(chain, founding, newest))


def decided_at(chain: ChainReader, founding: Founding, block: Block) -> int:
    """How many decisions the registry has executed up to a block. Raises Unavailable."""
    return int.from_bytes(_ask(chain, founding.registry, _SEQUENCE, 1, block))


def head_at(chain: ChainReader, founding: Founding, block: Block) -> tuple[int, bytes]:
    """Size and root (32 bytes) that the anchor contract holds at a block; (0, zeros) before the first. As above."""
    answer = _ask(chain, founding.anchor, _HEAD + founding.log_id, 2, block)
    return int.from_bytes(answer[:32]), answer[32:]


def _ask(chain: ChainReader, address: str, data: bytes, words: int, block: Block) -> bytes:
    answer = chain.call(address, data, block.number)
    if len(answer) != 32 * words:
        raise Unavailable(
            f"couldn't ask the contract {address}: at block {block.number} the node knows none there; it lags, or "
            "belongs to another chain of the same id",
            code="chain_contract",
        )
    return answer
