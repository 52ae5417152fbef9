"""One decision cut out of what shows all of them: of a proof, of a list against its row, of a copy of the log.

A cut is a function of chance, which is seeded by kind and number, so every case of a run can be made again. It gives
the codes and steps that named it; an empty answer is a decision that nobody missed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cache

from tests.sim import Actor, MadeBatch, Sim
from tests.verifier.decision_vectors import folded
from verifier import canonical
from verifier.audit.audit import audit
from verifier.errors import ProofInvalid
from verifier.evidence.evidence import check_evidence
from verifier.evidence.file import EvidenceFile, ShownEntry, decode_evidence, encode_evidence
from verifier.evidence.index import IndexPart
from verifier.record.entry import chain_head, decode_entry
from verifier.record.index import DECISIONS, HISTORY, IndexView, check_list, verify_row
from verifier.record.participant import Role
from verifier.record.record import Record
from verifier.record.statement import Kind
from verifier.tree.merkle import leaf_hash


@dataclass(frozen=True)
class Crowd:
    """A ledger of many decisions around two confirmed indexes, and batches of several makers."""

    sim: Sim
    batches: tuple[MadeBatch, ...]
    decisions: tuple[int, ...]


@cache
def crowd() -> Crowd:
    """The ledger that is cut. Nobody changes it."""
    sim = Sim.found(checked=False, witnesses=("nl", "ke"))
    auditor = sim.admit("vera", Role.AUDITOR, "FR")
    makers = [sim.maker(f"maker {number}", f"952{number}000") for number in range(1, 6)]
    batches = [sim.register_batch(maker, public=True) for maker in makers]
    _seal(sim, auditor)
    sim.suspend(makers[0], effective_at=sim.clock - 1)
    sim.reinstate(makers[0])
    sim.suspend(makers[1])
    batches.append(sim.register_batch(makers[2], public=True))
    sim.withdraw(makers[3], "9524000")
    sim.anchor()
    _seal(sim, auditor)
    sim.suspend(makers[2], kind=3)
    sim.recall(makers[4], batches[4])
    sim.admit("late", Role.CARRIER, "KE")
    sim.suspend(sim.authorities[2])
    found = [at for at, raw in enumerate(sim.entries) if decode_entry(raw).kind is Kind.PARTICIPANT_MIRRORED]
    return Crowd(sim, tuple(batches), tuple(found))


def _seal(sim: Sim, auditor: Actor) -> None:
    sim.seal_index()
    sim.confirm_index(auditor)
    sim.confirm_index(sim.authorities[1])


@cache
def files() -> tuple[EvidenceFile, ...]:
    """An honest file of each batch."""
    proofs = crowd().sim.proofs()
    return tuple(decode_evidence(proofs.for_unit(batch.code("S0001"))) for batch in crowd().batches)


@cache
def view_at(size: int) -> IndexView:
    """The whole index of the first entries."""
    return folded(crowd().sim, size)


def part_of(file: EvidenceFile) -> IndexPart:
    """The index part, which every one of these files has."""
    assert file.index is not None
    return file.index


def of_a_proof(rng: random.Random) -> set[str]:
    """A file without one of its decisions, and whatever its maker can do to hide that."""
    file = rng.choice(files())
    part = part_of(file)
    cut = rng.choice([shown for shown in file.entries if b'"participant_mirrored"' in shown.data])
    damaged = replace(file, entries=tuple(shown for shown in file.entries if shown is not cut))
    place = cut.index - part.seal
    later = list(part.later)
    if place >= 0:
        match rng.randrange(3):
            case 0:  # its bytes stay where they were
                later[place] = cut.data
            case 1:
                del later[place]
            case _:
                del later[place:]
    else:
        damaged = _another_row(damaged, cut, rng)
    damaged = replace(damaged, index=replace(part, later=tuple(later)))
    report = check_evidence(encode_evidence(damaged), pin=crowd().sim.pin)
    return {report.failed.step} if report.failed else set()


def _another_row(file: EvidenceFile, cut: ShownEntry, rng: random.Random) -> EvidenceFile:
    """The file as it is, or with the row of an older index, or with the one that its decisions would have."""
    assert file.decisions is not None
    assert file.decisions.row is not None
    match rng.randrange(3):
        case 0:
            return file
        case 1:
            return replace(file, decisions=view_at(rng.randrange(1, cut.index + 1)).prove_at(DECISIONS))
        case _:
            kept = [at for at in crowd().decisions if at != cut.index and at < part_of(file).seal]
            tree = Record(crowd().sim.segment).index
            for at in kept:
                tree.note(Kind.PARTICIPANT_MIRRORED, leaf_hash(crowd().sim.entries[at]), listed=True)
            row = tree.view(0).row_at(DECISIONS)
            return replace(file, decisions=replace(file.decisions, row=row))


def of_a_row(rng: random.Random) -> set[str]:
    """The leaves of the history, or of the decisions, without one decision, against the row of a sealed index."""
    sim = crowd().sim
    seal = rng.choice([size for size in sim.record.index_seals if size > crowd().decisions[0]])
    key = rng.choice([HISTORY, DECISIONS])
    entries = [(at, decode_entry(raw)) for at, raw in enumerate(sim.entries[:seal])]
    kinds = {Kind.PARTICIPANT_MIRRORED}
    if key == HISTORY:
        kinds = set(Kind) - {Kind.SCANS_SEALED, Kind.INDEX_SEALED, Kind.INDEX_CONFIRMED}
    counted = [(at, entry.leaf) for at, entry in entries if entry.kind in kinds]
    row = verify_row(view_at(seal).prove_at(key), sim.record.index_seals[seal].head, key)
    check_list(row, (leaf for _, leaf in counted), "entries")
    cut = rng.choice([at for at in crowd().decisions if at < seal])
    try:
        check_list(row, (leaf for at, leaf in counted if at != cut), "entries")
    except ProofInvalid as error:
        return {error.code}
    return set()


def of_a_copy(rng: random.Random) -> set[str]:
    """A copy of the whole log without one decision, as whoever keeps it but the log's key can make it."""
    sim = copy(crowd().sim)
    cut = rng.choice(crowd().decisions)
    entries = list(crowd().sim.entries)
    match rng.randrange(3):
        case 0:  # what came after it moves up
            del entries[cut]
        case 1:  # another entry stands in its place
            entries[cut] = entries[rng.choice([at for at in range(len(entries)) if at != cut])]
        case _:  # it is gone, and the chain of entries fits again
            del entries[cut]
            entries = _chained(entries)
    sim.entries = entries
    # Without its last entry, under the head of that size, it would be an honest copy of a moment ago.
    if cut < len(entries) < crowd().sim.size() and rng.randrange(2):
        sim.notes = {size: note for size, note in sim.notes.items() if size <= len(entries)}
    report = audit(sim, sim.pin, seals=sim.leaves)
    return {finding.code for finding in report.findings}


def _chained(entries: list[bytes]) -> list[bytes]:
    head, chained = bytes(32), []
    for raw in entries:
        chained.append(canonical.encode({**canonical.decode(raw), "previous": head.hex()}))
        head = chain_head(head, leaf_hash(chained[-1]))
    return chained


CUTS: Mapping[str, Callable[[random.Random], set[str]]] = {
    "a proof": of_a_proof,
    "a row": of_a_row,
    "a copy": of_a_copy,
}
"""What a decision is cut out of, and who names it."""


def named(kind: str, number: int) -> set[str]:
    """What named case `number` of a kind."""
    return CUTS[kind](random.Random(f"cut of {kind}/{number}"))
