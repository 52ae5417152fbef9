"""Publishing: signed heads become files for everybody, at a fixed pace. It never holds up a registration.

Order of writing (each step assumes a stop right after it):
1. the head is signed and kept (by the signer);
2. tiles, bundles and seals of that size are written as files;
3. witnesses are asked for their cosignatures;
4. `checkpoint` is replaced, with the cosignatures that are there; more may be added to the same size later.
So a reader of a checkpoint finds every tile that it covers. A restart runs the same round.

A seal whose leaves are lost does not stop it. The seal's entry is signed already, holders of receipts can show what is
missing, and a later recall must still reach mirrors. `/readyz` names the seal until its leaves return.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ledger.services.outward.upkeep import Trouble, trouble_of
from ledger.services.record.append import now_ms
from verifier.errors import Unavailable
from verifier.record.record import Record
from verifier.tree.tiles import TILE_WIDTH, Level, tile_path, tiles_of

PUBLISH_SECONDS = 1.0
"""How often a new head is published at most, unless CARNET_PUBLISH_SECONDS says otherwise.

A pace, not one checkpoint for each entry: otherwise no two witnesses would ever see the same one.
"""
OWED_AT_ONCE = 64
"""Seals without leaves after which one round stops; the others wait for the next."""
WITNESS_SECONDS = 1.0
"""How long a checkpoint waits for cosignatures.

It is published even without a quorum, since a recall must reach mirrors while witnesses are down.
"""


class LogTiles(Protocol):
    """What publishing reads of a log."""

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """Size and note of the newest signed checkpoint."""
        ...

    def tile(self, level: Level, n: int, width: int = TILE_WIDTH) -> bytes:
        """The bytes of a tile or bundle. Raises NotFound, ProofInvalid, Unavailable."""
        ...


class Published(Protocol):
    """Where the log is published."""

    def checkpoint(self) -> bytes | None:
        """The newest published note, or None."""
        ...

    def size(self) -> int:
        """Entries under the published checkpoint, 0 before the first. Raises ProofInvalid, Unavailable."""
        ...

    def put(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write files that stay for ever; durable when it returns, and never over other bytes."""
        ...

    def has_seal(self, number: int) -> bool:
        """Whether a seal is a file here. Raises Unavailable."""
        ...

    def put_checkpoint(self, note: bytes) -> None:
        """Replace the checkpoint; durable when it returns."""
        ...


class Witnesses(Protocol):
    """Shows signed heads to witnesses."""

    def offer(self, size: int, note: bytes) -> None:
        """There is a newer signed head to show. Returns at once."""
        ...

    def wait(self, size: int, seconds: float) -> None:
        """Wait until every working witness has cosigned this size, or until the time is up."""
        ...


class SealLeaves(Protocol):
    """The leaves of seals, kept beside the log."""

    def leaves(self, number: int) -> bytes | None:
        """The sorted 32-byte leaves of a seal, one after another, or None when they are not here."""
        ...


class Publisher:
    """Publishes on a thread of its own. `start` begins; a trouble is remembered for `/readyz` and tried again.

    `cosigned` adds to the note of a size the cosignatures that are known for it.
    """

    def __init__(
        self,
        log: LogTiles,
        record: Record,
        folder: Published,
        seals: SealLeaves,
        cosigned: Callable[[int, bytes], bytes] = lambda _size, note: note,
        witnesses: Witnesses | None = None,
        *,
        interval: float = PUBLISH_SECONDS,
    ) -> None:
        self._log, self._record, self._folder, self._seals = log, record, folder, seals
        self._cosigned, self._witnesses = cosigned, witnesses
        self._interval = interval
        self._wake, self._stop, self._one = threading.Event(), False, threading.Lock()
        self._last = -interval
        self._looked, self._owed = 0, list[int]()
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin; nothing new if it runs."""
        if self._thread.ident is None:
            self._thread.start()

    def nudge(self) -> None:
        """There is something new to publish."""
        self._wake.set()

    def close(self) -> None:
        """Finish the round under way and stop."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> int:
        """Publish the newest signed head, and return its size. Raises the error that stopped it; a repeat continues
        from there.

        `trouble` is `seal_missing` if everything was published except a seal whose leaves are lost.
        """
        with self._one:
            newest = self._log.latest_checkpoint()
            if newest is None:
                self.trouble = None
                return 0
            size, note = newest
            published = self._folder.size()
            if published == 0:  # nothing yet, or the folder was removed to be written anew
                self._looked, self._owed = 0, []
            if published > size:
                raise Unavailable(
                    f"couldn't publish size {size}: size {published} is published already, so this database was "
                    "restored from an old copy",
                    code="published_ahead",
                )
            if published < size:
                self._last = time.monotonic()
                self._folder.put(self._tiles(size, published))
            self._put_seals(size)
            # If we stop here, restart finds files that no checkpoint speaks of yet; the same ones come out again.
            if self._witnesses is not None:
                self._witnesses.offer(size, note)
                if published < size:
                    self._witnesses.wait(size, WITNESS_SECONDS)
            cosigned = self._cosigned(size, note)
            # If we stop here, restart finds the cosignatures that were kept and asks for the others again.
            if cosigned != self._folder.checkpoint():
                self._folder.put_checkpoint(cosigned)
            self.trouble = self._debt()
            return size

    def _tiles(self, size: int, since: int) -> Iterator[tuple[str, bytes]]:
        for tile in tiles_of(size, since):
            yield tile_path(tile.level, tile.n, tile.width), self._log.tile(tile.level, tile.n, tile.width)

    def _put_seals(self, size: int) -> None:
        """Write the seals below a size that are not files yet. After a start all are checked, later only new ones."""
        seals, end = self._record.seals, self._looked
        while end < len(seals) and seals[end].index < size:
            end += 1
        again, owed = iter(self._owed), list[int]()
        self._folder.put(self._leaves(again, owed, OWED_AT_ONCE))
        later = [*again, *owed]
        owed = []
        self._folder.put(self._leaves((seals[at].seal.number for at in range(self._looked, end)), owed))
        self._looked, self._owed = end, later + owed

    def _leaves(self, wanted: Iterable[int], owed: list[int], most: int | None = None) -> Iterator[tuple[str, bytes]]:
        """Yield one seal's leaves after the other. Missing ones go to `owed`; stop after `most` of them."""
        for number in wanted:
            if self._folder.has_seal(number):
                continue
            leaves = self._seals.leaves(number)
            if leaves is None:
                owed.append(number)
                if len(owed) == most:
                    return
            else:
                yield f"seal/{number}", leaves

    def _debt(self) -> Trouble | None:
        if not self._owed:
            return None
        words = f"couldn't publish seal {self._owed[0]}: its leaves are not here; all else is published"
        return Trouble("seal_missing", words, now_ms())

    def _run(self) -> None:
        while not self._stop:
            try:
                self.round()
            except Exception as error:  # a lack of files or memory must not end publishing silently and for ever
                self.trouble = trouble_of(error, now_ms())
            self._wake.wait(self._interval)
            self._wake.clear()
            # At once if nothing was published for a while, else at the pace.
            while not self._stop and (left := self._last + self._interval - time.monotonic()) > 0:
                self._wake.wait(left)
                self._wake.clear()
