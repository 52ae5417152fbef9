"""The judge: every row of the verdict table, and the properties that no rule added later may break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.instant import HOUR
from verifier.record.batch import RetireReason
from verifier.record.participant import Suspension, SuspensionKind
from verifier.scan.judged import contradictions
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import BatchFacts, Context, Facts, Label, Readable, Unit, Witnessing
from verifier.verdict.judge import judge, undeclared_expiry, undeclared_markets, verdict_from
from verifier.verdict.reason import REASONS, Tier, Verdict, shown_as

TODAY = "2026-11-23"
MAKER = "0x" + "aa" * 20
ORDER = list(Verdict)
"""From stop to registered, as the table stands: a higher place is nearer to registered."""

LIVE = BatchFacts(
    id="0x" + "01" * 32,
    index=4,
    lot="L1",
    lot_as_printed=True,
    markets=("NL",),
    expires="2030-12-31",
    recall=None,
    withdrawn=False,
    retired={},
    maker_suspension=None,
    registered_while_suspended=False,
    maker_holds_prefix=True,
)
GOOD = Facts(
    readable=Readable.GS1,
    today=TODAY,
    context=Context.IMPORT,
    holder=MAKER,
    unit=Unit.PRESENT,
    batches=(LIVE,),
    label=Label.VALID,
    market="NL",
    sightings=(Sighting(0, "NL", 51.95, 4.14),),
    officer=True,
    witnessing=Witnessing.COVERED,
)
"""Everything asked, everything answered well."""


def place(facts: Facts) -> int:
    return ORDER.index(judge(facts).verdict)


def codes(facts: Facts) -> set[str]:
    return {reason.code for reason in judge(facts).reasons}


def skipped(facts: Facts) -> set[str]:
    return {check for check, _ in judge(facts).not_checked}


def with_batch(facts: Facts, **changes: Any) -> Facts:
    """The facts with their first batch changed."""
    return replace(facts, batches=(replace(facts.batches[0], **changes), *facts.batches[1:]))


# the table


def test_everything_well_is_registered_and_nothing_was_skipped() -> None:
    judged = judge(GOOD)
    assert judged.verdict is Verdict.REGISTERED
    assert judged.not_checked == ()
    assert {reason.tier for reason in judged.reasons} == {Tier.INFO}


TABLE: list[tuple[Facts, Verdict, str, Tier]] = [
    (with_batch(GOOD, recall={"entry": 5}), Verdict.STOP, "recalled", Tier.STOP),
    (with_batch(GOOD, withdrawn=True), Verdict.STOP, "registration_withdrawn", Tier.STOP),
    (with_batch(GOOD, registered_while_suspended=True), Verdict.STOP, "registered_while_suspended", Tier.STOP),
    (with_batch(GOOD, retired={RetireReason.STOLEN: {}}), Verdict.STOP, "stolen", Tier.STOP),
    (with_batch(GOOD, retired={RetireReason.DESTROYED: {}}), Verdict.STOP, "destroyed", Tier.STOP),
    (replace(GOOD, label=Label.WRONG_TWICE), Verdict.STOP, "signature_wrong", Tier.STOP),
    (replace(GOOD, unit=Unit.ABSENT, batches=()), Verdict.STOP, "signature_of_absent_unit", Tier.STOP),
    (replace(GOOD, readable=Readable.UNREADABLE), Verdict.UNREADABLE, "could_not_read", Tier.NOTIFY),
    (replace(GOOD, readable=Readable.NOT_GS1), Verdict.OUTSIDE, "not_gs1", Tier.INFO),
    (replace(GOOD, holder=None, batches=(), unit=Unit.UNKNOWN), Verdict.OUTSIDE, "prefix_unknown", Tier.INFO),
    (
        replace(GOOD, unit=Unit.ABSENT, batches=(), label=Label.NONE),
        Verdict.NOT_REGISTERED,
        "unit_absent",
        Tier.NOTIFY,
    ),
    (replace(GOOD, has_serial=False, unit=Unit.UNKNOWN), Verdict.CHECK, "no_serial", Tier.NOTIFY),
    (replace(GOOD, label=Label.MISSING), Verdict.CHECK, "signature_missing", Tier.INSPECT),
    (replace(GOOD, label=Label.WRONG_ONCE), Verdict.CHECK, "signature_unconfirmed", Tier.INSPECT),
    (replace(GOOD, label=Label.MALFORMED), Verdict.CHECK, "signature_malformed", Tier.INSPECT),
    (with_batch(GOOD, lot_as_printed=False), Verdict.CHECK, "lot_mismatch", Tier.INSPECT),
    (replace(GOOD, batches=(LIVE, LIVE)), Verdict.CHECK, "lot_mismatch", Tier.INSPECT),
    (with_batch(GOOD, maker_holds_prefix=False), Verdict.CHECK, "prefix_moved", Tier.NOTIFY),
    (with_batch(GOOD, expires="2026-11-22"), Verdict.CHECK, "expired", Tier.NOTIFY),
    (replace(GOOD, printed=(("17", ("290331",)),)), Verdict.CHECK, "expiry_mismatch", Tier.INSPECT),
    (replace(GOOD, market="KE"), Verdict.CHECK, "market_mismatch", Tier.INSPECT),
    (with_batch(GOOD, retired={RetireReason.SOLD: {}}), Verdict.CHECK, "sold_elsewhere", Tier.NOTIFY),
    (replace(GOOD, suspects=("separator",)), Verdict.CHECK, "separator_suspected", Tier.NOTIFY),
    (replace(GOOD, witnessing=Witnessing.AWAITING), Verdict.CHECK, "awaiting_witnesses", Tier.NOTIFY),
    (replace(GOOD, register_stale=True), Verdict.CHECK, "register_stale", Tier.NOTIFY),
    (replace(GOOD, repairs=("case",)), Verdict.REGISTERED, "repair_applied", Tier.INFO),
    (replace(GOOD, witnessing=Witnessing.NO_WITNESSES), Verdict.REGISTERED, "not_witnessed", Tier.INFO),
    (replace(GOOD, public_lookups=900), Verdict.REGISTERED, "public_lookups", Tier.INFO),
    (with_batch(GOOD, expires=TODAY), Verdict.REGISTERED, "unit_registered", Tier.INFO),
]


@pytest.mark.parametrize(("facts", "verdict", "code", "tier"), TABLE, ids=[row[2] for row in TABLE])
def test_each_fact_has_its_row_and_its_weight(facts: Facts, verdict: Verdict, code: str, tier: Tier) -> None:
    judged = judge(facts)
    assert judged.verdict is verdict
    assert {reason.tier for reason in judged.reasons if reason.code == code} == {tier}


@pytest.mark.parametrize("context", Context)
def test_sold_is_ordinary_with_its_owner_and_odd_in_trade(context: Context) -> None:
    facts = replace(with_batch(GOOD, retired={RetireReason.SOLD: {}}), context=context)
    ordinary = context is Context.OWNER  # whoever does not say may be buying
    assert codes(facts) & {"sold", "sold_elsewhere"} == ({"sold"} if ordinary else {"sold_elsewhere"})
    judged = judge(facts)
    assert judged.verdict is (Verdict.REGISTERED if ordinary else Verdict.CHECK)
    heading = shown_as(judged.verdict, [reason.code for reason in judged.reasons])
    assert heading == ("Registered, reported sold" if ordinary else "Check further")


def dated(expires: str | None = "2030-12-31", today: str = TODAY, **printed: str) -> Facts:
    """A unit of a lot with this registered date, and what its label says, by AI."""
    fields = tuple((ai.removeprefix("ai"), (value,)) for ai, value in printed.items())
    return replace(with_batch(GOOD, expires=expires), printed=fields, today=today)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (dated(ai17="301231"), None),
        (dated(ai17="301200"), None),  # day 00: the last of the month
        (dated("2028-02-29", ai17="280200"), None),
        (dated(ai7003="3012311159"), None),
        (dated(ai17="301230"), "expiry_mismatch"),
        (dated(ai17="290331"), "expiry_mismatch"),
        (dated(ai7003="2903311200"), "expiry_mismatch"),
        (dated(None, ai17="240331"), "expired"),
        (dated("2024-03-31", ai17="240331"), "expired"),
        (dated("2103-05-31", today="2098-01-01", ai17="030531"), None),  # the century in which the year is nearest
        (dated("1999-05-31", ai17="990531"), "expired"),
        (dated("2076-05-31", ai17="760531"), None),
        (dated("1977-05-31", ai17="770531"), "expired"),
    ],
)
def test_a_printed_expiry_date_is_compared_with_the_registered_one(facts: Facts, reason: str | None) -> None:
    found = codes(facts) & {"expiry_mismatch", "expired"}
    assert found - {"expired"} == ({reason} - {"expired"} if reason else set())
    assert (reason is None) == (not found)
    assert judge(facts).verdict is (Verdict.CHECK if reason else Verdict.REGISTERED)


def test_what_is_printed_and_not_registered_is_listed_as_not_compared() -> None:
    listed = dict(judge(dated(None, ai17="301231", ai22="ABC", ai422="528", ai240="X9")).not_checked)
    assert listed["printed 22"] == "the label also says (22) 'ABC': nothing registered to compare it with"
    assert {"printed 17", "printed 422", "printed 240", "expiry"} <= listed.keys()
    assert "printed 17" not in dict(judge(dated(ai17="301231", ai22="ABC")).not_checked), "it was compared"


def test_of_several_codes_of_one_item_each_signature_counts() -> None:
    both = replace(GOOD, label=Label.MISSING, labels_beside=(Label.VALID, Label.WRONG_TWICE))
    assert {"signature_missing", "signature_valid", "signature_wrong"} <= codes(both)
    assert judge(both).verdict is Verdict.STOP
    unchecked = judge(replace(GOOD, label=Label.NO_KEY)).not_checked
    assert [check for check, _ in unchecked] == ["label signature"], "borne, and no key to check it with"


def test_what_came_in_and_was_not_judged_is_said() -> None:
    beside = replace(GOOD, not_judged=("a further code in the picture could not be read",))
    assert dict(judge(beside).not_checked)["other codes"] == "a further code in the picture could not be read"


@pytest.mark.parametrize("kind", SuspensionKind)
def test_a_suspension_leaves_earlier_batches_standing(kind: SuspensionKind) -> None:
    facts = with_batch(GOOD, maker_suspension=Suspension(kind, 1_790_000_000_000))
    judged = judge(facts)
    assert judged.verdict is Verdict.CHECK
    (reason,) = [reason for reason in judged.reasons if reason.code == "issuer_suspended"]
    assert reason.tier is (Tier.NOTIFY if kind is SuspensionKind.ADMINISTRATIVE else Tier.INSPECT)


def test_two_rows_decide_by_themselves() -> None:
    absent = replace(GOOD, unit=Unit.ABSENT, batches=(), label=Label.NONE, register_stale=True, suspects=("x",))
    assert judge(absent).verdict is Verdict.NOT_REGISTERED
    outside = replace(absent, holder=None)
    assert judge(outside).verdict is Verdict.OUTSIDE
    assert "unit_absent" not in codes(outside)


MARKETS, EXPIRY = "lot L2 declares no markets", "lot L2 declares no expiry date"
OPEN = replace(LIVE, lot="L2", lot_as_printed=False, markets=(), expires=None)


def test_another_lot_that_leaves_a_check_open_does_not_switch_it_off() -> None:
    """One serial in two lots: what is listed as not checked names the lot, and the other is judged all the same."""
    both = replace(GOOD, batches=(LIVE, OPEN))
    assert judge(both).not_checked == (("market", MARKETS), ("expiry", EXPIRY))
    assert codes(replace(both, market="KE", today="2031-01-01")) >= {"market_mismatch", "expired", "lot_mismatch"}
    for left_open, whole in ((undeclared_markets(both), False), (undeclared_expiry(both), False)):
        assert left_open is not None
        assert left_open.whole is whole


def test_a_check_is_open_where_the_lot_on_the_pack_leaves_it_open() -> None:
    on_pack = replace(OPEN, lot_as_printed=True)
    for batches in ((on_pack, replace(LIVE, lot_as_printed=False)), (LIVE, on_pack), (OPEN, OPEN), (on_pack,)):
        left_open = undeclared_expiry(replace(GOOD, batches=batches))
        assert left_open is not None
        assert left_open.whole


# every fact there can be

coordinates = st.sampled_from([(51.95, 4.14), (-4.04, 39.67), (52.1, 4.3), (None, None)])
sighting = st.builds(
    lambda at, where, country: Sighting(at, country, *where),
    st.integers(0, 40 * HOUR),
    coordinates,
    st.none() | st.sampled_from(["NL", "KE"]),
)
evidence = st.just({"entry": 5})
batch_facts = st.builds(
    BatchFacts,
    id=st.just(LIVE.id),
    index=st.integers(1, 9),
    lot=st.sampled_from(["L1", "L2"]),
    lot_as_printed=st.booleans(),
    markets=st.sampled_from([(), ("NL",), ("KE", "NL")]),
    expires=st.sampled_from([None, "2020-01-01", "2030-12-31"]),
    recall=st.none() | evidence,
    withdrawn=st.booleans(),
    retired=st.dictionaries(st.sampled_from(list(RetireReason)), evidence),
    maker_suspension=st.none() | st.builds(Suspension, st.sampled_from(list(SuspensionKind)), st.just(5)),
    registered_while_suspended=st.booleans(),
    maker_holds_prefix=st.booleans(),
)
quiet_batches = st.builds(
    replace,
    st.just(LIVE),
    expires=st.sampled_from([None, "2030-12-31"]),
    markets=st.sampled_from([(), ("NL",)]),
)
all_facts = st.builds(
    Facts,
    readable=st.sampled_from([*[Readable.GS1] * 8, *Readable]),
    today=st.just(TODAY),
    context=st.sampled_from(list(Context)),
    repairs=st.sampled_from([(), ("case",)]),
    suspects=st.sampled_from([(), (), ("separator",)]),
    has_serial=st.sampled_from([True, True, True, False]),
    holder=st.sampled_from([MAKER, MAKER, None]),
    unit=st.sampled_from([Unit.PRESENT, Unit.PRESENT, Unit.ABSENT, Unit.UNKNOWN]),
    batches=st.lists(quiet_batches | batch_facts, max_size=2).map(tuple),
    label=st.sampled_from(list(Label)),
    market=st.sampled_from([None, "NL", "KE"]),
    sightings=st.lists(sighting, max_size=3).map(tuple),
    officer=st.booleans(),
    public_lookups=st.integers(0, 5),
    witnessing=st.sampled_from(list(Witnessing)),
    register_stale=st.booleans(),
    hidden_lots=st.integers(0, 1),
    labels_beside=st.lists(st.sampled_from(list(Label)), max_size=2).map(tuple),
    printed=st.sampled_from([(), (), (("17", ("301231",)),), (("17", ("200100", "291231")), ("22", ("A",)))]),
    not_judged=st.sampled_from([(), ("a further code",)]),
).map(lambda facts: replace(facts, officer=facts.officer and bool(facts.sightings)))


@given(all_facts)
def test_the_codes_of_all_reasons_give_the_verdict(facts: Facts) -> None:
    facts = in_a_batch(facts) if facts.unit is Unit.PRESENT else facts  # what is found is found in a batch
    assert verdict_from(codes(facts)) is judge(facts).verdict
    assert verdict_from({*codes(facts), "of another version"}) is None


@given(all_facts)
def test_no_judgement_holds_reasons_that_exclude_each_other(facts: Facts) -> None:
    assert contradictions(frozenset(codes(facts))) == ()


Change = Callable[[Facts], Facts]


def in_a_batch(facts: Facts) -> Facts:
    """The facts with a batch to speak about: what is adverse needs something that it speaks against."""
    return facts if facts.batches else replace(facts, batches=(LIVE,))


def present(facts: Facts) -> Facts:
    return replace(facts, unit=Unit.PRESENT)


def unsigned(facts: Facts) -> Facts:
    return replace(facts, label=Label.NONE)


def registered_until_2030(facts: Facts) -> Facts:
    return with_batch(in_a_batch(facts), expires="2030-12-31", lot_as_printed=True)


def on_some_batch(**changes: Any) -> tuple[Change, Change]:
    return in_a_batch, lambda facts: with_batch(facts, **changes)


def retired(reason: RetireReason) -> tuple[Change, Change]:
    return in_a_batch, lambda facts: with_batch(facts, retired={**facts.batches[0].retired, reason: {}})


def label(worse: Label) -> tuple[Change, Change]:
    return unsigned, lambda facts: replace(facts, label=worse)


def always(add: Change) -> tuple[Change, Change]:
    return lambda facts: facts, add


ADVERSE: dict[str, tuple[Change, Change]] = {
    # name: the facts made so that it can be said of them, and the adverse fact
    "recalled": on_some_batch(recall={"entry": 5}),
    "withdrawn": on_some_batch(withdrawn=True),
    "registered while suspended": on_some_batch(registered_while_suspended=True),
    "suspended administratively": on_some_batch(maker_suspension=Suspension(SuspensionKind.ADMINISTRATIVE, 5)),
    "suspended for fraud": on_some_batch(maker_suspension=Suspension(SuspensionKind.FRAUD, 5)),
    "prefix moved": on_some_batch(maker_holds_prefix=False),
    "expired": on_some_batch(expires="2020-01-01"),
    "another expiry date printed": (
        registered_until_2030,
        lambda facts: replace(facts, printed=(*(p for p in facts.printed if p[0] != "17"), ("17", ("291231",)))),
    ),
    "an old expiry date printed": (
        in_a_batch,
        lambda facts: replace(facts, printed=(*(p for p in facts.printed if p[0] != "17"), ("17", ("200131",)))),
    ),
    "other market": always(lambda facts: replace(facts, market="XX")),
    "other lot": on_some_batch(lot_as_printed=False),
    "second lot": (in_a_batch, lambda facts: replace(facts, batches=(*facts.batches, LIVE))),
    "sold": retired(RetireReason.SOLD),
    "destroyed": retired(RetireReason.DESTROYED),
    "stolen": retired(RetireReason.STOLEN),
    "label missing": label(Label.MISSING),
    "label wrong once": label(Label.WRONG_ONCE),
    "label wrong twice": label(Label.WRONG_TWICE),
    "label malformed": label(Label.MALFORMED),
    "a second code's label wrong": always(
        lambda facts: replace(facts, labels_beside=(*facts.labels_beside, Label.WRONG_TWICE))
    ),
    "absent": (present, lambda facts: replace(facts, unit=Unit.ABSENT)),
    "not known": (present, lambda facts: replace(facts, unit=Unit.UNKNOWN)),
    "no serial": (present, lambda facts: replace(facts, has_serial=False)),
    "suspected": always(lambda facts: replace(facts, suspects=("separator",))),
    "stale register": always(lambda facts: replace(facts, register_stale=True)),
    "scanned elsewhere": always(
        lambda facts: replace(facts, sightings=(Sighting(0, "BR", -23.95, -46.33), *facts.sightings))
    ),
    "scanned everywhere at once": always(
        lambda facts: replace(
            facts, sightings=(Sighting(9, "BR", -23.95, -46.33), Sighting(9, "JP", 35.6, 139.8), *facts.sightings)
        )
    ),
}


@pytest.mark.parametrize("name", ADVERSE)
@given(facts=all_facts)
def test_an_adverse_fact_never_moves_the_verdict_towards_registered(name: str, facts: Facts) -> None:
    ground, add = ADVERSE[name]
    before = ground(facts)
    assert place(add(before)) <= place(before)


@pytest.mark.parametrize("name", ADVERSE)
def test_each_adverse_fact_is_seen_where_all_else_is_well(name: str) -> None:
    """So that no property above holds for want of effect; a second scan place alone is only information."""
    ground, add = ADVERSE[name]
    base = ground(replace(GOOD, label=Label.NONE))
    worse = add(base)
    assert codes(worse) != codes(base) or name == "not known"
    assert place(worse) < place(base)


@given(facts=all_facts)
def test_while_witnesses_are_awaited_nothing_good_is_said_and_nothing_bad_is_lost(facts: Facts) -> None:
    covered = judge(replace(facts, witnessing=Witnessing.COVERED))
    awaiting = judge(replace(facts, witnessing=Witnessing.AWAITING))
    assert awaiting.verdict not in (Verdict.REGISTERED, Verdict.NOT_REGISTERED)
    assert {r.code for r in awaiting.reasons} == {r.code for r in covered.reasons} | {"awaiting_witnesses"}
    if covered.verdict in (Verdict.REGISTERED, Verdict.NOT_REGISTERED):
        assert awaiting.verdict is Verdict.CHECK
    else:
        assert awaiting.verdict is covered.verdict, "stop stays stop, outside stays outside"


LEFT_OUT: dict[str, tuple[str, Callable[[Facts], Facts], Callable[[Facts], Facts]]] = {
    # check: what it is listed as, the input left out, the input at its best
    "market": ("market", lambda f: replace(f, market=None), lambda f: replace(f, market="NL")),
    "label": ("label signature", lambda f: replace(f, label=Label.NONE), lambda f: replace(f, label=Label.VALID)),
    "unit": ("unit", lambda f: replace(f, unit=Unit.UNKNOWN), lambda f: replace(f, unit=Unit.PRESENT)),
    "serial": ("unit", lambda f: replace(f, has_serial=False), lambda f: replace(f, has_serial=True)),
    "batch": ("batch", lambda f: replace(f, batches=()), lambda f: replace(f, batches=(LIVE,), market="NL")),
    "expiry": ("expiry", lambda f: with_batch(f, expires=None), lambda f: with_batch(f, expires="2030-12-31")),
    "declared markets": (
        "market",
        lambda f: with_batch(f, markets=()),
        lambda f: with_batch(f, markets=(f.market or "NL",)),
    ),
    "coordinates": (
        "travel",
        lambda f: replace(f, sightings=tuple(replace(s, latitude=None, longitude=None) for s in f.sightings)),
        lambda f: f,
    ),
    "these coordinates": (
        "travel",
        lambda f: replace(f, sightings=(*f.sightings, Sighting(50 * HOUR, "NL"))),
        lambda f: replace(f, sightings=(*f.sightings, Sighting(90 * HOUR, "NL", 51.95, 4.14))),
    ),
    "sightings": ("travel", lambda f: replace(f, sightings=(), officer=False), lambda f: f),
    "witnesses": (
        "witnesses",
        lambda f: replace(f, witnessing=Witnessing.NO_WITNESSES),
        lambda f: replace(f, witnessing=Witnessing.COVERED),
    ),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_was_left_out_is_listed(name: str) -> None:
    listed_as, leave_out, at_best = LEFT_OUT[name]
    assert skipped(at_best(GOOD)) == set()
    assert listed_as in skipped(leave_out(GOOD))


@pytest.mark.parametrize("name", LEFT_OUT)
@given(facts=all_facts)
def test_what_was_left_out_counts_for_no_more_than_the_best_answer(name: str, facts: Facts) -> None:
    """On units not known to be absent, where a valid signature or a read serial would be the best answer."""
    _, leave_out, at_best = LEFT_OUT[name]
    quiet = replace(
        in_a_batch(facts),
        printed=(),
        sightings=GOOD.sightings,
        unit=Unit.UNKNOWN if facts.unit is Unit.ABSENT else facts.unit,
    )
    assert place(leave_out(quiet)) <= place(at_best(quiet))


@given(facts=all_facts)
def test_registered_needs_a_unit_in_a_known_batch(facts: Facts) -> None:
    if judge(facts).verdict is Verdict.REGISTERED:
        assert facts.readable is Readable.GS1
        assert facts.unit is Unit.PRESENT
        assert facts.batches
        assert facts.has_serial
        for change in ({"unit": Unit.UNKNOWN}, {"batches": ()}, {"holder": None, "batches": ()}):
            missing = replace(facts, **change)  # type: ignore[arg-type]
            assert judge(missing).verdict is not Verdict.REGISTERED


@given(facts=all_facts, lookups=st.integers(0, 10**9))
def test_public_look_ups_never_move_a_verdict(facts: Facts, lookups: int) -> None:
    counted = replace(facts, public_lookups=lookups)
    assert judge(counted).verdict is judge(facts).verdict
    assert codes(counted) - codes(facts) <= {"public_lookups"}


@given(facts=all_facts, more=st.lists(sighting, max_size=6).map(tuple))
def test_evidence_of_copying_never_exceeds_inspect(facts: Facts, more: tuple[Sighting, ...]) -> None:
    """However often and wherever a code was scanned: that never stops it, and never weighs more than `inspect`."""
    copied = replace(facts, sightings=(*more, *facts.sightings), public_lookups=10**6)
    assert (judge(copied).verdict is Verdict.STOP) == (judge(facts).verdict is Verdict.STOP)
    weights = {reason.tier for reason in judge(copied).reasons if reason.code not in codes(facts)}
    assert Tier.STOP not in weights


@given(facts=all_facts)
def test_every_verdict_but_one_has_a_reason_or_a_check_not_made(facts: Facts) -> None:
    judged = judge(facts)
    assert {reason.code for reason in judged.reasons} <= set(REASONS)
    match judged.verdict:
        case Verdict.STOP:
            assert any(reason.tier is Tier.STOP for reason in judged.reasons)
        case Verdict.CHECK:
            weighty = any(reason.tier in (Tier.NOTIFY, Tier.INSPECT) for reason in judged.reasons)
            assert weighty or {check for check, _ in judged.not_checked} & {"unit", "batch"}
        case Verdict.REGISTERED:
            assert {reason.tier for reason in judged.reasons} <= {Tier.INFO}
        case _:
            assert judged.reasons
    assert len({check for check, _ in judged.not_checked}) == len(judged.not_checked)


@given(facts=all_facts)
def test_no_word_calls_an_item_authentic_or_fake(facts: Facts) -> None:
    for reason in judge(facts).reasons:
        assert reason.dimension in REASONS[reason.code]
        text = reason.text.lower()
        assert not any(word in text for word in ("authentic", "genuine", "fake", "counterfeit"))
