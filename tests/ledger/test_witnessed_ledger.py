"""A whole ledger with witnesses of other countries: two real processes, one dead, and what answers rest on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ledger_world import ORIGIN, MadeBatch, World, gtin
from sqlalchemy import text
from witness_world import Process, Server, policy, wait_for

from ledger.home import Home, Settings
from ledger.keys.store import EvmKey
from ledger.opened import Ledger
from ledger.ports import WitnessReply
from ledger.services.record.append import now_ms
from ledger.services.record.founding import FoundingPlan
from ledger.services.record.highest import ask
from ledger.services.scans.verification import Answer, Question
from ledger.wiring.audit import audit_ledger
from ledger.wiring.founding import found_ledger
from verifier.errors import ProofInvalid, Refused, Stopped
from verifier.reading.digital_link import format_digital_link
from verifier.reading.reading import read
from verifier.record.founding import Authority
from verifier.record.participant import Role
from verifier.record.statement import Proposal
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.note import open_note
from verifier.tree.note_key import SigningKey
from verifier.tree.tlog_proof import TlogProof
from verifier.verdict.facts import Witnessing as State
from verifier.verdict.reason import Verdict

pytestmark = pytest.mark.node

PREFIX, NEW_PREFIX = "9521234", "9528888"
WATCH, BUCKLE = gtin(PREFIX, 1), gtin(PREFIX, 2)


@dataclass
class Scene:
    """A ledger whose policy asks for two of three witnesses: ke and br are there, nl has never been started."""

    world: World
    witnesses: list[Server]
    maker: EvmKey
    batch: MadeBatch

    @contextmanager
    def open(self, *, chain: bool = False) -> Iterator[Ledger]:
        """As a server does it, without anchoring."""
        with self.world.open(chain=chain) as ledger:
            assert ledger.witnessing is not None
            assert ledger.publisher is not None
            ledger.witnessing.backoff = (0.1,)
            ledger.witnessing.start()
            ledger.publisher.start()
            yield ledger

    def start(self) -> None:
        for server in self.witnesses[:2]:
            server.start()

    def stop(self) -> None:
        for server in self.witnesses:
            server.stop()

    def register(self, ledger: Ledger, lot: str, item: str = WATCH) -> MadeBatch:
        return self.world.register(ledger, self.maker, item, lot)


def w(ledger: Ledger) -> int:
    ledger.witnessed.renew()
    current = ledger.witnessed.current()
    return current.size if current is not None else 0


def covered(ledger: Ledger) -> bool:
    return w(ledger) == ledger.record.size


def answer(ledger: Ledger, batch: MadeBatch, serial: str | None = None, item: str | None = None) -> Answer:
    link = format_digital_link("https://id.example", item or batch.gtin, batch.lot, serial or batch.serials[0])
    return ledger.verification.answer(Question(read(link), "2026-11-23"))


def verdict(ledger: Ledger, batch: MadeBatch, serial: str | None = None, item: str | None = None) -> Verdict:
    return answer(ledger, batch, serial, item).judgement.verdict


def codes(found: Answer) -> set[str]:
    return {reason.code for reason in found.judgement.reasons}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("witnessed")
    witnesses = [Server.make(folder, name) for name in ("ke", "br", "nl")]
    world = World.found(folder / "home", witness_policy=policy(*witnesses, quorum=2))
    for server in witnesses:
        server.trust(world.keys.load_ed25519("log").note_key(ORIGIN).verifier)
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        batch = world.register(ledger, maker, WATCH, "FIRST")
    made = Scene(world, witnesses, maker, batch)
    yield made
    made.stop()


@pytest.fixture
def running(scene: Scene) -> Iterator[Ledger]:
    """The ledger, served, with two witnesses that answer and everything covered."""
    scene.start()
    with scene.open() as ledger:
        wait_for(lambda: covered(ledger))
        yield ledger


@pytest.fixture
def processes(scene: Scene) -> Iterator[None]:
    """The two witnesses as processes of their own, as two countries run them."""
    scene.stop()
    started = [Process(server) for server in scene.witnesses[:2]]
    assert [process.ready()["name"] for process in started] == ["ke.example/witness", "br.example/witness"]
    yield
    for process in started:
        process.end()


def test_the_published_checkpoint_and_the_proof_files_carry_two_countries(scene: Scene, processes: None) -> None:
    with scene.open() as ledger:
        check_cosigned(scene, ledger)


def check_cosigned(scene: Scene, running: Ledger) -> None:
    batch = scene.register(running, "TWO")
    wait_for(lambda: covered(running) and running.published.size() == running.record.size)
    keys = {server.name: server.key for server in scene.witnesses}
    note = running.published.checkpoint()
    assert note is not None
    opened = open_note(note, [*running.founding.log_keys, *keys.values()])
    assert {made.key for made in opened.verified} == {running.founding.log_keys[0], keys["ke"], keys["br"]}
    assert opened.note.signatures[0].name == ORIGIN, "the log's own signature comes first"
    assert all(made.time for made in opened.verified[1:])

    proof = TlogProof.decode(running.proofs.for_entry(batch.receipt.index))
    proven = open_checkpoint(proof.checkpoint, running.founding.log_keys[0], keys.values())
    assert {made.key.name for made in proven.opened.verified[1:]} == {"ke.example/witness", "br.example/witness"}

    found = answer(running, batch)
    assert found.judgement.verdict is Verdict.REGISTERED
    assert found.facts.witnessing is State.COVERED
    assert (found.as_of.witnessed_size, found.as_of.witnesses) == (running.record.size, ("ke", "br"))
    assert set(running.witnessing.troubles() if running.witnessing else ()) == {"nl"}


def test_good_facts_wait_for_witnesses_and_bad_ones_do_not(scene: Scene, running: Ledger) -> None:
    recalled = scene.register(running, "RECALLED")
    wait_for(lambda: covered(running))
    scene.stop()

    new = scene.register(running, "NEW", BUCKLE)
    found = answer(running, new)
    assert found.judgement.verdict is Verdict.CHECK
    assert "awaiting_witnesses" in codes(found)
    assert verdict(running, scene.batch) is Verdict.REGISTERED, "what W covers stands"
    assert verdict(running, scene.batch, "NOBODY") is Verdict.NOT_REGISTERED, "and so does absence"

    receipt = scene.world.recall(running, scene.maker, recalled)
    assert verdict(running, recalled) is Verdict.STOP, "a recall counts at once"
    scene.world.undo(running, scene.maker, receipt.leaf)
    found = answer(running, recalled)
    assert (found.judgement.verdict, "awaiting_witnesses" in codes(found)) == (Verdict.CHECK, True)

    proof = TlogProof.decode(running.proofs.for_entry(recalled.receipt.index))
    shown = open_checkpoint(proof.checkpoint, running.founding.log_keys[0]).checkpoint
    assert shown.size == running.record.size, "the recall and its undo are in the file, witnessed or not"
    proof = TlogProof.decode(running.proofs.for_entry(scene.batch.receipt.index))
    shown = open_checkpoint(proof.checkpoint, running.founding.log_keys[0]).checkpoint
    assert shown.size == w(running) < running.record.size, "a witnessed checkpoint where it covers all there is to show"

    scene.start()
    wait_for(lambda: covered(running))
    assert verdict(running, new) is Verdict.REGISTERED
    assert verdict(running, recalled) is Verdict.REGISTERED


def test_a_maker_whose_admission_nobody_saw_makes_nothing_absent(scene: Scene) -> None:
    scene.start()
    with scene.open(chain=True) as ledger:
        wait_for(lambda: covered(ledger))
        scene.stop()
        item = gtin(NEW_PREFIX, 1)
        assert verdict(ledger, scene.batch, item=item) is Verdict.OUTSIDE
        maker = scene.world.admit(ledger, "Borealis", Role.MANUFACTURER, "BR")
        scene.world.decide(ledger, Proposal.PREFIX_GRANTED, holder=maker.address, prefix=NEW_PREFIX)
        found = answer(ledger, scene.batch, item=item)
        assert (found.judgement.verdict, "awaiting_witnesses" in codes(found)) == (Verdict.CHECK, True)
        scene.world.decide(
            ledger,
            Proposal.PARTICIPANT_SUSPENDED,
            participant=scene.maker.address,
            suspensionKind=1,
            effectiveAt=str(now_ms() - 1_000),
        )
        assert "issuer_suspended" in codes(answer(ledger, scene.batch)), "a suspension counts at once"
        assert "awaiting_witnesses" not in codes(answer(ledger, scene.batch))
        scene.world.decide(ledger, Proposal.PARTICIPANT_REINSTATED, participant=scene.maker.address)
        assert "awaiting_witnesses" in codes(answer(ledger, scene.batch)), "its end does not"
        scene.start()
        wait_for(lambda: covered(ledger))
        assert verdict(ledger, scene.batch, item=item) is Verdict.NOT_REGISTERED
        assert "awaiting_witnesses" not in codes(answer(ledger, scene.batch))


def test_when_w_is_too_old_nothing_good_rests_on_it(scene: Scene, running: Ledger) -> None:
    recalled = scene.register(running, "OLD")
    scene.world.recall(running, scene.maker, recalled)
    wait_for(lambda: covered(running))
    scene.stop()
    with running.engine.begin() as connection:
        connection.execute(text("UPDATE cosignature SET time_s = time_s - 3600"))
    running.witnessed.renew()
    found = answer(running, scene.batch)
    assert found.as_of.witnessed_size == running.record.size
    assert not found.as_of.fresh
    assert (found.judgement.verdict, "awaiting_witnesses" in codes(found)) == (Verdict.CHECK, True)
    assert verdict(running, scene.batch, "NOBODY") is Verdict.CHECK, "absence needs them too"
    assert verdict(running, recalled) is Verdict.STOP
    assert verdict(running, scene.batch, item=gtin("9999999", 1)) is Verdict.OUTSIDE
    with running.engine.begin() as connection:
        connection.execute(text("UPDATE cosignature SET time_s = time_s + 3600"))


def test_before_any_quorum_nothing_good_is_said(tmp_path: Path) -> None:
    witnesses = [Server.make(tmp_path, name) for name in ("ke", "br")]
    world = World.found(tmp_path / "home", witness_policy=policy(*witnesses, quorum=2))
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        batch = world.register(ledger, maker, WATCH, "L1")
        found = answer(ledger, batch)
        assert (found.judgement.verdict, found.as_of.witnessed_size) == (Verdict.CHECK, None)
        assert verdict(ledger, batch, "NOBODY") is Verdict.CHECK
    assert any("witness ke could not say" in line for line in world.log), "a start without them says so"


def test_an_audit_counts_cosignatures_and_names_a_row_that_was_changed(scene: Scene, running: Ledger) -> None:
    wait_for(lambda: covered(running))
    for part in (running.index_cadence, running.witnessing):  # else a newer head's rows may take the place of these
        assert part is not None
        part.close()
    report = audit_ledger(scene.world.home, chain=False)
    assert report.ok, report.findings
    assert report.counts["cosignatures"] >= 2
    size = w(running)
    where = f"WHERE size = {size} AND name = 'ke'"
    kept = next(c for c in running.cosignatures.of_size(size) if c.name == "ke")
    flipped = kept.line[:-9] + ("B" if kept.line[-9] == "A" else "A") + kept.line[-8:]
    for change, expected in {
        f"time_s = {kept.time + 1}": ("cosignature row", "cosignature_row"),
        "name = 'kf'": ("cosignature row", "cosignature_row"),
        "size = 999999": ("cosignature row", "cosignature_row"),
        "line = 'ke'": ("cosignature row", "cosignature_row"),
        f"line = '{flipped}'": ("cosignature of ke", "cosignature_invalid"),
    }.items():
        with running.engine.begin() as connection:
            connection.execute(text(f"UPDATE cosignature SET {change} {where}"))
        found = audit_ledger(scene.world.home, chain=False).findings
        assert any(f.at.startswith(expected[0]) and f.code == expected[1] for f in found), (change, found)
        with running.engine.begin() as connection:
            connection.execute(text("DELETE FROM cosignature WHERE name = 'kf' OR size = 999999"))
            connection.execute(text(f"DELETE FROM cosignature {where}"))
        running.cosignatures.put(kept)
    assert audit_ledger(scene.world.home, chain=False).ok


# start-up


def copy_home(scene: Scene, to: Path) -> None:
    """A backup of everything, as somebody makes it who does not know that signed_head stays out of it."""
    shutil.copytree(scene.world.home.path, to, ignore=shutil.ignore_patterns("writer.lock"))


def restore_home(scene: Scene, backup: Path) -> None:
    shutil.rmtree(scene.world.home.path)
    shutil.copytree(backup, scene.world.home.path)


def test_an_old_backup_is_refused_because_a_witness_saw_more(scene: Scene, tmp_path: Path) -> None:
    scene.start()
    with scene.open() as ledger:
        wait_for(lambda: covered(ledger))
    copy_home(scene, tmp_path / "backup")
    with scene.open() as ledger:
        scene.register(ledger, "LOST")
        wait_for(lambda: covered(ledger))
        size = ledger.record.size
    copy_home(scene, tmp_path / "newest")
    try:
        restore_home(scene, tmp_path / "backup")
        with pytest.raises(Stopped, match=f"witness (ke|br) holds {size} entries") as stopped, scene.open():
            pass
        assert stopped.value.code == "signed_head_ahead"

        scene.stop()
        scene.world.log.clear()
        with scene.open() as ledger:  # nobody is there to ask: it goes on, and says so
            scene.register(ledger, "OTHER")
            assert ledger.record.size == size
        assert {line.split(" could")[0] for line in scene.world.log} == {"witness ke", "witness br", "witness nl"}
        scene.start()
        with pytest.raises(ProofInvalid, match="another history of its first") as forked, scene.open():
            pass
        assert forked.value.code == "fork"
    finally:
        restore_home(scene, tmp_path / "newest")
    with scene.open() as ledger:
        wait_for(lambda: covered(ledger))


def test_the_published_log_alone_tells_of_an_old_database(scene: Scene, tmp_path: Path) -> None:
    scene.start()
    with scene.open() as ledger:
        wait_for(lambda: covered(ledger))
    copy_home(scene, tmp_path / "backup")
    with scene.open() as ledger:
        scene.register(ledger, "PUBLISHED")
        wait_for(lambda: covered(ledger) and ledger.published.size() == ledger.record.size)
    copy_home(scene, tmp_path / "newest")
    scene.stop()
    try:
        restore_home(scene, tmp_path / "backup")
        shutil.rmtree(scene.world.home.published)
        shutil.copytree(tmp_path / "newest/published", scene.world.home.published)
        with pytest.raises(Stopped, match="the published log holds"), scene.open():
            pass
    finally:
        restore_home(scene, tmp_path / "newest")


def test_a_missing_signed_head_waits_for_witnesses_and_chain(scene: Scene) -> None:
    scene.start()
    with scene.open(chain=True) as ledger:
        wait_for(lambda: covered(ledger))
        note = ledger.signed_head.read()
    scene.world.home.signed_head.unlink()
    try:
        with pytest.raises(Stopped, match="the word of the chain,") as stopped, scene.open():
            pass
        assert stopped.value.code == "signed_head_missing"
        scene.stop()
        with pytest.raises(Stopped, match="a quorum of witnesses") as stopped, scene.open(chain=True):
            pass
        assert stopped.value.code == "signed_head_missing"
        scene.start()
        with scene.open(chain=True) as ledger:
            assert ledger.signed_head.read() == note
    finally:
        if note is not None and not scene.world.home.signed_head.exists():
            scene.world.home.signed_head.write_bytes(note)


def test_a_key_that_signed_this_log_before_founds_no_other(scene: Scene, tmp_path: Path) -> None:
    scene.start()
    keys = scene.world.keys
    authorities = tuple(
        Authority(keys.load_evm(f"authority-{c}").address, c.upper(), keys.load_evm(f"recovery-{c}").address)
        for c in ("nl", "ke", "br")
    )
    key = keys.load_ed25519("log").note_key(ORIGIN).verifier
    text_ = policy(*scene.witnesses, quorum=2)
    plan = FoundingPlan(ORIGIN, authorities, key, keys.load_evm("operator").address, text_)
    home = Home(tmp_path / "second", Settings(home=tmp_path / "second"))
    with pytest.raises(Refused, match="under this origin and key") as refused:
        found_ledger(home, plan, scene.world.approve, "http://127.0.0.1:8000", lambda _: None)
    assert refused.value.code == "founded"


def test_a_head_that_we_never_signed_counts_for_nothing(tmp_path: Path) -> None:
    """A witness can hold up a start with nothing but our own signature."""
    own, other = SigningKey(ORIGIN, bytes(32)), SigningKey(ORIGIN, bytes(31) + b"\x01")

    @dataclass
    class Fixed:
        reply: WitnessReply

        def checkpoint(self, _hash: str) -> WitnessReply:
            return self.reply

    def reply(key: SigningKey) -> Any:
        return Fixed(WitnessReply(200, sign_checkpoint(Checkpoint(ORIGIN, 99, bytes(32)), key).format()))

    witnesses = {"liar": reply(other), "honest": reply(own), "empty": Fixed(WitnessReply(404, b""))}
    witnesses |= {"broken": Fixed(WitnessReply(200, b"?")), "down": Fixed(WitnessReply(503, b""))}
    seen = ask((own.verifier,), witnesses, None, lambda: None)
    assert [(head.size, head.holder) for head in seen.heads] == [(99, "witness honest")]
    assert seen.witnesses == {"honest", "empty"}
    assert set(seen.silent) == {"witness liar", "witness broken", "witness down"}
