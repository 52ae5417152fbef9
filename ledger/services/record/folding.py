"""The saved fold: opening goes on from it, a running writer writes it anew, and it is never the only truth.

It is believed if it was written with this server's key and its root is that of a checkpoint which the log has signed
and of the tree that storage holds. A fold that is missing, old, damaged or another's costs time: all entries are read.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.fold.saved_record import SavedRecord
from ledger.fold.table import Buffer
from ledger.fold.tables import State, decode
from ledger.fold.taking import state_of
from ledger.ports import Log, Report, SignedHead, silent
from ledger.services.record.opening import fold
from verifier.errors import CarnetError, NotFound, ProofInvalid, Refused
from verifier.record.entry import decode_entry
from verifier.record.record import Record
from verifier.record.retired import SegmentReader
from verifier.record.rules import KNOWN, Rules
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import Frontier
from verifier.tree.note import open_note
from verifier.tree.tiles import TILE_WIDTH

LOOK_SECONDS = 5.0
EVERY = 16_384
"""Entries after which a running writer saves its fold anew: a second or two at the next opening."""
SHARE = 64
"""Or a 64th of the log, where that is more: writing costs as much as all that is written."""
AT_CLOSING = 4_096
"""Entries that are worth a new fold when the writer closes."""


class KeptFold(Protocol):
    """Where the saved fold lies."""

    def read(self) -> memoryview | None:
        """What was written last, or None. Raises ProofInvalid for anything else, Unavailable."""
        ...

    def write(self, parts: Sequence[Buffer], /) -> None:
        """Replace it; durable when this returns. Raises Unavailable."""
        ...


class FoldedLog(Log, Protocol):
    """A log whose entries and checkpoints can be read one by one."""

    def entry(self, index: int, /) -> bytes:
        """The stored bytes of an entry. Raises NotFound."""
        ...

    def read_checkpoint(self, size: int, /) -> bytes | None:
        """The signed note of exactly `size` entries, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Folds:
    """A log with its saved fold. `pin`: SHA-256 of entry 0's bytes, as 64 hex; `kept` None: it is never saved."""

    log: FoldedLog
    kept: KeptFold | None
    segments: SegmentReader
    pin: str
    known: Rules = KNOWN

    def open(self, signed_head: SignedHead, report: Report = silent) -> tuple[Record, Frontier]:
        """The record of all entries, from the saved fold where that can be used. Raises as `opening.fold`."""
        saved = self.saved(report)
        if saved is not None:
            try:
                return saved[0], fold(self.log, saved[0], self.pin, signed_head, saved[1])
            except (ProofInvalid, Refused) as error:  # the log is at fault, or the fold: all entries can tell
                report(f"couldn't go on from the saved fold: {error}; all entries are read")
        record = Record(self.segments, self.known)
        return record, fold(self.log, record, self.pin, signed_head)

    def saved(self, report: Report = silent) -> tuple[SavedRecord, Frontier] | None:
        """The record that was saved and the edge of the tree there; None, and why, where it can't be used."""
        try:
            data = self.kept.read() if self.kept is not None else None
            return self._checked(decode(data)) if data is not None else None
        except (CarnetError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
            report(f"the saved fold is not used, all entries are read: {error}")
            return None

    def save(self, record: Record, root: bytes) -> int:
        """Write the fold anew from a record that stands still at a signed size; returns that. Raises Unavailable."""
        if self.kept is not None:
            self.kept.write(state_of(record, root).encode())
        return record.size

    def advance(self) -> int:
        """Bring the saved fold to the newest signed head, in a copy of its own; returns its size.

        No record that others read is touched, and no lock is held. Raises Unavailable, ProofInvalid.
        """
        newest = self.log.latest_checkpoint()
        record, frontier = self.saved() or (Record(self.segments, self.known), Frontier())
        if newest is None or newest[0] <= record.size:
            return record.size
        size, note = newest
        while record.size < size:
            end = min(size, (record.size // TILE_WIDTH + 1) * TILE_WIDTH)
            for raw in self.log.read_entries(record.size, end):
                entry = decode_entry(raw)
                record.integrate(entry)
                frontier.append(entry.leaf)
        if self._signed(record, note) != (size, frontier.root()):
            raise ProofInvalid("couldn't save the fold: its entries do not give the signed root", code="root_differs")
        return self.save(record, frontier.root())

    def _checked(self, state: State) -> tuple[SavedRecord, Frontier]:
        """1. this log; 2. no more than it holds, and signed; 3. the tree that storage holds."""
        if state.pin.hex() != self.pin:  # 1
            raise ProofInvalid("couldn't use the fold: it is another log's", code="pin")
        if state.size > self.log.head().size:  # 2
            raise ProofInvalid("couldn't use the fold: it speaks of more entries than are here", code="fold_ahead")
        note = self.log.read_checkpoint(state.size)
        if note is None:
            raise NotFound(f"couldn't use the fold: no signed head of {state.size} entries is here", code="unsigned")
        record = SavedRecord(self.segments, state, self.log.entry, self.known)
        frontier = Frontier.at(state.size, self.log.hashes())  # 3
        if not self._signed(record, note) == (state.size, state.root) == (state.size, frontier.root()):
            raise ProofInvalid("couldn't use the fold: another root was signed at its size", code="root_differs")
        return record, frontier

    @staticmethod
    def _signed(record: Record, note: bytes) -> tuple[int, bytes]:
        signed = Checkpoint.decode(open_note(note, record.founding.log_keys).note.text)
        return signed.size, signed.root


class Folding:
    """Saves the fold each EVERY entries, in a thread of its own, and when the writer closes. Never stops a writer."""

    def __init__(
        self, folds: Folds, size: Callable[[], int], report: Report = silent, interval: float = LOOK_SECONDS
    ) -> None:
        """`size`: entries by now."""
        self._folds, self._size, self._saved, self._report = folds, size, 0, report
        self._interval, self._stop = interval, threading.Event()
        self._thread = threading.Thread(target=self._run, name="folding", daemon=True)

    def take(self, record: Record, root: bytes) -> None:
        """Note what an opened record rests on, and save it anew where that is old.

        All its entries must be signed, under this root (32 bytes), and nobody may be adding to it.
        """
        self._saved = record.state.size if isinstance(record, SavedRecord) else 0
        if due(self._saved, record.size):
            self._attempt(lambda: self._folds.save(record, root))

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and save what is new if it is worth it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._size() - self._saved >= AT_CLOSING:
            self.round()

    def round(self) -> None:
        """Save once. What fails is reported and tried again when as many entries are new once more."""
        self._attempt(self._folds.advance)

    def _attempt(self, save: Callable[[], int]) -> None:
        try:
            self._saved = save()
        except Exception as error:  # it costs time at the next opening, and must stop nobody
            self._report(f"couldn't save the fold, the next opening reads more entries: {error}")
            self._saved = self._size()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            if due(self._saved, self._size()):
                self.round()


def due(saved: int, size: int) -> bool:
    """Whether a fold of `saved` entries is to be written anew when there are `size`."""
    return size - saved >= max(EVERY, size // SHARE)
