"""The public's part of an answer: no oracle, in one place and by one rule.

Of a code that is no registered unit everybody is told what follows from its text and from what holds for all codes of
its company, and nothing else. So the facts are reduced to these and judged again: whatever is shown then, verdict,
reasons, checks, next steps, repairs, length, can depend on nothing more. A fact added later is left out by itself.
"""

from __future__ import annotations

from ledger.services.scans.judging import Judge
from ledger.services.scans.verification import Answer, Seen
from verifier.verdict.facts import Facts, Unit

FROM_TEXT = ("readable", "why_unreadable", "suspects", "has_serial", "printed", "not_judged")
"""Facts that whoever holds the text has by himself."""
FROM_ASKER = ("today", "context", "market", "repairs")
"""Facts that the asker brought, and the date."""
OF_ALL = ("gs1_office", "witnessing", "register_stale")
"""Facts that are the same for all codes of a company. `holder` is one too, and is told only as known or not."""

_SOMEBODY = ""  # holds the prefix

_judge = Judge()


def public(answer: Answer) -> Answer:
    """What of an answer is everybody's: all about a registered unit, the same about every other code."""
    facts = answer.facts
    if facts.unit is Unit.PRESENT or not facts.has_serial:  # a lot's own facts are public record (/v1/batches)
        return answer
    kept = {name: getattr(facts, name) for name in (*FROM_TEXT, *FROM_ASKER, *OF_ALL)}
    holder = None if facts.holder is None else _SOMEBODY
    reduced, judgement = _judge(Facts(**kept, holder=holder, unit=facts.unit))
    return Answer(
        judgement, reduced, answer.reading, answer.code, (), None, None, Seen(), answer.as_of, answer.carrier,
        typed=answer.typed,
    )  # fmt: skip
