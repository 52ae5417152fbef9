"""The signed answer of a receipt against the log: what an officer was told, judged again at the size it names.

A receipt signs verdict, reasons and the size of the log that they rest on. So whoever reads the log at that size can
tell whether the officer was told what it says. What the log alone can't tell (other officers' scans, the clock, a
unit's place in a segment nobody here has) is named, never passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.batch import Batch, RetireReason
from verifier.errors import NotFound
from verifier.gs1 import UnitCode
from verifier.judge import STOPPING, verdict_from
from verifier.reading import ReadCode, read
from verifier.record import Record
from verifier.scan_receipt import ScanReceipt
from verifier.scan_sent import Compared
from verifier.segment import blind, unit_key

GROUP = 1_024
"""Entries that may have been integrated beyond the signed head that an answer names: adverse ones count at once."""

_NEEDS: Mapping[str, frozenset[str]] = {
    "registered": frozenset({"unit_registered"}),
    "not_registered": frozenset({"unit_absent"}),
    "outside": frozenset({"prefix_unknown", "not_gs1"}),
}
"""One of which reasons a verdict can't go without, whatever else an answer says that is not known here."""
_OPEN = {
    "expired": "it rests on clocks",
    "behaviour": "it rests on other scans, which only their keeper has",
    "witnesses": "it rests on cosignatures of that moment",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a log says about one code at one size: reasons that it decides, and those that it can't (name -> why).

    `odd`: what has an honest explanation, and another one.
    """

    size: int
    decides: Mapping[str, bool] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a checked proof shows a unit: registered in the entry `entry`, or absent (None)."""

    entry: int | None


def size_of(receipt: ScanReceipt) -> int | None:
    """The size of the log that the answer names, None for a text that is no number."""
    text = str(receipt.fields["log_size"])
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def said_about(record: Record, receipt: ScanReceipt) -> Said:
    """What the log says, at the size to which `record` was folded, about the code in a receipt."""
    scan, reading = receipt.fields, read(str(receipt.fields["code"]))
    told = frozenset(scan["reasons"])
    if not isinstance(reading, ReadCode):
        return Said(record.size, open={"code": "it does not read as a product's, so nothing rests on the log"})
    if unread := told & {"could_not_read", "not_gs1"}:
        odd = f"the officer was told {min(unread)!r}, and the code reads as a product's where no device says more of it"
        return Said(record.size, open={"code": "it was not judged"}, odd=() if reading.suspects else (odd,))
    code = reading.code
    held, known = record.standing.holder(code.gtin) is not None, bool(record.by_gtin.get(code.gtin))
    decides, open_ = {"no_serial": code.serial is None}, dict(_OPEN)
    if held or not known:  # a prefix that nobody holds any more is told of units that no batch has, and no others
        decides["prefix_unknown"] = not held
    if not held and not known:
        decides["unit_registered"] = False
        return Said(record.size, decides, open_)
    if code.serial is None and code.lot is None:
        return Said(record.size, decides, {**open_, "lot": "the code names a product alone"})
    if "lot_mismatch" in told:
        return Said(record.size, decides, {**open_, "lot": "the unit was found in another lot than printed"})
    batches = [b for b in record.by_gtin.get(code.gtin, ()) if code.lot is None or b.lot == code.lot]
    if len(batches) > 1:
        return Said(record.size, decides, {**open_, "lot": f"{len(batches)} lots could be meant"})
    if not batches:
        decides["unit_registered"] = False
    elif told & {"unit_registered", "no_serial"}:
        decides |= _batch(record, batches[0], scan["country"])
        more, why = _retired(record, batches[0], code)
        decides, open_ = {**decides, **more}, {**open_, **why}
    return Said(record.size, decides, open_)


def compare_answer(receipt: ScanReceipt, then: Said, soon: Said, place: Place | None, why: str = "") -> Compared:
    """Compare the signed answer with what the log says.

    Args:
        receipt: whose signature was checked.
        then: at the size that the answer names.
        soon: at most `GROUP` entries later: an adverse entry counts before the head that covers it is signed.
        place: where a checked proof shows the unit; None if there is none, `why` then says the reason.
    """
    scan = receipt.fields
    told, verdict, size = frozenset(scan["reasons"]), scan["verdict"], scan["log_size"]
    faults, same, open_ = [], [], {**then.open}
    for reason, holds in then.decides.items():
        was_told = any(one == reason or (reason == "sold" and one.startswith("sold")) for one in told)
        if was_told in (holds, soon.decides.get(reason, holds)):
            same.append(reason)
        else:
            faults.append(
                f"the officer was {'told' if was_told else 'not told'} {reason!r}; the first {size} entries of the log "
                f"say {'so' if holds else 'otherwise'}"
            )
    if told & {"unit_registered", "unit_absent"}:
        if place is None:
            open_["unit"] = why or "no proof of the unit is at hand"
        elif ("unit_registered" in told) == (place.entry is not None and place.entry < soon.size):
            same.append("unit")
        else:
            was = "registered" if "unit_registered" in told else "absent"
            shown = f"registered by entry {place.entry}" if place.entry is not None else "absent"
            faults.append(f"the officer was told that the unit is {was}; its proof shows it {shown}")
    needed, given = _NEEDS.get(verdict), verdict_from(told)
    wrong = (told & STOPPING and verdict != "stop") or (needed is not None and not told & needed)
    if wrong or given not in (verdict, None):
        faults.append(f"the verdict {verdict!r} does not follow from the reasons {sorted(told)}")
    elif given is None:
        open_["verdict"] = "some of its reasons are not known to this program"
    else:
        same.append("verdict")
    return Compared(tuple(same), tuple(faults), then.odd, open_)


def _batch(record: Record, batch: Batch, country: str | None) -> dict[str, bool]:
    maker = record.standing.participants[batch.maker]
    return {
        "registration_withdrawn": batch.withdrawn,
        "recalled": batch.recall.current is not None,
        "registered_while_suspended": maker.suspended_at(batch.recorded_at) is not None,
        "issuer_suspended": maker.suspension is not None,
        "prefix_moved": record.standing.holder(batch.gtin) != batch.maker,
        "market_mismatch": bool(batch.markets) and country is not None and country not in batch.markets,
    }


def _retired(record: Record, batch: Batch, code: UnitCode) -> tuple[dict[str, bool], dict[str, str]]:
    """Whether this very unit was reported sold, destroyed or stolen; open where its key or the set is not here."""
    decides, open_ = {}, {}
    for reason in RetireReason:
        name = reason.name.lower()
        if batch.retired[reason].current is None or code.serial is None:
            decides[name] = False
        elif batch.salt is None:
            open_[name] = "units of this lot were; whether this one, only the lot's salt shows, which is not public"
        else:
            key = unit_key(blind(batch.salt, batch.gtin, batch.lot, code.serial), code.serial)
            try:
                decides[name] = key in record.retired_units(batch, reason)
            except NotFound:
                open_[name] = "units of this lot were; whether this one, only their segment shows"
    return decides, open_
