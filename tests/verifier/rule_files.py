"""Files of evidence of ledgers that go by numbered rules; `evidence_vectors` writes them with the others."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

from tests.sim import MadeBatch, Sim
from verifier import canonical
from verifier.evidence.file import EvidenceFile, ShownEntry, decode_evidence
from verifier.record.rules import FIRST
from verifier.record.statement import Kind, Proposal
from verifier.tree.merkle import inclusion_proof
from verifier.tree.tlog_proof import TlogProof

PREFIX = "9521234"
UNHEARD = 4_000_000_000
"""A version that no program will ever have."""


@cache
def _ledger(rules: int) -> tuple[Sim, MadeBatch]:
    sim = Sim.found(rules=rules)
    return sim, sim.register_batch(sim.maker("aurora", PREFIX), public=True)


def _unit(sim: Sim, batch: MadeBatch) -> EvidenceFile:
    return decode_evidence(sim.proofs().for_unit(batch.code(batch.serials[2])))


def founded_file() -> EvidenceFile:
    """Of a ledger that was founded at version 2."""
    return _unit(*_ledger(2))


def raised_file() -> EvidenceFile:
    """Of a ledger that was raised to version 2."""
    sim = Sim.found(rules=FIRST)
    batch = sim.register_batch(sim.maker("aurora", PREFIX), public=True)
    sim.raise_rules()
    return _unit(sim, batch)


def another_table() -> EvidenceFile:
    """Countries signed version 2 under a digest that is not its table's."""
    sim = Sim.found(rules=FIRST, checked=False)
    batch = sim.register_batch(sim.maker("aurora", PREFIX), public=True)
    body = {**sim.header(), "version": 2, "digest": "0x" + bytes(32).hex()}
    raised = sim.executed(Proposal.RULES_RAISED, body, sim.authorities)
    at = sim.force(Kind.PARTICIPANT_MIRRORED, raised.to_body(), None, None)
    tree, file = sim.tree(), _unit(sim, batch)
    shown = tuple(
        ShownEntry(one, sim.entries[one], inclusion_proof(one, tree.size, tree))
        for one in sorted({at, *(entry.index for entry in file.entries)})
    )
    own = file.proof.index
    proof = TlogProof(own, inclusion_proof(own, tree.size, tree), sim.notes[tree.size])
    return replace(file, proof=proof, entries=shown)


def founded_later() -> EvidenceFile:
    """Entry 0 names a version that the verifier does not have."""
    file = founded_file()
    first, *rest = file.entries
    value = canonical.decode(first.data)
    data = canonical.encode({**value, "body": {**value["body"], "rules": UNHEARD, "more": "of a newer form"}})
    return replace(file, entries=(replace(first, data=data), *rest))


def rules_pin(name: str) -> bytes:
    """The pin under which a case is checked."""
    if name == "rules-founded-later":
        return hashlib.sha256(founded_later().entries[0].data).digest()
    return _ledger(2 if name == "rules-founded" else FIRST)[0].pin
