"""The planted cases: what each shows, who asks, and the right answer. At least one for every verdict."""

from __future__ import annotations

from dataclasses import dataclass

from api.demo.cast import MOMBASA, ROTTERDAM, Place
from verifier.reading.gs1 import Carrier
from verifier.verdict.facts import Context
from verifier.verdict.reason import Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One planted code and the answer to expect of it.

    `reasons`: codes that must be among the answer's. `place` None: somebody from the public asks; else an officer there
    does, in `context`. `photo`: it is a printed label and is read from pixels.
    """

    slug: str
    title: str
    tale: str
    verdict: Verdict
    reasons: frozenset[str]
    place: Place | None = None
    context: Context = Context.UNKNOWN
    carrier: Carrier = Carrier.QR
    photo: bool = True


_V = Verdict
CASES = (
    Case(
        "clean",
        "An ordinary label",
        "Registered by its maker, and nothing speaks against it.",
        _V.REGISTERED,
        frozenset({"unit_registered", "signature_valid"}),
    ),
    Case(
        "copied",
        "A code in two ports on one morning",
        "Scanned in Rotterdam and in Santos three hours apart. Two items carry it, and either may be the copy.",
        _V.CHECK,
        frozenset({"impossible_travel"}),
    ),
    Case(
        "other-market",
        "Declared for Brazil, found in Rotterdam",
        "The code is fine. The goods were declared for another market.",
        _V.CHECK,
        frozenset({"market_mismatch"}),
        place=ROTTERDAM,
        context=Context.IMPORT,
    ),
    Case(
        "sold",
        "Sold to a buyer, yet in a wholesale parcel",
        "A shop sold this unit. That is fine for its owner, but raises a question among goods for sale.",
        _V.CHECK,
        frozenset({"sold_elsewhere"}),
        place=MOMBASA,
        context=Context.WHOLESALE,
    ),
    Case(
        "expired",
        "Past its date",
        "The batch's expiry date has passed.",
        _V.CHECK,
        frozenset({"expired"}),
    ),
    Case(
        "recalled",
        "A recalled lot",
        "The maker signed a recall, and no code of that lot passes any more.",
        _V.STOP,
        frozenset({"recalled"}),
    ),
    Case(
        "stolen",
        "From a stolen carton",
        "Twelve units went missing on the way; the maker named them.",
        _V.STOP,
        frozenset({"stolen"}),
    ),
    Case(
        "forged-label",
        "A known serial under a home-made signature",
        "The serial is registered, the label's signature was made with another key. Two readings agree.",
        _V.STOP,
        frozenset({"signature_wrong"}),
        place=ROTTERDAM,
        context=Context.IMPORT,
    ),
    Case(
        "invented",
        "An invented serial",
        "The maker is in this ledger, and the serial is provably not among the units of that lot.",
        _V.NOT_REGISTERED,
        frozenset({"unit_absent"}),
    ),
    Case(
        "foreign",
        "Another company's goods",
        "Nobody in this ledger answers for that company prefix. This says nothing about the item.",
        _V.OUTSIDE,
        frozenset({"prefix_unknown"}),
    ),
    Case(
        "website",
        "A QR code to some website",
        "Read well, but no product code. The address was not opened.",
        _V.OUTSIDE,
        frozenset({"not_gs1"}),
    ),
    Case(
        "check-digit",
        "A GTIN with a wrong check digit",
        "One digit is off. That is a reading fault until somebody reads it again.",
        _V.UNREADABLE,
        frozenset({"could_not_read"}),
        carrier=Carrier.TEXT,
        photo=False,
    ),
    Case(
        "separator",
        "A scanner that swallowed a separator",
        "Serial and lot arrived glued together. The repair is offered by name, never made silently.",
        _V.UNREADABLE,
        frozenset({"separator_suspected"}),
        carrier=Carrier.TEXT,
        photo=False,
    ),
)
"""Shown on the page in this order, and asked one by one before `/readyz` says yes."""
