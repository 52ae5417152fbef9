"""Anchoring: the contract is shown each new head with a proof that it extends the last one.

An anchor goes built -> submitted -> mined -> final and is called anchored only when final. The ledger accepts and
serves while the chain is down; anchor lag never changes a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from ledger.ports import AnchoredHead, Log
from verifier.checkpoint import Checkpoint
from verifier.errors import ProofInvalid, Refused, Unavailable
from verifier.merkle import consistency_proof


class AnchorState(StrEnum):
    """How far an anchor has come; a block that is reorganised away takes it back to submitted.

    REVERTED: the contract refused it, or no node takes it any more, say because its nonce was used.
    """

    BUILT = "built"
    SUBMITTED = "submitted"
    MINED = "mined"
    FINAL = "final"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor transaction: what it claims and where it stands. Hashes are 0x and lower hex.

    `raw` is empty and `nonce` -1 for one that was found on the chain and is not remembered here.
    """

    size: int
    root: bytes
    previous_size: int
    proof: tuple[bytes, ...]
    raw: bytes
    tx_hash: str
    nonce: int
    state: AnchorState
    block_number: int | None = None
    block_hash: str | None = None


class AnchorStore(Protocol):
    """Anchors kept beside the log, keyed by size."""

    def get(self, size: int) -> Anchor | None:
        """The anchor for a size."""
        ...

    def put(self, anchor: Anchor) -> None:
        """Keep an anchor, replacing an earlier state of the same size. Durable when it returns."""
        ...

    def newest(self, state: AnchorState | None = None) -> Anchor | None:
        """The anchor with the largest size, in one state if given."""
        ...

    def open(self) -> Sequence[Anchor]:
        """Anchors that are not final and not reverted, smallest size first."""
        ...


class AnchorChain(Protocol):
    """The anchor contract, through the operator's key."""

    def anchored(self) -> AnchoredHead:
        """The head the contract holds now (size 0 before the first anchor)."""
        ...

    def accepted(self, size: int) -> tuple[int, str, int, str] | None:
        """The final anchor of exactly this size: previous size, transaction hash, block number, block hash."""
        ...

    def build(self, previous_size: int, size: int, root: bytes, proof: Sequence[bytes]) -> tuple[bytes, str, int]:
        """Sign an anchor transaction; returns raw bytes, transaction hash, nonce. Sends nothing."""
        ...

    def send(self, raw: bytes) -> None:
        """Send (again) a signed transaction; a repeat is no error."""
        ...

    def locate(self, tx_hash: str) -> tuple[AnchorState, int | None, str | None]:
        """Where a transaction stands: state, block number, block hash."""
        ...

    def refusal(self, tx_hash: str) -> str:
        """The contract's own words for a transaction that reverted."""
        ...


class Anchoring:
    """Brings signed heads onto the chain, one at a time."""

    def __init__(self, log: Log, chain: AnchorChain, store: AnchorStore) -> None:
        self._log, self._chain, self._store = log, chain, store

    def anchor_now(self, head: Checkpoint) -> Anchor:
        """Bring one signed head to the contract and follow it as far as the chain goes now.

        While an earlier anchor is on its way, that one is returned and nothing is sent: a second one would be built on
        a head that the contract no longer holds when its turn comes.

        Raises Unavailable, Refused (`chain_refused`: the contract's own words), ProofInvalid (`foreign_anchor`).
        """
        self.follow()
        under_way = [anchor for anchor in self._store.open() if anchor.state is not AnchorState.MINED]
        if under_way:
            return under_way[-1]
        anchored = self._chain.anchored()
        if anchored.size == head.size and anchored.root == head.root:
            known = self._store.get(head.size)
            return known if known is not None and known.state is not AnchorState.REVERTED else self._found(head)
        if anchored.size > head.size or (anchored.size == head.size and anchored.root != head.root):
            raise ProofInvalid(
                f"couldn't anchor size {head.size}: the contract holds size {anchored.size} with another history",
                code="foreign_anchor",
            )
        return self._settle(self._build(anchored.size, head))

    def follow(self) -> None:
        """Take every open anchor one step further; what was lost with a block is sent again."""
        for anchor in self._store.open():
            self._settle(anchor)

    def status(self) -> dict[str, Any]:
        """The newest anchor of each state, as JSON."""
        final, last = self._store.newest(AnchorState.FINAL), self._store.newest()
        return {"anchored": describe(final) if final else None, "latest": describe(last) if last else None}

    def final(self) -> Anchor | None:
        """The newest final anchor."""
        return self._store.newest(AnchorState.FINAL)

    def _found(self, head: Checkpoint) -> Anchor:
        """An anchor that the contract has and this home has forgotten, as after a restore. Sending it again does
        nothing there, so there would be no event for it."""
        accepted = self._chain.accepted(head.size)
        if accepted is None:
            raise Unavailable(f"couldn't find the anchor of size {head.size} in a final block yet", code="chain_slow")
        previous_size, tx_hash, number, block_hash = accepted
        proof = self._proof(previous_size, head.size)
        anchor = Anchor(
            head.size, head.root, previous_size, proof, b"", tx_hash, -1, AnchorState.FINAL, number, block_hash
        )
        self._store.put(anchor)
        return anchor

    def _proof(self, previous_size: int, size: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(previous_size, size, self._log.hashes())) if previous_size else ()

    def _build(self, previous_size: int, head: Checkpoint) -> Anchor:
        proof = self._proof(previous_size, head.size)
        raw, tx_hash, nonce = self._chain.build(previous_size, head.size, head.root, proof)
        anchor = Anchor(head.size, head.root, previous_size, proof, raw, tx_hash, nonce, AnchorState.BUILT)
        # If we stop after this line, restart finds the signed bytes and sends the same transaction.
        self._store.put(anchor)
        return anchor

    def _settle(self, anchor: Anchor) -> Anchor:
        state, number, block_hash = self._chain.locate(anchor.tx_hash)
        if state in (AnchorState.BUILT, AnchorState.SUBMITTED):
            try:
                self._chain.send(anchor.raw)
            except Refused:
                # These bytes will never be taken; left open they would stop every later round as well.
                self._store.put(replace(anchor, state=AnchorState.REVERTED))
                raise
            state, number, block_hash = self._chain.locate(anchor.tx_hash)
        moved = replace(anchor, state=state, block_number=number, block_hash=block_hash)
        self._store.put(moved)
        if state is AnchorState.REVERTED:
            words = self._chain.refusal(anchor.tx_hash)
            raise Refused(
                f"couldn't anchor size {anchor.size}: the contract refused transaction {anchor.tx_hash} with {words}",
                code="chain_refused",
            )
        return moved


def describe(anchor: Anchor) -> dict[str, Any]:
    """An anchor as JSON."""
    return {
        "size": anchor.size,
        "root": "0x" + anchor.root.hex(),
        "previous_size": anchor.previous_size,
        "transaction": anchor.tx_hash,
        "state": anchor.state.value,
        "block_number": anchor.block_number,
        "block_hash": anchor.block_hash,
    }
