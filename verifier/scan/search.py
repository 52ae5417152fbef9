"""Finding out from a published log whether a promise was kept. Only public files are read.

Evidence that is put together here is not trusted until `verifier.scan.evidence` has checked it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from verifier.audit.seals import SealReader
from verifier.errors import Refused
from verifier.evidence.file import ShownEntry
from verifier.record.entry import Entry, decode_entry
from verifier.record.seal import parse_seal, prove_leaf
from verifier.record.statement import Kind
from verifier.scan.evidence_file import ENTRIES_MAX, ScanEvidence
from verifier.scan.receipt import ScanReceipt
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import inclusion_proof, leaf_hash, verify_inclusion
from verifier.tree.note import Note
from verifier.tree.tiles import TILE_WIDTH, Level, TileHashes, decode_bundle, width_of

LOOK_BACK = 1_024
"""Entries read from the end of a log, at most, to find its newest seals."""
_SEALS_SEEN = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of a log's seals: the newest number, when it was recorded (ms), and the longest gap before it (ms).

    `gap`: between one seal and the next among the newest few; None where only one was seen.
    """

    number: int
    recorded_at: int
    gap: int | None


class Tiles(Protocol):
    """The source of a published log."""

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A tile or, for level "entries", a bundle. Raises NotFound, Unavailable."""
        ...


class ScanSearch:
    """Looks promises up under one checkpoint. Keeps the bundles that it has read."""

    def __init__(self, note: bytes, tiles: Tiles, leaves: SealReader) -> None:
        """`note`: the checkpoint, as published. Raises Malformed."""
        self._note, self._tiles, self._leaves = note, tiles, leaves
        head = Checkpoint.decode(Note.parse(note).text)
        self._size, self._root = head.size, head.root
        self._hashes = TileHashes(tiles.tile, self._size)
        self._bundles: dict[int, list[bytes]] = {}
        self._seals: dict[int, int] = {}
        self._looked_from = self._size

    def evidence(self, receipt: ScanReceipt) -> ScanEvidence | None:
        """The evidence that the promise was kept or broken; None while the log shows neither.

        1. from the newest entry back to the seal, or to the one before it; 2. without the seal: everything from there
        to the first entry after the deadline. Raises NotFound (`seal_missing`) when the seal's leaves are withheld,
        Refused (`seal_run`) when more entries would have to be shown than a file holds, Malformed, Unavailable.
        """
        self._look_back_to(receipt.seal)  # 1
        index = self._seals.get(receipt.seal)
        if index is not None:
            place = prove_leaf(self._leaves(receipt.seal), receipt.leaf)
            return ScanEvidence(receipt, self._note, self._shown(0, index), place)
        start = max((at for number, at in self._seals.items() if number < receipt.seal), default=0)
        run = self._run(start, receipt.deadline)  # 2
        return ScanEvidence(receipt, self._note, self._shown(0, *run), None) if run else None

    def pace(self) -> Pace | None:
        """The recent pace of the log's seals; None if its last entries hold no seal.

        The newest seal is proved to be under the head; the gaps before it are as the server shows them. Raises
        ProofInvalid, Malformed, Unavailable.
        """
        seals: list[tuple[int, int]] = []
        for index in range(self._size - 1, max(-1, self._size - 1 - LOOK_BACK), -1):
            entry = self._entry(index)
            if entry.kind is Kind.SCANS_SEALED:
                if not seals:
                    path = inclusion_proof(index, self._size, self._hashes)
                    verify_inclusion(leaf_hash(self._raw(index)), index, self._size, path, self._root)
                seals.append((parse_seal(entry.body).number, entry.recorded_at))
                if len(seals) == _SEALS_SEEN:
                    break
        if not seals:
            return None
        gaps = [later - earlier for (_, later), (_, earlier) in pairwise(seals)]
        return Pace(*seals[0], max(gaps, default=None))

    def _run(self, start: int, deadline: int) -> list[int]:
        for index in range(start, self._size):
            if self._entry(index).recorded_at > deadline:
                if index - start + 2 > ENTRIES_MAX:
                    raise Refused(
                        f"couldn't show that the seal is overdue: {index - start} entries came since the last one, "
                        f"a file holds {ENTRIES_MAX}; an audit of the whole log shows it",
                        code="seal_run",
                    )
                return list(range(start, index + 1))
        return []

    def _look_back_to(self, number: int) -> None:
        """Continue where the last search ended, until this seal or an earlier one is found."""
        while self._looked_from > 0 and min(self._seals, default=number + 1) > number:
            self._looked_from -= 1
            entry = self._entry(self._looked_from)
            if entry.kind is Kind.SCANS_SEALED:
                self._seals.setdefault(parse_seal(entry.body).number, self._looked_from)

    def _entry(self, index: int) -> Entry:
        return decode_entry(self._raw(index))

    def _raw(self, index: int) -> bytes:
        n, at = divmod(index, TILE_WIDTH)
        if n not in self._bundles:
            width = width_of("entries", n, self._size)
            self._bundles[n] = decode_bundle(self._tiles.tile("entries", n, width), width)
        return self._bundles[n][at]

    def _shown(self, *indexes: int) -> tuple[ShownEntry, ...]:
        return tuple(
            ShownEntry(at, self._raw(at), inclusion_proof(at, self._size, self._hashes)) for at in sorted(set(indexes))
        )
