"""Plain words for what a check of evidence found, and for what no check of a file can find.

A proof is read by people who did not make it: an officer, a buyer, a court. So each step says what it showed, and the
limits are said every time, also when everything holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verifier.evidence.facts import NOT_CHECKED
from verifier.verdict.reason import CAVEAT

STEPS: Mapping[str, str] = {
    "file": "the file is in its format",
    "code": "the file speaks of the code that was read",
    "founding": "entry 0 is the one this verifier was told of",
    "checkpoint": "the tree's head is signed by the log key of entry 0",
    "witnesses": "witnesses of the policy in entry 0 have seen that head",
    "inclusion": "every entry shown is in that tree",
    "participants": "countries admitted the people who signed",
    "registration": "the maker signed, and held the company prefix",
    "changes": "later statements are signed by somebody entitled",
    "index": "nothing else was said about the goods, as others than the operator confirmed",
    "decisions": "no decision about people was left out",
    "unit": "the unit is, or is not, in the batch",
    "label": "the label's signature was made with the batch's key",
    "anchor": "the tree extends the head that was anchored",
    "chain": "the anchor contract accepted that head",
    "register": "the registry decided nothing else about these people",
}
"""What each step is about, in the order in which they run."""

NO_LATER = "Anything after the newest entry of this tree: a recall, a theft or a suspension may have come since."
NO_OMISSION = (
    "That nothing was left out: entries between those shown may also speak of this batch. The whole log can be audited."
)
NO_OMISSION_BEYOND = "That nothing was left out from entry {size} on: the file is complete below it only."
NO_DECISION_LEFT_OUT = (
    "That every decision about people is shown, as a suspension or a lost prefix: what is complete is what was said "
    "about the goods. So nothing good is said of the maker's standing."
)
NO_INDEPENDENCE = (
    "That {country}, which alone confirmed that nothing was left out, is another country than the operator's: the log "
    "names none for the operator."
)
NO_WITNESSES = "That others were shown the same tree: this ledger has no witnesses."
NO_QUORUM = "That others were shown the same tree: no quorum of witnesses has cosigned its head."
NO_CHAIN = "That the anchor is on the chain: no node of that chain was asked."
NO_REGISTER = (
    "That countries decided nothing else about these people, as a suspension that the log keeps back: no node of that "
    "chain was asked, or it did not tell."
)
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
    """What a check found. `shows` is JSON-able; it and `does_not_show` are empty when a step failed.

    `unproved` names a step whose subject the file is about and that could not be told with what was given; `paused`
    says why where that is because the ledger goes by rules that this program does not have. `shows` then tells what was
    said before that.
    """

    steps: tuple[Step, ...]
    shows: Mapping[str, Any] = field(default_factory=dict)
    does_not_show: tuple[str, ...] = ()
    unproved: str | None = None
    paused: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the file proves what it is about."""
        return self.failed is None and self.unproved is None

    @property
    def failed(self) -> Step | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.ok is False), None)

    @property
    def reached(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps that were looked at, up to the first that failed; and those after it."""
        at = next((at for at, step in enumerate(self.steps, 1) if step.ok is False), len(self.steps))
        return self.steps[:at], self.steps[at:]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "ok": self.ok,
            "failed": self.failed.step if self.failed else None,
            "unproved": self.unproved,
            "paused": self.paused,
            "steps": [step.to_json() for step in self.steps],
            "shows": dict(self.shows),
            "does_not_show": list(self.does_not_show),
        }


def explain(report: Report) -> list[str]:
    """The report as lines for people: what holds, step by step, then what it shows and what it does not.

    Of a file that fails: what was looked at, where that stopped, and which steps were not reached.
    """
    marks = {True: "yes", False: "NO ", None: " - "}
    reached, rest = report.reached
    lines = [f"{marks[step.ok]}  {step.step}: {step.words}" for step in reached]
    if report.failed:
        lines.append(f"This file proves nothing: it fails at {report.failed.step!r}.")
        if rest:
            lines.append(f"The check stopped there and did not look at: {', '.join(step.step for step in rest)}.")
        return lines
    if report.paused is not None:
        lines.append("This program is older than the ledger's rules (rules_unknown): it can't tell whether this holds.")
        lines.append("That is no fault of the file: check it with a newer carnet. What was said before that:")
    elif report.unproved == "register":
        lines.append(
            "This file is older than the registry (register_stale): it does not prove that its signers may sign."
        )
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
    if (fork := shows.get("fork")) is not None:
        lines.append(str(fork["words"]))
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
        if batch["registered_while_suspended"] is True:
            lines.append(
                "It was registered after a suspension of its maker had taken effect: the maker had no right to."
            )
        if batch["expires"] is not None:
            lines.append(f"It declares the expiry date {batch['expires']}.")
        if batch["markets"]:
            lines.append(f"It was declared for {', '.join(batch['markets'])} only.")
        lines += _maker(batch)
        if unit is not None:
            lines += [
                _retired(reason, state) for reason, state in unit["retired"].items() if state["this_unit"] != "no"
            ]
    lines += [_missing(one) for one in (shows.get("register") or {}).get("missing", ())]
    return lines + _complete(shows.get("index"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a check had and went without.

    `decisions_shown`: as far as `complete_to` reaches, nor is a decision;
    `unit`: the file is about goods; `policy`: the log has witnesses; `witnessed`: they have cosigned; `size`: that of
    the tree; `complete_to`: below this index nothing is left out, None where something may be; `one_country`: whose
    word alone that is, where it may be the operator's own country; `register_asked`: a node told what was decided.
    """

    unit: bool = True
    policy: bool = False
    witnessed: bool = False
    size: int = 0
    complete_to: int | None = None
    decisions_shown: bool = False
    anchored: bool = False
    chain_asked: bool = False
    register_asked: bool = False
    one_country: str | None = None

    def sentences(self) -> tuple[str, ...]:
        """What the check leaves open, as sentences."""
        open_ = [NO_LATER]
        if self.complete_to is None:
            open_.append(NO_OMISSION)
        else:
            if self.complete_to < self.size:
                open_.append(NO_OMISSION_BEYOND.format(size=self.complete_to))
            if not self.register_asked and not self.decisions_shown:
                open_.append(NO_DECISION_LEFT_OUT)
        if self.one_country is not None:
            open_.append(NO_INDEPENDENCE.format(country=self.one_country))
        if not self.witnessed:
            open_.append(NO_QUORUM if self.policy else NO_WITNESSES)
        if not self.anchored:
            open_.append(NO_ANCHOR)
        elif not self.chain_asked:
            open_.append(NO_CHAIN)
        if not self.register_asked:
            open_.append(NO_REGISTER)
        return (*open_, CAVEAT) if self.unit else tuple(open_)


def _maker(batch: Mapping[str, Any]) -> list[str]:
    """The maker's standing now, as far as it was checked."""
    lines = []
    if isinstance(batch["maker_suspended"], Mapping):
        lines.append(f"The maker is suspended since {batch['maker_suspended']['since']}.")
    if batch["maker_holds_prefix"] is False:
        lines.append("The maker no longer holds the company prefix.")
    if batch["maker_standing"] == NOT_CHECKED:
        lines.append(
            "The maker's standing is not checked: a decision about it, as a suspension, may be left out of this file."
        )
    return lines


def _missing(decision: Mapping[str, Any]) -> str:
    return (
        f"The registry took decision {decision['sequence']} ({decision['proposal']}, {decision['subject']}) at "
        f"{decision['at']}, and this file does not show it."
    )


def _complete(index: Mapping[str, Any] | None) -> list[str]:
    if index is None:
        return []
    what = f"GTIN {index['gtin']}" + (f" lot {index['lot']}" if index["lot"] is not None else "")
    upto = f"in the first {index['complete_to']} entries"
    if index["lot_absent_up_to"] is not None:
        return [f"{what} is not registered {upto}."]
    lines = [f"Nothing else was said about {what} {upto}."]
    if index["no_recall_up_to"] is not None:
        lines.append(f"It was not recalled or withdrawn {upto}.")
    return lines


def _retired(reason: str, state: Mapping[str, Any]) -> str:
    if state["this_unit"] == "yes":
        return f"This unit was reported {reason} in entry {state['entry']}."
    return (
        f"Units of this batch were reported {reason} in entry {state['entry']}; the file doesn't say whether this one."
    )
