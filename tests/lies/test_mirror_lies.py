"""Lies that a mirror or a stranger's audit catches. Each docstring reads: lie | who catches it | evidence."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

from ledger.home import Home, Settings
from ledger.wiring.audit import audit_url
from ledger.wiring.mirror import MirrorPlan, open_mirror
from tests.log_server import PublishedLog, serving
from tests.sim import MadeBatch, Sim, actor
from verifier import canonical
from verifier.audit.report import AuditReport, Former
from verifier.errors import CarnetError
from verifier.evidence.fork import check_fork
from verifier.instant import HOUR
from verifier.record.batch import RetireReason
from verifier.record.statement import Kind, Proposal
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.merkle import leaf_hash
from verifier.tree.tlog_proof import TlogProof


@cache
def _story() -> tuple[Sim, MadeBatch]:
    sim = Sim.found(checked=False, witnesses=("douane", "custos"))
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=100, public=True)
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:70])
    sim.recall(maker, batch)
    return sim, batch


class Stage:
    """A log whose operator is about to lie, a mirror that has copied it, and a stranger with the pin."""

    def __init__(self, log: PublishedLog, batch: MadeBatch, folder: Path) -> None:
        self.log, self.batch = log, batch
        self.home = Home(folder / "mirror", Settings(home=folder / "mirror"))
        self.before = self.audit()
        self.look()

    @property
    def sim(self) -> Sim:
        return self.log.sim

    def look(self) -> tuple[str | None, str | None, bytes]:
        """What the mirror says after one more look: its alarm, its trouble, and its evidence."""
        with open_mirror(self.home, MirrorPlan(self.log.url, self.sim.pin), lambda _alarm: None) as (_, following):
            alarm, trouble = following.alarm, following.trouble
            evidence = (self.home.path / alarm.evidence).read_bytes() if alarm is not None else b""
            return alarm.code if alarm else None, trouble.code if trouble else None, evidence

    def audit(self, former: AuditReport | None = None) -> AuditReport:
        """What a stranger finds who has only the pin, and maybe a former report."""
        return audit_url(
            self.log.url, self.sim.pin, former=Former.from_json(former.to_json()) if former is not None else None
        )

    def codes(self, former: AuditReport | None = None) -> set[tuple[str, str]]:
        return {(finding.at, finding.code) for finding in self.audit(former).findings}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    sim, batch = _story()
    with serving(PublishedLog(deepcopy(sim), tmp_path / "published")) as log:
        yield Stage(log, batch, tmp_path)


def later(value: dict[str, object]) -> dict[str, object]:
    return {**value, "recorded_at": str(value["recorded_at"]).replace("000Z", "001Z")}


def without_witnesses(sim: Sim) -> Sim:
    """The witnesses saw the first history and sign no second one."""
    sim.witnesses = {}
    return sim


def test_rewrite_entry_3_and_sign_all_anew(stage: Stage) -> None:
    """rewrite entry 3 and sign all anew | mirror; auditor with a former report | two heads of one key, as a file"""
    forged = without_witnesses(deepcopy(stage.sim))
    forged.forge(3, later)
    stage.log.publish_anew(forged)
    alarm, _, evidence = stage.look()
    assert alarm == "fork"
    assert check_fork(evidence, stage.sim.pin).ok
    found = stage.codes(stage.before)
    assert (f"the first {stage.before.size} entries", "since_differs") in found
    assert ("checkpoints", "quorum_missing") in found


def test_show_the_mirror_another_history_than_the_witnesses(stage: Stage) -> None:
    """show two histories | a mirror that sees both | two signed heads and the first entry that differs"""
    other = without_witnesses(deepcopy(stage.sim))
    other.forge(4, later)
    other.entries.append(other.entries[-1])
    other.sign_head()
    stage.log.publish_anew(other)
    alarm, _, evidence = stage.look()
    report = check_fork(evidence, stage.sim.pin)
    assert alarm == "fork"
    assert report.ok
    assert report.shows["fork"]["index"] == 4


def test_restore_an_old_backup_and_go_on_from_there(stage: Stage) -> None:
    """restore an old backup, write on | mirror; auditor with a former report | the replaced entry under two heads"""
    old = without_witnesses(deepcopy(stage.sim))
    old.entries = old.entries[:-2]
    old.notes = {size: note for size, note in old.notes.items() if size <= len(old.entries)}
    old.entries.append(canonical.encode(later(canonical.decode(stage.sim.entries[-2]))))
    old.sign_head()
    stage.log.publish_anew(old)
    alarm, _, evidence = stage.look()
    assert alarm == "fork"
    assert check_fork(evidence, stage.sim.pin).shows["fork"]["index"] == len(old.entries) - 1
    assert "since_missing" in {code for _, code in stage.codes(stage.before)}


def test_hide_a_recall_by_cutting_the_log(stage: Stage) -> None:
    """hide a recall by an older head | mirror; auditor with a former report | `head_behind`; `since_missing`"""
    size = stage.sim.size()
    cut = deepcopy(stage.sim)
    cut.entries = cut.entries[:-1]
    cut.notes = {at: note for at, note in cut.notes.items() if at < size}
    stage.log.publish_anew(cut)
    alarm, trouble, _ = stage.look()
    assert (alarm, trouble) == (None, "head_behind")
    assert "since_missing" in {code for _, code in stage.codes(stage.before)}


def test_invent_a_maker(stage: Stage) -> None:
    """invent a maker, forge its admission | mirror; any auditor | proof that the log signed it without k of n"""
    body = {"participant": actor("selfmade").address, "role": 1, "country": "NL", "nameHash": "0x" + "00" * 32}
    sim = stage.sim
    executed = sim.executed(Proposal.PARTICIPANT_ADMITTED, {**sim.header(), **body}, [sim.authorities[0]])
    index = sim.force(Kind.PARTICIPANT_MIRRORED, executed.to_body(), None, None)
    stage.log.publish()
    alarm, _, evidence = stage.look()
    assert alarm == "refused_entry"
    proof = TlogProof.decode(evidence)
    assert proof.extra == sim.entries[index]
    proof.verify(leaf_hash(sim.entries[index]), open_checkpoint(proof.checkpoint, sim.log_key.verifier).checkpoint)
    assert (f"entry {index}", "not_approved") in stage.codes()


def test_forge_a_recall_in_a_makers_name(stage: Stage) -> None:
    """write in a maker's name | mirror; any auditor | proof that the log signed a wrong signature"""
    sim = stage.sim
    other = sim.statement(actor("stranger"), Kind.UNDONE, {**sim.header(), "target": "0x" + "00" * 32, "reason": "x"})
    index = sim.force(other.kind, other.body, actor("aurora").address, other.signature)
    stage.log.publish()
    assert stage.look()[0] == "refused_entry"
    assert (f"entry {index}", "signature_wrong") in stage.codes()


def test_date_an_entry_back(stage: Stage) -> None:
    """back-date an entry | any auditor | cosignatures of a head that witnesses saw later, without it"""
    sim = deepcopy(stage.sim)
    size = sim.size()
    # The witnesses saw the log of all but the newest entry three hours after the operator says that one was recorded.
    seen = sign_checkpoint(Checkpoint(sim.log_key.name, size - 1, sim.root(size - 1)), sim.log_key)
    note = sim.cosigned(seen, at=sim.clock + 3 * HOUR).format()
    cut = deepcopy(sim)
    cut.entries, cut.notes = cut.entries[:-1], {size - 1: note}
    stage.log.publish_anew(cut)
    cache = stage.home.path / "audits"
    assert audit_url(stage.log.url, sim.pin, cache=cache).ok
    stage.log.publish_anew(sim)
    found = {(finding.at, finding.code) for finding in audit_url(stage.log.url, sim.pin, cache=cache).findings}
    assert (f"entry {size - 1}", "backdated") in found


def test_swap_the_founding_entry(stage: Stage) -> None:
    """swap the founding entry | whoever has the pin | entry 0 has another SHA-256 than was told"""
    other = Sim.found(("NL", "KE"), checked=False)
    pin = stage.sim.pin
    stage.log.publish_anew(other)
    found = {(finding.at, finding.code) for finding in audit_url(stage.log.url, pin).findings}
    assert ("entry 0", "pin") in found
    fresh = Home(stage.home.path.parent / "fresh", Settings())
    with pytest.raises(CarnetError) as caught, open_mirror(fresh, MirrorPlan(stage.log.url, pin), lambda _a: None):
        pass
    assert caught.value.code == "pin"


def test_serve_an_altered_tile(stage: Stage) -> None:
    """serve an altered tile | mirror, which takes nothing; any auditor | `root_differs`; `leaf_differs`"""
    stage.sim.undo(actor("aurora"), "0x" + leaf_hash(stage.sim.entries[-1]).hex())
    stage.log.publish()
    path = f"tile/0/000.p/{stage.sim.size()}"
    raw = bytearray((stage.log.folder / path).read_bytes())
    raw[32 * 5 + 1] ^= 1
    stage.log.lie[path] = bytes(raw)
    assert stage.look()[:2] == (None, "root_differs")
    assert ("entry 5", "leaf_differs") in stage.codes()


def test_serve_a_segment_with_another_count(stage: Stage) -> None:
    """swap a batch's units | mirror, which stores none; any auditor | `segment_*`, and who signed others"""
    batch = stage.sim.register_batch(actor("aurora"), lot="NEW", units=50, public=True)
    stage.log.publish()
    root = stage.sim.batch(batch).segment_root
    data = bytearray(stage.sim.segments[root])
    data[140] ^= 1
    for wrong in (stage.sim.segments[root][:-32], bytes(data)):
        stage.log.lie[f"segment/{root.hex()}"] = wrong
        alarm, trouble, _ = stage.look()
        assert alarm is None
        assert trouble in ("segment_count", "segment_root", "segment_unsorted")
        named = {code for at, code in stage.codes() if at.startswith(f"segment {root.hex()} of entry {batch.index}")}
        assert named & {"segment_count", "segment_root", "segment_unsorted"}
