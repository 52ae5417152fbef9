"""The rules of a ledger are numbered: which kinds of entry, structs and index rows each version has.

A version only adds. Its digest is what authorities sign when they raise a ledger to it, so a table cannot change in
silence. `docs/spec/rules.md` lists the versions for other implementations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier import canonical
from verifier.errors import Refused, RulesUnknown
from verifier.record.statement import STRUCTS, Kind, Proposal

FIRST = 1
"""The version of a ledger whose entry 0 names none."""
SPEC = "carnet/rules/1"
"""The form of a version's table."""


@dataclass(frozen=True, slots=True)
class Version:
    """What one version adds to the one before it."""

    kinds: tuple[Kind, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The versions that a verifier has, from 1 on without gaps."""

    versions: tuple[Version, ...]
    since: Mapping[Kind | Proposal, int] = field(init=False, repr=False, compare=False)
    """With which version each kind and proposal came."""

    def __post_init__(self) -> None:
        since = {
            kind: number
            for number, version in enumerate(self.versions, start=FIRST)
            for kind in (*version.kinds, *version.proposals)
        }
        object.__setattr__(self, "since", since)

    @property
    def newest(self) -> int:
        """The newest version of these."""
        return len(self.versions)

    def table(self, number: int) -> dict[str, Any]:
        """All that version `number` has, as the JSON value whose digest is signed. Raises RulesUnknown."""
        self.check_known(number)
        upto = self.versions[:number]
        kinds = [kind for version in upto for kind in version.kinds]
        proposals = [proposal for version in upto for proposal in version.proposals]
        return {
            "spec": SPEC,
            "version": number,
            "kinds": [kind.value for kind in kinds],
            "proposals": [proposal.value for proposal in proposals],
            "structs": {key.value: shape.signature for key, shape in STRUCTS.items() if self._has(key, number)},
            "rows": [row for version in upto for row in version.rows],
        }

    def digest(self, number: int) -> bytes:
        """SHA-256 of the table's canonical JSON, 32 bytes. Raises RulesUnknown."""
        return hashlib.sha256(canonical.encode(self.table(number))).digest()

    def check_known(self, number: int) -> None:
        """Raises RulesUnknown for a version that is none of these."""
        if not FIRST <= number <= self.newest:
            raise RulesUnknown(
                f"couldn't go on: this ledger goes by rules of version {number} from here on, this program knows up to "
                f"{self.newest}; a newer Carnet reads on"
            )

    def check_kind(self, kind: Kind | Proposal, number: int) -> None:
        """Check that a ledger at version `number` may hold this kind. Raises Refused (`kind_not_yet`)."""
        # The raise to the version with which raising came is how a ledger founded before it gets there.
        if kind is Proposal.RULES_RAISED or self._has(kind, number):
            return
        since = self.since.get(kind)
        words = f"which comes with version {since}" if since is not None else "which no version known here has"
        raise Refused(
            f"couldn't accept the entry: this ledger goes by rules of version {number}, got {kind}, {words}",
            code="kind_not_yet",
        )

    def _has(self, kind: Kind | Proposal, number: int) -> bool:
        return kind in self.since and self.since[kind] <= number


KNOWN = Rules(
    (
        Version(
            kinds=(
                Kind.FOUNDED, Kind.PARTICIPANT_MIRRORED, Kind.BATCH_REGISTERED, Kind.BATCH_RECALLED,
                Kind.UNITS_RETIRED, Kind.UNDONE, Kind.SCANS_SEALED, Kind.INDEX_SEALED, Kind.INDEX_CONFIRMED,
            ),
            proposals=(
                Proposal.PARTICIPANT_ADMITTED, Proposal.PARTICIPANT_SUSPENDED, Proposal.PARTICIPANT_REINSTATED,
                Proposal.PREFIX_GRANTED, Proposal.PREFIX_WITHDRAWN, Proposal.OPERATOR_SET,
            ),
            rows=("gtin", "gtin/lot"),
        ),
        Version(proposals=(Proposal.RULES_RAISED,), rows=("carnet/decisions", "carnet/history")),
    )
)  # fmt: skip
"""The versions that this program has."""
NEWEST = KNOWN.newest
"""The version at which new ledgers are founded."""


def digest(number: int) -> bytes:
    """SHA-256 of a known version's table, 32 bytes. Raises RulesUnknown."""
    return KNOWN.digest(number)
