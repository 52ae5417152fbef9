"""Approval: k of n countries agree on a proposal, shown by their signatures over the proposal itself.

The one place where votes are counted: for the whole log, for an excerpt of it in a proof file, and for proposals not
sent yet. The registry contract counts by the same rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from verifier.errors import Refused
from verifier.record.statement import Domain, Proposal, digest, recover


def threshold(countries: int) -> int:
    """k: more than half of the countries that have an active authority."""
    return countries // 2 + 1


def target_of(body: Mapping[str, Any]) -> str:
    """The account (0x, lower hex) that a proposal is about, empty for none; it has no vote on it."""
    return str(body.get("participant") or body.get("holder") or body.get("operator") or "")


def subject_of(body: Mapping[str, Any]) -> str:
    """What a decision is about, as `Standing.decisions` names it: an address, a company prefix, or `rules_raised`."""
    subject = body.get("participant") or body.get("prefix") or body.get("operator")
    return str(subject or Proposal.RULES_RAISED.value)


def check_approval(
    proposal: Proposal,
    body: Mapping[str, Any],
    signatures: Sequence[str],
    domain: Domain,
    seats: Mapping[str, str],
    active: Collection[str],
) -> bytes:
    """Count the votes on a proposal; returns its digest (32 bytes).

    `seats` maps every authority's account to its country; `active` are those that are not suspended. A country votes
    once, the target not at all. Strangers and repeats are refused rather than skipped, as the contract refuses them:
    a relayer could otherwise fill an entry with junk. Raises Refused (`not_approved`, and the codes of `recover`).
    """
    identity = digest(proposal, body, domain)
    signers = [recover(identity, signature) for signature in signatures]
    if len(set(signers)) != len(signers) or not set(signers) <= set(seats):
        raise Refused(
            "couldn't accept the proposal: it is signed twice by one key, or by one that is no authority's",
            code="not_approved",
        )
    target = target_of(body)
    approving = {seats[signer] for signer in signers if signer in active and signer != target}
    needed = threshold(len({seats[account] for account in active}))
    if len(approving) < needed:
        raise Refused(
            f"couldn't accept the proposal: {len(approving)} countries approved, {needed} needed", code="not_approved"
        )
    return identity
