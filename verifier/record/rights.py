"""Who may say what: a table of kind x relation, asked at intake and in audit alike."""

from __future__ import annotations

from enum import StrEnum

from verifier.errors import Refused
from verifier.record.batch import Batch, RetireReason
from verifier.record.participant import Participant, Role, Standing
from verifier.record.statement import Kind


class Relation(StrEnum):
    """How an actor stands to what it speaks about."""

    MAKER = "the registering maker"
    HOLDER = "the prefix's present holder"
    CUSTOMS = "a customs administration"
    AUTHOR = "whoever made the statement"


RECALL = frozenset({Relation.MAKER, Relation.HOLDER})
RETIRE = {
    RetireReason.SOLD: frozenset({Relation.MAKER, Relation.HOLDER}),
    RetireReason.DESTROYED: frozenset({Relation.MAKER, Relation.HOLDER, Relation.CUSTOMS}),
    RetireReason.STOLEN: frozenset({Relation.MAKER, Relation.CUSTOMS}),
}


def active(standing: Standing, actor: str, instant: int) -> Participant:
    """The actor, admitted and not suspended at an instant (milliseconds).

    Raises Refused (`not_admitted`, `suspended`).
    """
    member = standing.participants.get(actor)
    if member is None:
        raise Refused(f"couldn't accept the statement: {actor} is no participant", code="not_admitted")
    if member.suspension is not None or member.suspended_at(instant) is not None:
        raise Refused(f"couldn't accept the statement: {actor} is suspended", code="suspended")
    return member


def check_register(standing: Standing, member: Participant, gtin: str) -> None:
    """Check that a manufacturer holds the company prefix. Raises Refused (`not_entitled`, `prefix_not_held`)."""
    if member.role is not Role.MANUFACTURER:
        raise _not_entitled(member, "register a batch", {Relation.HOLDER})
    if standing.holder(gtin) != member.address:
        raise Refused(
            f"couldn't accept the registration: {member.address} does not hold the company prefix of {gtin}",
            code="prefix_not_held",
        )


def check_change(
    standing: Standing, member: Participant, batch: Batch, allowed: frozenset[Relation], what: str
) -> None:
    """Check that the actor stands in one of the allowed relations to a batch. Raises Refused (`not_entitled`)."""
    if not allowed & relations(standing, member, batch):
        raise _not_entitled(member, what, allowed)


def check_undo(standing: Standing, member: Participant, batch: Batch, kind: Kind, author: str, reason: int) -> None:
    """Check who may undo: the author; a maker's recall or sold also the prefix's present holder.

    `reason` is the RetireReason of units_retired, else 0. Raises Refused (`not_entitled`).
    """
    theirs = kind is Kind.BATCH_RECALLED or (kind is Kind.UNITS_RETIRED and reason == RetireReason.SOLD)
    if member.address == author or (theirs and Relation.HOLDER in relations(standing, member, batch)):
        return
    raise _not_entitled(member, f"undo {kind}", {Relation.AUTHOR, Relation.HOLDER} if theirs else {Relation.AUTHOR})


def check_confirm(standing: Standing, member: Participant) -> None:
    """Check who may confirm an index: an auditor or a customs administration that is not the operator.

    Raises Refused (`not_entitled`).
    """
    if member.role not in (Role.AUDITOR, Role.CUSTOMS) or member.address == standing.operator:
        raise Refused(
            f"couldn't accept the confirmation: {member.address} ({member.role.name.lower()}) may not confirm an "
            "index; only an auditor or customs administration other than the operator may",
            code="not_entitled",
        )


def relations(standing: Standing, member: Participant, batch: Batch) -> set[Relation]:
    """Every relation in which a participant stands to a batch now."""
    found = {
        Relation.MAKER: member.address == batch.maker,
        Relation.HOLDER: member.address == standing.holder(batch.gtin),
        Relation.CUSTOMS: member.role is Role.CUSTOMS,
    }
    return {relation for relation, holds in found.items() if holds}


def _not_entitled(member: Participant, what: str, allowed: frozenset[Relation] | set[Relation]) -> Refused:
    who = " or ".join(sorted(allowed))
    return Refused(
        f"couldn't accept the statement: {member.address} ({member.role.name.lower()}) may not {what}; only {who} may",
        code="not_entitled",
    )
