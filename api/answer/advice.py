"""What to do next, for each verdict and for each reason that needs a sentence of its own.

There are two readers: an officer who decides about a consignment, and somebody at home with one item. The words are
calm and say nothing about the item that the facts do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from api.answer.checks import by_weight
from verifier.record.batch import RetireReason
from verifier.verdict.facts import Context, Facts
from verifier.verdict.judge import Judgement
from verifier.verdict.reason import Tier, Verdict


class Face(StrEnum):
    """The reader of an answer."""

    PUBLIC = "public"
    OFFICER = "officer"


MOST_REASONS = 2
"""Reasons that get a sentence of their own; the rest stand in the list of reasons."""

VERDICTS: Mapping[Face, Mapping[Verdict, tuple[str, ...]]] = {
    Face.OFFICER: {
        Verdict.STOP: (
            "Hold the item and note the entry numbers shown as evidence.",
            "Save the proof file: anybody can check it without this server.",
        ),
        Verdict.UNREADABLE: (
            "Scan again: clean the print, avoid glare, hold the device 15 to 20 cm away.",
            "If a repair is offered, compare it with the text printed beside the code before you choose it.",
            "Or type the text printed beside the code.",
        ),
        Verdict.OUTSIDE: (
            "This says nothing about the item. Use your administration's ordinary check.",
            "Ask the company itself if you need to know more.",
        ),
        Verdict.NOT_REGISTERED: (
            "Compare what was read with the text printed beside the code, and scan once more.",
            "Ask the maker whether this serial was shipped: registrations sometimes arrive late.",
            "Decide by your administration's rules for goods whose code cannot be confirmed.",
        ),
        Verdict.CHECK: (
            "Compare product, lot and expiry date with the pack.",
            "Ask the maker, or examine the item, before you decide.",
        ),
        Verdict.REGISTERED: (
            "Compare product, lot and expiry date with the pack.",
            "If anything about the item looks wrong, trust that more than the code: a printed code can be copied.",
        ),
    },
    Face.PUBLIC: {
        Verdict.STOP: ("Do not use or sell the item for now.", "Ask the seller or the maker what to do with it."),
        Verdict.UNREADABLE: (
            "Scan again with more light and without glare, or type the text printed beside the code.",
        ),
        Verdict.OUTSIDE: (
            "This says nothing about the item: most companies are not in this ledger.",
            "Ask the company whose name is on the pack.",
        ),
        Verdict.NOT_REGISTERED: (
            "Compare what was read with the text printed beside the code, and scan once more.",
            "Ask the seller or the maker about it.",
        ),
        Verdict.CHECK: (
            "Compare product, lot and expiry date with the pack.",
            "Ask the seller or the maker about what is listed above.",
        ),
        Verdict.REGISTERED: (
            "Compare product, lot and expiry date with the pack.",
            "If anything about the item looks wrong, ask the maker: a printed code can be copied.",
        ),
    },
}
"""What to do for a verdict, whatever led to it."""

REASONS: Mapping[str, tuple[str, str]] = {
    # code: (officer, public)
    "recalled": (
        "Tell the importer that the batch is recalled; the maker's notice says what to do with it.",
        "Look for the maker's recall notice: it says what to do with the item.",
    ),
    "registration_withdrawn": (
        "Ask the maker why it withdrew the registration of this batch.",
        "The maker has withdrawn this batch's registration. Ask the maker why.",
    ),
    "stolen": (
        "Inform the participant that reported the theft; the entry names it.",
        "This unit was reported stolen. Ask the seller where it comes from.",
    ),
    "destroyed": (
        "This unit should no longer exist: find out where the code was taken from.",
        "This code belongs to a unit that was reported destroyed. Ask the seller where the item comes from.",
    ),
    "registered_while_suspended": (
        "The maker had no right to register when it did. Ask your ledger's contact about the suspension.",
        "Ask the maker about its standing in this ledger.",
    ),
    "signature_wrong": (
        "The label was not made with the batch's key. Keep the label as evidence.",
        "The label does not match the registered batch. Ask the maker about it.",
    ),
    "signature_of_absent_unit": (
        "Somebody with the batch's label key wrote a serial that the batch does not contain. Inform the maker at once.",
        "Ask the maker about this label.",
    ),
    "impossible_travel": (
        "Either item may be the copy: examine this one, and ask the place of the other scan about theirs.",
        "Several items carry this code, and either may be the copy. Ask the maker how to tell.",
    ),
    "lot_mismatch": (
        "Compare the lot on the pack with the lots listed as evidence.",
        "Compare the lot on the pack with what is shown here.",
    ),
    "signature_missing": (
        "Labels of this batch carry a signature. Check whether the code was read whole, then examine the label.",
        "The code was not read whole, or the label is not the maker's. Scan once more.",
    ),
    "signature_unconfirmed": (
        "Scan the same label once more: a second reading decides whether the signature is wrong or was misread.",
        "Scan the same label once more.",
    ),
    "signature_malformed": ("Scan the same label once more, or photograph it.", "Scan the same label once more."),
    "market_mismatch": (
        "Ask the importer why goods declared for other markets are offered here.",
        "The batch was declared for other countries. Ask the seller about it.",
    ),
    "issuer_suspended": (
        "The batch was registered before the suspension and stands. Weigh the kind of suspension shown.",
        "The maker is suspended from this ledger at present.",
    ),
    "prefix_moved": (
        "Another company holds the prefix now. Ask that company whether it answers for this batch.",
        "The company prefix has since passed to another company.",
    ),
    "expired": ("Treat the item by your rules for expired goods.", "The expiry date of this batch has passed."),
    "expiry_mismatch": (
        "Compare the printed expiry date with the registered one, shown as evidence, and examine the label.",
        "Compare the expiry date on the pack with the one shown here, and ask the maker which is right.",
    ),
    "sold_elsewhere": (
        "The unit was reported sold to a final buyer. Ask how it came back into trade.",
        "This unit was reported sold before. If somebody offers it to you, ask how it came back for sale.",
    ),
    "no_serial": (
        "Look for a second code with a serial on the pack, and scan that.",
        "Look for a second code with a serial on the pack, and scan that.",
    ),
    "awaiting_witnesses": (
        "Nobody but the operator vouches for this answer yet: ask again in a few minutes, or ask a mirror.",
        "Nobody but the operator vouches for this answer yet: ask again in a few minutes.",
    ),
    "register_stale": (
        "The list of companies has not been renewed for a day: ask again later before you rely on it.",
        "The list of companies has not been renewed for a day: ask again later.",
    ),
}
"""What to do about a reason; shown before what to do about the verdict."""

TYPED: Mapping[Face, tuple[str, ...]] = {
    Face.OFFICER: (
        "Compare what was typed with the text printed beside the code, and type it once more, or scan the code.",
        "If a repair is offered, compare it with the text printed beside the code before you choose it.",
    ),
    Face.PUBLIC: (
        "Compare what was typed with the text printed beside the code, and type it once more, or scan the code.",
    ),
}
"""What to do about a typed text that could not be read: better light does not help here."""

UNREAD: Mapping[str, str] = {
    "no_identifiers": "Type the code once more with the numbers in brackets, as printed: (01) … (21) …",
}
"""What to do about a cause that kept a code from being read, for every reader."""


FOR_SALE = (
    {"value": Context.RETAIL.value, "text": "Yes, it is offered for sale"},
    {"value": Context.OWNER.value, "text": "No, it is mine"},
)
"""Ways to answer whether an item is for sale. Without an answer the item counts as for sale."""


def asked_back(facts: Facts) -> dict[str, Any] | None:
    """The question that only the asker can answer: whether a unit that was reported sold is for sale."""
    if not any(RetireReason.SOLD in batch.retired for batch in facts.batches):
        return None
    return {
        "parameter": "context",
        "text": "Is it for sale?",
        "given": facts.context.value,
        "answers": [dict(answer) for answer in FOR_SALE],
    }


def next_steps(judgement: Judgement, face: Face, *, typed: bool = False) -> list[str]:
    """What to do now, most important first. `typed`: no device says that it read the code."""
    weighty = [reason for reason in by_weight(judgement.reasons) if reason.tier is not Tier.INFO]
    own = [REASONS[reason.code][face is Face.PUBLIC] for reason in weighty if reason.code in REASONS]
    unread = [UNREAD[why] for reason in weighty if (why := str(reason.evidence.get("why"))) in UNREAD]
    verdict = judgement.verdict
    at_last = TYPED[face] if typed and verdict is Verdict.UNREADABLE else VERDICTS[face][verdict]
    return [*unread, *dict.fromkeys(own[:MOST_REASONS]), *at_last]
