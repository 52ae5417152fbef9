"""Anchoring: the contract is shown each new head with a proof that it extends the last one.

An anchor goes built -> submitted -> mined -> final and is called anchored only when final. The ledger accepts and
serves while the chain is down; anchor lag never changes a verdict.

A chain may leave a transaction waiting; it is then priced anew, with the same nonce. A chain may also take a block
back, even one that counted as final; so the newest final anchor is checked in every round and sent again if it is gone.
`check` reports both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from ledger.ports import AnchoredHead, Log
from ledger.services.record.append import now_ms
from verifier.errors import ProofInvalid, Refused, Unavailable
from verifier.instant import MINUTE, format_instant
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import consistency_proof

PRICE_SECONDS = 60.0
"""How long a transaction waits before it is priced anew. A permissioned chain has a block every 1 to 5 seconds."""
LATE_AFTER = 5 * MINUTE
"""Milliseconds after which an anchor that is not in a block counts as late."""


class AnchorState(StrEnum):
    """How far an anchor has come; a block that is reorganised away takes it back to submitted.

    REVERTED: the contract refused it, or no node takes it any more, for example because its nonce was used.
    """

    BUILT = "built"
    SUBMITTED = "submitted"
    MINED = "mined"
    FINAL = "final"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor transaction: its claim and its state. Hashes are 0x and lower hex.

    `raw` is empty and `nonce` -1 for one that was found on the chain and is not remembered here. `built_at` (ms): when
    its first transaction was made; 0 for now.
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
    built_at: int = 0


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

    def raised(self, raw: bytes) -> tuple[bytes, str] | None:
        """The same transaction for a higher fee: raw bytes and hash; None when no higher fee is called for, or wise."""
        ...

    def used(self, nonce: int) -> bool:
        """Whether the operator's account has a transaction with that nonce in a block."""
        ...

    def height(self) -> int:
        """The number of the node's newest block."""
        ...


class Anchoring:
    """Brings signed heads onto the chain, one at a time. `seconds` is a clock that never goes back."""

    def __init__(
        self, log: Log, chain: AnchorChain, store: AnchorStore, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._chain, self._store, self._seconds = log, chain, store, seconds
        self._priced: dict[int, float] = {}
        self._taken_back: Anchor | None = None

    def anchor_now(self, head: Checkpoint) -> Anchor:
        """Send one signed head to the contract and follow it as far as the chain is now.

        While an earlier anchor is on its way, that one is returned and nothing is sent. A second one would be built on
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
            return (
                known
                if known is not None and known.state is not AnchorState.REVERTED
                else self._found(head.size, head.root)
            )
        if anchored.size > head.size or (anchored.size == head.size and anchored.root != head.root):
            raise ProofInvalid(
                f"couldn't anchor size {head.size}: the contract holds size {anchored.size} with another history",
                code="foreign_anchor",
            )
        return self._settle(self._build(anchored.size, head))

    def follow(self) -> None:
        """Take every open anchor one step further. Anchors lost with a block, final or not, are sent again."""
        self._look_back()
        for anchor in self._store.open():
            self._settle(anchor)

    def check(self, now: int | None = None) -> None:
        """Report problems that are already being put right. `now`: ms.

        Raises Unavailable (`anchor_taken_back`: the chain dropped a final anchor, and none covers it again yet;
        `anchor_late`: one has been under way for minutes).
        """
        lost, final = self._taken_back, self.final()
        if lost is not None and (final is None or final.size < lost.size):
            raise Unavailable(
                f"couldn't keep the anchor of size {lost.size}: the chain has taken back block {lost.block_number}; it "
                "is anchored again",
                code="anchor_taken_back",
            )
        self._taken_back = None
        for anchor in self._store.open():
            if anchor.state is not AnchorState.MINED and (now or now_ms()) - anchor.built_at > LATE_AFTER:
                raise Unavailable(
                    f"couldn't anchor size {anchor.size} yet: transaction {anchor.tx_hash} is in no block; the first "
                    f"one was made at {format_instant(anchor.built_at)}",
                    code="anchor_late",
                )

    def status(self) -> dict[str, Any]:
        """The newest anchor of each state, as JSON."""
        final, last = self._store.newest(AnchorState.FINAL), self._store.newest()
        return {"anchored": describe(final) if final else None, "latest": describe(last) if last else None}

    def final(self) -> Anchor | None:
        """The newest final anchor."""
        return self._store.newest(AnchorState.FINAL)

    def _found(self, size: int, root: bytes) -> Anchor:
        """An anchor that the contract has and this home has forgotten, for example after a restore.

        Sending it again would have no effect there, and so no event.
        """
        accepted = self._chain.accepted(size)
        if accepted is None:
            raise Unavailable(f"couldn't find the anchor of size {size} in a final block yet", code="chain_slow")
        previous_size, tx_hash, number, block_hash = accepted
        proof = self._proof(previous_size, size)
        anchor = Anchor(
            size, root, previous_size, proof, b"", tx_hash, -1, AnchorState.FINAL, number, block_hash, now_ms()
        )
        self._store.put(anchor)
        return anchor

    def _proof(self, previous_size: int, size: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(previous_size, size, self._log.hashes())) if previous_size else ()

    def _build(self, previous_size: int, head: Checkpoint) -> Anchor:
        proof = self._proof(previous_size, head.size)
        raw, tx_hash, nonce = self._chain.build(previous_size, head.size, head.root, proof)
        anchor = Anchor(
            head.size, head.root, previous_size, proof, raw, tx_hash, nonce, AnchorState.BUILT, built_at=now_ms()
        )
        # If we stop after this line, restart finds the signed bytes and sends the same transaction.
        self._store.put(anchor)
        return anchor

    def _look_back(self) -> None:
        """Whether the newest final anchor is 1. in its block; 2. in another one; 3. nowhere: then it is sent again."""
        while (final := self._store.newest(AnchorState.FINAL)) is not None:
            state, number, block_hash = self._chain.locate(final.tx_hash)
            if state is AnchorState.FINAL and block_hash == final.block_hash:  # 1
                return
            if state in (AnchorState.FINAL, AnchorState.MINED):  # 2
                self._store.put(replace(final, state=state, block_number=number, block_hash=block_hash))
                continue
            if self._chain.anchored().size >= final.size:
                return  # the contract holds it; the node has forgotten the transaction, which it may
            if self._chain.height() < (final.block_number or 0):
                raise Unavailable(
                    f"couldn't look at the anchor of size {final.size}: the node has not come to block "
                    f"{final.block_number}",
                    code="chain_behind",
                )
            self._taken_back = final  # 3
            again = AnchorState.SUBMITTED if final.raw else AnchorState.REVERTED
            # If we stop after this line, restart sends the same bytes, or builds others where they were never known.
            self._store.put(replace(final, state=again, block_number=None, block_hash=None, built_at=now_ms()))

    def _settle(self, anchor: Anchor) -> Anchor:
        state, number, block_hash = self._chain.locate(anchor.tx_hash)
        if state in (AnchorState.BUILT, AnchorState.SUBMITTED):
            anchor = self._priced_anew(anchor)
            try:
                self._chain.send(anchor.raw)
            except Refused as refusal:
                return self._not_taken(anchor, refusal)
            state, number, block_hash = self._chain.locate(anchor.tx_hash)
        if state not in (AnchorState.BUILT, AnchorState.SUBMITTED):
            self._priced.pop(anchor.size, None)
        moved = replace(anchor, state=state, block_number=number, block_hash=block_hash)
        if moved != anchor:
            self._store.put(moved)
        if state is AnchorState.REVERTED:
            words = self._chain.refusal(anchor.tx_hash)
            raise Refused(
                f"couldn't anchor size {anchor.size}: the contract refused transaction {anchor.tx_hash} with {words}",
                code="chain_refused",
            )
        return moved

    def _priced_anew(self, anchor: Anchor) -> Anchor:
        """The same anchor for a higher fee, when it has waited long enough. Its nonce stays: only one can be mined."""
        now = self._seconds()
        if now - self._priced.setdefault(anchor.size, now) < PRICE_SECONDS:
            return anchor
        self._priced[anchor.size] = now
        raised = self._chain.raised(anchor.raw)
        if raised is None:
            return anchor
        anchor = replace(anchor, raw=raised[0], tx_hash=raised[1])
        # If we stop after this line, restart sends the dearer one. If the cheaper one is mined after all, the node
        # refuses this one for its nonce, and the contract's own event tells which it was.
        self._store.put(anchor)
        return anchor

    def _not_taken(self, anchor: Anchor, refusal: Refused) -> Anchor:
        """The node did not take a transaction: an earlier pricing was mined, or its nonce went elsewhere, or not yet.

        Raises the refusal again, unless the anchor is there.
        """
        held = self._chain.anchored()
        if (held.size, held.root) == (anchor.size, anchor.root):
            return self._found(anchor.size, anchor.root)
        if self._chain.used(anchor.nonce):
            # These bytes will never be taken; left open they would stop every later round as well.
            self._store.put(replace(anchor, state=AnchorState.REVERTED))
        raise refusal


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
