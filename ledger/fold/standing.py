"""A digest over everything that a standing holds: two folds of the same decisions give the same."""

from __future__ import annotations

import hashlib
import json

from verifier.record.participant import Participant, Standing


def standing_digest(standing: Standing) -> bytes:
    """SHA-256 over participants, prefixes, operators and what was decided about whom, 32 bytes."""
    value = {
        "participants": {address: _participant(one) for address, one in standing.participants.items()},
        "prefixes": standing.prefixes,
        "operator": standing.operator,
        "rules": standing.rules,
        "operators": sorted(standing.operators),
        "sequence": standing.sequence,
        "position": list(standing.position),
        "executed": sorted(standing.executed),
        "decided": standing.decided,
        "favoured": standing.favoured,
        "favoured_last": standing.favoured_last,
    }
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()


def _participant(one: Participant) -> list[object]:
    suspensions = [[int(s.kind), s.effective_at, s.ended_at] for s in one.suspensions]
    return [int(one.role), one.country, one.name_hash, one.admitted_in, suspensions]
