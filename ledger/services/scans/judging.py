"""Judging with a memory: most look-ups are of units with exactly the same facts.

`judge` is a pure function of the facts, so its answer about equal facts still holds. Facts with evidence of their own
(scans, recalls, retired units) are judged each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any

from verifier.verdict.facts import BatchFacts, Facts
from verifier.verdict.judge import Judgement, judge

KEPT = 1_024
"""Judgements kept; beyond this number all are forgotten, which costs less than tracking their age."""

_OF_FACTS, _OF_BATCH = ("absence", "batches", "sightings"), ("recall", "retired")  # no part of the keys as they are


def _all_but(kind: type, left_out: tuple[str, ...]) -> Callable[[Any], Any]:
    return attrgetter(*(field.name for field in fields(kind) if field.name not in left_out))


_facts_key, _batch_key = _all_but(Facts, _OF_FACTS), _all_but(BatchFacts, _OF_BATCH)


class Judge:
    """Judges facts. Equal facts without evidence of their own get one and the same Judgement object."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Facts, Judgement]] = {}

    def __call__(self, facts: Facts) -> tuple[Facts, Judgement]:
        """The facts, or earlier ones equal to them, and their judgement."""
        if facts.sightings or any(batch.recall is not None or batch.retired for batch in facts.batches):
            return facts, judge(facts)
        key = (_facts_key(facts), tuple(facts.absence.items()), tuple(map(_batch_key, facts.batches)))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[key] = (facts, judge(facts))
        return known
