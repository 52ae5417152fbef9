"""What is remembered is what judging again would say; what differs in any one field is never taken for the same."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.services.scans.judging import KEPT, Judge
from verifier.record.batch import RetireReason
from verifier.record.participant import Suspension, SuspensionKind
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import BatchFacts, Context, Facts, Label, Readable, Unit, Witnessing
from verifier.verdict.judge import judge

TEXT = st.sampled_from(["a", "b"])
BATCHES = st.builds(
    BatchFacts,
    id=TEXT,
    index=st.integers(0, 2),
    lot=TEXT,
    lot_as_printed=st.booleans(),
    markets=st.sampled_from([(), ("NL",), ("KE", "NL")]),
    expires=st.sampled_from([None, "2020-01-01", "2031-01-01"]),
    recall=st.sampled_from([None, {"entry": 5}, {"entry": 6}]),
    withdrawn=st.booleans(),
    retired=st.sampled_from([{}, {RetireReason.SOLD: {"entry": 7}}, {RetireReason.STOLEN: {"entry": 7}}]),
    maker_suspension=st.none() | st.builds(Suspension, st.sampled_from(SuspensionKind), st.integers(0, 1)),
    registered_while_suspended=st.booleans(),
    maker_holds_prefix=st.booleans(),
)
FACTS = st.builds(
    Facts,
    readable=st.sampled_from(Readable),
    today=st.sampled_from(["2026-11-23", "2032-01-01"]),
    context=st.sampled_from(Context),
    why_unreadable=st.none() | TEXT,
    repairs=st.sampled_from([(), ("case",)]),
    suspects=st.sampled_from([(), ("separator",)]),
    has_serial=st.booleans(),
    holder=st.none() | TEXT,
    gs1_office=st.none() | TEXT,
    unit=st.sampled_from(Unit),
    absence=st.sampled_from([{}, {"rests_on": "proof"}, {"rests_on": "operator_statement"}]),
    batches=st.lists(BATCHES, max_size=2).map(tuple),
    label=st.sampled_from(Label),
    market=st.sampled_from([None, "NL", "BR"]),
    sightings=st.lists(st.builds(Sighting, st.integers(0, 3), TEXT), max_size=2).map(tuple),
    officer=st.booleans(),
    public_lookups=st.integers(0, 2),
    witnessing=st.sampled_from(Witnessing),
    register_stale=st.booleans(),
    hidden_lots=st.integers(0, 1),
    labels_beside=st.sampled_from([(), (Label.VALID,), (Label.WRONG_ONCE,)]),
    printed=st.sampled_from([(), (("17", ("290331",)),), (("22", ("A",)),)]),
    not_judged=st.sampled_from([(), ("a further code",)]),
)


@given(st.lists(FACTS, min_size=1, max_size=6))
def test_it_says_what_the_judge_says(asked: list[Facts]) -> None:
    remembering = Judge()
    for facts in [*asked, *asked]:
        same, judgement = remembering(facts)
        assert same == facts
        assert judgement == judge(facts)


@given(FACTS, FACTS, st.data())
def test_one_field_is_enough_to_be_another_case(facts: Facts, other: Facts, data: st.DataObject) -> None:
    remembering = Judge()
    remembering(facts)
    changed = data.draw(st.sampled_from([field.name for field in fields(Facts)]))
    almost = replace(facts, **{changed: getattr(other, changed)})
    assert remembering(almost) == (almost, judge(almost))


def test_equal_facts_share_a_judgement_and_evidence_of_ones_own_does_not() -> None:
    remembering = Judge()
    plain: Any = {"readable": Readable.GS1, "today": "2026-11-23", "holder": "a", "unit": Unit.ABSENT}
    assert remembering(Facts(**plain))[1] is remembering(Facts(**plain))[1]
    seen = Facts(**plain, sightings=(Sighting(0, "NL"),))
    assert remembering(seen)[1] is not remembering(seen)[1]


def test_memory_does_not_grow_without_end() -> None:
    remembering = Judge()
    for count in range(3 * KEPT):
        remembering(Facts(readable=Readable.GS1, today="2026-11-23", public_lookups=count))
    assert len(remembering._known) <= KEPT
