"""Sealing: on a cadence, one entry of the log commits to officers' scans, as each scan's receipt has promised.

Each scan is sealed exactly once, wherever the process stops. Order of writing (each step assumes a stop after it):
1. a scan is kept with the number of the open seal, in one transaction;
2. only then its receipt is signed;
3. the seal is closed: its scans' leaves and the random padding are kept as a row, in one transaction that waits for 1;
4. the entry `scans_sealed` over exactly that row is submitted. A restart that finds the row without its entry continues
   here. The publisher makes the row a file that everybody may read.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ledger.services.outward.upkeep import Trouble, trouble_of
from ledger.services.record.append import Sequencer, Submission, now_ms
from ledger.services.scans.scan import StoredScan
from verifier.errors import ProofInvalid, Stopped
from verifier.instant import SECOND
from verifier.record.cadence import GRACE
from verifier.record.record import Record
from verifier.record.seal import build_seal, find_leaf, padded_leaves
from verifier.record.statement import Kind
from verifier.scan.receipt import ScanReceipt, sign_receipt
from verifier.tree.note_key import SigningKey

SEAL_SECONDS = 60.0
"""How often scans are sealed, in seconds, unless CARNET_SEAL_SECONDS says otherwise."""


@dataclass(frozen=True, slots=True)
class PromisedScan:
    """The promise to a kept scan: its id, the promised number, the leaf computed anew (32 bytes), the deadline (ms).

    `deadline` is None if the row is damaged; `flaw` then says how, without quoting the row.
    """

    id: str
    seal: int
    leaf: bytes
    deadline: int | None
    flaw: str | None = None


class SealStore(Protocol):
    """Closed seals, durable; the open one is the one after the last."""

    def open_number(self) -> int:
        """The number of the seal that scans are promised a place in now."""
        ...

    def waiting(self) -> int:
        """How many scans were promised a place in a seal that is not closed yet."""
        ...

    def leaves(self, number: int) -> bytes | None:
        """The leaves of a closed seal, one after another, or None."""
        ...

    def close(self, number: int, pad: Callable[[list[bytes]], bytes]) -> bytes:
        """Close the open seal over the leaves that `pad` makes of its scans'; durable when it returns.

        No scan gets this number once it has begun to gather. Raises Refused (`seal_gap`), Stopped, Unavailable.
        """
        ...


class Seals:
    """The writer's seals: promises, and a round every `every` seconds that keeps them. One per ledger."""

    def __init__(
        self,
        store: SealStore,
        record: Record,
        sequencer: Sequencer,
        key: SigningKey,
        *,
        every: float = SEAL_SECONDS,
        grace: int = GRACE,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`key`: the log's own; `every` in seconds, `grace` in milliseconds."""
        self._store, self._record, self._sequencer, self._key = store, record, sequencer, key
        self._clock, self._every, self._promise = clock, every, round(2 * every * SECOND) + grace
        self._one, self._stop = threading.Lock(), threading.Event()
        self.trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._run, name="seals", daemon=True)

    @property
    def cadence(self) -> float:
        """Seconds between two seals."""
        return self._every

    def deadline(self) -> int | None:
        """The instant (ms) by which a scan kept now will be sealed; None if nothing can be promised.

        It is None once the writer has stopped, or if rows of seals are lost, so that the open number was sealed before.
        """
        recorded = len(self._record.seals)  # first: a seal that is closed meanwhile only raises the open number
        if self._sequencer.stopped is not None or self._store.open_number() < recorded:
            return None
        return self._clock() + self._promise

    def receipt(self, scan: StoredScan) -> ScanReceipt | None:
        """The promise about a kept scan, the same bytes each time; None when none was made.

        Raises ProofInvalid (`scan_unsealed`) for a scan that its seal does not hold: nothing more is signed about it.
        """
        if scan.seal is None or scan.deadline is None:
            return None
        leaves = self._store.leaves(scan.seal)
        if leaves is not None and find_leaf(leaves, scan.leaf) is None:
            raise ProofInvalid(
                f"couldn't give a receipt: seal {scan.seal} does not hold this scan", code="scan_unsealed"
            )
        log_id = self._record.founding.log_id
        return sign_receipt(self._key, log_id, scan.body, scan.salt, scan.seal, scan.deadline)

    def start(self) -> None:
        """Begin to seal on the cadence."""
        self._thread.start()

    def close(self) -> None:
        """Finish the round under way, seal waiting scans, and stop: a closed ledger has no open promises."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.settle()

    def settle(self) -> None:
        """Run `resume`. An error is kept as trouble, since a ledger serves and registers without seals too."""
        self._try(self.resume)

    def resume(self) -> None:
        """Finish what an earlier process left: a row without its entry, scans without their seal.

        If nothing waits, nothing is sealed. Raises the error that stopped it.
        """
        with self._one:
            self._submit_closed()
            if self._store.waiting():
                self._seal()

    def round(self) -> None:
        """Seal the open number, empty or not. Raises the error that stopped it; the next round continues from there."""
        with self._one:
            self._submit_closed()
            self._seal()

    def _submit_closed(self) -> None:
        """Submit every closed seal that the log does not have yet: at most one, since no other is closed before."""
        for number in range(len(self._record.seals), self._store.open_number()):
            leaves = self._store.leaves(number)
            if leaves is None:
                raise Stopped(f"couldn't go on sealing: the row of seal {number} is not here", code="seal_row")
            self._submit(number, leaves)

    def _seal(self) -> None:
        number = len(self._record.seals)
        leaves = self._store.close(number, lambda found: padded_leaves(found, secrets.token_bytes))
        self._submit(number, leaves)

    def _submit(self, number: int, leaves: bytes) -> None:
        body = build_seal(number, leaves).body()
        # If we stop before this returns, restart finds the row; whether the entry is there it sees in the record, which
        # is folded from the log, and submits the row if not. The record admits each number once.
        self._sequencer.submit(Submission(Kind.SCANS_SEALED, body, None, None, None, frozenset({"seal"})))

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._try(self.round)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
            self.trouble = None
        except Exception as error:  # a lack of files or memory must not end the cadence silently and for ever
            self.trouble = trouble_of(error, now_ms())
