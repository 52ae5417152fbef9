"""The mirror: a verified copy of a log served over real HTTP, which answers for itself and refuses a second history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import client
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from ledger.home import Home, Settings
from ledger.services.copies import following as module
from ledger.services.copies import mirroring
from ledger.services.copies.mirroring import AGE_LIMIT, Alarm
from ledger.services.record import participant
from ledger.storage.evidence import EvidenceFolder
from ledger.wiring.audit import audit_folder, audit_ledger
from ledger.wiring.mirror import MirrorPlan, open_mirror
from ledger.wiring.reader import open_ledger
from tests.log_server import PublishedLog, serving
from tests.sim import Actor, MadeBatch, Sim, actor, gtin_of, sign_unit
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.evidence.evidence import check_evidence
from verifier.evidence.fork import check_fork
from verifier.instant import DAY
from verifier.reading.digital_link import format_digital_link
from verifier.record.batch import RetireReason
from verifier.record.entry import decode_entry
from verifier.record.statement import Kind, Proposal, sign
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.merkle import leaf_hash
from verifier.tree.note import Note
from verifier.tree.tlog_proof import TlogProof

PREFIX = "9521234"


@cache
def _story(witnesses: tuple[str, ...]) -> tuple[Sim, MadeBatch, MadeBatch]:
    """A log with a batch whose salt is published, and one whose salt is hidden."""
    sim = Sim.found(checked=False, witnesses=witnesses)
    maker = sim.maker("aurora", PREFIX)
    public = sim.register_batch(maker, units=100, lot="OPEN", public=True)
    sim.retire(maker, public, RetireReason.SOLD, public.serials[:70])
    hidden = sim.register_batch(maker, gtin=gtin_of(PREFIX, 2), lot="HIDDEN")
    return sim, public, hidden


@dataclass
class World:
    """A published log, a mirror of it, and the two batches in it."""

    log: PublishedLog
    home: Home
    public: MadeBatch
    hidden: MadeBatch
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def sim(self) -> Sim:
        return self.log.sim

    def open(self, **plan: Any) -> Any:
        return open_mirror(self.home, MirrorPlan(self.log.url, **{"pin": self.sim.pin, **plan}), self.alarms.append)

    def say(self) -> None:
        """One more statement, signed and published."""
        maker = actor("aurora")
        current = self.sim.batch(self.public).recall.current
        if current is None:
            self.sim.recall(maker, self.public)
        else:
            self.sim.undo(maker, "0x" + current.leaf.hex())
        self.log.publish()

    def code(self, batch: MadeBatch, at: int = 80) -> str:
        signature = sign_unit(self.sim, batch, batch.serials[at])
        return format_digital_link("https://id.example", batch.gtin, batch.lot, batch.serials[at], signature)


def made(tmp_path: Path, witnesses: tuple[str, ...] = ()) -> Iterator[World]:
    sim, public, hidden = _story(witnesses)
    log = PublishedLog(deepcopy(sim), tmp_path / "published")
    with serving(log):
        yield World(log, Home(tmp_path / "mirror", Settings(home=tmp_path / "mirror")), public, hidden)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story's clock stands still, months ago; only one test is about that."""
    monkeypatch.setattr(mirroring, "SILENCE_LIMIT", 3_650 * DAY)
    monkeypatch.setattr(participant, "MIRROR_AGE_LIMIT", 3_650 * DAY)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from made(tmp_path)


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[World]:
    yield from made(tmp_path, ("douane", "custos"))


def ask(http: httpx.Client, code: str, **parameters: str) -> httpx.Response:
    return http.get("/v1/verify", params={"code": code, "carrier": "qr", **parameters})


def test_a_mirror_answers_as_its_log_does_and_says_that_it_is_one(world: World) -> None:
    with world.open() as (ledger, following):
        assert following.trouble is None
        assert ledger.record.size == world.sim.size()
        assert ledger.record.head == world.sim.record.head
        with client(ledger, public_only=True) as http:
            answer = ask(http, world.code(world.public)).json()
            assert answer["verdict"] == "registered"
            assert answer["as_of"]["mirror"]["of"] == world.log.url + "/log/"
            assert answer["as_of"]["mirror"]["checked_at"]
            assert answer["as_of"]["mirror"]["alarm"] is None
            assert answer["as_of"]["root"] == "0x" + world.sim.root().hex()
            sold = ask(http, world.code(world.public, 1), context="owner").json()
            assert (sold["verdict"], sold["shown_as"]) == ("registered", "Registered, reported sold")
            absent = format_digital_link("https://id.example", world.public.gtin, world.public.lot, "NOT-THERE")
            assert ask(http, absent).json()["verdict"] == "not_registered"
            page = http.get(
                world.code(world.public).removeprefix("https://id.example"), headers={"Accept": "text/html"}
            )
            assert page.status_code == 200
            assert "From a mirror of" in page.text
            assert http.get("/v1/ledger").json()["mirror"]["of"] == world.log.url + "/log/"
            assert http.get("/readyz").json()["parts"]["mirror"] == "ok"
            proof = http.get("/v1/proofs/units", params={"code": world.code(world.public)})
            assert check_evidence(proof.content, pin=world.sim.pin).ok
            assert http.post("/v1/batches", json={}).status_code in (404, 405)


def test_it_publishes_the_same_log_again(world: World, tmp_path: Path) -> None:
    with world.open() as (ledger, _), client(ledger, public_only=True) as http:
        assert http.get("/log/checkpoint").content == (world.log.folder / "checkpoint").read_bytes()
        root = next(iter(world.sim.segments))
        assert http.get(f"/log/segment/{root.hex()}").content == world.sim.segments[root]
    report = audit_folder(world.home.published, world.sim.pin)
    assert report.ok, report.findings
    assert report.root == world.sim.root()
    own = audit_ledger(world.home)
    assert own.ok, own.findings
    assert own.size == world.sim.size()


def test_what_is_new_is_taken_and_the_rest_not_asked_for_again(world: World) -> None:
    with world.open() as (ledger, following):
        before = ledger.record.size
        world.say()
        world.log.asked.clear()
        assert following.round() == before + 1
        assert ledger.record.size == before + 1
        assert ledger.signed().size == before + 1
        assert not [path for path in world.log.asked if path.startswith("segment")]
        with client(ledger, public_only=True) as http:
            assert ask(http, world.code(world.public)).json()["verdict"] == "stop"
        world.log.asked.clear()
        following.round()
        assert dict(world.log.asked) == {"checkpoint": 1}


def test_a_hidden_batch_silences_no_other_lot_of_its_product(world: World) -> None:
    maker = actor("aurora")
    beside = world.sim.register_batch(maker, lot="BESIDE")
    assert beside.gtin == world.public.gtin
    world.log.publish()
    with world.open() as (ledger, _), client(ledger, public_only=True) as http:
        shown = ask(http, world.code(world.public)).json()
        assert shown["verdict"] == "registered"
        assert {"check": "other lots", "why": "1 of this product cannot be searched on this server"} in shown[
            "not_checked"
        ]
        asked = [(world.public.lot, "NOT-THERE"), ("NOT-REGISTERED", "NOT-THERE"), (None, world.public.serials[0])]
        asked.append(("BESIDE", beside.serials[0]))
        for lot, serial in asked:
            answer = ask(http, format_digital_link("https://id.example", beside.gtin, lot, serial))
            assert (answer.status_code, answer.json()["code"]) == (503, "salt_missing"), (lot, serial)


def test_of_a_recalled_lot_without_its_salt_that_much_is_told(world: World) -> None:
    world.sim.recall(actor("aurora"), world.hidden)
    world.log.publish()
    with world.open() as (ledger, _), client(ledger, public_only=True) as http:
        answer = ask(http, world.code(world.hidden, 1))
        assert (answer.status_code, answer.json()["code"]) == (503, "salt_missing_recalled")
        assert "recalled" in answer.json()["detail"]


@pytest.mark.parametrize("answer", [None, b"\0" * 32 * 16], ids=["lost", "wrong"])
def test_leaves_of_a_seal_that_are_lost_or_wrong_hold_up_no_recall(
    world: World, answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.open() as (ledger, following):
        world.sim.seal()
        world.log.lie["seal/0"] = answer
        folded: list[int] = []
        real = module.fold
        monkeypatch.setattr(module, "fold", lambda *given: folded.append(1) or real(*given))
        for _ in range(3):
            world.say()
            following.round()
            assert following.trouble is not None
            assert following.trouble.code == ("seal_missing" if answer is None else "seal_unsorted")
            assert ledger.record.size == world.sim.size()
            assert world.home.published.joinpath("checkpoint").read_bytes() == world.sim.latest_checkpoint()[1]
        assert len(folded) == 1, "not the whole log again at each head"
        with client(ledger, public_only=True) as http:
            assert ask(http, world.code(world.public)).json()["verdict"] == "stop"
        assert following.alarm is None
        world.log.lie.clear()
        following.catch_up()
        assert following.trouble is None
        following.round()
        assert (world.home.published / "seal" / "0").read_bytes() == world.sim.sealed[0]


def test_it_follows_by_itself(world: World) -> None:
    with world.open(interval=0.05) as (ledger, following):
        following.start()
        world.say()
        until = time.monotonic() + 20
        while ledger.record.size < world.sim.size() and time.monotonic() < until:
            time.sleep(0.02)
        assert ledger.record.size == world.sim.size()


@pytest.mark.parametrize("persisted", [False, True])
def test_a_commit_that_is_lost_holds_it_up_no_longer_than_that(world: World, persisted: bool) -> None:
    def lost(connection: Any) -> None:
        if persisted:
            connection.connection.dbapi_connection.commit()
        raise OperationalError("COMMIT", {}, RuntimeError("disk full"))

    def wait_until(what: Callable[[], bool]) -> None:
        until = time.monotonic() + 20
        while not what():
            assert time.monotonic() < until
            time.sleep(0.02)

    with world.open(interval=0.02) as (ledger, following):
        event.listen(ledger.engine, "commit", lost)
        following.start()
        world.say()
        wait_until(lambda: following.trouble is not None and following.trouble.code == "commit_unknown")
        event.remove(ledger.engine, "commit", lost)
        wait_until(lambda: ledger.record.size == world.sim.size() and following.trouble is None)


def test_a_restart_goes_on_from_the_copy_also_without_the_log(world: World, tmp_path: Path) -> None:
    with world.open():
        pass
    world.say()
    with world.open(pin=None) as (ledger, _):
        assert ledger.record.size == world.sim.size()
    plan = MirrorPlan("http://127.0.0.1:1")
    with open_mirror(world.home, plan, world.alarms.append) as (ledger, following):
        assert following.trouble is not None
        assert following.trouble.code == "server"
        with client(ledger, public_only=True) as http:
            assert ask(http, world.code(world.public)).json()["verdict"] == "stop"
            assert http.get("/readyz").json()["troubles"]["mirror"]["code"] == "server"


def test_a_copy_too_old_holds_nothing_good(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.open() as (ledger, following), client(ledger, public_only=True) as http:
        following._follower.checked_at -= AGE_LIMIT + 1_000
        answer = ask(http, world.code(world.public)).json()
        assert answer["verdict"] == "check"
        assert "awaiting_witnesses" in {reason["code"] for reason in answer["reasons"]}
        absent = format_digital_link("https://id.example", world.public.gtin, world.public.lot, "NOT-THERE")
        assert ask(http, absent).json()["verdict"] == "check"
        world.say()
        following.round()
        following._follower.checked_at -= AGE_LIMIT + 1_000
        assert ask(http, world.code(world.public)).json()["verdict"] == "stop", "bad facts count all the same"


def test_a_batch_whose_salt_is_not_here_gets_no_verdict(world: World) -> None:
    with world.open() as (ledger, following), client(ledger, public_only=True) as http:
        assert following.describe()["unanswerable_batches"] == 1
        response = ask(http, world.code(world.hidden, 3))
        assert response.status_code == 503
        assert response.json()["code"] == "salt_missing"
        assert "verdict" not in response.json()


def test_a_token_brings_the_salt_and_a_wrong_one_does_not(world: World) -> None:
    world.log.salts = {world.hidden.id: "0x" + world.hidden.salt.hex()}
    with world.open(token="bad") as (_, following):
        assert following.describe()["unanswerable_batches"] == 1
    world.log.salts = {world.hidden.id: "0x" + bytes(32).hex()}
    with world.open(token="good") as (_, following):
        assert following.describe()["unanswerable_batches"] == 1, "a salt that is another is not kept"
    world.log.salts = {world.hidden.id: "0x" + world.hidden.salt.hex()}
    with world.open(token="good") as (ledger, following), client(ledger, public_only=True) as http:
        assert following.describe()["unanswerable_batches"] == 0
        assert ask(http, world.code(world.hidden, 3)).json()["verdict"] == "registered"


def test_witnesses_are_needed_where_entry_0_asks_for_them(witnessed: World) -> None:
    world = witnessed
    with world.open() as (ledger, following), client(ledger, public_only=True) as http:
        # the story's clock stands still, so its cosignatures are old
        answer = ask(http, world.code(world.public)).json()
        assert answer["as_of"]["witnessed_size"] == world.sim.size()
        assert answer["as_of"]["witnesses"] == ["douane", "custos"]
        assert answer["verdict"] == "check"
        size = world.sim.size()
        world.say()
        note = Note.parse(world.sim.notes[size + 1])
        (world.log.folder / "checkpoint").write_bytes(Note(note.text, note.signatures[:2]).format())
        assert following.round() == size
        assert "awaits its witnesses" in (following.describe()["waiting"] or "")
        assert ledger.record.size == size
        (world.log.folder / "checkpoint").write_bytes(note.format())
        assert following.round() == size + 1
        fresh = sign_checkpoint(Checkpoint(world.sim.log_key.name, size + 1, world.sim.root()), world.sim.log_key)
        recosigned = world.sim.cosigned(fresh, at=int(time.time() * 1000)).format()
        (world.log.folder / "checkpoint").write_bytes(recosigned)
        following.round()
        ledger.witnessed.renew()
        assert ask(http, world.code(world.hidden, 3)).status_code == 503
        answer = ask(http, world.code(world.public)).json()
        assert answer["verdict"] == "stop"
        assert http.get("/log/checkpoint").content == recosigned


def test_without_a_quorum_nothing_is_begun(witnessed: World) -> None:
    note = Note.parse((witnessed.log.folder / "checkpoint").read_bytes())
    (witnessed.log.folder / "checkpoint").write_bytes(Note(note.text, note.signatures[:1]).format())
    with pytest.raises(Unavailable, match="awaits its witnesses"), witnessed.open():
        pass
    (witnessed.log.folder / "checkpoint").write_bytes(note.format())
    with witnessed.open() as (ledger, _):
        assert ledger.record.size == witnessed.sim.size()


# what does not check, and may yet


@pytest.mark.parametrize(
    ("path", "at"), [("tile/0/000.p/8", 40), ("tile/entries/000.p/8", 900), ("checkpoint", 60), ("checkpoint", -5)]
)
def test_a_file_that_does_not_check_is_a_trouble_and_nothing_is_taken(world: World, path: str, at: int) -> None:
    with world.open() as (ledger, following):
        before = ledger.record.size
        assert before == 7
        world.say()
        raw = bytearray((world.log.folder / path).read_bytes())
        raw[at] ^= 1
        world.log.lie[path] = bytes(raw)
        with pytest.raises((ProofInvalid, Malformed)):
            following.round()
        assert following.trouble is not None
        assert following.alarm is None
        assert (ledger.record.size, ledger.log.head().size) == (before, before)
        world.log.lie.clear()
        assert following.round() == before + 1
        assert following.trouble is None


def test_a_segment_that_is_not_the_one_signed_is_not_taken(world: World) -> None:
    with world.open() as (ledger, following):
        batch = world.sim.register_batch(actor("aurora"), lot="NEW", public=True)
        world.log.publish()
        root = world.sim.batch(batch).segment_root
        path = f"segment/{root.hex()}"
        whole = world.sim.segments[root]
        for wrong in (None, whole[:-32], whole + b"x", bytes([*whole[:140], whole[140] ^ 1, *whole[141:]])):
            world.log.lie[path] = wrong
            with pytest.raises((ProofInvalid, NotFound)):
                following.round()
            assert ledger.log.head().size == ledger.record.size == 7
        world.log.lie.clear()
        assert following.round() == 8
        assert ledger.segments.has(root)


def test_an_older_head_of_the_same_history_is_a_trouble(world: World) -> None:
    old = (world.log.folder / "checkpoint").read_bytes()
    world.say()
    with world.open() as (_, following):
        world.log.lie["checkpoint"] = old
        with pytest.raises(Refused) as caught:
            following.round()
        assert caught.value.code == "head_behind"
        assert following.alarm is None
        world.log.lie.clear()
        following.round()
        assert following.trouble is None


# what convicts


def test_a_log_that_stands_still_is_not_taken_for_a_fresh_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "SILENCE_LIMIT", DAY)
    monkeypatch.setattr(participant, "MIRROR_AGE_LIMIT", DAY)
    with world.open() as (ledger, following):
        assert following.state == "log_stale"
        assert following.describe()["newest_entry_at"] is not None
        with client(ledger, public_only=True) as http:
            answer = ask(http, world.code(world.public)).json()
            assert answer["verdict"] == "check"
            assert "register_stale" in {reason["code"] for reason in answer["reasons"]}
            ready = http.get("/readyz").json()
            assert ready["troubles"]["mirror"]["code"] == "log_stale"
            assert ready["ages"]["entry"] == answer["as_of"]["signed_at"]


def rewrite(world: World, entry: int = 3) -> Sim:
    """The operator changes an entry, makes everything after it fit, signs all anew, and publishes that."""
    forged = deepcopy(world.sim)
    forged.forge(entry, lambda value: {**value, "recorded_at": value["recorded_at"].replace("000Z", "001Z")})
    return forged


def assert_alarm(world: World, ledger: Any, following: Any, code: str) -> bytes:
    """Nothing more is taken, every answer says so, and the evidence is there. Returns it."""
    assert following.alarm is not None
    assert following.alarm.code == code
    assert [alarm.code for alarm in world.alarms] == [code]
    with pytest.raises(Refused, match="couldn't go on following"):
        following.round()
    with client(ledger, public_only=True) as http:
        answer = ask(http, world.code(world.public)).json()
        assert answer["verdict"] == "check", "nothing good rests on it"
        assert answer["as_of"]["mirror"]["alarm"]["code"] == code
        ready = http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["parts"]["mirror"] == "alarm"
        page = http.get(world.code(world.public).removeprefix("https://id.example"), headers={"Accept": "text/html"})
        assert "Alarm:" in page.text
        absent = format_digital_link("https://id.example", world.public.gtin, world.public.lot, "NOT-THERE")
        assert ask(http, absent).json()["verdict"] == "check"
    return (world.home.path / following.alarm.evidence).read_bytes()


@pytest.mark.parametrize("more", [0, 1, -2])
def test_a_rewritten_history_is_refused_and_both_heads_are_kept(world: World, more: int) -> None:
    """The same size, a larger one, and a smaller one than was accepted before."""
    forged = rewrite(world)
    with world.open() as (ledger, following):
        size = ledger.record.size
        if more > 0:
            forged.clock += 1_000
            body = {
                **forged.header(),
                "batch": world.hidden.id,
                "reason": "x",
                "noticeUrl": "",
                "supersedes": "0x" + "00" * 32,
            }
            forged.force(Kind.BATCH_RECALLED, body, actor("aurora").address, "0x" + "00" * 65)
        if more < 0:
            forged.entries = forged.entries[:more]
            forged.notes = {at: note for at, note in forged.notes.items() if at <= len(forged.entries)}
        world.log.publish_anew(forged)
        with pytest.raises(Refused):
            following.round()
        evidence = assert_alarm(world, ledger, following, "fork")
        report = check_fork(evidence, world.sim.pin)
        assert report.ok, report.failed
        assert report.shows["fork"]["index"] == (3 if more else None)
        assert following.alarm.evidence == f"fork-{size + more}.json"
        assert [head["size"] for head in report.shows["fork"]["heads"]] == [size, size + more]
    world.alarms.clear()
    with world.open(pin=None) as (ledger, following):
        assert following.alarm is not None, "an alarm outlives a restart"
        with client(ledger, public_only=True) as http:
            assert ask(http, world.code(world.public)).json()["verdict"] == "check"


def test_a_head_with_a_bad_witness_line_convicts_all_the_same(witnessed: World) -> None:
    """The log's own signature is enough: a witness need not have been deceived."""
    world, forged = witnessed, rewrite(witnessed)
    with world.open() as (_, following):
        note = Note.parse(forged.notes[forged.size()])
        forged.notes[forged.size()] = Note(note.text, note.signatures[:1]).format()
        world.log.publish_anew(forged)
        with pytest.raises(Refused):
            following.round()
        assert following.alarm.code == "fork"
        assert check_fork((world.home.path / following.alarm.evidence).read_bytes(), world.sim.pin).ok


def self_made(sim: Sim) -> int:
    """An admission that one country alone decided."""
    body = {"participant": actor("selfmade").address, "role": 1, "country": "NL", "nameHash": "0x" + "00" * 32}
    executed = sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, [sim.authorities[0]])
    return sim.force(Kind.PARTICIPANT_MIRRORED, executed.to_body(), None, None)


def by_stranger(sim: Sim) -> int:
    """A recall by somebody who was never admitted."""
    batch = next(iter(sim.record.batches.values()))
    body = {"batch": "0x" + batch.id.hex(), "reason": "x", "noticeUrl": "", "supersedes": "0x" + "00" * 32}
    stranger: Actor = actor("stranger")
    full = {**sim.header(), **body}
    return sim.force(
        Kind.BATCH_RECALLED, full, stranger.address, sign(Kind.BATCH_RECALLED, full, sim.domain, stranger.secret)
    )


def not_an_entry(sim: Sim) -> int:
    """Bytes that are no entry."""
    sim.entries.append(b"not an entry")
    sim.sign_head()
    return sim.size() - 1


@pytest.mark.parametrize(
    ("deed", "rule"), [(self_made, "not_approved"), (by_stranger, "not_admitted"), (not_an_entry, "not_json")]
)
def test_an_entry_that_the_rules_refuse_is_kept_with_the_signature_over_it(world: World, deed: Any, rule: str) -> None:
    with world.open() as (ledger, following):
        size = ledger.record.size
        index = deed(world.sim)
        world.log.publish()
        with pytest.raises(Refused):
            following.round()
        evidence = assert_alarm(world, ledger, following, "refused_entry")
        assert rule in following.alarm.words
        proof = TlogProof.decode(evidence)
        assert proof.index == index == size
        assert proof.extra == world.sim.entries[index]
        head = open_checkpoint(proof.checkpoint, world.sim.log_key.verifier).checkpoint
        proof.verify(leaf_hash(world.sim.entries[index]), head)
        assert ledger.log.head().size == size


# homes


def test_a_mirror_never_takes_a_ledgers_home_nor_another_log(world: World, tmp_path: Path) -> None:
    with world.open():
        pass
    with pytest.raises(Refused) as caught, world.open(pin=bytes(32)):
        pass
    assert caught.value.code == "other_log"
    config = world.home.config()
    own = Home(tmp_path / "own", Settings(home=tmp_path / "own"))
    own.create()
    own.save_config(replace(config, mirror_of=None))
    with pytest.raises(Refused) as caught, open_mirror(own, MirrorPlan(world.log.url), world.alarms.append):
        pass
    assert caught.value.code == "founded"
    with pytest.raises(Refused) as caught, open_ledger(world.home, write=True):
        pass
    assert caught.value.code == "mirror"
    fresh = Home(tmp_path / "fresh", Settings(home=tmp_path / "fresh"))
    with pytest.raises(Malformed) as malformed, open_mirror(fresh, MirrorPlan(world.log.url), world.alarms.append):
        pass
    assert malformed.value.code == "pin_needed"
    with pytest.raises(ProofInvalid), open_mirror(fresh, MirrorPlan(world.log.url, bytes(32)), world.alarms.append):
        pass
    assert not fresh.founded


def test_evidence_is_never_overwritten_and_an_alarm_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    folder = EvidenceFolder(tmp_path)
    assert folder.alarm() is None
    assert folder.keep("fork-5.json", b"one") == "fork-5.json"
    assert folder.keep("fork-5.json", b"one") == "fork-5.json"
    assert folder.keep("fork-5.json", b"two") == "fork-5-2.json"
    assert (tmp_path / "fork-5.json").read_bytes() == b"one"
    alarm = Alarm("fork", "words", 5, "fork-5.json")
    folder.raise_alarm(alarm)
    assert folder.alarm() == alarm
    (tmp_path / "alarm.json").write_text(json.dumps({"code": 1}))
    found = folder.alarm()
    assert found is not None
    assert found.code == "unreadable"


def test_a_copy_cut_short_between_two_parts_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head is remembered as accepted before its entries are stored: what stops in between is found again."""
    monkeypatch.setattr(module, "PART", 3)
    stored: list[int] = []

    class Stop(Exception):
        pass

    append = module.Follower._admit

    def stop(self: Any, record: Any, *rest: Any) -> Any:
        if record.size == 5 and not stored:
            stored.append(record.size)
            raise Stop
        return append(self, record, *rest)

    monkeypatch.setattr(module.Follower, "_admit", stop)
    with pytest.raises(Stop), world.open():
        pass
    with world.open() as (ledger, following):
        assert ledger.record.size == world.sim.size() == 7
        assert following.trouble is None
        assert [decode_entry(raw).raw for raw in ledger.log.read_entries(0, 7)] == world.sim.entries
