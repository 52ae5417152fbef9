"""The highest head of ours that others have seen: what a signer asks before it signs anything after a start.

A database can be restored from an old copy, and `signed_head` with it, when both lay on one disk. What witnesses
cosigned, what the contract holds and what we published cannot be restored with them. A foreign head counts only with
our own signature on it, or as our anchor: else anybody could stop a log by inventing one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from ledger.ports import AnchoredHead, Log, WitnessReply
from verifier.errors import CarnetError, Malformed, ProofInvalid, Stopped, Unavailable
from verifier.record.founding import log_id
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.merkle import root_at
from verifier.tree.note_key import VerifierKey
from verifier.tree.policy import Policy


class Monitored(Protocol):
    """A witness whose memory can be read."""

    def checkpoint(self, origin_hash: str) -> WitnessReply:
        """The newest checkpoint it cosigned of the log with this SHA-256 of its origin. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class ForeignHead:
    """A head of ours that somebody else holds: size, root (32 bytes), and who, for people."""

    size: int
    root: bytes
    holder: str


@dataclass(slots=True)
class Seen:
    """What was asked before signing. `witnesses` answered, by name; `silent` says of the others why not."""

    heads: list[ForeignHead] = field(default_factory=list)
    witnesses: set[str] = field(default_factory=set)
    silent: dict[str, str] = field(default_factory=dict)
    chain: bool = False

    def lacking(self, policy: Policy | None) -> list[str]:
        """Whose word is missing for a log that does not know itself what it signed."""
        lacking = [] if self.chain else ["the chain"]
        if policy is not None and not policy.satisfied(self.witnesses):
            lacking.append("a quorum of witnesses")
        if not any(head.size for head in self.heads):
            lacking.append("any head of ours that somebody else holds")
        return lacking


def ask(
    keys: Sequence[VerifierKey],
    witnesses: Mapping[str, Monitored],
    anchored: Callable[[], AnchoredHead] | None,
    published: Callable[[], bytes | None],
) -> Seen:
    """Ask everybody at once: witnesses by name, the contract (None: no chain is open), and our own published folder.

    `keys`: the log's own, all named by its origin. Who cannot be reached is silent; it is no error here.
    """
    seen = Seen()
    with ThreadPoolExecutor(max_workers=len(witnesses) or 1) as pool:
        asked = {name: pool.submit(_ask_witness, witness, keys) for name, witness in witnesses.items()}
    for name, future in asked.items():
        try:
            found = future.result()
        except CarnetError as error:
            seen.silent[f"witness {name}"] = str(error)
            continue
        seen.witnesses.add(name)
        if found is not None:
            seen.heads.append(ForeignHead(found.size, found.root, f"witness {name}"))
    if anchored is not None:
        try:
            head = anchored()
            seen.chain = True
            seen.heads += [ForeignHead(head.size, head.root, "the anchor contract")] if head.size else []
        except Unavailable as error:
            seen.silent["the chain"] = str(error)
    try:
        note = published()
        if note is not None:
            own = own_checkpoint(note, keys)
            seen.heads.append(ForeignHead(own.size, own.root, "the published log"))
    except CarnetError as error:
        seen.silent["the published log"] = str(error)
    return seen


def check(seen: Seen, log: Log) -> None:
    """Check that storage holds every head that others have seen of us, and under the same root.

    Raises Stopped (`signed_head_ahead`: storage was restored from an old copy), ProofInvalid (`fork`: two histories
    bear our signature; `foreign_anchor`: the contract holds another history).
    """
    head, hashes = log.head(), log.hashes()
    for foreign in sorted(seen.heads, key=lambda foreign: -foreign.size):
        if foreign.size > head.size:
            raise Stopped(
                f"couldn't open the log for writing: {foreign.holder} holds {foreign.size} entries under our name and "
                f"storage holds {head.size}; it was restored from an old copy: fetch the missing entries from a mirror",
                code="signed_head_ahead",
            )
        if root_at(foreign.size, hashes) != foreign.root:
            raise ProofInvalid(
                f"couldn't open the log for writing: {foreign.holder} holds another history of its first "
                f"{foreign.size} entries",
                code="foreign_anchor" if foreign.holder == "the anchor contract" else "fork",
            )


def own_checkpoint(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """A checkpoint with the signature of one of our own keys. Raises Malformed, ProofInvalid."""
    for key in keys[:-1]:
        try:
            return open_checkpoint(note, key).checkpoint
        except ProofInvalid:
            continue
    return open_checkpoint(note, keys[-1]).checkpoint


def _ask_witness(witness: Monitored, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    """What a witness cosigned last of us; None if nothing, which it says with 404 (C2SP tlog-witness)."""
    reply = witness.checkpoint(log_id(keys[0].name).hex())
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise Unavailable(f"couldn't read what it cosigned: it answered {reply.status}", code="witness_unavailable")
    try:
        return own_checkpoint(reply.body, keys)
    except Malformed as error:
        raise ProofInvalid(f"couldn't read what it cosigned: {error}", code=error.code) from error
