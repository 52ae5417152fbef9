"""Programs and ledgers of different versions of the rules, for tests: what is newer here exists in no release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.sim import Sim
from verifier import canonical
from verifier.record.entry import chain_head
from verifier.record.rules import KNOWN, Rules, Version
from verifier.record.statement import Kind
from verifier.tree.merkle import leaf_hash

_FIRST, _SECOND = KNOWN.versions[:2]
_EARLY = Version(tuple(kind for kind in _FIRST.kinds if kind is not Kind.UNDONE), _FIRST.proposals, _FIRST.rows)

OLD = Rules((_EARLY, _SECOND))
"""A program that has two versions of the rules, in which nothing can be undone."""
NEW = Rules((*OLD.versions, Version(kinds=(Kind.UNDONE,)), Version(rows=("carnet/test",))))
"""A program that has two more: in the third a statement can be undone."""


def raised(*versions: int, rules: int = 2) -> Sim:
    """A ledger of the newer program, founded at a version and raised to others."""
    sim = Sim.found(rules=rules, known=NEW)
    for version in versions:
        sim.raise_rules(version)
    return sim


def append_unheard(sim: Sim, body: Mapping[str, Any] | None = None) -> int:
    """Append an entry of a kind that no program here has heard of, as a newer writer would; returns its index."""
    head = bytes(32)
    for raw in sim.entries:
        head = chain_head(head, leaf_hash(raw))
    entry = canonical.decode(sim.entries[-1])
    entry |= {"kind": "unheard_of", "body": body or {"news": 1}, "actor": None, "signature": None}
    sim.entries.append(canonical.encode({**entry, "previous": head.hex()}))
    sim.sign_head()
    return len(sim.entries) - 1
