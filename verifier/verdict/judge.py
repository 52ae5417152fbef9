"""The judge: facts in, verdict and reasons out. Nothing else in Carnet decides a verdict.

Adding an adverse fact never moves the verdict towards `registered`. A missing input is never favourable; it is listed
in `not_checked`. Property tests hold both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from verifier.instant import format_instant
from verifier.reading.printed import EXPIRY_AIS, expiries
from verifier.record.batch import RetireReason
from verifier.record.participant import SuspensionKind
from verifier.verdict.behaviour import behaviour
from verifier.verdict.facts import BatchFacts, Context, Facts, Label, Readable, Unit, Witnessing
from verifier.verdict.reason import REASONS, Reason, Tier, Verdict

SUSPENSION_TIER = {
    SuspensionKind.ADMINISTRATIVE: Tier.NOTIFY,
    SuspensionKind.KEY_COMPROMISED: Tier.INSPECT,
    SuspensionKind.FRAUD: Tier.INSPECT,
}
"""Earlier batches stay valid after a suspension; its kind says how closely to check them."""

STOPPING = frozenset(
    {"registration_withdrawn", "recalled", "registered_while_suspended", "stolen", "destroyed", "signature_wrong",
     "signature_of_absent_unit"}
)  # fmt: skip
"""Codes of reasons that are always of tier `stop`."""
INFORMING = frozenset(
    {"not_gs1", "repair_applied", "prefix_unknown", "unit_registered", "signature_valid", "sold", "seen_before",
     "public_lookups", "second_country", "not_witnessed"}
)  # fmt: skip
"""Codes of reasons that are always of tier `info`. Those in neither set are never of these two tiers."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, every reason for it, and the checks that could not be made: (check, why not)."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    not_checked: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What a check needs and a batch does not declare. `whole`: nothing is left to check about the lot on the pack."""

    why: str
    whole: bool


def undeclared_markets(facts: Facts) -> Undeclared | None:
    """The batches of a unit that name no markets; None when all do."""
    return _undeclared(facts, "markets", lambda batch: not batch.markets)


def undeclared_expiry(facts: Facts) -> Undeclared | None:
    """The batches of a unit that name no expiry date; None when all do."""
    return _undeclared(facts, "expiry date", lambda batch: batch.expires is None)


def unchecked_label(facts: Facts) -> str | None:
    """Why no signature was checked; None when one was."""
    if Label.NO_KEY in facts.labels:
        return "the code carries one, but its batch registered no key to check it with"
    if facts.labels != (Label.NONE,):
        return None
    if facts.has_serial and facts.unit is Unit.ABSENT:
        return "there is no registered unit to check one against"
    return "this form of the code carries none"


def _not_compared(ai: str, values: tuple[str, ...], facts: Facts) -> str | None:
    """The fields of a label that the register knows nothing about; None when all were compared."""
    if ai in EXPIRY_AIS and facts.batches and all(batch.expires is not None for batch in _on_pack(facts)):
        return None
    said = " and ".join(repr(value) for value in values)
    return f"the label also says ({ai}) {said}: nothing registered to compare it with"


def _undeclared(facts: Facts, what: str, leaves_open: Callable[[BatchFacts], bool]) -> Undeclared | None:
    """A batch that declares nothing neither switches off the check of the others nor counts as checked."""
    open_ = [batch for batch in facts.batches if leaves_open(batch)]
    if not open_:
        return None
    on_pack = _on_pack(facts)
    if len(open_) == len(facts.batches):
        return Undeclared(f"the batch declares no {what}", whole=True)
    lots = ", ".join(sorted(batch.lot for batch in open_))
    return Undeclared(f"lot {lots} declares no {what}", whole=any(map(leaves_open, on_pack)))


def judge(facts: Facts) -> Judgement:
    """Judge one scan."""
    reasons = tuple(_reasons(facts))
    return Judgement(_verdict(facts, reasons), reasons, tuple(_not_checked(facts)))


def _verdict(facts: Facts, reasons: tuple[Reason, ...]) -> Verdict:
    """The first row that holds. `prefix_unknown` and `unit_absent` each decide their row alone.

    Except while witnesses are awaited: absence helps an operator that hides a registration, so it needs witnesses too.
    """
    codes = {reason.code for reason in reasons}
    if any(reason.tier is Tier.STOP for reason in reasons):
        return Verdict.STOP
    if facts.readable is Readable.UNREADABLE:
        return Verdict.UNREADABLE
    if codes & {"not_gs1", "prefix_unknown"}:
        return Verdict.OUTSIDE
    if "unit_absent" in codes and "awaiting_witnesses" not in codes:
        return Verdict.NOT_REGISTERED
    # Without the batch's facts nobody has looked for a recall. Not looked for is not the same as none.
    known = facts.unit is Unit.PRESENT and facts.batches
    if not known or any(r.tier in (Tier.NOTIFY, Tier.INSPECT) for r in reasons):
        return Verdict.CHECK
    return Verdict.REGISTERED


def verdict_from(codes: Collection[str]) -> Verdict | None:
    """The verdict that follows from the reason codes of one answer; None when a code is unknown here.

    For somebody who has an answer without its facts: a verdict that does not follow from its reasons was made up.
    """
    told = frozenset(codes)
    if told - REASONS.keys():
        return None
    if told & STOPPING:
        return Verdict.STOP
    if "could_not_read" in told:
        return Verdict.UNREADABLE
    if told & {"not_gs1", "prefix_unknown"}:
        return Verdict.OUTSIDE
    if "unit_absent" in told and "awaiting_witnesses" not in told:
        return Verdict.NOT_REGISTERED
    return Verdict.REGISTERED if "unit_registered" in told and told <= INFORMING else Verdict.CHECK


def _reasons(facts: Facts) -> Iterator[Reason]:
    yield from _reading(facts)
    if facts.readable is Readable.GS1:
        yield from _register(facts)
        for label in facts.labels:
            yield from _label(label, facts)
        for batch in facts.batches:
            yield from _batch(batch, facts)
        yield from _printed(facts)
        yield from _behaviour(facts)
    yield from _system(facts)


def _reading(facts: Facts) -> Iterator[Reason]:
    if facts.readable is Readable.UNREADABLE:
        yield Reason("could_not_read", Tier.NOTIFY, {"why": facts.why_unreadable})
    if facts.readable is Readable.NOT_GS1:
        yield Reason("not_gs1", Tier.INFO, {"why": facts.why_unreadable})
    if facts.repairs:
        yield Reason("repair_applied", Tier.INFO, {"repairs": list(facts.repairs)})
    if facts.suspects:
        yield Reason("separator_suspected", Tier.NOTIFY, {"suspects": list(facts.suspects)})


def _register(facts: Facts) -> Iterator[Reason]:
    if not facts.has_serial:
        yield Reason("no_serial", Tier.NOTIFY)
    if facts.holder is None and not facts.batches:
        yield Reason("prefix_unknown", Tier.INFO, {"gs1_office": facts.gs1_office})
        return
    if facts.has_serial and facts.unit is Unit.ABSENT:
        yield Reason("unit_absent", Tier.NOTIFY, facts.absence)
    if facts.has_serial and facts.unit is Unit.PRESENT:
        yield Reason("unit_registered", Tier.INFO, {"entries": [batch.index for batch in facts.batches]})
        if len(facts.batches) > 1 or not all(batch.lot_as_printed for batch in facts.batches):
            yield Reason("lot_mismatch", Tier.INSPECT, {"lots": [batch.lot for batch in facts.batches]})


def _label(label: Label, facts: Facts) -> Iterator[Reason]:
    absent = facts.unit is Unit.ABSENT
    match label:
        case Label.NONE | Label.NO_KEY:
            return
        case Label.VALID if absent:
            yield Reason("signature_of_absent_unit", Tier.STOP)
        case Label.VALID:
            yield Reason("signature_valid", Tier.INFO)
        case Label.MISSING:
            yield Reason("signature_missing", Tier.INSPECT)
        case Label.WRONG_ONCE:
            yield Reason("signature_unconfirmed", Tier.INSPECT)
        case Label.WRONG_TWICE:
            yield Reason("signature_wrong", Tier.STOP)
        case Label.MALFORMED:
            yield Reason("signature_malformed", Tier.INSPECT)


def _batch(batch: BatchFacts, facts: Facts) -> Iterator[Reason]:
    where = {"batch": batch.id, "entry": batch.index}
    if batch.withdrawn:
        yield Reason("registration_withdrawn", Tier.STOP, where)
    if batch.recall is not None:
        yield Reason("recalled", Tier.STOP, batch.recall)
    if batch.registered_while_suspended:
        yield Reason("registered_while_suspended", Tier.STOP, where)
    if batch.maker_suspension is not None:
        suspension = batch.maker_suspension
        since = {"kind": suspension.kind.name.lower(), "since": format_instant(suspension.effective_at)}
        yield Reason("issuer_suspended", SUSPENSION_TIER[suspension.kind], since)
    if not batch.maker_holds_prefix:
        yield Reason("prefix_moved", Tier.NOTIFY, where)
    if batch.expires is not None and batch.expires < facts.today:
        yield Reason("expired", Tier.NOTIFY, {"expires": batch.expires})
    if batch.markets and facts.market is not None and facts.market not in batch.markets:
        yield Reason("market_mismatch", Tier.INSPECT, {"declared": list(batch.markets), "here": facts.market})
    for reason, evidence in batch.retired.items():
        yield _retired(reason, dict(evidence), facts.context)


def _printed(facts: Facts) -> Iterator[Reason]:
    """The expiry date in the code, compared with the one that the maker registered for the lot on the pack."""
    for date in expiries(facts.printed, facts.today) if facts.batches else ():
        for batch in _on_pack(facts):
            if batch.expires is not None and batch.expires != date:
                evidence = {"printed": date, "registered": batch.expires, "lot": batch.lot}
                yield Reason("expiry_mismatch", Tier.INSPECT, evidence)
        if date < facts.today:
            yield Reason("expired", Tier.NOTIFY, {"expires": date, "printed": True})


def _on_pack(facts: Facts) -> Sequence[BatchFacts]:
    """The batches whose lot is printed; all of them if none is."""
    return [batch for batch in facts.batches if batch.lot_as_printed] or facts.batches


def _retired(reason: RetireReason, evidence: dict[str, object], context: Context) -> Reason:
    match reason:
        case RetireReason.STOLEN:
            return Reason("stolen", Tier.STOP, evidence)
        case RetireReason.DESTROYED:
            return Reason("destroyed", Tier.STOP, evidence)
        case RetireReason.SOLD:
            if context is Context.OWNER:  # an asker without a context may be a buyer
                return Reason("sold", Tier.INFO, evidence)
            return Reason("sold_elsewhere", Tier.NOTIFY, {**evidence, "context": context.value})


def _behaviour(facts: Facts) -> Iterator[Reason]:
    if facts.unit is not Unit.PRESENT:
        return
    earlier = len(facts.sightings) - facts.officer
    if earlier > 0:
        first = min(facts.sightings, key=lambda sighting: sighting.scanned_at)
        yield Reason("seen_before", Tier.INFO, {"times": earlier, "first": first.seen()})
    if facts.public_lookups:
        yield Reason("public_lookups", Tier.INFO, {"times": facts.public_lookups})
    yield from behaviour(facts.sightings)


def _system(facts: Facts) -> Iterator[Reason]:
    match facts.witnessing:
        case Witnessing.NO_WITNESSES:
            yield Reason("not_witnessed", Tier.INFO)
        case Witnessing.AWAITING:
            yield Reason("awaiting_witnesses", Tier.NOTIFY)
        case Witnessing.COVERED:
            pass
    if facts.register_stale:
        yield Reason("register_stale", Tier.NOTIFY)


def _not_checked(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.readable is not Readable.GS1:
        yield "register", "no product code was read"
        if facts.not_judged:
            yield "other codes", "; ".join(facts.not_judged)
        return
    if not facts.has_serial:
        yield "unit", "the code carries no serial"
    elif facts.unit is Unit.UNKNOWN:
        yield "unit", "it could not be told whether the unit is registered"
    if unsigned := unchecked_label(facts):
        yield "label signature", unsigned
    if facts.unit is Unit.PRESENT:
        if not facts.batches:
            yield "batch", "nothing is known about the batch"
        if facts.market is None:
            yield "market", "no country was given"
        elif markets := undeclared_markets(facts):
            yield "market", markets.why
        if expiry := undeclared_expiry(facts):
            yield "expiry", expiry.why
        if not any(s.latitude is not None for s in facts.sightings):
            yield "travel", "no officer's scan with coordinates"
        elif facts.officer and facts.sightings[-1].latitude is None:
            yield "travel", "this scan has no coordinates"
    for ai, values in facts.printed:
        if why := _not_compared(ai, values, facts):
            yield f"printed {ai}", why
    if facts.not_judged:
        yield "other codes", "; ".join(facts.not_judged)
    if facts.hidden_lots:
        yield "other lots", f"{facts.hidden_lots} of this product cannot be searched on this server"
    if facts.witnessing is Witnessing.NO_WITNESSES:
        yield "witnesses", "this ledger has none"
