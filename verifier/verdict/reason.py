"""Reasons: every fact about a code becomes one, with a stable code, a tier, a dimension and a text.

Unknown, absent and contradicted are three different words: `prefix_unknown` says nothing about the item,
`unit_absent` rests on a proof or a named statement, and contradictions are `inspect` or `stop`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Tier(StrEnum):
    """How much a reason weighs."""

    INFO = "info"
    NOTIFY = "notify"
    INSPECT = "inspect"
    STOP = "stop"


class Dimension(StrEnum):
    """What a reason is about."""

    READING = "reading"
    CODE = "code"
    REGISTER = "register"
    RIGHTS = "rights"
    BEHAVIOUR = "behaviour"
    ROUTE = "route"
    SYSTEM = "system"


class Verdict(StrEnum):
    """The answer to a scan: the first row of docs/spec/verdict.md that holds."""

    STOP = "stop"
    UNREADABLE = "unreadable"
    OUTSIDE = "outside"
    NOT_REGISTERED = "not_registered"
    CHECK = "check"
    REGISTERED = "registered"


SHOWN_AS: Mapping[Verdict, str] = {
    Verdict.STOP: "Stop",
    Verdict.UNREADABLE: "Could not read",
    Verdict.OUTSIDE: "Not in this ledger",
    Verdict.NOT_REGISTERED: "Not registered",
    Verdict.CHECK: "Check further",
    Verdict.REGISTERED: "Registered, no reports",
}
"""The words that people see. None of them calls an item authentic or fake."""

SOLD_SHOWN_AS = "Registered, reported sold"
"""In place of "no reports", for the owner of a unit that was reported sold."""


def shown_as(verdict: Verdict, reasons: Iterable[str]) -> str:
    """The heading of an answer with reasons of these codes. It depends on more than the verdict."""
    return SOLD_SHOWN_AS if verdict is Verdict.REGISTERED and "sold" in reasons else SHOWN_AS[verdict]


CAVEAT = "A registered code does not show that this item is genuine: printed codes can be copied."
"""Said beside every verdict."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact with its weight. `evidence` is JSON-able: entry indexes, times, places, hashes."""

    code: str
    tier: Tier
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dimension(self) -> Dimension:
        """What the reason is about."""
        return REASONS[self.code][0]

    @property
    def text(self) -> str:
        """The reason in one plain sentence."""
        return REASONS[self.code][1]


_D = Dimension
REASONS: Mapping[str, tuple[Dimension, str]] = {
    # reading
    "could_not_read": (_D.READING, "No well-formed code came in. This says nothing about the item."),
    "repair_applied": (_D.READING, "The text was repaired for a known scanner fault before it was judged."),
    "separator_suspected": (
        _D.READING,
        "The scanner may have lost a separator: the serial looks as if it had swallowed another field.",
    ),
    "no_serial": (_D.READING, "This code names a product, not one item."),
    "not_gs1": (_D.READING, "The code was read well but is no GS1 product code. Its address was not opened."),
    # code
    "signature_valid": (_D.CODE, "The label's signature was made with the key registered for this batch."),
    "signature_missing": (
        _D.CODE,
        "Labels of this batch carry a signature on this kind of code, and this one does not.",
    ),
    "signature_unconfirmed": (
        _D.CODE,
        "The label's signature did not match in one reading. Read the label once more before you rely on that.",
    ),
    "signature_wrong": (_D.CODE, "The label's signature does not match this code in two readings."),
    "signature_malformed": (_D.CODE, "The label's signature is damaged or has the wrong form."),
    "signature_of_absent_unit": (
        _D.CODE,
        "The signature was made with this batch's key for a serial that the batch does not contain.",
    ),
    # register
    "prefix_unknown": (
        _D.REGISTER,
        "Nobody in this ledger answers for this company prefix. This says nothing about the item.",
    ),
    "unit_absent": (
        _D.REGISTER,
        "The company is in this ledger, and this item's code is not among its registered units.",
    ),
    "unit_registered": (_D.REGISTER, "The code belongs to a unit that its maker registered."),
    "lot_mismatch": (_D.REGISTER, "The serial is registered in another lot than the one printed, or in two."),
    "recalled": (_D.REGISTER, "The batch has been recalled."),
    "registration_withdrawn": (_D.REGISTER, "The maker has withdrawn this batch's registration."),
    "stolen": (_D.REGISTER, "This unit was reported stolen."),
    "destroyed": (_D.REGISTER, "This unit was reported destroyed, so the code should not be in use."),
    "sold": (_D.REGISTER, "This unit was reported sold to a final buyer."),
    "sold_elsewhere": (_D.REGISTER, "This unit was reported sold to a final buyer, so it should not be for sale."),
    "expired": (_D.REGISTER, "The expiry date has passed."),
    "expiry_mismatch": (_D.REGISTER, "The expiry date in the code is not the one that the maker registered."),
    "register_stale": (_D.REGISTER, "The list of admitted companies is older than one day."),
    # rights
    "issuer_suspended": (_D.RIGHTS, "The maker is suspended from this ledger."),
    "registered_while_suspended": (_D.RIGHTS, "The batch was registered after its maker's suspension took effect."),
    "prefix_moved": (_D.RIGHTS, "The maker of this batch no longer holds the company prefix."),
    # behaviour
    "seen_before": (_D.BEHAVIOUR, "This code has been scanned by officers before."),
    "public_lookups": (_D.BEHAVIOUR, "This code has been looked up by the public."),
    "second_country": (_D.BEHAVIOUR, "This code has been scanned in more than one country."),
    "impossible_travel": (
        _D.BEHAVIOUR,
        "Several items carry this code: it was scanned too far apart for the time between. Either may be the copy.",
    ),
    # route
    "market_mismatch": (_D.ROUTE, "The batch was declared for other markets than this one."),
    # system
    "not_witnessed": (_D.SYSTEM, "This ledger has no witnesses; the answer rests on its operator's signed log."),
    "awaiting_witnesses": (
        _D.SYSTEM,
        "Independent witnesses have not confirmed the records behind this answer, or not within the last hour.",
    ),
}
"""code -> (dimension, text). `docs/spec/verdict.md` maps each to NMVS, GS1 and CBV words."""
