"""The ages of an audit: how old the newest of everything is, and what has stopped although the log goes on.

An operator can hide behind silence: no more anchors, no more seals, a log that stands still. Nothing that is there is
wrong then, so what is not there is said. Only time in which the log was written to is held against it: a server that
was off for a week owes no seals for that week.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from verifier.audit.decisions import age_in_words
from verifier.audit.report import Findings
from verifier.chain.event import Block
from verifier.instant import DAY, HOUR, format_instant
from verifier.record.entry import Entry
from verifier.record.index import LISTED_FROM
from verifier.record.record import Record
from verifier.record.statement import Kind

AGE_LIMIT = DAY
"""Milliseconds. A running log seals scans every minute, an index within ten, and anchors every few seconds."""


PAUSE = 6 * HOUR
"""Milliseconds that count at most between two entries: what is longer is a pause of the whole log."""


class AgeAudit:
    """Sees every entry, and remembers since when something is missing, in milliseconds of writing."""

    def __init__(self, findings: Findings, *, served: bool) -> None:
        """`served`: the log is published, so that somebody keeps it up; in a home it is only said what is old."""
        self._findings, self._served = findings, served
        self._written, self._last = 0, 0
        self._waiting: dict[str, int] = {}
        self._at: dict[str, int | None] = {"entry": None, "scan_seal": None, "index_seal": None, "anchor": None}
        self._before: dict[int, int] = {}
        self.watched: Collection[int] = ()

    def saw(self, index: int, entry: Entry, record: Record) -> None:
        """Take note of an entry that was folded into the record."""
        now = entry.recorded_at
        self._written += min(now - self._last, PAUSE) if self._last else 0
        self._last = self._at["entry"] = now
        if index in self.watched:
            self._before[index] = self._written
        sealed, newest = record.sealed_index, record.seals[-1] if record.seals else None
        # Seals are made also when nothing is scanned: a log that never made one owes it like one that stopped. So is
        # the index, by rules that list decisions.
        self._wait("scan_seal", waiting=newest is None or newest.index != index)
        unsealed = record.index.changes > (sealed.changes if sealed is not None else 0)
        quiet = record.rules >= LISTED_FROM and entry.kind is not Kind.INDEX_SEALED
        self._wait("index_seal", waiting=unsealed or quiet)
        if newest is not None:
            self._at["scan_seal"] = newest.recorded_at
        if entry.kind is Kind.INDEX_SEALED:
            self._at["index_seal"] = now

    def anchored(self, size: int, block: Block | None) -> None:
        """The newest anchor covers `size` entries, of those watched, and stands in this block; 0 and None for none."""
        self._at["anchor"] = block.time if block is not None else None
        if (since := self._before.get(size)) is not None:
            self._waiting["anchor"] = since

    def tell(self, now: int | None) -> Mapping[str, int | None]:
        """Say what has stopped and how old the log is; returns the instants (ms). `now` None: a copy of unknown age."""
        for name, since in self._waiting.items():
            if self._written - since > AGE_LIMIT:
                self._stopped(name)
        newest = self._at["entry"]
        if now is not None and newest is not None and now - newest > AGE_LIMIT:
            self._findings.notes.append(
                f"stale: nothing was recorded since {format_instant(newest)}, {age_in_words(now - newest)} ago; a log "
                "that is kept up records a seal every minute"
            )
        return self._at

    def _wait(self, name: str, *, waiting: bool) -> None:
        if waiting:
            self._waiting.setdefault(name, self._written)
        else:
            self._waiting.pop(name, None)

    def _stopped(self, name: str) -> None:
        last, what = self._at[name], f"{name.replace('_', ' ')}s"
        words = (
            f"couldn't find {what} of late: the last is of {format_instant(last) if last is not None else 'never'}, "
            f"and entries went on to {format_instant(self._last)}"
        )
        if self._served:
            self._findings.add(what, f"{name}s_stopped", words)
        else:
            self._findings.notes.append(f"stale: {words}")
