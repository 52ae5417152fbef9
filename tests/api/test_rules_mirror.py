"""Mirrors that are older or newer than their log's rules, over HTTP: no false alarm, no silence about a bad fact."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from served import client

from ledger.home import Home, Settings
from ledger.services.copies import mirroring
from ledger.services.record import participant
from ledger.wiring.mirror import MirrorPlan, open_mirror
from ledger.wiring.reader import open_ledger
from tests.log_server import PublishedLog, serving
from tests.sim import MadeBatch, Sim, actor, gtin_of, sign_unit
from tests.verifier.rule_worlds import NEW, OLD, append_unheard, raised
from verifier.errors import CarnetError, RulesUnknown
from verifier.evidence.fork import check_fork
from verifier.instant import DAY
from verifier.reading.digital_link import format_digital_link
from verifier.record.rules import Rules
from verifier.record.statement import Kind, Proposal, sign

PREFIX = "9521234"


class World:
    """A newer ledger of two batches of which one is recalled, and mirrors of it."""

    def __init__(self, sim: Sim, folder: Path) -> None:
        sim.checked = False
        maker = sim.maker("aurora", PREFIX)
        self.good, self.bad = (
            sim.register_batch(maker, gtin=gtin_of(PREFIX, at), units=20, public=True) for at in (1, 2)
        )
        sim.recall(maker, self.bad)
        self.log, self.folder = PublishedLog(sim, folder / "published"), folder

    @property
    def sim(self) -> Sim:
        return self.log.sim

    def home(self, name: str = "mirror") -> Home:
        return Home(self.folder / name, Settings(home=self.folder / name))

    def open(self, known: Rules, name: str = "mirror") -> Any:
        return open_mirror(self.home(name), MirrorPlan(self.log.url, self.sim.pin, known=known), lambda alarm: None)

    def raise_rules(self, version: int | None = None) -> int:
        index = self.sim.raise_rules(version)
        self.log.publish()
        return index

    def verdicts(self, http: Any) -> tuple[str, str]:
        return self.answer(http, self.good)["verdict"], self.answer(http, self.bad)["verdict"]

    def answer(self, http: Any, batch: MadeBatch) -> Any:
        label = sign_unit(self.sim, batch, batch.serials[3])
        code = format_digital_link("https://id.example", batch.gtin, batch.lot, batch.serials[3], label)
        return http.get("/v1/verify", params={"code": code, "carrier": "qr"}).json()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(mirroring, "SILENCE_LIMIT", 3_650 * DAY)  # a story's clock stands still, months ago
    monkeypatch.setattr(participant, "MIRROR_AGE_LIMIT", 3_650 * DAY)
    made = World(raised(), tmp_path)
    with serving(made.log):
        yield made


def assert_paused(ledger: Any, following: Any, entry: int) -> None:
    assert following.alarm is None
    assert (following.trouble.code, following.state, ledger.record.size) == ("rules_unknown", "rules_unknown", entry)
    paused = following.describe()["paused"]
    assert (paused["code"], paused["entry"]) == ("rules_unknown", entry)
    assert "version 3" in paused["words"]
    assert not (ledger.home.path / "alarm.json").exists()


def test_an_older_mirror_pauses_says_so_and_serves_what_it_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.open(OLD) as (ledger, following):
        before = ledger.record.size
        with client(ledger, public_only=True) as http:
            assert world.verdicts(http) == ("registered", "stop")
            world.sim.recall(actor("aurora"), world.good)  # the same look brings a bad fact and the raise behind it
            at = world.raise_rules()
            following.round()
            assert at == before + 1
            assert_paused(ledger, following, at)
            assert world.verdicts(http) == ("stop", "stop")
            mirror = world.answer(http, world.bad)["as_of"]["mirror"]
            assert (mirror["alarm"], mirror["paused"]["entry"]) == (None, at)
            ready = http.get("/readyz")
            assert (ready.status_code, ready.json()["parts"]["mirror"]) == (200, "ok")
            told = ready.json()["troubles"]["mirror"]
            assert (told["code"], told["entry"]) == ("rules_unknown", at)
            page = http.get(
                f"/01/{world.good.gtin}/10/{world.good.lot}/21/{world.good.serials[3]}", headers={"Accept": "text/html"}
            )
            assert f"Its copy ends before entry {at}" in page.text
    with world.open(OLD) as (ledger, following):  # a restart finds the same
        assert_paused(ledger, following, at)


def test_nothing_good_rests_on_a_copy_that_has_been_paused_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.open(OLD) as (ledger, following), client(ledger, public_only=True) as http:
        world.raise_rules()
        following.round()
        checked = following.view.checked_at
        following.round()
        assert following.view.checked_at == checked
        assert world.verdicts(http) == ("registered", "stop")
        monkeypatch.setattr(mirroring, "AGE_LIMIT", 0)
        assert world.verdicts(http) == ("check", "stop")


def test_a_paused_mirror_asks_for_no_more_entries_and_still_tells_a_fork(world: World) -> None:
    with world.open(OLD) as (ledger, following):
        honest = deepcopy(world.sim)
        at = world.raise_rules()
        append_unheard(world.sim)
        world.log.publish()
        following.round()
        following.round()
        world.log.asked.clear()
        append_unheard(world.sim)
        world.log.publish()
        following.round()
        assert_paused(ledger, following, at)
        assert not [path for path in world.log.asked if "/entries/" in path or "segment" in path], world.log.asked
        world.log.asked.clear()
        following.round()
        assert dict(world.log.asked) == {"checkpoint": 1}, "an unchanged head is not compared again"
        other = deepcopy(honest)
        other.admit("another")
        for _ in range(4):
            append_unheard(other)
        world.log.publish_anew(other)
        with pytest.raises(CarnetError):
            following.round()
        assert following.alarm.code == "fork"
        evidence = (ledger.home.path / following.alarm.evidence).read_bytes()
        assert check_fork(evidence, world.sim.pin).steps[2].ok


def test_a_mirror_goes_on_by_itself_after_its_upgrade(world: World) -> None:
    maker = actor("aurora")
    with world.open(OLD) as (_, following):
        at = world.raise_rules()
        world.sim.undo(maker, "0x" + world.sim.batch(world.bad).recall.current.leaf.hex())
        world.sim.recall(maker, world.good)
        world.log.publish()
        following.round()
        assert following.view.paused.entry == at
    with world.open(NEW) as (ledger, following), client(ledger, public_only=True) as http:
        assert (following.trouble, following.view.paused, following.view.alarm) == (None, None, None)
        assert (ledger.record.size, ledger.record.rules) == (world.sim.size(), 3)
        assert world.verdicts(http) == ("stop", "registered")
        world.raise_rules()
        following.round()
        assert (ledger.record.rules, following.trouble) == (4, None)
    with pytest.raises(RulesUnknown), open_ledger(world.home(), known=OLD):
        pass  # nor does an older program open the newer copy


def test_a_new_mirror_of_an_old_log_and_of_one_raised_twice(world: World) -> None:
    with world.open(NEW, "early") as (ledger, following):
        assert (following.trouble, ledger.record.rules) == (None, 2)
        world.raise_rules()
        world.raise_rules()
        following.round()
        assert (following.trouble, ledger.record.rules, ledger.record.size) == (None, 4, world.sim.size())
    with world.open(OLD, "late") as (ledger, following):
        assert_paused(ledger, following, world.sim.size() - 2)


def test_a_first_copy_of_a_raised_log_holds_what_comes_before(world: World) -> None:
    at = world.raise_rules()
    with world.open(OLD) as (ledger, following), client(ledger, public_only=True) as http:
        assert_paused(ledger, following, at)
        assert world.verdicts(http) == ("check", "stop"), "nobody has signed for just that part"


def test_a_ledger_founded_at_newer_rules_is_not_begun(tmp_path: Path) -> None:
    world = World(raised(rules=3), tmp_path)
    with serving(world.log), pytest.raises(RulesUnknown), world.open(OLD):
        pass
    assert not world.home().founded


def early_undo(sim: Sim, world: World) -> None:
    recall = sim.batch(world.bad).recall.current
    body = {**sim.header(), "target": "0x" + recall.leaf.hex(), "reason": "x"}
    maker = actor("aurora")
    sim.force(Kind.UNDONE, body, maker.address, sign(Kind.UNDONE, body, sim.domain, maker.secret))


def unapproved(sim: Sim, _world: World) -> None:
    body = {**sim.header(), "version": 3, "digest": "0x" + NEW.digest(3).hex()}
    mirrored = sim.executed(Proposal.RULES_RAISED, body, sim.authorities[:1])
    sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)


def leap(sim: Sim, _world: World) -> None:
    body = {**sim.header(), "version": 4, "digest": "0x" + NEW.digest(4).hex()}
    mirrored = sim.executed(Proposal.RULES_RAISED, body, sim.authorities)
    sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)


@pytest.mark.parametrize(
    ("deed", "rule"), [(early_undo, "kind_not_yet"), (unapproved, "not_approved"), (leap, "mirror_conflict")]
)
def test_what_the_mirrors_own_rules_refuse_stays_an_alarm(world: World, deed: Any, rule: str) -> None:
    with world.open(OLD) as (_, following):
        deed(world.sim, world)
        world.log.publish()
        with pytest.raises(CarnetError):
            following.round()
        assert following.alarm.code == "refused_entry"
        assert f"[{rule}]" in following.alarm.words


def test_another_table_under_a_known_number_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "SILENCE_LIMIT", 3_650 * DAY)
    world = World(Sim.found(rules=1, known=NEW, checked=False), tmp_path)
    with serving(world.log), world.open(OLD) as (_, following):
        body = {**world.sim.header(), "version": 2, "digest": "0x" + bytes(32).hex()}
        mirrored = world.sim.executed(Proposal.RULES_RAISED, body, world.sim.authorities)
        world.sim.force(Kind.PARTICIPANT_MIRRORED, mirrored.to_body(), None, None)
        world.log.publish()
        with pytest.raises(CarnetError):
            following.round()
        assert "[rules_differ]" in following.alarm.words
