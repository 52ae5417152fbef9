"""The segments of an audit: every set of units that the log names is there and is what its maker signed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from verifier.audit.report import Findings, Progress
from verifier.errors import CarnetError
from verifier.record.entry import Entry
from verifier.record.statement import Kind
from verifier.record.struct import ZERO32
from verifier.segment.view import SegmentView


class SegmentAudit:
    """Collects the segments that entries name and checks each once, after the entries."""

    def __init__(self, read: Callable[[bytes, int], SegmentView], findings: Findings, progress: Progress) -> None:
        self._read, self._findings, self._progress = read, findings, progress
        self._named: dict[tuple[bytes, int], str] = {}

    def note(self, at: str, entry: Entry) -> None:
        """Remember the segment that an entry names, if it names one."""
        named = entry.kind is Kind.BATCH_REGISTERED or entry.kind is Kind.UNITS_RETIRED
        if named and entry.body["segmentRoot"] != ZERO32:
            key = bytes.fromhex(entry.body["segmentRoot"][2:]), int(entry.body["unitCount"])
            self._named.setdefault(key, at)

    def run(self) -> None:
        """Derive each segment anew from its keys: order, count, every hash, root."""
        total = sum(count for _, count in self._named)
        done = 0
        for (root, count), entry in self._named.items():
            self._findings.count("segments")
            try:
                self._read(root, count).check(partial(self._report, done, total))
            except CarnetError as error:
                self._findings.refused(f"segment {root.hex()} of {entry}", error)
            done += count
            self._progress("units", done, total)

    def _report(self, before: int, total: int, units: int, _of: int) -> None:
        self._progress("units", before + units, total)
