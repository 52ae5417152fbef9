"""The public's part of an answer. One rule in one place keeps it from telling more than it should.

For a code that is no registered unit, the public sees only what follows from the code's text and from facts that hold
for all codes of its company. So the facts are reduced to these and judged again. Everything shown (verdict, reasons,
checks, next steps, repairs, length) can then depend on nothing else. A fact that is added later is left out by default.
"""

from __future__ import annotations

from ledger.services.scans.judging import Judge
from ledger.services.scans.verification import Answer, Seen
from verifier.verdict.facts import Facts, Unit

FROM_TEXT = ("readable", "why_unreadable", "suspects", "has_serial", "printed", "not_judged")
"""Facts that anybody can take from the text alone."""
FROM_ASKER = ("today", "context", "market", "repairs")
"""Facts that the asker brought, and the date."""
OF_ALL = ("gs1_office", "witnessing", "register_stale")
"""Facts that are the same for all codes of a company. `holder` is one too, and is told only as known or not."""

_SOMEBODY = ""  # holds the prefix

_judge = Judge()


def public(answer: Answer) -> Answer:
    """The facts that everybody may see: all of them for a registered unit, the same few for every other code."""
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
