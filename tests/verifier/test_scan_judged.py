"""An officer's answer held to the log: no claim switches a comparison off, and an honest answer is never accused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.services.scans.question import Question
from ledger.services.scans.verification import AsOf, History, Verification
from tests.sim import MadeBatch, Sim, gtin_of
from verifier.reading.reading import read
from verifier.record.batch import Batch, RetireReason
from verifier.record.published import PublishedRecord
from verifier.scan.judged import GROUP, Place, compare_answer
from verifier.scan.said import FACTS, Said, said_about
from verifier.scan.sent import Compared
from verifier.tree.checked_tiles import CheckedTiles
from verifier.verdict.facts import Context
from verifier.verdict.judge import verdict_from
from verifier.verdict.reason import REASONS

SERIAL = "S0001"
ADVERSE = [
    "recalled", "stolen", "destroyed", "sold_elsewhere", "registration_withdrawn", "issuer_suspended",
    "registered_while_suspended", "prefix_moved", "market_mismatch",
]  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A world in which one unit has one adverse fact, alone of its product or beside a lot of which nothing is said."""

    sim: Sim
    batch: MadeBatch
    country: str

    def code(self, lot: str | None = None) -> str:
        return f"(01){self.batch.gtin}(10){lot or self.batch.lot}(21){SERIAL}"


@cache
def world(fact: str, *, alone: bool) -> Told:
    """A ledger in which `fact` holds of one unit."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    dated = sim.clock
    batch = sim.register_batch(maker, lot="BAD", public=True)
    if not alone:
        sim.register_batch(maker, lot="FINE", public=True, serials=["T0001"])
    match fact:
        case "recalled":
            sim.recall(maker, batch)
        case "stolen" | "destroyed" | "sold_elsewhere":
            reason = RetireReason[fact.split("_")[0].upper()]
            sim.retire(maker, batch, reason, [SERIAL])
        case "registration_withdrawn":
            sim.undo(maker, batch.id)
        case "issuer_suspended":
            sim.suspend(maker)
        case "registered_while_suspended":
            sim.suspend(maker, effective_at=dated)
        case "prefix_moved":
            sim.withdraw(maker, "9521234")
    return Told(sim, batch, "KE" if fact == "market_mismatch" else "NL")


@cache
def said(sim: Sim, code: str, country: str, context: str, size: int) -> Said:
    """What the published log says at a size."""
    record = PublishedRecord(CheckedTiles(sim.tile, sim.size(), sim.root()).bundle)
    record.fold_to(size)
    return said_about(record, sim.promise("T", code=code, country=country, context=context))


Sim.__hash__ = object.__hash__  # type: ignore[method-assign]  # one ledger, one key of the caches above


def compare(
    told: Told, reasons: list[str], place: Place | None, *, verdict: str | None = None, **over: Any
) -> Compared:
    """An answer with these reasons, compared at the log's end."""
    scan = {"code": told.code(), "country": told.country, "context": "import"} | over
    here = said(told.sim, scan["code"], scan["country"], scan["context"], told.sim.size())
    follows = verdict or (verdict_from(reasons) or "check")
    receipt = told.sim.promise("T", reasons=reasons, verdict=str(follows), **scan)
    return compare_answer(receipt, here, here, place)


def is_held(fact: str, found: Compared) -> bool:
    """The lie is found, or the row names the fact that was not compared and calls no verdict the same."""
    return bool(found.faults) or (fact in (found.open or {}) and "verdict" not in found.same)


@pytest.mark.parametrize("fact", ADVERSE)
@pytest.mark.parametrize("alone", [True, False], ids=["one lot", "two lots"])
@pytest.mark.parametrize("more", [*REASONS, "of another version"])
def test_no_reason_added_to_an_answer_hides_an_adverse_fact(fact: str, alone: bool, more: str) -> None:
    if more == fact:
        return
    told = world(fact, alone=alone)
    shown = Place(told.batch.index)
    for reasons in (["unit_registered", more], [more], ["unit_absent", more]):
        for verdict in (None, "registered", "check"):
            for place in (None, shown):
                found = compare(told, reasons, place, verdict=verdict)
                assert is_held(fact, found), (reasons, verdict, place, found)
    assert compare(told, ["unit_registered", more], shown).faults, "a proof of the unit leaves nothing open"


@given(
    st.sampled_from(ADVERSE), st.booleans(), st.booleans(), st.frozensets(st.sampled_from(list(REASONS)), max_size=6)
)
def test_no_set_of_reasons_hides_an_adverse_fact(fact: str, alone: bool, proved: bool, reasons: frozenset[str]) -> None:
    told = world(fact, alone=alone)
    found = compare(told, sorted(reasons - {fact}), Place(told.batch.index) if proved else None)
    assert is_held(fact, found), found


def test_a_recalled_lot_is_named_where_only_a_proof_could_settle_in_which_lot_the_unit_is() -> None:
    told = world("recalled", alone=False)
    found = compare(told, ["unit_registered", "lot_mismatch"], None)
    assert found.faults == ()
    assert "it holds of lot BAD" in (found.open or {})["recalled"]
    assert "not compared: unit, recalled" in (found.open or {})["verdict"]
    assert "recalled" in "".join(compare(told, ["unit_registered", "lot_mismatch"], Place(told.batch.index)).faults)
    alone = compare(world("recalled", alone=True), ["unit_registered", "lot_mismatch"], None)
    assert any("lot_mismatch" in fault for fault in alone.faults), "the product has no other lot"


def test_another_lot_s_unit_is_no_unit_of_the_printed_lot() -> None:
    told = world("recalled", alone=False)
    found = compare(told, ["unit_registered"], Place(told.batch.index), code=told.code("FINE"))
    assert any("not told 'lot_mismatch'" in fault for fault in found.faults)
    assert any("not told 'recalled'" in fault for fault in found.faults)


def test_what_was_registered_after_the_answer_contradicts_no_absence() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    first = sim.register_batch(maker, lot="ONE", public=True)
    size = sim.size()
    second = sim.register_batch(maker, lot="TWO", public=True)
    assert second.index < size + GROUP
    code = f"(01){first.gtin}(10)TWO(21){SERIAL}"
    receipt = sim.promise("T", code=code, reasons=["unit_absent"], verdict="not_registered", log_size=str(size))
    at = partial(said, sim, code, "NL", "import")
    assert compare_answer(receipt, at(size), at(sim.size()), Place(second.index)).faults == ()
    assert compare_answer(receipt, at(sim.size()), at(sim.size()), Place(second.index)).faults != ()


def test_what_was_registered_after_the_answer_contradicts_no_registration() -> None:
    """A maker can register a serial once more at any time: in a new lot, or in the one on its code that was none."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    one = sim.register_batch(maker, lot="ONE", public=True)
    size = sim.size()
    two = sim.register_batch(maker, lot="TWO", public=True)
    for code, reasons in (
        (f"(01){one.gtin}(21){SERIAL}", ["unit_registered"]),
        (f"(01){one.gtin}(10)TWO(21){SERIAL}", ["unit_registered", "lot_mismatch"]),
    ):
        verdict = str(verdict_from(reasons))
        receipt = sim.promise("T", code=code, reasons=reasons, verdict=verdict, log_size=str(size))
        then = said(sim, code, "NL", "import", size)
        found = compare_answer(receipt, then, then, Place(two.index))
        assert (found.faults, "came after" in (found.open or {})["unit"]) == ((), True)
        assert "verdict" not in found.same
    alone = f"(01){one.gtin}(10)TWO(21){SERIAL}"
    receipt = sim.promise("T", code=alone, reasons=["unit_registered"], verdict="registered", log_size=str(size))
    then = said(sim, alone, "NL", "import", size)
    assert compare_answer(receipt, then, then, Place(two.index)).faults, "the printed lot was not registered then"


def test_a_unit_whose_registration_no_signed_head_covered_yet_was_registered() -> None:
    """An officer asks for the product's first unit, or for a further lot, while the next head is being signed."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    for lot in ("ONE", "TWO"):
        size = sim.size()
        batch = sim.register_batch(maker, lot=lot, public=True)
        code = f"(01){batch.gtin}(10){lot}(21){SERIAL}"
        reasons = ["unit_registered", "awaiting_witnesses"]
        receipt = sim.promise("T", code=code, reasons=reasons, verdict="check", log_size=str(size))
        at = partial(said, sim, code, "NL", "import")
        assert compare_answer(receipt, at(size), at(sim.size()), Place(batch.index)).faults == ()
        assert compare_answer(receipt, at(size), at(sim.size()), None).faults == ()
        assert compare_answer(receipt, at(size), at(size), Place(batch.index)).faults != ()


def test_a_lot_that_was_registered_later_hides_no_recall_of_the_one_before() -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, lot="BAD", public=True)
    sim.recall(maker, batch)
    size = sim.size()
    again = sim.register_batch(maker, lot="MORE", public=True)
    code = f"(01){batch.gtin}(21){SERIAL}"
    receipt = sim.promise("T", code=code, reasons=["unit_registered"], verdict="registered", log_size=str(size))
    at = partial(said, sim, code, "NL", "import")
    found = compare_answer(receipt, at(size), at(sim.size()), Place(again.index))
    assert "recalled" not in found.same
    assert "verdict" not in found.same


def test_absence_from_the_printed_lot_is_none_from_the_others() -> None:
    told = world("nothing", alone=False)
    unit = {"code": told.code("FINE")}  # it is in lot BAD
    found = compare(told, ["unit_absent"], Place(None), **unit)
    assert "whether in another" in (found.open or {})["unit"]
    assert {"unit", "verdict"}.isdisjoint(found.same)
    lonely = world("nothing", alone=True)
    assert {"unit", "verdict"} <= set(compare(lonely, ["unit_absent"], Place(None)).same)


class _Kept:
    """What an honest server has beside the log: salts, and a scan history without scans."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim

    def salt(self, batch: Batch) -> bytes | None:
        return self.sim.salts.get(batch.salt_commitment)

    def history(self, subject: bytes) -> History:
        return History()


def asked(sim: Sim, size: int, code: str) -> tuple[list[str], str]:
    """What an honest server answers while the signed head has this size: reasons and verdict."""
    kept, root = _Kept(sim), sim.root(size)
    server = Verification(sim.record, sim, kept, kept, lambda: AsOf(size, root, sim.clock, None), lambda: False)  # type: ignore[arg-type]
    question = Question(read(code), today="2026-10-01", context=Context.IMPORT, market="NL")
    judgement = server.answer(question).judgement
    return [reason.code for reason in judgement.reasons], judgement.verdict.value


@pytest.mark.parametrize("fact", ["recalled", "stolen", "issuer_suspended", "prefix_moved"])
def test_what_was_undone_after_the_answer_excuses_nobody(fact: str) -> None:
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, public=True)
    match fact:
        case "recalled":
            leaf = sim.recall(maker, batch)
        case "stolen":
            leaf = sim.retire(maker, batch, RetireReason.STOLEN, [SERIAL])
        case "issuer_suspended":
            sim.suspend(maker)
        case "prefix_moved":
            sim.withdraw(maker, "9521234")
    size, code = sim.size(), f"(01){batch.gtin}(10){batch.lot}(21){SERIAL}"
    true, _ = asked(sim, size, code)
    assert fact in true
    match fact:
        case "recalled" | "stolen":
            sim.undo(maker, leaf)
        case "issuer_suspended":
            sim.reinstate(maker)
        case "prefix_moved":
            sim.grant(maker, "9521234")
    at = partial(said, sim, code, "NL", "import")

    def held(reasons: list[str], verdict: str) -> Compared:
        receipt = sim.promise("T", code=code, reasons=reasons, verdict=verdict, log_size=str(size))
        return compare_answer(receipt, at(size), at(sim.size()), Place(batch.index))

    early, verdict = asked(sim, size, code)
    assert fact not in early, "it counts at once"
    assert (held(early, verdict).faults, fact in (held(early, verdict).open or {})) == ((), True)
    lie = [reason for reason in true if reason != fact]
    assert any(f"not told {fact!r}" in fault for fault in held(lie, str(verdict_from(lie))).faults)


@pytest.mark.parametrize("context", [Context.IMPORT, Context.OWNER])
@pytest.mark.parametrize("alone", [True, False], ids=["one lot", "two lots"])
@pytest.mark.parametrize("fact", [*ADVERSE, "nothing"])
def test_an_honest_answer_is_never_accused(fact: str, alone: bool, context: Context) -> None:
    told = world(fact, alone=alone)
    sim, gtin, kept = told.sim, told.batch.gtin, _Kept(told.sim)
    tip = AsOf(sim.size(), sim.root(), sim.clock, None)
    server = Verification(sim.record, sim, kept, kept, lambda: tip, lambda: False)  # type: ignore[arg-type]
    other = gtin_of("4012345")
    for code in (
        told.code(), told.code("FINE"), told.code("NONE"), told.code()[:-1] + "X", f"(01){gtin}(21){SERIAL}",
        f"(01){gtin}(21)T0001", f"(01){gtin}(10)FINE(21)T0001", told.code("BAD")[:-5] + "T0001", f"(01){gtin}",
        f"(01){gtin}(10)BAD", f"(01){gtin}(10)NONE", f"(01){other}(10)BAD(21){SERIAL}", f"(01){other}",
        told.code() + "(17)290101", "https://example.com/other", "no code at all",
    ):  # fmt: skip
        question = Question(read(code), today="2026-10-01", context=context, market=told.country)
        answer = server.answer(question)
        reasons = [reason.code for reason in answer.judgement.reasons]
        place = Place(answer.batches[0].index) if "unit_registered" in reasons else None
        for shown in {None, place}:
            found = compare(
                told, reasons, shown, verdict=answer.judgement.verdict.value, code=code, context=context.value
            )
            assert found.faults == (), (code, reasons, found)
            if shown is not None and "lot_mismatch" not in reasons:
                assert not set(FACTS) & set(found.open or {}), (code, found)
