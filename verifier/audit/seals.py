"""The seals of an audit: available leaves must be exactly those that the entry commits to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.audit.report import Findings, Progress
from verifier.errors import CarnetError
from verifier.record.seal import check_leaves
from verifier.record.sealed import Sealed

SealReader = Callable[[int], bytes]
"""Number -> the leaves of that seal as published. Raises NotFound (`seal_missing`), Unavailable."""


class SealAudit:
    """Checks the leaves of every seal of a log, after its entries."""

    def __init__(self, read: SealReader | None, findings: Findings, progress: Progress) -> None:
        """`read`: the source of leaves. None: leaves are not checked, and the report says so."""
        self._read, self._findings, self._progress = read, findings, progress

    def run(self, seals: Sequence[Sealed]) -> None:
        """Derive each seal anew from its leaves: order, count, root."""
        if self._read is None:
            if seals:
                self._findings.notes.append(f"the leaves of {len(seals)} seals were not looked at")
            return
        for done, sealed in enumerate(seals):
            try:
                check_leaves(sealed.seal, self._read(sealed.seal.number))
            except CarnetError as error:
                self._findings.refused(f"seal {sealed.seal.number} of entry {sealed.index}", error)
            else:
                self._findings.count("sealed leaves", sealed.seal.leaves)
            self._progress("seals", done + 1, len(seals))
