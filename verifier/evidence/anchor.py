"""The anchor of a file of evidence: that its tree extends a head which the contract accepted."""

from __future__ import annotations

from dataclasses import replace

from verifier.chain.event import Anchored, ChainReader, Where, anchored_query, parse_anchored
from verifier.chain.view import head_at
from verifier.errors import ProofInvalid, Refused, Unavailable
from verifier.evidence.file import AnchorProof
from verifier.record.founding import Founding
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import verify_consistency


def check_anchor(anchor: AnchorProof, head: Checkpoint) -> None:
    """Check that a head extends an anchor. Raises ProofInvalid."""
    if not anchor.previous_size < anchor.size <= head.size:
        raise ProofInvalid(
            f"couldn't check the anchor: got sizes {anchor.previous_size}, {anchor.size}, {head.size}, expected them "
            "to rise",
            code="anchor_size",
        )
    verify_consistency(anchor.size, anchor.root, head.size, head.root, anchor.path)


def check_on_chain(anchor: AnchorProof, founding: Founding, chain: ChainReader) -> None:
    """Ask a node for the anchor's event.

    Raises ProofInvalid (`anchor_missing`) when the chain denies it, Refused for a node of another chain, Unavailable
    when the node cannot know: it lags, prunes, or leaves events out.
    """
    chain_id = chain.chain_id()
    if chain_id != founding.chain_id:
        raise Refused(f"couldn't ask the chain: got chain {chain_id}, expected {founding.chain_id}")
    block = chain.block(anchor.block_number)
    if block is not None and block.block_hash != anchor.block_hash:
        raise _missing(f"block {anchor.block_number} of the chain is another one")
    logs = chain.logs(anchored_query(founding, anchor.size, anchor.block_hash))
    where = Where(anchor.block_number, anchor.block_hash, anchor.transaction, 0)
    wanted = Anchored(anchor.size, anchor.root, anchor.previous_size, where)
    found = [parse_anchored(log, founding) for log in logs]
    if any(replace(event, where=replace(event.where, log_index=0)) == wanted for event in found):
        return
    if block is None and not found:  # of a block that it has by its hash it tells the true number
        raise _unknown(anchor, chain)
    if block is not None and not found and head_at(chain, founding, block)[0] >= anchor.size:
        if _held_before(anchor, founding, chain):
            raise _missing(f"the contract held {anchor.size} entries or more before block {anchor.block_number}")
        raise Unavailable(
            f"couldn't find the anchor: the contract held {anchor.size} entries or more by then, and the node "
            "leaves out the event; it may keep no old events",
            code="chain_incomplete",
        )
    raise _missing(f"{founding.anchor} emitted no such event in {anchor.transaction}")


def _held_before(anchor: AnchorProof, founding: Founding, chain: ChainReader) -> bool:
    """Whether the contract had that size before the block, so that no event of it can be in it. False: not known."""
    try:
        before = chain.block(anchor.block_number - 1) if anchor.block_number else None
        return before is not None and head_at(chain, founding, before)[0] >= anchor.size
    except Unavailable:
        return False


def _unknown(anchor: AnchorProof, chain: ChainReader) -> Unavailable:
    """A node that does not have the block cannot deny what is in it."""
    newest = chain.block()
    come = newest.number if newest is not None else "none"
    return Unavailable(
        f"couldn't find the anchor: it is in block {anchor.block_number}, which the node does not have; its newest "
        f"block is {come}",
        code="chain_behind",
    )


def _missing(why: str) -> ProofInvalid:
    return ProofInvalid(f"couldn't find the anchor: {why}", code="anchor_missing")
