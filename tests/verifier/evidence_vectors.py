"""Files of evidence, one flaw each, from one small ledger; also writes them as shared vectors.

`python -m tests.verifier.evidence_vectors` writes `tests/vectors/evidence/`: a file a flaw and `cases.json`, which says
for each whether it holds and, if not, at which step it fails. Other implementations read the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.sim import Actor, MadeBatch, Sim, actor, gtin_of, secret, sign_unit
from verifier import canonical
from verifier.evidence.file import (
    SPEC,
    SPEC_2,
    EvidenceFile,
    ShownEntry,
    UnitProof,
    decode_evidence,
    encode_evidence,
)
from verifier.evidence.index import IndexPart
from verifier.record.batch import RetireReason
from verifier.record.participant import Role
from verifier.record.rules import FIRST
from verifier.record.statement import Kind, Proposal, sign
from verifier.record.struct import ZERO32
from verifier.segment.view import AbsenceProof, SegmentView, unit_key
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import Frontier, consistency_proof, inclusion_proof
from verifier.tree.note import Note
from verifier.tree.note_key import SigningKey
from verifier.tree.tlog_proof import TlogProof

FOLDER = Path(__file__).parents[1] / "vectors" / "evidence"
PREFIX = "9521234"
SERIAL, MISSING = "S0003", "S9999"


@dataclass(frozen=True)
class Scene:
    """A ledger with two batches, one with a public salt and one without, anchored, recalled, partly sold."""

    sim: Sim
    maker: Actor
    carrier: Actor
    open: MadeBatch
    hidden: MadeBatch


@cache
def scene() -> Scene:
    """The ledger that all files are about. Nobody changes it."""
    sim = Sim.found(rules=FIRST)
    maker, carrier = sim.maker("aurora", PREFIX), sim.admit("swift", Role.CARRIER, "KE")
    open_, hidden = (
        sim.register_batch(maker, lot="OPEN", units=100, public=True),
        sim.register_batch(maker, lot="HIDDEN"),
    )
    sim.anchor()
    sim.undo(maker, sim.recall(maker, open_, "a mistake"))
    sim.retire(maker, open_, RetireReason.SOLD, open_.serials[:70])
    sim.retire(sim.authorities[1], hidden, RetireReason.STOLEN, [SERIAL])
    sim.recall(maker, hidden, "seal may leak")
    return Scene(sim, maker, carrier, open_, hidden)


@dataclass(frozen=True)
class Indexed:
    """A ledger whose second index an auditor confirmed: one batch never recalled, one recalled since, a foreign one."""

    sim: Sim
    maker: Actor
    auditor: Actor
    quiet: MadeBatch
    recalled: MadeBatch
    other: MadeBatch


@cache
def indexed() -> Indexed:
    """The ledger of the cases about the index, witnessed by two. Nobody changes it."""
    sim = Sim.found(witnesses=("nl", "ke"), rules=FIRST)
    maker, auditor = sim.maker("aurora", PREFIX), sim.admit("vera", Role.AUDITOR, "FR")
    rival = sim.maker("borealis", "9527777")
    quiet = sim.register_batch(maker, lot="QUIET", public=True)
    recalled = sim.register_batch(maker, lot="RECALLED", public=True)
    other = sim.register_batch(rival, lot="QUIET", public=True)
    sim.seal_index()
    sim.confirm_index(sim.authorities[1])
    sim.retire(maker, quiet, RetireReason.SOLD, [SERIAL])
    sim.seal_index()
    sim.confirm_index(auditor)
    sim.retire(rival, other, RetireReason.SOLD, [SERIAL])
    sim.retire(maker, quiet, RetireReason.SOLD, [SERIAL, "S0004"])
    sim.recall(maker, recalled)
    sim.anchor()
    sim.suspend(rival)
    return Indexed(sim, maker, auditor, quiet, recalled, other)


def complete_file() -> EvidenceFile:
    """That nothing else was said about a unit's batch."""
    here = indexed()
    return decode_evidence(here.sim.proofs().for_unit(here.quiet.code(SERIAL)))


def absent_lot_file(gtin: str = "", lot: str | None = "NONE") -> EvidenceFile:
    """That a lot was never registered."""
    here = indexed()
    return decode_evidence(here.sim.proofs().for_absent_lot(gtin or here.quiet.gtin, lot))


def part_of(file: EvidenceFile) -> IndexPart:
    """The index part of a file, which must have one."""
    assert file.index is not None
    return file.index


def with_part(file: EvidenceFile, **changes: Any) -> EvidenceFile:
    """A file with another index part."""
    return replace(file, index=replace(part_of(file), **changes))


def index_without(file: EvidenceFile, index: int) -> EvidenceFile:
    """A file that does not fold an entry, though its bytes stay in the tail where they were."""
    part = part_of(file)
    data = next(shown.data for shown in file.entries if shown.index == index)
    later = tuple(data if part.seal + at == index else one for at, one in enumerate(part.later))
    kept = tuple(shown for shown in file.entries if shown.index != index)
    return replace(file, entries=kept, index=replace(part, later=later))


def recall_kept_back() -> EvidenceFile:
    """A recalled batch shown without its recall, which came after the index."""
    here = indexed()
    file = decode_evidence(here.sim.proofs().for_unit(here.recalled.code(SERIAL)))
    return index_without(file, here.sim.batch(here.recalled).history[-1])


def recall_cut_off() -> EvidenceFile:
    """The same with the last entries cut off, under the same head."""
    here = indexed()
    recall = here.sim.batch(here.recalled).history[-1]
    file = without_entry(decode_evidence(here.sim.proofs().for_unit(here.recalled.code(SERIAL))), recall)
    return with_part(file, later=part_of(file).later[: recall - part_of(file).seal], consistency=())


def sale_left_out() -> EvidenceFile:
    """A batch shown without a retirement that the index counts."""
    file = complete_file()
    return without_entry(file, indexed().sim.batch(indexed().quiet).history[1])


def without_entry(file: EvidenceFile, index: int) -> EvidenceFile:
    """A file without one of its entries."""
    return replace(file, entries=tuple(entry for entry in file.entries if entry.index != index))


def unconfirmed() -> EvidenceFile:
    """An index that nobody but the operator stands for."""
    here = indexed()
    file = absent_lot_file()
    return index_without(file, here.sim.record.index_seals[part_of(file).seal].confirmed[here.auditor.address])


def operator_unknown() -> EvidenceFile:
    """A confirmation without the decision that says who the operator is."""
    return without_entry(absent_lot_file(), 1)


def confirmed_by_the_operator() -> EvidenceFile:
    """An index that the operator itself confirmed, in a log that let it."""
    sim = Sim.found(checked=False, rules=FIRST)
    sim.maker("aurora", PREFIX)
    sim.decide(Proposal.PARTICIPANT_ADMITTED, participant=actor("operator").address, role=int(Role.AUDITOR),
               country="NL", nameHash=ZERO32)  # fmt: skip
    seal = sim.seal_index()
    head = sim.record.index_seals[seal].head
    body = {**sim.header(), **head.body()}
    signature = sign(Kind.INDEX_CONFIRMED, body, sim.domain, actor("operator").secret)
    confirmed = sim.force(Kind.INDEX_CONFIRMED, body, actor("operator").address, signature)
    view = sim.record.index_seals[seal].view
    assert view is not None
    edge = Frontier.at(seal, sim.tree()).edge
    part = IndexPart(gtin_of(PREFIX), "NONE", seal, view.prove(gtin_of(PREFIX), "NONE"), edge, (None, None))
    file = file_of(sim, seal, [at for at in range(confirmed + 1) if at != seal])
    return replace(file, index=part)


def registered_lot_as_absent() -> EvidenceFile:
    """A registered lot 'proved' absent by the row of one that is not."""
    return with_part(absent_lot_file(), lot="QUIET")


def row_of_another_product() -> EvidenceFile:
    """The row of a rival's batch under the name of this one."""
    here = indexed()
    view = here.sim.record.index_seals[part_of(complete_file()).seal].view
    assert view is not None
    return with_part(complete_file(), proof=view.prove(here.other.gtin, "QUIET"))


def index_of_another_batch() -> EvidenceFile:
    """Completeness about one lot beside the unit of another."""
    return replace(complete_file(), index=absent_lot_file().index)


def entry_left_out_of_the_tail() -> EvidenceFile:
    """A tail without one of its entries."""
    file = absent_lot_file()
    later = part_of(file).later
    return with_part(file, later=(*later[:3], *later[4:]))


def too_few_witnesses() -> EvidenceFile:
    """A head that one of two witnesses has cosigned."""
    file = complete_file()
    note = Note.parse(file.proof.checkpoint)
    fewer = Note(note.text, tuple(line for line in note.signatures if not line.name.startswith("ke")))
    return replace(file, proof=replace(file.proof, checkpoint=fewer.format()))


def cosignature_altered() -> EvidenceFile:
    """A witness's cosignature with another time than the one that was signed."""
    file = complete_file()
    note = Note.parse(file.proof.checkpoint)
    last = note.signatures[-1]
    bad = replace(last, signature=bytes([*last.signature[:7], last.signature[7] ^ 1, *last.signature[8:]]))
    return replace(file, proof=replace(file.proof, checkpoint=Note(note.text, (*note.signatures[:-1], bad)).format()))


def unit_file() -> EvidenceFile:
    """That a unit of the batch with the public salt is registered, with its label signature."""
    here = scene()
    signed = sign_unit(here.sim, here.open, SERIAL)
    return decode_evidence(here.sim.proofs().for_unit(here.open.code(SERIAL, signature=signed)))


def absence_file(*, hidden: bool = False) -> EvidenceFile:
    """That a unit is not in one of the batches."""
    here = scene()
    return decode_evidence(here.sim.proofs().for_absence((here.hidden if hidden else here.open).code(MISSING)))


def shown(sim: Sim, index: int) -> ShownEntry:
    """One entry with its path to the present root."""
    tree = sim.tree()
    return ShownEntry(index, sim.entries[index], inclusion_proof(index, tree.size, tree))


def file_of(sim: Sim, own: int, others: list[int], unit: UnitProof | None = None) -> EvidenceFile:
    """A file about an entry, resting on whatever one likes: what somebody could hand out who owns the log's key."""
    entry = shown(sim, own)
    proof = TlogProof(own, entry.path, sim.notes[sim.size()])
    spec = SPEC if sim.founding.rules > 1 else SPEC_2
    return EvidenceFile(proof, entry.data, tuple(shown(sim, index) for index in others), unit, spec=spec)


def forged_blind() -> EvidenceFile:
    """A registered unit 'proved' absent under a blind that somebody made up."""
    here = scene()
    made_up, batch = secret("made-up blind"), here.hidden
    absence: AbsenceProof = view(here.sim, batch).absence(unit_key(made_up, SERIAL))
    unit = UnitProof(batch.gtin, batch.lot, SERIAL, made_up, None, absence)
    return replace(absence_file(hidden=True), unit=unit)


def forged_blind_of_open_batch() -> EvidenceFile:
    """The same where the salt is public, so that anybody can tell."""
    here = scene()
    made_up, batch = secret("made-up blind"), here.open
    unit = UnitProof(
        batch.gtin, batch.lot, SERIAL, made_up, None, view(here.sim, batch).absence(unit_key(made_up, SERIAL))
    )
    return replace(absence_file(), unit=unit)


def view(sim: Sim, batch: MadeBatch) -> SegmentView:
    found = sim.batch(batch)
    return sim.segment(found.segment_root, found.unit_count)


def another_units_proof() -> EvidenceFile:
    """The membership of one serial under the name of another."""
    file = unit_file()
    assert file.unit is not None
    return replace(file, unit=replace(file.unit, serial="S0004"), label=None)


def another_lots_registration() -> EvidenceFile:
    """A unit of one lot beside the registration of another."""
    here = scene()
    file = unit_file()
    return replace(file_of(here.sim, here.hidden.index, [0, 2, 3]), unit=file.unit)


def with_checkpoint(note: bytes) -> EvidenceFile:
    file = unit_file()
    return replace(file, proof=replace(file.proof, checkpoint=note))


def signed_by_a_stranger() -> EvidenceFile:
    """The right head under another key of the same name."""
    here = scene()
    stranger = SigningKey(here.sim.log_key.name, secret("stranger"))
    head = Checkpoint(stranger.name, here.sim.size(), here.sim.root())
    return with_checkpoint(sign_checkpoint(head, stranger).format())


def another_head() -> EvidenceFile:
    """A head that the log did sign, of another size than the paths lead to."""
    here = scene()
    return with_checkpoint(here.sim.notes[here.sim.size() - 1])


def another_founding() -> EvidenceFile:
    """A whole ledger of one's own under the same name."""
    sim = Sim.found(("NL", "KE"), rules=FIRST)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    return decode_evidence(sim.proofs().for_unit(batch.code(SERIAL)))


def changed_entry() -> EvidenceFile:
    """The registration with another market, under the path of the one that was signed."""
    file = unit_file()
    return replace(file, entry=file.entry.replace(b'"markets":["NL"]', b'"markets":["KE"]'))


def one_vote() -> EvidenceFile:
    """An admission that one country alone approved, in a log whose operator let it in."""
    sim, maker = Sim.found(checked=False, rules=FIRST), actor("selfmade")
    body = {
        **sim.header(),
        "participant": maker.address,
        "role": 1,
        "country": "NL",
        "nameHash": ZERO32,
    }
    admitted = sim.executed(Proposal.PARTICIPANT_ADMITTED, body, [sim.authorities[0]])
    sim.force(Kind.PARTICIPANT_MIRRORED, admitted.to_body(), None, None)
    return file_of(sim, 2, [0])


def rogue(change: Callable[[Sim, Actor, MadeBatch], tuple[Kind, Mapping[str, Any], Actor]]) -> EvidenceFile:
    """A statement that no ledger takes, in a log whose operator took it."""
    sim = Sim.found(checked=False, rules=FIRST)
    maker = sim.maker("aurora", PREFIX)
    sim.admit("swift", Role.CARRIER, "KE")
    batch = sim.register_batch(maker, public=True)
    kind, body, author = change(sim, maker, batch)
    index = sim.force(kind, body, author.address, sign(kind, body, sim.domain, author.secret))
    return file_of(sim, index, list(range(index)))


def registered_by_a_stranger() -> EvidenceFile:
    """A registration under a prefix that its signer does not hold."""

    def change(sim: Sim, maker: Actor, batch: MadeBatch) -> tuple[Kind, Mapping[str, Any], Actor]:
        statement, _ = sim.registration(maker, lot="ROGUE")
        return Kind.BATCH_REGISTERED, statement.body, actor("swift")

    return rogue(change)


def recalled_by_a_carrier() -> EvidenceFile:
    """A recall by somebody who has no right to it."""

    def change(sim: Sim, maker: Actor, batch: MadeBatch) -> tuple[Kind, Mapping[str, Any], Actor]:
        body = {"batch": batch.id, "reason": "spite", "noticeUrl": "", "supersedes": ZERO32}
        return Kind.BATCH_RECALLED, {**sim.header(), **body}, actor("swift")

    return rogue(change)


def signature_of_another() -> EvidenceFile:
    """A recall in the maker's name that the carrier signed."""
    sim = Sim.found(checked=False, rules=FIRST)
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, public=True)
    body = {**sim.header(), "batch": batch.id, "reason": "spite", "noticeUrl": "", "supersedes": ZERO32}
    index = sim.force(
        Kind.BATCH_RECALLED, body, maker.address, sign(Kind.BATCH_RECALLED, body, sim.domain, actor("swift").secret)
    )
    return file_of(sim, index, list(range(index)))


def with_anchor(**changes: Any) -> EvidenceFile:
    """The file with another anchor."""
    file = unit_file()
    assert file.anchor is not None
    return replace(file, anchor=replace(file.anchor, **changes))


def anchor_of_another_log() -> EvidenceFile:
    """An anchor that this history does not extend."""
    other = Sim.found(("NL", "KE"), checked=False, rules=FIRST)
    while other.size() < scene().sim.size():
        other.admit(f"filler {other.size()}")
    path = consistency_proof(4, other.size(), other.tree())
    return with_anchor(size=4, root=other.root(4), path=path)


def without(index: int) -> EvidenceFile:
    """The file without one of the entries it rests on."""
    file = unit_file()
    return replace(file, entries=tuple(entry for entry in file.entries if entry.index != index))


def wrong_label() -> EvidenceFile:
    """The label signature of another unit."""
    here = scene()
    return replace(unit_file(), label=sign_unit(here.sim, here.open, "S0004"))


def turned_around() -> bytes:
    """Entries in another order than the log's."""
    return edited(lambda extra: {**extra, "entries": extra["entries"][::-1]})


def edited(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The unit's file with a changed `extra`, whether or not it can be read."""
    file = unit_file()
    extra = canonical.decode(file.proof.extra or b"")
    return replace(file.proof, extra=canonical.encode(change(extra))).encode()


@dataclass(frozen=True)
class Case:
    """A file and what a check of it says: `failed` and `unproved` name a step or are None."""

    make: Callable[[], EvidenceFile | bytes]
    failed: str | None = None
    unproved: str | None = None

    def raw(self) -> bytes:
        made = self.make()
        return made if isinstance(made, bytes) else encode_evidence(made)


CASES: Mapping[str, Case] = {
    "unit": Case(unit_file),
    "unit-hidden-salt": Case(lambda: scene().sim.proofs().for_unit(scene().hidden.code(SERIAL))),
    "absence": Case(absence_file),
    "receipt-of-a-recall": Case(lambda: scene().sim.proofs().for_entry(scene().sim.size() - 1)),
    "absence-hidden-salt": Case(lambda: absence_file(hidden=True), unproved="unit"),
    "absence-forged-blind": Case(forged_blind, unproved="unit"),
    "absence-forged-blind-public-salt": Case(forged_blind_of_open_batch, "unit"),
    "extra-missing": Case(lambda: replace(unit_file().proof, extra=None).encode(), "file"),
    "extra-unknown-key": Case(lambda: edited(lambda extra: {**extra, "note": 1}), "file"),
    "extra-other-version": Case(lambda: edited(lambda extra: {**extra, "spec": "carnet/evidence/1"}), "file"),
    "entries-turned-around": Case(turned_around, "file"),
    "founding-of-another-ledger": Case(another_founding, "founding"),
    "founding-missing": Case(lambda: without(0), "founding"),
    "checkpoint-by-a-stranger": Case(signed_by_a_stranger, "checkpoint"),
    "checkpoint-of-another-size": Case(another_head, "inclusion"),
    "entry-changed": Case(changed_entry, "inclusion"),
    "admission-missing": Case(lambda: without(2), "participants"),
    "prefix-missing": Case(lambda: without(3), "registration"),
    "admission-with-one-vote": Case(one_vote, "participants"),
    "registration-by-a-stranger": Case(registered_by_a_stranger, "registration"),
    "recall-by-a-carrier": Case(recalled_by_a_carrier, "changes"),
    "recall-signed-by-another": Case(signature_of_another, "changes"),
    "unit-of-another-serial": Case(another_units_proof, "unit"),
    "unit-of-another-lot": Case(another_lots_registration, "unit"),
    "label-of-another-unit": Case(wrong_label, "label"),
    "anchor-of-another-log": Case(anchor_of_another_log, "anchor"),
    "anchor-ahead": Case(lambda: with_anchor(size=99, path=()), "anchor"),
    "anchor-path-short": Case(lambda: with_anchor(path=()), "anchor"),
    "complete": Case(complete_file),
    "complete-recalled": Case(
        lambda: indexed().sim.proofs().for_unit(indexed().recalled.code(SERIAL)),
    ),
    "lot-absent": Case(absent_lot_file),
    "product-absent": Case(lambda: absent_lot_file(gtin_of(PREFIX, 9), None)),
    "witnesses-too-few": Case(too_few_witnesses, unproved="witnesses"),
    "witness-signature-altered": Case(cosignature_altered, "witnesses"),
    "index-recall-kept-back": Case(recall_kept_back, "index"),
    "index-recall-cut-off": Case(recall_cut_off, "index"),
    "index-sale-left-out": Case(sale_left_out, "index"),
    "index-unconfirmed": Case(unconfirmed, "index"),
    "index-operator-unknown": Case(operator_unknown, "index"),
    "index-confirmed-by-the-operator": Case(confirmed_by_the_operator, "index"),
    "index-registered-lot-as-absent": Case(registered_lot_as_absent, "index"),
    "index-row-of-another-product": Case(row_of_another_product, "index"),
    "index-of-another-batch": Case(index_of_another_batch, "index"),
    "index-tail-with-a-gap": Case(entry_left_out_of_the_tail, "index"),
}
"""A case for each flaw. Cases that need a lawless operator have ledgers of their own."""

OWN_PIN = {
    "admission-with-one-vote", "registration-by-a-stranger", "recall-by-a-carrier", "recall-signed-by-another",
    "index-confirmed-by-the-operator",
}  # fmt: skip
INDEXED = {name for name in CASES if name.startswith(("complete", "lot-", "product-", "witness", "index-"))} - OWN_PIN


def pin(name: str) -> bytes:
    """The pin under which a case is checked."""
    if name in INDEXED:
        return indexed().sim.pin
    return Sim.found(checked=False, rules=FIRST).pin if name in OWN_PIN else scene().sim.pin


def write() -> None:
    """Write all files and their index."""
    FOLDER.mkdir(exist_ok=True)
    index = []
    for name, case in CASES.items():
        (FOLDER / f"{name}.tlog-proof").write_bytes(case.raw())
        index.append(
            {"file": f"{name}.tlog-proof", "pin": pin(name).hex(), "failed": case.failed, "unproved": case.unproved}
        )
    (FOLDER / "cases.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    write()
