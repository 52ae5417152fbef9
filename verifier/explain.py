"""Plain words for what a check of evidence found, and for what no check of a file can find.

A proof is read by people who did not make it: an officer, a buyer, a court. So each step says what it showed, and the
limits are said every time, also when everything holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier.reason import CAVEAT

STEPS: Mapping[str, str] = {
    "file": "the file is in its format",
    "code": "the file speaks of the code that was read",
    "founding": "entry 0 is the one this verifier was told of",
    "checkpoint": "the tree's head is signed by the log key of entry 0",
    "inclusion": "every entry shown is in that tree",
    "participants": "countries admitted the people who signed",
    "registration": "the maker signed, and held the company prefix",
    "changes": "later statements are signed by somebody entitled",
    "unit": "the unit is, or is not, in the batch",
    "label": "the label's signature was made with the batch's key",
    "anchor": "the tree extends the head that was anchored",
    "chain": "the anchor contract accepted that head",
}
"""What each step is about, in the order in which they run."""

NO_LATER = "Anything after the newest entry of this tree: a recall, a theft or a suspension may have come since."
NO_OMISSION = (
    "That nothing was left out: entries between those shown may also speak of this batch. The whole log can be audited."
)
NO_WITNESSES = "That others were shown the same tree: this ledger has no witnesses yet."
NO_CHAIN = "That the anchor is on the chain: no node of that chain was asked."
NO_ANCHOR = "That this tree was made public at some time: the file carries no anchor."


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `ok` is True, False, or None where it did not apply or could not be told; `words` say why.

    `about` is given by checks of other files, whose steps are not in `STEPS`.
    """

    step: str
    ok: bool | None
    words: str
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        """The step as JSON, with what it is about."""
        return {"step": self.step, "about": self.about or STEPS[self.step], "ok": self.ok, "words": self.words}


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `shows` is JSON-able and empty unless the steps before hold; `does_not_show` never is.

    `unproved` names a step whose subject the file is about and that could not be told with what was given.
    """

    steps: tuple[Step, ...]
    shows: Mapping[str, Any] = field(default_factory=dict)
    does_not_show: tuple[str, ...] = ()
    unproved: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the file proves what it is about."""
        return self.failed is None and self.unproved is None

    @property
    def failed(self) -> Step | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.ok is False), None)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "ok": self.ok,
            "failed": self.failed.step if self.failed else None,
            "unproved": self.unproved,
            "steps": [step.to_json() for step in self.steps],
            "shows": dict(self.shows),
            "does_not_show": list(self.does_not_show),
        }


def explain(report: Report) -> list[str]:
    """The report as lines for people: what holds, step by step, then what it shows and what it does not."""
    marks = {True: "yes", False: "NO ", None: " - "}
    lines = [f"{marks[step.ok]}  {step.step}: {step.words}" for step in report.steps]
    if report.failed:
        lines.append(f"This file proves nothing: it fails at {report.failed.step!r}.")
    elif report.unproved:
        lines.append(f"This file does not prove what it is about: {report.unproved!r} could not be told.")
    else:
        lines.append("Everything in this file holds.")
    lines += conclusions(report.shows)
    lines.append("What this does not show:")
    return lines + [f"  {sentence}" for sentence in report.does_not_show]


def conclusions(shows: Mapping[str, Any]) -> list[str]:
    """What the facts of a report mean, one sentence each, adverse ones included."""
    lines = []
    unit, batch, promise = shows.get("unit"), shows.get("batch"), shows.get("promise")
    if promise is not None:
        lines.append(str(promise["words"]))
    if unit is not None:
        where = f"GTIN {unit['gtin']} lot {unit['lot']} serial {unit['serial']}"
        known = {"present": "is registered", "absent": "is not among the registered units"}
        lines.append(f"{where} {known.get(unit['state'], 'could not be told')}.")
    if batch is not None:
        lines.append(f"Its batch was recorded at {batch['recorded_at']}, signed by {batch['maker']}.")
        if batch["withdrawn"]:
            lines.append("The maker has withdrawn that registration.")
        if batch["recall"] is not None:
            lines.append(f"The batch was recalled in entry {batch['recall']['entry']}: {batch['recall']['reason']}.")
        if batch["registered_while_suspended"]:
            lines.append(
                "It was registered after a suspension of its maker had taken effect: the maker had no right to."
            )
        if batch["expires"] is not None:
            lines.append(f"It declares the expiry date {batch['expires']}.")
        if batch["markets"]:
            lines.append(f"It was declared for {', '.join(batch['markets'])} only.")
        if batch["maker_suspended"] is not None:
            lines.append(f"The maker is suspended since {batch['maker_suspended']['since']}.")
        if not batch["maker_holds_prefix"]:
            lines.append("The maker no longer holds the company prefix.")
        if unit is not None:
            lines += [
                _retired(reason, state) for reason, state in unit["retired"].items() if state["this_unit"] != "no"
            ]
    return lines


def limits(*, unit: bool, witnesses: bool, anchored: bool, chain_asked: bool) -> tuple[str, ...]:
    """What a check of a file leaves open, as sentences."""
    sentences = [NO_LATER, NO_OMISSION]
    if not witnesses:
        sentences.append(NO_WITNESSES)
    if not anchored:
        sentences.append(NO_ANCHOR)
    elif not chain_asked:
        sentences.append(NO_CHAIN)
    if unit:
        sentences.append(CAVEAT)
    return tuple(sentences)


def _retired(reason: str, state: Mapping[str, Any]) -> str:
    if state["this_unit"] == "yes":
        return f"This unit was reported {reason} in entry {state['entry']}."
    return (
        f"Units of this batch were reported {reason} in entry {state['entry']}; the file doesn't say whether this one."
    )
