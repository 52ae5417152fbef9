"""The checks behind an answer, one row each in a fixed order: what was checked, with which result.

A row that could not be checked says so and why. No check that was left out is shown as passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.services.scans.verification import Answer
from verifier.reading.reading import NotGs1, ReadCode, Unreadable
from verifier.verdict.facts import Facts, Readable, Unit, Witnessing
from verifier.verdict.judge import Undeclared, unchecked_label, undeclared_expiry, undeclared_markets
from verifier.verdict.reason import Reason, Tier


class Result(StrEnum):
    """The result of a check. NOTED: worth knowing, but by itself no reason to stop."""

    PASSED = "passed"
    NOTED = "noted"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


TIERS = (Tier.STOP, Tier.INSPECT, Tier.NOTIFY, Tier.INFO)
"""Strongest first."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row: the reasons that speak against it, the text if none does, and why the check may not be possible."""

    name: str
    against: frozenset[str]
    passed: str
    skipped: Callable[[Facts], str | None]


def _needs_gs1(facts: Facts) -> str | None:
    return None if facts.readable is Readable.GS1 else "no product code was read"


def _needs_register(facts: Facts) -> str | None:
    if skipped := _needs_gs1(facts):
        return skipped
    if not facts.has_serial:
        return "the code carries no serial"
    return "it could not be told whether the unit is registered" if facts.unit is Unit.UNKNOWN else None


def _needs_label(facts: Facts) -> str | None:
    return _needs_gs1(facts) or unchecked_label(facts)


def _needs_batch(facts: Facts) -> str | None:
    return _needs_gs1(facts) or (None if facts.batches else "there is no registered batch to look at")


def _needs_unit(facts: Facts) -> str | None:
    return _needs_batch(facts) or (None if facts.unit is Unit.PRESENT else "there is no registered unit to look at")


def _needs_market(facts: Facts) -> str | None:
    if skipped := _needs_batch(facts):
        return skipped
    if facts.market is None:
        return "no country was given"
    left_open = undeclared_markets(facts)
    return left_open.why if left_open and left_open.whole else None


def _needs_expiry(facts: Facts) -> str | None:
    left_open = undeclared_expiry(facts)
    return _needs_batch(facts) or (left_open.why if left_open and left_open.whole else None)


_BESIDES: Mapping[str, Callable[[Facts], Undeclared | None]] = {
    "market": undeclared_markets,
    "expiry": undeclared_expiry,
}
"""Checks that can be made for the lot on the pack while another lot of the same serial leaves them open."""


def _needs_travel(facts: Facts) -> str | None:
    if skipped := _needs_unit(facts):
        return skipped
    if facts.officer and facts.sightings[-1].latitude is None:
        return "this scan has no coordinates"
    located = sum(sighting.latitude is not None for sighting in facts.sightings)
    return "there are no two officers' scans with coordinates" if located < 2 else None


def _needs_witnesses(facts: Facts) -> str | None:
    if skipped := _needs_gs1(facts):
        return skipped
    return "this ledger has none" if facts.witnessing is Witnessing.NO_WITNESSES else None


CHECKS: tuple[Check, ...] = (
    Check(
        "reading",
        frozenset({"could_not_read", "not_gs1", "repair_applied", "separator_suspected"}),
        "The code is a well-formed GS1 code.",
        lambda _: None,
    ),
    Check(
        "register",
        frozenset({"prefix_unknown", "unit_absent", "no_serial", "lot_mismatch", "register_stale"}),
        "The code belongs to a unit that its maker registered.",
        _needs_register,
    ),
    Check(
        "label signature",
        frozenset(
            {
                "signature_missing",
                "signature_unconfirmed",
                "signature_wrong",
                "signature_malformed",
                "signature_of_absent_unit",
            }
        ),
        "The label's signature was made with the key registered for this batch.",
        _needs_label,
    ),
    Check(
        "recall",
        frozenset({"recalled", "registration_withdrawn"}),
        "Neither recalled nor withdrawn.",
        _needs_batch,
    ),
    Check(
        "unit state",
        frozenset({"stolen", "destroyed", "sold", "sold_elsewhere"}),
        "Not reported sold, stolen or destroyed.",
        _needs_unit,
    ),
    Check(
        "maker",
        frozenset({"issuer_suspended", "registered_while_suspended", "prefix_moved"}),
        "Registered by the participant that holds the company prefix.",
        _needs_batch,
    ),
    Check("market", frozenset({"market_mismatch"}), "Declared for this market.", _needs_market),
    Check("expiry", frozenset({"expired", "expiry_mismatch"}), "The expiry date has not passed.", _needs_expiry),
    Check(
        "travel",
        frozenset({"impossible_travel", "second_country"}),
        "Officers' scans are consistent with one item travelling.",
        _needs_travel,
    ),
    Check("witnesses", frozenset({"awaiting_witnesses"}), "Covered by a witnessed checkpoint.", _needs_witnesses),
)
"""Every check, in the order shown."""

_ABSENT = frozenset({"unit_absent"})
_CHECK_OF = {
    code: [check.name for check in CHECKS if code in check.against] for check in CHECKS for code in check.against
}
_WEIGHT = {tier: at for at, tier in enumerate(TIERS)}


def rows(answer: Answer) -> list[dict[str, str]]:
    """The checks of one answer as JSON: check, result, text."""
    against: dict[str, Reason] = {}
    for reason in by_weight(answer.judgement.reasons):
        for name in _CHECK_OF.get(reason.code, ()):
            against.setdefault(name, reason)
    found = [_row(check, answer.facts, against.get(check.name)) for check in CHECKS]
    if not isinstance(answer.reading, ReadCode):
        found[0]["text"] += f" {_cause(answer.reading)}"
    return found


def _cause(reading: NotGs1 | Unreadable) -> str:
    return reading.message if isinstance(reading, NotGs1) else f"Cause: {reading.message}."


def by_weight(reasons: tuple[Reason, ...]) -> list[Reason]:
    """Reasons with the strongest tier first, else in their order."""
    return sorted(reasons, key=lambda reason: _WEIGHT[reason.tier])


def _row(check: Check, facts: Facts, strongest: Reason | None) -> dict[str, str]:
    if strongest is not None:
        failed = strongest.tier in (Tier.STOP, Tier.INSPECT) or strongest.code in _ABSENT
        return {"check": check.name, "result": "failed" if failed else "noted", "text": strongest.text}
    skipped = check.skipped(facts)
    if skipped is not None:
        return {"check": check.name, "result": "not_checked", "text": f"Not checked: {skipped}."}
    left_open = _BESIDES[check.name](facts) if check.name in _BESIDES else None
    besides = f" Not checked for the other lot: {left_open.why}." if left_open else ""
    return {"check": check.name, "result": "passed", "text": check.passed + besides}
