"""The unit of a file of evidence: in the batch, or not in it, and in the retired sets that the file shows."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import Malformed, ProofInvalid
from verifier.evidence.file import UnitProof
from verifier.record.batch import Batch, Change
from verifier.segment.view import blind, salt_commitment, unit_key, verify_absence, verify_membership


@dataclass(frozen=True, slots=True)
class UnitFinding:
    """What the unit's proof came to. `blind_unknown`: absence rests on a blind that could not be recomputed."""

    words: str
    blind_unknown: bool = False


def check_unit(unit: UnitProof, batch: Batch, salt: bytes | None) -> UnitFinding:
    """Check membership or absence under the root and count that the maker signed.

    `salt` is the batch's, from whoever has it (32 bytes); a published one is taken from the registration. Raises
    Malformed or ProofInvalid.
    """
    if (unit.gtin, unit.lot) != (batch.gtin, batch.lot):
        raise ProofInvalid(
            f"couldn't check the unit: got GTIN {unit.gtin} lot {unit.lot}, the registration is of {batch.gtin} "
            f"lot {batch.lot}",
            code="unit_batch",
        )
    known = _salt(batch, salt)
    if known is not None and not hmac.compare_digest(blind(known, batch.gtin, batch.lot, unit.serial), unit.blind):
        raise ProofInvalid("couldn't check the unit: its blind was not made with the batch's salt", code="unit_blind")
    if unit.membership is not None:
        verify_membership(unit.membership, unit.serial, batch.unit_count, batch.segment_root)
        return UnitFinding(f"serial {unit.serial} is one of {batch.unit_count} units that the maker signed")
    if unit.absence is None:
        raise Malformed("couldn't check the unit: no proof is given", code="evidence")
    verify_absence(unit.absence, unit_key(unit.blind, unit.serial), batch.unit_count, batch.segment_root)
    words = f"serial {unit.serial} is none of the {batch.unit_count} units that the maker signed"
    # Any other blind gives another key, and nearly every key is absent: without the salt this would prove nothing.
    return UnitFinding(words, blind_unknown=known is None)


def check_retired(unit: UnitProof, batch: Batch) -> None:
    """Check the unit's proofs in retired sets that form segments. Raises ProofInvalid."""
    for proof in unit.retired:
        change = _change(batch, proof.entry)
        count, root = int(change.body["unitCount"]), bytes.fromhex(change.body["segmentRoot"][2:])
        if proof.membership is not None:
            verify_membership(proof.membership, unit.serial, count, root)
        elif proof.absence is not None:
            verify_absence(proof.absence, unit_key(unit.blind, unit.serial), count, root)


def retired_state(unit: UnitProof, batch: Batch, blind_unknown: bool) -> dict[str, Mapping[str, Any]]:
    """For each reason with a statement in force: its entry, and whether it holds this unit (yes, no, not_shown)."""
    states: dict[str, Mapping[str, Any]] = {}
    for reason, slot in batch.retired.items():
        if slot.current is not None:
            held = "not_shown" if blind_unknown else _holds(unit, slot.current)
            states[reason.name.lower()] = {"entry": slot.current.index, "this_unit": held}
    return states


def _holds(unit: UnitProof, change: Change) -> str:
    if unit.absence is not None:
        return "no"  # a unit that is not in the batch is in none of its parts
    if change.body["keys"]:
        key = "0x" + unit_key(unit.blind, unit.serial).hex()
        return "yes" if key in change.body["keys"] else "no"
    proof = next((proof for proof in unit.retired if proof.entry == change.index), None)
    if proof is None:
        return "not_shown"
    return "yes" if proof.membership is not None else "no"


def _change(batch: Batch, index: int) -> Change:
    for slot in batch.retired.values():
        for change in slot.stack:
            if change.index == index and not change.body["keys"]:
                return change
    raise ProofInvalid(
        f"couldn't check the unit: entry {index} is no segment of retired units in force", code="unit_retired"
    )


def _salt(batch: Batch, given: bytes | None) -> bytes | None:
    if batch.salt is not None or given is None:
        return batch.salt
    if salt_commitment(given) != batch.salt_commitment:
        raise ProofInvalid("couldn't check the unit: the salt given is not this batch's", code="salt_mismatch")
    return given
