"""The anchor of a file of evidence: that its tree extends a head which the contract accepted."""

from __future__ import annotations

from dataclasses import replace

from verifier.chain_event import Anchored, ChainReader, Where, anchored_query, parse_anchored
from verifier.checkpoint import Checkpoint
from verifier.errors import ProofInvalid, Refused
from verifier.evidence_file import AnchorProof
from verifier.founding import Founding
from verifier.merkle import verify_consistency


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
    """Ask a node for the anchor's event. Raises Unavailable, Refused (another chain), ProofInvalid."""
    chain_id = chain.chain_id()
    logs = chain.logs(anchored_query(founding, anchor.size, anchor.block_hash))
    if chain_id != founding.chain_id:
        raise Refused(f"couldn't ask the chain: got chain {chain_id}, expected {founding.chain_id}")
    where = Where(anchor.block_number, anchor.block_hash, anchor.transaction, 0)
    wanted = Anchored(anchor.size, anchor.root, anchor.previous_size, where)
    found = (parse_anchored(log, founding) for log in logs)
    if not any(replace(event, where=replace(event.where, log_index=0)) == wanted for event in found):
        raise ProofInvalid(
            f"couldn't find the anchor: {founding.anchor} emitted no such event in {anchor.transaction}",
            code="anchor_missing",
        )
