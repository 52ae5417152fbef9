"""Files of evidence that show all decisions, one flaw each, from one small ledger; also writes them as shared vectors.

`python -m tests.verifier.decision_vectors` writes `tests/vectors/evidence-3/` as the older folder beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.sim import Actor, MadeBatch, Sim, gtin_of
from tests.verifier.evidence_vectors import (
    PREFIX,
    SERIAL,
    Case,
    complete_file,
    index_without,
    indexed,
    part_of,
    with_part,
    without_entry,
)
from verifier import canonical
from verifier.evidence.file import SPEC, SPEC_2, EvidenceFile, decode_evidence
from verifier.record.batch import RetireReason
from verifier.record.entry import decode_entry
from verifier.record.index import DECISIONS, HISTORY, IndexProof, IndexView
from verifier.record.participant import Role
from verifier.record.record import Record

FOLDER = Path(__file__).parents[1] / "vectors" / "evidence-3"


@dataclass(frozen=True)
class Listed:
    """A ledger whose confirmed index has a row of decisions; `before` and `since` are entries of suspensions.

    The maker of `bad` was suspended, dated back, before the index was sealed; that of `late` after it.
    """

    sim: Sim
    auditor: Actor
    good: MadeBatch
    bad: MadeBatch
    late: MadeBatch
    before: int
    since: int


@cache
def listed() -> Listed:
    """The ledger of these cases, witnessed by two. Nobody changes it."""
    sim = Sim.found(witnesses=("nl", "ke"))
    auditor, maker = sim.admit("vera", Role.AUDITOR, "FR"), sim.maker("aurora", PREFIX)
    rogue, other = sim.maker("corsair", "9525555"), sim.maker("dorado", "9528888")
    sim.seal_index()
    sim.confirm_index(auditor)
    good = sim.register_batch(maker, lot="GOOD", public=True)
    then = sim.clock
    bad, late = sim.register_batch(rogue, lot="BAD", public=True), sim.register_batch(other, lot="LATE", public=True)
    sim.suspend(rogue, effective_at=then)
    before = sim.size() - 1
    sim.seal_index()
    sim.confirm_index(sim.authorities[1])
    sim.confirm_index(auditor)
    sim.suspend(other, kind=3, effective_at=then)
    since = sim.size() - 1
    sim.retire(maker, good, RetireReason.SOLD, [SERIAL])
    sim.anchor()
    return Listed(sim, auditor, good, bad, late, before, since)


def file_about(batch: MadeBatch) -> EvidenceFile:
    """The honest file of a unit of a batch."""
    return decode_evidence(listed().sim.proofs().for_unit(batch.code(SERIAL)))


def absent_lot() -> EvidenceFile:
    """That a lot of the good maker was never registered."""
    return decode_evidence(listed().sim.proofs().for_absent_lot(gtin_of(PREFIX), "NONE"))


def sealed_view(file: EvidenceFile) -> IndexView:
    """The whole index that a file rests on."""
    view = listed().sim.record.index_seals[part_of(file).seal].view
    assert view is not None
    return view


def cut_off() -> EvidenceFile:
    """A suspension since the index, cut off with all that came after it, under the same head."""
    file = without_entry(file_about(listed().late), listed().since)
    return with_part(file, later=part_of(file).later[: listed().since - part_of(file).seal], consistency=())


def gone_from_the_tail() -> EvidenceFile:
    """A suspension since the index, gone from the entries that follow it as well."""
    file = without_entry(file_about(listed().late), listed().since)
    later, at = part_of(file).later, listed().since - part_of(file).seal
    return with_part(file, later=(*later[:at], *later[at + 1 :]))


def another_row(key: bytes) -> EvidenceFile:
    """The row of something else where that of the decisions should stand."""
    file = file_about(listed().good)
    return replace(file, decisions=sealed_view(file).prove_at(key))


def row_of_nothing() -> EvidenceFile:
    """The path of the decisions, and no row at its end."""
    file = file_about(listed().good)
    return replace(file, decisions=IndexProof(None, sealed_view(file).prove_at(DECISIONS).path))


def older_row() -> EvidenceFile:
    """The row of the decisions as it was before the suspension, and the file without it."""
    here = listed()
    file = without_entry(file_about(here.bad), here.before)
    return replace(file, decisions=folded(here.sim, next(iter(here.sim.record.index_seals))).prove_at(DECISIONS))


def folded(sim: Sim, size: int) -> IndexView:
    """The index of the first entries of a ledger, folded anew."""
    record = Record(sim.segment)
    for raw in sim.entries[:size]:
        record.integrate(decode_entry(raw))
    return record.index.view(size)


def without_index() -> bytes:
    """A row of decisions, and no index that it hangs in."""
    file = file_about(listed().good)
    extra = canonical.decode(file.proof.extra or b"")
    return replace(file.proof, extra=canonical.encode({**extra, "index": None})).encode()


def by_older_rules() -> EvidenceFile:
    """An index of older rules, said to show that there was no decision."""
    file = complete_file()
    view = indexed().sim.record.index_seals[part_of(file).seal].view
    assert view is not None
    return replace(file, decisions=view.prove_at(DECISIONS), spec=SPEC)


def as_version_2() -> EvidenceFile:
    """The file of a suspended maker without the suspension, in the form that shows no decisions."""
    here = listed()
    return replace(without_entry(file_about(here.bad), here.before), decisions=None, spec=SPEC_2)


CASES: Mapping[str, Case] = {
    "complete": Case(lambda: file_about(listed().good)),
    "suspended-before": Case(lambda: file_about(listed().bad)),
    "suspended-since": Case(lambda: file_about(listed().late)),
    "lot-absent": Case(absent_lot),
    "receipt": Case(lambda: listed().sim.proofs().for_entry(listed().sim.size() - 1)),
    "decisions-not-shown": Case(lambda: replace(file_about(listed().good), decisions=None)),
    "version-2-without-the-suspension": Case(as_version_2),
    "suspension-left-out": Case(lambda: without_entry(file_about(listed().bad), listed().before), "decisions"),
    "suspension-kept-back": Case(lambda: index_without(file_about(listed().late), listed().since), "decisions"),
    "suspension-cut-off": Case(cut_off, "index"),
    "suspension-gone-from-the-tail": Case(gone_from_the_tail, "index"),
    "suspension-of-another-maker-left-out": Case(
        lambda: without_entry(file_about(listed().good), listed().before), "decisions"
    ),
    "row-of-the-history": Case(lambda: another_row(HISTORY), "decisions"),
    "row-of-nothing": Case(row_of_nothing, "decisions"),
    "row-of-an-older-index": Case(older_row, "decisions"),
    "row-without-an-index": Case(without_index, "file"),
    "row-by-older-rules": Case(by_older_rules, "decisions"),
}
"""A case for each flaw, and the honest files beside them."""


def pin(name: str) -> bytes:
    """The pin under which a case is checked."""
    return indexed().sim.pin if name == "row-by-older-rules" else listed().sim.pin


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
