"""A ledger lived through, on both databases and a real chain: founding, registrations, changes, scans, restart."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ledger_world import MadeBatch, World, gtin
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from ledger.chain.local import open_chain
from ledger.keys.store import EvmKey
from ledger.opened import Ledger
from ledger.ports import LogHead, NewEntry
from ledger.services.scans.scan import ScanInput
from ledger.services.scans.token import Officer
from ledger.services.scans.verification import Answer, Question
from ledger.storage.database import open_database, writing
from ledger.storage.log import LogStore
from ledger.storage.schema import log_head, open_entry, secret
from ledger.wiring.reader import open_ledger
from verifier import canonical
from verifier.errors import NotFound, ProofInvalid, Refused, Stopped, Unavailable
from verifier.reading.digital_link import format_digital_link
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import read
from verifier.record.entry import CHAIN_START, chain_head, encode_entry
from verifier.record.participant import Role
from verifier.record.statement import Kind, Proposal, Statement, header, sign
from verifier.tree.checkpoint import open_checkpoint
from verifier.tree.merkle import Frontier, leaf_hash, root_of
from verifier.tree.tlog_proof import TlogProof
from verifier.verdict.facts import Context, HowRead
from verifier.verdict.reason import Verdict

pytestmark = pytest.mark.node
PREFIX = "9521234"
WATCH = gtin(PREFIX, 1)


@dataclass
class Scene:
    """An open ledger with a maker and a batch."""

    world: World
    ledger: Ledger
    maker: EvmKey
    batch: MadeBatch

    def ask(self, serial: str, *, lot: str | None = None, signature: str | None = None, **more: object) -> Answer:
        link = format_digital_link("https://id.example", WATCH, lot or self.batch.lot, serial, signature)
        question = Question(read(link, carrier=Carrier.QR), "2026-11-23", **more)  # type: ignore[arg-type]
        return self.ledger.verification.answer(question)

    def codes(self, answer: Answer) -> set[str]:
        return {reason.code for reason in answer.judgement.reasons}

    def signed(self, serial: str) -> str:
        return self.world.label(self.ledger, self.batch, serial)


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    with open_chain(tmp_path / "home", None):  # founding and opening join this node instead of starting two
        yield World.found(tmp_path / "home", database_url)


@pytest.fixture
def scene(world: World) -> Iterator[Scene]:
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        yield Scene(world, ledger, maker, world.register(ledger, maker, WATCH, "L1"))


def secret_names(ledger: Ledger) -> set[str]:
    with ledger.engine.connect() as connection:
        return set(connection.execute(select(secret.c.name)).scalars())


def test_a_registered_unit_is_registered_and_an_invented_one_is_not(scene: Scene) -> None:
    serial = scene.batch.serials[3]
    answer = scene.ask(serial, signature=scene.signed(serial))
    assert answer.judgement.verdict is Verdict.REGISTERED
    assert scene.codes(answer) == {"unit_registered", "signature_valid", "not_witnessed"}
    assert scene.ask("INVENTED").judgement.verdict is Verdict.NOT_REGISTERED
    assert scene.ask("INVENTED", lot="NOLOT").judgement.verdict is Verdict.NOT_REGISTERED
    assert scene.codes(scene.ask(serial, lot="L2", signature=scene.signed(serial))) >= {"lot_mismatch"}
    # a lot that swallowed the field behind it is not another lot: the code was not read
    swallowed = read(f"01{WATCH}10{scene.batch.lot}93dGVz\x1d21{serial}")
    answer = scene.ledger.verification.answer(Question(swallowed, "2026-11-23"))
    assert (answer.judgement.verdict, "lot_mismatch" in scene.codes(answer)) == (Verdict.UNREADABLE, False)


def test_label_signatures_count_as_designed(scene: Scene) -> None:
    one, other = scene.batch.serials[:2]
    swapped = scene.signed(other)
    assert scene.codes(scene.ask(one)) >= {"signature_missing"}
    assert scene.ask(one, signature=swapped, how=HowRead.DECODER).judgement.verdict is Verdict.CHECK
    assert scene.ask(one, signature=swapped, how=HowRead.DECODER, decodes=2).judgement.verdict is Verdict.STOP
    leaked = scene.world.label(scene.ledger, scene.batch, "INVENTED")
    assert scene.ask("INVENTED", signature=leaked).judgement.verdict is Verdict.STOP  # of which the public is told less


def test_recall_undo_recall_again(scene: Scene) -> None:
    first = scene.world.recall(scene.ledger, scene.maker, scene.batch)
    assert scene.ask(scene.batch.serials[0]).judgement.verdict is Verdict.STOP
    scene.world.undo(scene.ledger, scene.maker, first.leaf)
    assert "recalled" not in scene.codes(scene.ask(scene.batch.serials[0]))
    with pytest.raises(Refused) as again:
        scene.world.undo(scene.ledger, scene.maker, first.leaf)
    assert again.value.code == "undo_superseded"
    scene.world.recall(scene.ledger, scene.maker, scene.batch)
    assert "recalled" in scene.codes(scene.ask(scene.batch.serials[0]))


def test_units_retire_and_only_theirs_to_say(scene: Scene) -> None:
    sold, stolen, live = scene.batch.serials[:3]
    carrier = scene.world.admit(scene.ledger, "Hauler", Role.CARRIER, "KE")
    with pytest.raises(Refused) as refused:
        scene.world.retire(scene.ledger, carrier, scene.batch, 3, [live])
    assert refused.value.code == "not_entitled"
    scene.world.retire(scene.ledger, scene.maker, scene.batch, 1, [sold])
    customs = scene.world.keys.load_evm("authority-ke")
    scene.world.retire(scene.ledger, customs, scene.batch, 3, [stolen])
    with pytest.raises(Refused) as shrunk:
        scene.world.retire(scene.ledger, scene.maker, scene.batch, 1, [live])
    assert shrunk.value.code == "not_cumulative"
    assert "sold" in scene.codes(scene.ask(sold, context=Context.OWNER))
    assert "sold_elsewhere" in scene.codes(scene.ask(sold, context=Context.WHOLESALE))
    assert "stolen" in scene.codes(scene.ask(stolen))
    assert not {"sold", "stolen"} & scene.codes(scene.ask(live))


def test_refusals_leave_nothing_behind(scene: Scene) -> None:
    world, ledger, maker = scene.world, scene.ledger, scene.maker
    size, salts = ledger.log.head().size, secret_names(ledger)
    rival = world.maker(ledger, "Rival", "9529999")
    size += 2
    cases = {
        "prefix_not_held": world.prepare(ledger, rival, WATCH, "X1", ["A1"]),
        "lot_registered": world.prepare(ledger, maker, WATCH, "L1", ["A1"]),
        "check_digit": world.prepare(ledger, maker, WATCH[:-1] + str((int(WATCH[-1]) + 1) % 10), "X1", ["A1"]),
        "expired": world.prepare(ledger, maker, WATCH, "X2", ["A1"], issuedAt="1000", expiresAt="2000"),
        "label_key": world.prepare(ledger, maker, WATCH, "X3", ["A1"], labelKey="0x01" + "00" * 31),
        "segment_empty": world.prepare(ledger, maker, WATCH, "X4", ["A1"], unitCount="0"),
        "segment_count": world.prepare(ledger, maker, WATCH, "X5", ["A1"], unitCount="2"),
        "segment_not_found": world.prepare(ledger, maker, WATCH, "X6", ["A1"], segmentRoot="0x" + "77" * 32),
    }
    for code, made in cases.items():
        with pytest.raises((Refused, NotFound, Exception)) as error:
            ledger.batches.register(made.statement, made.salt)
        assert getattr(error.value, "code", None) == code, (code, error.value)
    assert ledger.log.head().size == size
    assert secret_names(ledger) == salts


def test_a_suspended_maker_says_nothing_and_its_batches_are_marked(scene: Scene) -> None:
    world, ledger = scene.world, scene.ledger
    later = world.register(ledger, scene.maker, WATCH, "L2", units=3)
    when = str(later.receipt.recorded_at - 1)  # dated back: L2 was registered after it, L1 before
    time.sleep(1.1)  # block times are whole seconds, and the contract takes no suspension from the future
    world.decide(
        ledger,
        Proposal.PARTICIPANT_SUSPENDED,
        participant=scene.maker.address,
        suspensionKind=2,
        effectiveAt=when,
    )
    with pytest.raises(Refused) as refused:
        world.register(ledger, scene.maker, WATCH, "L3", units=1)
    assert refused.value.code == "suspended"
    serial = scene.batch.serials[0]
    earlier = scene.ask(serial, signature=scene.signed(serial))
    assert earlier.judgement.verdict is Verdict.CHECK
    assert "issuer_suspended" in scene.codes(earlier)
    answer = scene.ask(later.serials[0], lot="L2", signature=world.label(ledger, later, later.serials[0]))
    assert answer.judgement.verdict is Verdict.STOP
    assert "registered_while_suspended" in scene.codes(answer)


def test_a_statement_for_another_log_is_refused(scene: Scene) -> None:
    domain = scene.ledger.founding.domain
    foreign = type(domain)(domain.chain_id, domain.registry, bytes(32))
    body = {**header(2_000_000_000_000), "target": scene.batch.id, "reason": ""}
    statement = Statement(Kind.UNDONE, body, scene.maker.address, sign(Kind.UNDONE, body, foreign, scene.maker.secret))
    with pytest.raises(Refused) as refused:
        scene.ledger.batches.change(statement)
    assert refused.value.code == "signature_wrong"


def test_a_copied_code_contradicts_itself(scene: Scene) -> None:
    serial = scene.batch.serials[0]
    rotterdam = ScanInput(
        "00000000-0000-4000-8000-000000000001", "x", 1_795_400_000_000, "gate 4", Context.IMPORT, "NL", "NLRTM",
        51.95, 4.14,
    )  # fmt: skip
    first = scene.ask(serial, signature=scene.signed(serial), officer=True, scan=rotterdam.sighting())
    assert first.judgement.verdict is Verdict.REGISTERED
    scene.ledger.scans.record(rotterdam, Officer("officer", None), first, {})
    santos = ScanInput(
        "00000000-0000-4000-8000-000000000002", "x", 1_795_403_600_000, "pier 2", Context.IMPORT, "BR", "BRSSZ",
        -23.95, -46.33,
    )  # fmt: skip
    second = scene.ask(serial, signature=scene.signed(serial), officer=True, scan=santos.sighting())
    assert second.judgement.verdict is Verdict.CHECK
    assert scene.codes(second) >= {"impossible_travel", "second_country", "seen_before"}
    assert scene.ledger.scans.repeated(rotterdam, Officer("officer", None)) is not None


def test_a_database_that_fails_before_its_commit_stops_nobody(scene: Scene) -> None:
    world, ledger, maker = scene.world, scene.ledger, scene.maker
    made = world.prepare(ledger, maker, WATCH, "L2", ["A1"])
    body = {"batch": scene.batch.id, "reason": "seal", "noticeUrl": "", "supersedes": "0x" + "00" * 32}
    recall = world.statement(ledger, maker, Kind.BATCH_RECALLED, body)

    def fail(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "open_entry" in statement:
            raise OperationalError("a statement", {}, RuntimeError("disk full"))

    event.listen(ledger.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(Unavailable):
            ledger.batches.change(recall)
    finally:
        event.remove(ledger.engine, "before_cursor_execute", fail)
    assert ledger.sequencer is not None
    assert ledger.sequencer.stopped is None
    assert not ledger.batches.change(recall).duplicate
    assert ledger.batches.register(made.statement, made.salt).index == ledger.record.size - 1


def test_restart_goes_on_and_repeats_are_answered(tmp_path: Path, database_url: str) -> None:
    world = World.found(tmp_path / "home", database_url)
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        batch = world.register(ledger, maker, WATCH, "L1")
        assert ledger.anchor_now()["anchored"]["size"] == 5
    with world.open() as ledger:
        assert ledger.record.size == 5
        again = ledger.batches.register(batch.statement, batch.salt)
        assert again.duplicate
        assert again.index == batch.receipt.index
        world.register(ledger, maker, WATCH, "L2")
        assert ledger.anchor_now()["anchored"]["size"] == 6
    assert any("block hashes identical" in line for line in world.log)


def test_stopped_between_the_signed_head_and_its_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log holds the entry and nobody was told. Whoever asks again gets its receipt with a proof, at once."""

    def stop(*_: object) -> None:
        raise RuntimeError("killed here")

    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        made = world.prepare(ledger, maker, WATCH, "L1", ["A", "B"])
        with monkeypatch.context() as patch:
            patch.setattr(LogStore, "save_checkpoint", stop)
            with pytest.raises(Stopped):
                ledger.batches.register(made.statement, made.salt)
    with world.open() as ledger:
        again = ledger.batches.register(made.statement, made.salt)
        assert again.duplicate
        proof = TlogProof.decode(ledger.proofs.for_entry(again.index))
        log_key = ledger.founding.log_keys[0]
        proof.verify(again.leaf, open_checkpoint(proof.checkpoint, log_key).checkpoint)


def test_a_missing_signed_head_is_restored_only_from_our_anchor(world: World) -> None:
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        world.register(ledger, maker, WATCH, "L1")
        ledger.anchor_now()
    world.home.signed_head.unlink()
    with pytest.raises(Stopped) as stopped, world.open(chain=False):
        pass
    assert stopped.value.code == "signed_head_missing"
    with world.open() as ledger:
        assert ledger.signed_head.read() is not None


def test_storage_rolled_back_below_the_signed_head_is_refused(tmp_path: Path) -> None:
    world = World.found(tmp_path / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
    shutil.copy(world.home.path / "ledger.db", tmp_path / "old.db")
    with world.open() as ledger:
        world.register(ledger, maker, WATCH, "L1")
    for part in world.home.path.glob("ledger.db*"):
        part.unlink()
    shutil.copy(tmp_path / "old.db", world.home.path / "ledger.db")
    with pytest.raises(Stopped) as stopped, world.open():
        pass
    assert stopped.value.code == "signed_head_ahead"


@pytest.mark.parametrize("write", [True, False])
def test_a_database_rewritten_behind_the_log_s_back_is_refused(tmp_path: Path, write: bool) -> None:
    """Entries, tiles and head agree with one another and the size is the same; only the signature is missing."""
    world = World.found(tmp_path / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        world.recall(ledger, maker, world.register(ledger, maker, WATCH, "L1"))
    engine = open_database(world.home.database_url)
    with writing(engine) as connection:
        previous, leaves = CHAIN_START, []
        for idx, data in connection.execute(select(open_entry.c.idx, open_entry.c.data).order_by(open_entry.c.idx)):
            value = canonical.decode(data)
            if value["kind"] == Kind.BATCH_RECALLED:
                value["body"]["reason"] = "nothing at all"
            raw = canonical.encode({**value, "previous": previous.hex()})
            leaves.append(leaf_hash(raw))
            previous = chain_head(previous, leaves[-1])
            connection.execute(update(open_entry).where(open_entry.c.idx == idx).values(data=raw, leaf=leaves[-1]))
        connection.execute(update(log_head).values(root=root_of(leaves), chain_head=previous))
    engine.dispose()
    with pytest.raises(ProofInvalid) as refused, open_ledger(world.home, write=write):
        pass
    assert refused.value.code == "signed_head_differs"


def _insert(ledger: Ledger, *entries: tuple[Kind, Mapping[str, Any], str | None, str | None]) -> None:
    """Append whatever it is as a program beside the log could: stored correctly, and signed by nobody."""
    frontier = Frontier()
    for raw in ledger.log.read_entries(0, ledger.record.size):
        frontier.append(leaf_hash(raw))
    chain, now, new = ledger.record.head, ledger.record.recorded_at, []
    for kind, body, actor, signature in entries:
        raw = encode_entry(kind, body, actor, signature, now, chain)
        frontier.append(leaf_hash(raw))
        chain = chain_head(chain, leaf_hash(raw))
        new.append(NewEntry(raw, leaf_hash(raw)))
    before = ledger.log.head()
    ledger.log.append(before, new, LogHead(before.size + len(new), frontier.root(), chain, now))


@pytest.mark.parametrize("flaw", ["", "signature", "rule", "segment", "form"])
def test_entries_above_the_signed_head_are_checked_before_they_are_signed(tmp_path: Path, flaw: str) -> None:
    world = World.found(tmp_path / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        world.register(ledger, maker, WATCH, "L1")
        good = world.prepare(ledger, maker, WATCH, "L2", ["A1", "B2"]).statement
        bad = world.prepare(ledger, maker, WATCH, "L1" if flaw == "rule" else "L3", ["A1"]).statement
        signature = good.signature if flaw == "signature" else bad.signature
        if flaw == "segment":
            ledger.segments.file(bytes.fromhex(bad.body["segmentRoot"][2:])).unlink()
        size = ledger.record.size
        entries: list[Any] = [(good.kind, good.body, good.actor, good.signature)]
        if flaw == "form":
            entries.append((Kind.SCANS_SEALED, {"number": "none"}, None, None))
        elif flaw:
            entries.append((bad.kind, bad.body, bad.actor, signature))
        _insert(ledger, *entries)
        signed = ledger.signed_head.read()
    for write in (False, True):
        if not flaw:
            with open_ledger(world.home, write=write) as ledger:
                assert ledger.record.size == size + 1
                assert (WATCH, "L2") in ledger.record.by_lot
            continue
        with pytest.raises((ProofInvalid, Stopped)) as refused, open_ledger(world.home, write=write):
            pass
        assert refused.value.code == ("segment_missing" if flaw == "segment" else "entry_refused")
        assert f"entry {size + 1} was stored and never signed" in str(refused.value)
        assert world.home.signed_head.read_bytes() == signed


def test_reading_needs_no_lock(scene: Scene) -> None:
    with open_ledger(scene.world.home) as reader:
        link = format_digital_link("https://id.example", WATCH, "L1", scene.batch.serials[0])
        answer = reader.verification.answer(Question(read(link), "2026-11-23"))
        assert answer.judgement.verdict is Verdict.REGISTERED
    with pytest.raises(Refused) as busy, scene.world.open():
        pass
    assert busy.value.code == "writer_busy"
