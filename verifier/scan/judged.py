"""The signed answer of a receipt against the log: what an officer was told, judged again at the size it names.

A receipt signs verdict, reasons and the size of the log that they rest on. So whoever reads the log at that size can
tell whether the officer was told what it says. What the log alone can't tell (other officers' scans, the clock, a
unit's place in a segment nobody here has) is named, never passed over.

No reason that an answer claims switches a comparison off. A claim says in which lots the unit would be; the facts of
all these lots are compared, and those that only a proof of the unit could settle are named as not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from verifier.scan.receipt import ScanReceipt
from verifier.scan.said import FACTS, Said
from verifier.scan.sent import Compared
from verifier.verdict.judge import STOPPING, verdict_from
from verifier.verdict.reason import REASONS, Dimension

GROUP = 1_024
"""Entries that may have been integrated beyond the signed head that an answer names: adverse ones count at once."""

_NEEDS: Mapping[str, frozenset[str]] = {
    "registered": frozenset({"unit_registered"}),
    "not_registered": frozenset({"unit_absent"}),
    "outside": frozenset({"prefix_unknown", "not_gs1"}),
}
"""One of which reasons a verdict can't go without, whatever else an answer says that is not known here."""
_UNREAD = frozenset({"could_not_read", "not_gs1"})
_UNIT = frozenset({"unit_registered", "unit_absent", "prefix_unknown"})
_BEHAVIOUR = frozenset(code for code, (about, _) in REASONS.items() if about is Dimension.BEHAVIOUR)
_WITNESSES = frozenset({"not_witnessed", "awaiting_witnesses"})
_WITH_UNREAD = frozenset(
    code for code, (about, _) in REASONS.items() if about is Dimension.SYSTEM
) | {*_UNREAD, "repair_applied", "separator_suspected", "register_stale"}  # fmt: skip
_OPEN = {
    "expired": "it rests on clocks",
    "behaviour": "it rests on other scans, which only their keeper has",
    "witnesses": "it rests on cosignatures of that moment",
    "register_stale": "it rests on when the server had last read the registry",
}
_NO_PROOF = "no proof of the unit is at hand"
_CAME_LATER = "its proof shows a registration that came after the answer, and says nothing of other lots"


class Claim(StrEnum):
    """What an answer claims to have found. UNSAID: it says neither that the unit is registered nor that it is not."""

    UNREAD = "unread"
    PRODUCT = "product"
    PRESENT = "present"
    ABSENT = "absent"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a checked proof shows a unit: registered in the entry `entry`, or absent (None) from the printed lot."""

    entry: int | None


@dataclass(slots=True)
class _Held:
    """What a log says of an answer's reasons: those it decides, and those that it can't (name -> why)."""

    decides: dict[str, bool] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)


def compare_answer(receipt: ScanReceipt, then: Said, soon: Said, place: Place | None, why: str = "") -> Compared:
    """Compare the signed answer with what the log says.

    Args:
        receipt: whose signature was checked.
        then: at the size that the answer names.
        soon: at most `GROUP` entries later: an adverse entry counts before the head that covers it is signed.
        place: where a checked proof shows the unit; None if there is none, `why` then says the reason.

    1. reasons that exclude each other; 2. what the log decides; 3. the unit; 4. the verdict.
    """
    told = frozenset(receipt.fields["reasons"])
    found = Compared((), contradictions(told), (), {})  # 1
    if place is not None and place.entry is not None and place.entry >= soon.size:
        place, why = None, _CAME_LATER  # whoever makes the goods can register the serial once more at any time
    if then.code is None:
        found += Compared(open={"code": "it does not read as a product's, so nothing rests on the log"})
    else:
        # Registered a little later, it need not have been what was found: not where there were other lots.
        known = place if place is None or not then.lots or (place.entry or 0) < then.size else None
        held, later = _hold(told, then, place), _hold(told, soon, known)
        found += Compared(open=_OPEN) + _compare_reasons(told, then.size, held, later)  # 2
        found += _compare_unit(told, then, soon, place, why or _NO_PROOF)  # 3
    return found + _compare_verdict(str(receipt.fields["verdict"]), told, then, found)  # 4


def claim_of(told: frozenset[str], said: Said) -> Claim:
    """What an answer with these reasons claims about a code that reads as a product's."""
    if told & _UNREAD:
        return Claim.UNREAD
    if said.code is not None and said.code.serial is None:
        return Claim.PRODUCT
    if "unit_registered" in told:
        return Claim.PRESENT
    return Claim.ABSENT if told & _UNIT else Claim.UNSAID


def contradictions(told: frozenset[str]) -> tuple[str, ...]:
    """Reasons that no judge gives together (`verifier.verdict.judge`), whatever the facts: a sentence each."""
    pairs = [told & group for group in (_UNREAD, _UNIT, frozenset({"sold", "sold_elsewhere"}))]
    pairs.append(told & {"unit_registered", "signature_of_absent_unit"})
    faults = [f"the officer was told {_list(some)}, which exclude each other" for some in pairs if len(some) > 1]
    if told & _UNREAD and (more := (told & REASONS.keys()) - _WITH_UNREAD):
        faults.append(f"the officer was told {_list(more)} of a code that was not judged ({_list(told & _UNREAD)})")
    if "lot_mismatch" in told and "unit_registered" not in told:
        faults.append("the officer was told 'lot_mismatch' of a unit that was not said to be registered")
    return tuple(faults)


def _hold(told: frozenset[str], said: Said, place: Place | None) -> _Held:
    """Hold the reasons to one size of the log."""
    claim, held = claim_of(told, said), _Held()
    sure, may = _lots(claim, "lot_mismatch" in told, said, place)
    if claim is Claim.UNREAD:
        held.open["code"] = "it was not judged"
    else:
        _hold_register(claim, said, held, found=bool(may))
        _hold_mismatch(claim, said, place, held)
    for reason in FACTS:
        if claim in (Claim.PRESENT, Claim.PRODUCT):
            _hold_fact(reason, said, sure, may, held)
        elif reason in told:
            if claim is not Claim.UNREAD:  # that is a contradiction already
                held.decides[reason] = False
        elif lots := [one.lot for entry, one in said.lots.items() if entry in may and one.decides.get(reason, True)]:
            held.open[reason] = f"the answer names no unit; it holds, or may, of units of lot {_few(lots)}"
        else:
            held.decides[reason] = False
    for reason in told - held.decides.keys() - held.open.keys() - _OPEN.keys() - _UNIT - _BEHAVIOUR - _WITNESSES:
        held.open[reason] = "the log alone does not decide it"
    if said.witnesses:
        held.decides["not_witnessed"] = False
    return held


def _hold_register(claim: Claim, said: Said, held: _Held, *, found: bool) -> None:
    """Serial, prefix and registration. A prefix that nobody holds now is told of units that no lot has, and no others.

    `found`: a lot is registered that the unit could be in.
    """
    assert said.code is not None  # noqa: S101  (callers have looked)
    held.decides["no_serial"] = said.code.serial is None
    if said.held or not said.lots:
        held.decides["prefix_unknown"] = not said.held
    elif claim is Claim.PRODUCT:
        held.decides["prefix_unknown"] = not found
    if claim is Claim.PRODUCT or not found:
        held.decides["unit_registered"] = False
    if claim is Claim.PRODUCT:
        held.decides["unit_absent"] = False


def _hold_mismatch(claim: Claim, said: Said, place: Place | None, held: _Held) -> None:
    """Whether the unit is in another lot than printed, or in two: justified only where the log has such lots."""
    assert said.code is not None  # noqa: S101
    shown = said.lots.get(place.entry) if place is not None and place.entry is not None else None
    others = len(said.lots) > 1 if said.code.lot is None else len(said.lots) > len(said.printed)
    if claim is not Claim.PRESENT or not others:
        held.decides["lot_mismatch"] = False
    elif shown is not None and said.code.lot not in (None, shown.lot):
        held.decides["lot_mismatch"] = True
    else:
        held.open["lot_mismatch"] = "whether other lots of the product hold the serial, only their segments show"


def _lots(claim: Claim, mismatch: bool, said: Said, place: Place | None) -> tuple[frozenset[int], frozenset[int]]:
    """Lots (by entry) that the unit surely is in if the claim is true, and all those that it may be in."""
    everywhere = frozenset(said.lots)
    lot = said.code.lot if said.code is not None else None
    sure = everywhere & {place.entry} if place is not None else frozenset()
    match claim:
        case Claim.PRODUCT:
            may = said.printed if lot is not None else frozenset()
            return may, may
        case Claim.PRESENT if not mismatch:
            may = said.printed if lot is not None else sure or everywhere
        case _:
            may = everywhere
    if place is not None and place.entry is None and lot is not None and (mismatch or claim is not Claim.PRESENT):
        may -= said.printed
    may |= sure
    return (may if claim is Claim.PRESENT and len(may) == 1 else sure), may


def _hold_fact(reason: str, said: Said, sure: frozenset[int], may: frozenset[int], held: _Held) -> None:
    """One fact about a unit that is in one of the lots `may`, and in all of `sure`."""
    if any(said.lots[entry].decides.get(reason) for entry in sure):
        held.decides[reason] = True
        return
    if whys := [why for entry in sorted(may) if (why := said.lots[entry].open.get(reason)) is not None]:
        held.open[reason] = whys[0]
        return
    lots = [said.lots[entry].lot for entry in sorted(may) if said.lots[entry].decides[reason]]
    if lots and len(lots) < len(may):
        held.open[reason] = f"it holds of lot {_few(lots)}, and in which of {len(may)} lots the unit is nothing shows"
    else:
        held.decides[reason] = bool(lots)


def _compare_reasons(told: frozenset[str], size: int, held: _Held, later: _Held) -> Compared:
    """Hold what was told to both sizes. What turned for the worse in between counts at once; what turned for the better
    does so as well, and an honest answer then awaits witnesses."""
    same, faults, open_ = [], [], dict(held.open)
    for reason, holds in held.decides.items():
        was_told, late = reason in told, later.decides.get(reason)
        if was_told == holds or (was_told and late):
            same.append(reason)
        elif reason in later.open:
            open_[reason] = later.open[reason]
        elif not was_told and late is False and "awaiting_witnesses" in told:
            open_[reason] = f"it held at {size} entries and was undone soon after: nothing shows what was known"
        elif late is not None:  # else the unit's proof settles it
            faults.append(
                f"the officer was {'told' if was_told else 'not told'} {reason!r}; the first {size} entries of the log "
                f"say {'so' if holds else 'otherwise'}"
            )
    return Compared(tuple(same), tuple(faults), (), open_)


def _compare_unit(told: frozenset[str], then: Said, soon: Said, place: Place | None, why: str) -> Compared:
    """The unit against its proof: one that came after the answer contradicts no absence."""
    claim = claim_of(told, then)
    at = place.entry if place is not None else None
    match claim:
        case Claim.PRODUCT:
            return Compared()
        case Claim.UNREAD:
            odd = f"the officer was told {min(told & _UNREAD)!r}, and the code reads as a product's where no device "
            found = not then.suspects or (at is not None and at < then.size)
            return Compared(odd=(odd + "says more of it",) if found else ())
        case Claim.UNSAID:
            if told - REASONS.keys():
                return Compared(open={"unit": "some of the reasons are not known to this program"})
            return Compared(faults=("the officer was told neither that the unit is registered nor that it is not",))
    if not then.lots and claim is Claim.ABSENT:
        return Compared()  # nothing to be in: the reasons say it
    if place is None:
        return Compared(open={"unit": why})
    if claim is Claim.ABSENT:
        right = at is None or at >= then.size
    else:
        right = at < soon.size if at is not None else "lot_mismatch" in told
    if not right:
        was = "absent" if claim is Claim.ABSENT else "registered"
        shown = f"registered by entry {at}" if at is not None else "absent"
        return Compared(faults=(f"the officer was told that the unit is {was}; its proof shows it {shown}",))
    if claim is Claim.PRESENT and at is None:
        return Compared(open={"unit": "it is not in the lot on its code; in which other, no proof shows"})
    if claim is Claim.ABSENT and at is not None:
        return Compared(open={"unit": _CAME_LATER})
    if claim is Claim.ABSENT and len(then.lots) > len(then.printed):
        return Compared(open={"unit": "it is not in the lot on its code; whether in another, no proof shows"})
    return Compared(same=("unit",))


def _compare_verdict(verdict: str, told: frozenset[str], said: Said, found: Compared) -> Compared:
    """The verdict must follow from its reasons. It is called the same only if nothing that could turn it is open."""
    needed, given = _NEEDS.get(verdict), verdict_from(told)
    wrong = (told & STOPPING and verdict != "stop") or (needed is not None and not told & needed)
    if wrong or given not in (verdict, None):
        return Compared(faults=(f"the verdict {verdict!r} does not follow from the reasons {sorted(told)}",))
    if given is None:
        return Compared(open={"verdict": "some of its reasons are not known to this program"})
    left = [name for name in ("unit", *FACTS) if name in (found.open or {})]
    if said.code is None and not told & _UNREAD:
        left = ["code"]
    if left:
        return Compared(open={"verdict": f"it follows from its reasons; not compared: {', '.join(left)}"})
    return Compared(same=("verdict",))


def _list(codes: frozenset[str]) -> str:
    return " and ".join(repr(code) for code in sorted(codes))


def _few(lots: list[str]) -> str:
    return ", ".join(lots[:3]) + (f" and {len(lots) - 3} others" if len(lots) > 3 else "")
