"""The index in an audit: who stands for the newest one."""

from __future__ import annotations

from verifier.record.independence import independence
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
    return notes
