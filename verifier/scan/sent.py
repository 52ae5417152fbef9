"""A device's own record of a scan and its answer, and whether the signed receipt says the same.

A receipt proves its own content. If its place, time, officer or answer differ from the device's, it proves the wrong
thing, and only the device can tell. So the device keeps what it knows and compares every field; fields that it cannot
compare are named. The promise is compared with the log: an honest deadline is never further ahead than seals take to
come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import Malformed
from verifier.instant import MINUTE, SECOND, format_instant
from verifier.record.cadence import CADENCE_MIN, GRACE, PROMISE_MAX
from verifier.scan.receipt import ADMINISTRATION, ScanReceipt
from verifier.scan.search import Pace

SPEC = "carnet/scan-sent/1"
"""The version of this format."""
CLOCK_SKEW = 5 * MINUTE
"""How far two honest clocks may differ, in milliseconds."""
NOT_KEPT = "no record of what was sent is kept here"
"""Why nothing can be compared for a receipt without its record."""

Value = str | list[str] | None
_KEYS = {"spec", "knows", "open", "taken_at", "log_at"}


@dataclass(frozen=True, slots=True)
class SentScan:
    """A device's own record of one scan.

    knows: the values that the signed scan must have, by its names there: what was sent, and the answer.
    open: names that the device can't compare, and why.
    taken_at: when the receipt came, by the device's clock (ms); log_at: when the log's newest seal was recorded then
    (ms), None if that was not known.
    """

    knows: Mapping[str, Value]
    open: Mapping[str, str]
    taken_at: int
    log_at: int | None = None

    def encode(self) -> bytes:
        """The record as canonical JSON; `decode` reads it."""
        times = {name: None if at is None else str(at) for name, at in self._times.items()}
        return canonical.encode({"spec": SPEC, "knows": dict(self.knows), "open": dict(self.open), **times})

    @property
    def _times(self) -> dict[str, int | None]:
        return {"taken_at": self.taken_at, "log_at": self.log_at}

    @classmethod
    def decode(cls, raw: bytes) -> SentScan:
        """The counterpart of `encode`. Raises Malformed (`scan_sent`, `not_json`, `not_canonical`)."""
        value = canonical.decode(raw)
        if not isinstance(value, dict) or set(value) != _KEYS or value["spec"] != SPEC:
            raise _bad()
        if not isinstance(value["knows"], dict) or not isinstance(value["open"], dict):
            raise _bad()
        taken_at, log_at = _instant(value["taken_at"]), _instant(value["log_at"])
        if taken_at is None:
            raise _bad()
        return cls(value["knows"], value["open"], taken_at, log_at)

    @property
    def clock(self) -> int | None:
        """The latest instant (ms) that the device knew when the receipt came; None if it knew no log's."""
        return None if self.log_at is None else max(self.taken_at, self.log_at)


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of a comparison. `same`: names that agree; `faults` and `odd`: sentences; `open`: name -> why not.

    A fault is a contradiction that no honest operator makes. An odd value may have an honest explanation.
    """

    same: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    open: Mapping[str, str] | None = None

    def __add__(self, other: Compared) -> Compared:
        """Both together."""
        return Compared(
            (*self.same, *other.same),
            (*self.faults, *other.faults),
            (*self.odd, *other.odd),
            {**(self.open or {}), **(other.open or {})},
        )

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "compared": list(self.same),
            "faults": list(self.faults),
            "odd": list(self.odd),
            "not_compared": [{"what": name, "why": why} for name, why in (self.open or {}).items()],
        }


def compare_scan(receipt: ScanReceipt, sent: SentScan | None) -> Compared:
    """Compare every field of the signed scan with the device's record. None is left out silently."""
    scan = receipt.fields
    if sent is None:
        return Compared(open=dict.fromkeys(scan, NOT_KEPT))
    same, faults, open_ = [], [], {}
    for name, value in scan.items():
        if name not in sent.knows:
            open_[name] = sent.open.get(name, "this device does not know it")
        elif _unordered(sent.knows[name]) == _unordered(value):
            same.append(name)
        else:
            faults.append(f"the receipt has {name} {_shown(value)}, this device has {_shown(sent.knows[name])}")
    if ADMINISTRATION not in scan:  # an old server's receipt; if a new server leaves it out, that must be visible
        open_[ADMINISTRATION] = "the receipt is of the first version, which names none"
    missing = sorted(set(sent.knows) - set(scan) - {ADMINISTRATION})
    faults += [f"the receipt has no {name}, this device has {_shown(sent.knows[name])}" for name in missing]
    return Compared(tuple(same), tuple(faults), (), open_)


def compare_promise(receipt: ScanReceipt, sent: SentScan | None, pace: Pace | None, why: str = "") -> Compared:
    """Compare seal and deadline with the clock and the log's newest seal.

    Args:
        receipt: whose signature was checked.
        sent: the device's record of the scan, if it has one.
        pace: the pace of the log's seals; None if it is not known, then `why` gives the reason.

    An honest deadline lies at most two cadences and a minute ahead, and a log has no cadence above `CADENCE_MAX`. Up to
    the deadline at most one seal comes each `CADENCE_MIN`. A device's clock may be slow, so the log's counts as well.
    """
    if pace is None:
        reason = why or "the log's last entries hold no seal"
        return Compared(open={"seal": reason, "deadline": reason})
    faults, odd = [], []
    taken_at = sent.taken_at if sent is not None else pace.recorded_at
    known = sent.clock if sent is not None else None
    ahead = receipt.deadline - (known if known is not None else max(taken_at, pace.recorded_at))
    promise = 2 * (pace.gap or 0) + GRACE + CLOCK_SKEW
    if ahead > PROMISE_MAX + CLOCK_SKEW:
        faults.append(
            f"the deadline {format_instant(receipt.deadline)} lies {_span(ahead)} ahead; no promise reaches further "
            f"than {_span(PROMISE_MAX)}"
        )
    elif sent is not None and receipt.deadline < min(taken_at, pace.recorded_at) - CLOCK_SKEW:
        faults.append(f"the deadline {format_instant(receipt.deadline)} had passed before the receipt came")
    elif pace.gap is not None and ahead > promise:
        odd.append(
            f"the deadline lies {_span(ahead)} ahead, and this log sealed at least every {_span(pace.gap)} lately"
        )
    most = pace.number + 2 + max(0, receipt.deadline - pace.recorded_at) // CADENCE_MIN
    if receipt.seal > most:
        faults.append(
            f"seal {receipt.seal} can't come before the deadline: the log's newest is {pace.number}, of "
            f"{format_instant(pace.recorded_at)}, and none above {most} could"
        )
    same = () if faults or odd else ("seal", "deadline")
    return Compared(same, tuple(faults), tuple(odd))


def _unordered(value: Value) -> Value:
    """Reasons are signed in the order in which they were found, and shown by weight. Their order means nothing."""
    return sorted(value) if isinstance(value, list) else value


def _instant(value: object) -> int | None:
    if value is not None and not (isinstance(value, str) and value.isascii() and value.isdecimal()):
        raise _bad()
    return None if value is None else int(value)


def _shown(value: Value) -> str:
    return "nothing" if value is None else repr(value)[:200]


def _span(milliseconds: int) -> str:
    seconds = milliseconds // SECOND
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _bad() -> Malformed:
    return Malformed(f"couldn't read what was sent: expected a {SPEC} object", code="scan_sent")
