"""Scans: one reading of a code by somebody, somewhere, at a time, in a context.

Officers' scans feed behaviour reasons; public look-ups are only counted. Scans are not entries of the log: each keeps a
random salt and its canonical bytes, and the writer promises it a place in the next seal (`ledger.services.scans.seal`).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ledger.services.record.append import now_ms
from ledger.services.scans.token import Officer
from ledger.services.scans.verification import Answer, History
from verifier import canonical
from verifier.errors import Malformed, Refused, Unavailable
from verifier.scan.receipt import ADMINISTRATION, ScanReceipt, scan_leaf
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import Context

FLUSH_SECONDS = 1.0
"""How long a public look-up may wait in memory before it is written; a crash loses at most that much counting."""
HELD_UP = "the ledger's writer is held up, so nobody can promise to seal this scan: send it again for its receipt"
READS = "only the server that writes this ledger promises to seal scans"


@dataclass(frozen=True, slots=True)
class ScanInput:
    """An officer's scan as reported by the device. The device draws `id`, so that sending twice counts once.

    A NUL in `code`, which was not read then, is kept as U+FFFD: no text of PostgreSQL holds one.
    """

    id: str
    code: str
    scanned_at: int
    device: str
    context: Context
    country: str | None
    unlocode: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", self.code.replace("\0", "\ufffd"))

    def sighting(self) -> Sighting:
        """The scan as behaviour sees it."""
        return Sighting(self.scanned_at, self.country, self.latitude, self.longitude, self.unlocode)


@dataclass(frozen=True, slots=True)
class StoredScan:
    """A kept scan. `body` is canonical JSON, `salt` 32 random bytes, `response` the JSON first given for it.

    `deadline` (ms) and `seal`: the promise about sealing it; both None for a scan without a receipt.
    """

    id: str
    subject: bytes | None
    officer: str
    scan: ScanInput
    recorded_at: int
    verdict: str
    wrong_signature: str | None
    salt: bytes
    body: bytes
    response: Mapping[str, Any]
    seal: int | None = None
    deadline: int | None = None

    def belongs_to(self, officer: Officer) -> bool:
        """Whether an officer may read this scan and its receipt: administration and name, both, as they are sealed.

        Scans of the first version name no administration, so their owner is unknown and nobody may read them here.
        """
        try:
            said = canonical.decode(self.body)
        except Malformed:
            return False
        named = isinstance(said, dict) and ADMINISTRATION in said
        return named and Officer(said.get("officer"), said[ADMINISTRATION]) == officer

    @property
    def leaf(self) -> bytes:
        """The leaf that its seal commits to, 32 bytes."""
        return scan_leaf(self.salt, self.body)


class ScanStore(Protocol):
    """Scans and look-up counts, durable."""

    def get(self, scan_id: str) -> StoredScan | None:
        """A kept scan."""
        ...

    def put(self, scan: StoredScan) -> StoredScan | None:
        """Keep a scan; None when its id is taken (by a concurrent request), and nothing was written.

        One with a deadline is given, in the same transaction, the number of the seal that is open then: no seal is
        closed while a scan is on its way into it. Durable when it returns the scan as kept.
        """
        ...

    def promise(self, scan_id: str, deadline: int) -> StoredScan | None:
        """Promise a kept scan without a promise its place in the open seal; returns the scan as it is then kept.

        Returns None if it is not here. A scan with a promise stays unchanged. Durable when it returns.
        """
        ...

    def history(self, subject: bytes) -> History:
        """Everything kept about a subject, in one indexed read."""
        ...

    def add_lookups(self, counts: Mapping[bytes, int], seen_at: int) -> None:
        """Add public look-ups to the counts of several subjects."""
        ...


class Promises(Protocol):
    """Promises scans a place in a seal; the ledger's writer does this."""

    def deadline(self) -> int | None:
        """The instant (ms) by which a scan kept now will be sealed; None if nothing can be promised."""
        ...

    def receipt(self, scan: StoredScan) -> ScanReceipt | None:
        """The promise about a kept scan, signed; None when none was made."""
        ...


class Scans:
    """Keeps scans and answers for their history, pending look-ups included."""

    def __init__(self, store: ScanStore, clock: Callable[[], int] = now_ms) -> None:
        self._store, self._clock = store, clock
        self._promises: Promises | None = None
        self._pending: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._flush_often, name="lookups", daemon=True)
        self._thread.start()

    def use(self, promises: Promises) -> None:
        """Give receipts from now on."""
        self._promises = promises

    def find(self, scan_id: str) -> StoredScan | None:
        """The scan kept under this id."""
        return self._store.get(scan_id)

    def answer(self, stored: StoredScan) -> dict[str, Any]:
        """The answer first given for a kept scan, with its receipt, which is the same each time.

        `receipt` is null for a scan that nobody promised to seal, and `receipt_why` says why: it was kept by an opener
        that does not write this ledger, or while the writer was held up. Raises ProofInvalid (`scan_unsealed`).
        """
        receipt = self._promises.receipt(stored) if self._promises is not None else None
        if receipt is not None:
            return {**stored.response, "receipt": receipt.to_json()}
        return {**stored.response, "receipt": None, "receipt_why": HELD_UP if self._promises is not None else READS}

    def repeated(self, scan: ScanInput, officer: Officer) -> StoredScan | None:
        """The scan kept under this id, if the officer's device sent it before.

        Raises Refused (`scan_id_reused`) when the id stands for another scan, or for another officer's.
        """
        kept = self._store.get(scan.id)
        if kept is not None and not (kept.scan == scan and kept.belongs_to(officer)):
            raise Refused(f"couldn't keep scan {scan.id}: its id stands for another scan", code="scan_id_reused")
        return self._promised_now(kept) if kept is not None else None

    def record(self, scan: ScanInput, officer: Officer, answer: Answer, response: Mapping[str, Any]) -> StoredScan:
        """Keep an officer's scan with the answer that was given. Raises Refused (`scan_id_reused`).

        A wrong label signature is remembered only if it was read surely: a typed text confirms no later reading.
        """
        stored = StoredScan(
            id=scan.id,
            subject=answer.subject,
            officer=officer.name,
            scan=scan,
            recorded_at=self._clock(),
            verdict=answer.judgement.verdict.value,
            wrong_signature=answer.wrong_signature,
            salt=secrets.token_bytes(32),
            body=canonical.encode(_canonical_scan(scan, officer, answer)),
            response=response,
            deadline=self._promises.deadline() if self._promises is not None else None,
        )
        # If we stop before this returns, nothing was promised: restart finds the scan, to be sealed with the others, or
        # nothing, and the device sends it again. A receipt is signed only for what `put` gave back.
        kept = self._store.put(stored) or self.repeated(scan, officer)
        return kept if kept is not None else stored

    def _promised_now(self, kept: StoredScan) -> StoredScan:
        """A kept scan; one from a time when nobody could promise to seal it is promised that now, if somebody can."""
        deadline = self._promises.deadline() if self._promises is not None and kept.deadline is None else None
        return (self._store.promise(kept.id, deadline) or kept) if deadline is not None else kept

    def count_lookup(self, subject: bytes) -> None:
        """Count one public look-up of a registered unit; written within a second."""
        with self._lock:
            self._pending[subject] = self._pending.get(subject, 0) + 1

    def history(self, subject: bytes) -> History:
        """What is kept about a subject, with look-ups that are not written yet."""
        history = self._store.history(subject)
        pending = self._pending.get(subject, 0)
        return replace(history, lookups=history.lookups + pending) if pending else history

    def flush(self) -> None:
        """Write the pending look-ups."""
        with self._lock:
            counts, self._pending = self._pending, {}
        if not counts:
            return
        try:
            self._store.add_lookups(counts, self._clock())
        except Unavailable:  # nothing was written; after Stopped nobody knows, and none is counted twice
            with self._lock:
                for subject, times in counts.items():
                    self._pending[subject] = self._pending.get(subject, 0) + times
            raise

    def close(self) -> None:
        """Write what is pending and stop."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def _flush_often(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            # A database that is away for a moment must not end counting for ever.
            with suppress(Exception):
                self.flush()


def _canonical_scan(scan: ScanInput, officer: Officer, answer: Answer) -> dict[str, Any]:
    return {
        "id": scan.id,
        "code": scan.code,
        "scanned_at": str(scan.scanned_at),
        "device": scan.device,
        "officer": officer.name,
        ADMINISTRATION: officer.administration,
        "context": scan.context.value,
        "country": scan.country,
        "unlocode": scan.unlocode,
        "latitude": None if scan.latitude is None else f"{scan.latitude:.5f}",
        "longitude": None if scan.longitude is None else f"{scan.longitude:.5f}",
        "verdict": answer.judgement.verdict.value,
        "reasons": [reason.code for reason in answer.judgement.reasons],
        "log_size": str(answer.as_of.size),
    }
