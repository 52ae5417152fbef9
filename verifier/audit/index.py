"""The index in an audit: who stands for the newest one."""

from __future__ import annotations

from verifier.audit.ages import AGE_LIMIT
from verifier.audit.decisions import age_in_words
from verifier.record.independence import independence
from verifier.record.index import LISTED_FROM
from verifier.record.record import Record


def index_notes(record: Record) -> list[str]:
    """What an audit says about who stands for the newest index: nothing where the log shows that somebody else does."""
    if record.sealed_index is None:
        return []
    sealed = record.confirmed_index
    if sealed is None:
        return ["nobody but the operator has confirmed an index: that nothing was left out is its own word elsewhere"]
    who = independence(record.standing, sealed)
    notes = [f"the confirmation in entry {one.entry} does not count: {one.why}" for one in who.confirmers if one.why]
    if not who.shown:
        notes.append(
            f"{', '.join(who.countries) or 'nobody'} alone confirmed the index at size {sealed.head.size}, and the log "
            "names no country of the operator: it may be the same"
        )
    age = record.recorded_at - sealed.recorded_at
    if record.rules >= LISTED_FROM and age > AGE_LIMIT:
        notes.append(
            f"stale: the newest index that others confirmed, in entry {sealed.index}, is {age_in_words(age)} older "
            "than the newest entry: proofs rest on it"
        )
    return notes
