"""The index in an audit: who confirmed the newest one."""

from __future__ import annotations

from verifier.audit.ages import AGE_LIMIT
from verifier.audit.decisions import age_in_words
from verifier.record.independence import independence
from verifier.record.index import LISTED_FROM
from verifier.record.record import Record


def index_notes(record: Record) -> list[str]:
    """An audit's notes on who confirmed the newest index; none if the log shows that it was somebody else."""
    if record.sealed_index is None:
        return []
    sealed = record.confirmed_index
    if sealed is None:
        return ["nobody but the operator has confirmed an index, so only its own word says that nothing was left out"]
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
