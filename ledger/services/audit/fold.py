"""The saved fold in an audit of a home: what the entries give, against what openings go on from."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Protocol

from ledger.fold.tables import State, decode
from ledger.fold.taking import state_of
from verifier.audit.report import Findings
from verifier.errors import CarnetError
from verifier.record.record import Record


class AuditFold(Protocol):
    """What an audit reads of the saved fold."""

    def read(self) -> memoryview | None:
        """What was written last, or None. Raises ProofInvalid for anything that this server has not written."""
        ...


class FoldAudit:
    """Compares the state that was saved with the state of the record under audit when it has as many entries.

    A file that openings would not believe is no finding: it misleads nobody, and a note says so.
    """

    def __init__(self, kept: AuditFold | None, findings: Findings) -> None:
        self._findings = findings
        self._saved: State | None = None
        self._derived: bytes | None = None
        self._reached = 0
        try:
            data = kept.read() if kept is not None else None
            self._saved = decode(data) if data is not None else None
        except (CarnetError, ValueError, KeyError, TypeError, struct.error) as error:
            findings.notes.append(f"the saved fold is not used by openings: {error}")

    @property
    def sizes(self) -> set[int]:
        """The tree sizes whose roots `compare` needs."""
        return {self._saved.size} if self._saved is not None else set()

    def saw(self, record: Record) -> None:
        """Called after each entry; takes the record's state when it has reached the saved size."""
        saved = self._saved
        before, self._reached = self._reached, record.size
        if saved is None or record.size != saved.size or before == record.size:
            return
        try:
            self._derived = _digest(state_of(record, saved.root))
        except (CarnetError, ValueError, KeyError, OverflowError):
            self._derived = None  # entries so wrong that nothing follows from them, which are findings themselves

    def compare(self, roots: Mapping[int, bytes], size: int) -> None:
        """Report a saved state that is not what the entries give (`fold_differs`). `roots`: by size of the tree."""
        saved = self._saved
        if saved is None:
            return
        self._findings.count("folds")
        if saved.size > size:
            words = f"couldn't match the saved fold: it speaks of {saved.size} entries, and {size} are here"
        elif self._reached < saved.size:  # nothing more can be folded behind missing entries, which are a finding
            self._findings.notes.append(f"the saved fold was not compared: the audit stopped at entry {self._reached}")
            return
        elif roots.get(saved.size) != saved.root:
            words = f"couldn't match the saved fold: at {saved.size} the entries give another root"
        elif self._derived != _digest(saved):
            words = f"couldn't match the saved fold: the first {saved.size} entries give another state"
        else:
            return
        self._findings.add("fold", "fold_differs", words)


def _digest(state: State) -> bytes:
    digest = hashlib.sha256()
    for part in state.encode():
        digest.update(part)
    return digest.digest()
