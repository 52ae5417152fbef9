"""The table of `docs/spec/statement.md`: who may say what, for every kind, role and relation, asked of the record."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.sim import Actor, MadeBatch, Sim, actor, gtin_of
from verifier.errors import Refused
from verifier.record.batch import RetireReason
from verifier.record.participant import Role
from verifier.record.rights import RECALL, RETIRE, Relation

PREFIX = "9521234"
WHO = ("maker", "holder", "rival", "customs", "authority", "carrier", "marketplace", "auditor")
"""The maker has lost the prefix to the holder; rival makes other goods; customs and authority are administrations."""

MAY: dict[str, set[str]] = {
    "recall": {"maker", "holder"},
    "sold": {"maker", "holder"},
    "destroyed": {"maker", "holder", "customs", "authority"},
    "stolen": {"maker", "customs", "authority"},
}
MAY_UNDO: dict[tuple[str, str], set[str]] = {
    ("recall", "maker"): {"maker", "holder"},
    ("recall", "holder"): {"holder"},
    ("sold", "maker"): {"maker", "holder"},
    ("sold", "holder"): {"holder"},
    ("destroyed", "maker"): {"maker"},
    ("destroyed", "holder"): {"holder"},
    ("destroyed", "customs"): {"customs"},
    ("destroyed", "authority"): {"authority"},
    ("stolen", "maker"): {"maker"},
    ("stolen", "customs"): {"customs"},
    ("stolen", "authority"): {"authority"},
}


@dataclass
class Cast:
    """A batch whose maker has lost the prefix, and everybody who might speak about it."""

    sim: Sim
    people: dict[str, Actor]
    batch: MadeBatch

    @classmethod
    def gather(cls) -> Cast:
        sim = Sim.found(checked=False)
        maker = sim.maker("maker", PREFIX)
        batch = sim.register_batch(maker)
        sim.withdraw(maker, PREFIX)
        people = {
            "maker": maker,
            "holder": sim.maker("holder", PREFIX),
            "rival": sim.maker("rival", "8712345"),
            "customs": sim.admit("customs", Role.CUSTOMS),
            "authority": sim.authorities[1],
            "carrier": sim.admit("carrier", Role.CARRIER),
            "marketplace": sim.admit("marketplace", Role.MARKETPLACE),
            "auditor": sim.admit("auditor", Role.AUDITOR),
        }
        return cls(sim, people, batch)

    def say(self, what: str, who: str) -> str:
        if what == "recall":
            return self.sim.recall(self.people[who], self.batch)
        return self.sim.retire(self.people[who], self.batch, RetireReason[what.upper()], ["S0003"])


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("what", MAY)
def test_who_may_say_what(what: str, who: str) -> None:
    cast = Cast.gather()
    if who in MAY[what]:
        cast.say(what, who)
        cast.sim.check()
        return
    with pytest.raises(Refused) as refusal:
        cast.say(what, who)
    assert refusal.value.code == "not_entitled"
    cast.sim.check()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(("what", "author"), MAY_UNDO)
def test_who_may_undo_what(what: str, author: str, who: str) -> None:
    cast = Cast.gather()
    leaf = cast.say(what, author)
    if who in MAY_UNDO[what, author]:
        cast.sim.undo(cast.people[who], leaf)
        cast.sim.check()
        return
    with pytest.raises(Refused) as refusal:
        cast.sim.undo(cast.people[who], leaf)
    assert refusal.value.code == "not_entitled"


@pytest.mark.parametrize("who", WHO)
def test_only_the_maker_withdraws_a_registration(who: str) -> None:
    cast = Cast.gather()
    if who == "maker":
        cast.sim.undo(cast.people[who], cast.batch.id)
        assert cast.sim.batch(cast.batch).withdrawn
        return
    with pytest.raises(Refused) as refusal:
        cast.sim.undo(cast.people[who], cast.batch.id)
    assert refusal.value.code == "not_entitled"


@pytest.mark.parametrize("who", WHO)
def test_only_the_holder_of_the_prefix_registers(who: str) -> None:
    cast = Cast.gather()
    statement, _ = cast.sim.registration(cast.people[who], gtin=gtin_of(PREFIX, 2), lot="NEW")
    if who == "holder":
        cast.sim.say(statement)
        return
    with pytest.raises(Refused) as refusal:
        cast.sim.say(statement)
    assert refusal.value.code == ("prefix_not_held" if who in ("maker", "rival") else "not_entitled")


def test_a_carrier_calling_a_rivals_goods_stolen_is_refused_in_words() -> None:
    cast = Cast.gather()
    with pytest.raises(Refused, match=r"\(carrier\) may not report units stolen; only a customs administration or the"):
        cast.say("stolen", "carrier")


def test_the_table_in_code_is_the_table_of_the_design() -> None:
    assert frozenset({Relation.MAKER, Relation.HOLDER}) == RECALL
    assert {
        RetireReason.SOLD: {Relation.MAKER, Relation.HOLDER},
        RetireReason.DESTROYED: {Relation.MAKER, Relation.HOLDER, Relation.CUSTOMS},
        RetireReason.STOLEN: {Relation.MAKER, Relation.CUSTOMS},
    } == RETIRE


def test_a_stranger_says_nothing() -> None:
    cast = Cast.gather()
    cast.people["stranger"] = actor("stranger")
    with pytest.raises(Refused) as refusal:
        cast.say("recall", "stranger")
    assert refusal.value.code == "not_admitted"
