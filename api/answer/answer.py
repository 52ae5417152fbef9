"""The answer as JSON: one shape, two views. The public view has fields removed, never others added.

What the public may know of a code that is no registered unit is settled before, in `api.answer.public`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from api.answer.advice import Face, asked_back, next_steps
from api.answer.checks import by_weight, rows
from api.answer.makers import Makers
from api.answer.public import public
from ledger.services.copies.mirroring import describe_view
from ledger.services.scans.judging import KEPT
from ledger.services.scans.verification import Answer, AsOf
from verifier.instant import format_instant
from verifier.reading.reading import NotGs1, ReadCode, Unreadable
from verifier.reading.repair import Repair, RepairName, find_repairs
from verifier.record.batch import Batch
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import Unit
from verifier.verdict.judge import Judgement
from verifier.verdict.reason import CAVEAT, Verdict, shown_as


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a repair leads: the verdict of the repaired code, its heading, and whether it is a registered unit's."""

    verdict: Verdict
    shown_as: str
    registered: bool


LeadsTo = Mapping[str, Lead]
"""By repaired text; only an officer is told."""


def view(answer: Answer, face: Face, makers: Makers, *, leads_to: LeadsTo | None = None) -> dict[str, Any]:
    """One answer as JSON. `docs/spec/api.md` describes every field."""
    officer = face is Face.OFFICER
    answer = answer if officer else public(answer)
    facts = answer.facts
    present = facts.unit is Unit.PRESENT
    batch = answer.batches[0] if answer.batches else None
    heading, judged = _judged(answer, face)
    return {
        "verdict": answer.judgement.verdict.value,
        "shown_as": heading,
        "caveat": CAVEAT,
        "code": _code(answer),
        **judged,
        "repairs": _repairs(answer, leads_to),
        "batch": _batch(batch, makers) if batch is not None else None,
        "other_lots": [other.lot for other in answer.batches[1:]],
        "seen": _seen(answer, officer) if present else None,
        "lookups": facts.public_lookups if present else 0,
        "as_of": _as_of(answer.as_of),
        "proof": proof_link(answer.reading.text) if present or (officer and facts.unit is Unit.ABSENT) else None,
    }


@lru_cache(maxsize=4)
def _as_of(as_of: AsOf) -> dict[str, Any]:
    """What answers rest on; the same for all until the log grows."""
    return {
        "size": as_of.size,
        "root": "0x" + as_of.root.hex(),
        "signed_at": format_instant(as_of.recorded_at),
        "anchored_size": as_of.anchored_size,
        "witnessed_size": as_of.witnessed_size,
        "witnessed_at": format_instant(as_of.witnessed_at) if as_of.witnessed_at is not None else None,
        "witnesses": list(as_of.witnesses),
        "mirror": describe_view(as_of.mirror) if as_of.mirror is not None else None,
    }


_Judged = tuple[str, dict[str, Any]]  # the heading, and the fields that follow from a judgement
_shown: dict[tuple[int, Face, bool], tuple[Judgement, _Judged]] = {}  # by the judgement itself, which is kept too


def _judged(answer: Answer, face: Face) -> _Judged:
    """What follows from the judgement; units about which the same is known share it. Not to be changed."""
    judgement = answer.judgement
    key = (id(judgement), face, answer.typed)
    known = _shown.get(key)
    if known is not None and known[0] is judgement:
        return known[1]
    heading = shown_as(judgement.verdict, [reason.code for reason in judgement.reasons])
    fields = {
        "question": asked_back(answer.facts),
        "reasons": _reasons(answer, face),
        "not_checked": [{"check": check, "why": why} for check, why in judgement.not_checked],
        "checks": rows(answer),
        "next": next_steps(judgement, face, typed=answer.typed),
    }
    if isinstance(answer.reading, ReadCode):  # the others have their own cause among the checks
        if len(_shown) >= KEPT:
            _shown.clear()
        _shown[key] = (judgement, (heading, fields))
    return heading, fields


_ESCAPED = {at: quote(chr(at), safe="") for at in range(128)}


def proof_link(text: str) -> str:
    """Where the proof file of a code is."""
    return f"/v1/proofs/units?code={text.translate(_ESCAPED) if text.isascii() else quote(text, safe='')}"


def repairs_of(answer: Answer) -> Sequence[Repair]:
    """The repairs worth offering; they come from the text alone."""
    reading, facts = answer.reading, answer.facts
    if facts.unit is Unit.ABSENT and facts.holder is not None:
        return find_repairs(reading.text, answer.carrier, reading.symbology)
    if isinstance(reading, NotGs1) or facts.unit is Unit.PRESENT:
        return ()
    return reading.repairs


def _code(answer: Answer) -> dict[str, Any]:
    reading, code = answer.reading, answer.code
    return {
        "read": reading.text,
        "gtin": code.gtin if code else None,
        "lot": code.lot if code else None,
        "serial": code.serial if code else None,
        "form": code.form.value if code else None,
        "carrier": answer.carrier.value,
        "symbology": reading.symbology,
    }


def _reasons(answer: Answer, face: Face) -> list[dict[str, Any]]:
    return [
        {
            "code": reason.code,
            "tier": reason.tier.value,
            "dimension": reason.dimension.value,
            "text": reason.text,
            "evidence": _caused(answer, dict(reason.evidence) if face is Face.OFFICER else _coarse(reason.evidence)),
        }
        for reason in by_weight(answer.judgement.reasons)
    ]


def _caused(answer: Answer, evidence: Any) -> Any:
    """With what kept a code from being read, in a sentence; it comes from the text alone."""
    reading = answer.reading
    return {**evidence, "cause": reading.message} if isinstance(reading, Unreadable) and "why" in evidence else evidence


def _coarse(value: Any) -> Any:
    """Evidence for everybody: of a sighting only its day and country, so that nobody's shift can be read off."""
    if isinstance(value, Mapping):
        if "scanned_at" in value:
            return {"day": value["scanned_at"][:10], "country": value.get("country")}
        return {key: _coarse(item) for key, item in value.items()}
    return [_coarse(item) for item in value] if isinstance(value, list) else value


def _repairs(answer: Answer, leads_to: LeadsTo | None) -> list[dict[str, Any]]:
    """The repairs as JSON. Of a code that reads well, an officer sees swapped keys only if that leads to a unit."""
    shown = []
    for repair in repairs_of(answer):
        one: dict[str, Any] = {"name": repair.name.value, "text": repair.text, "explanation": repair.explanation}
        if leads_to is not None and (lead := leads_to.get(repair.text)) is not None:
            well_read = isinstance(answer.reading, ReadCode) and repair.name is RepairName.KEYBOARD_LAYOUT
            if well_read and not lead.registered:
                continue
            one |= {"leads_to": lead.verdict.value, "leads_to_shown_as": lead.shown_as}
        shown.append(one)
    return shown


def _batch(batch: Batch, makers: Makers) -> dict[str, Any]:
    return {
        "id": "0x" + batch.id.hex(),
        "gtin": batch.gtin,
        "lot": batch.lot,
        "unit_count": batch.unit_count,
        "markets": list(batch.markets),
        "expires": batch.expires,
        "recorded_at": format_instant(batch.recorded_at),
        "maker": makers.of(batch.maker),
    }


def _seen(answer: Answer, officer: bool) -> dict[str, Any]:
    """Officers' earlier scans: coarse for everybody, exact for officers."""
    seen = answer.seen
    return {
        "times": seen.times,
        "first": _sighting(seen.first, officer),
        "last": _sighting(seen.last, officer),
        "places": list(seen.places) if officer else sorted({s.country for s in answer.facts.sightings if s.country}),
    }


def _sighting(sighting: Sighting | None, officer: bool) -> dict[str, Any] | None:
    if sighting is None:
        return None
    exact = sighting.seen()
    coarse = {"day": str(exact["scanned_at"])[:10], "country": sighting.country}
    return {**coarse, "scanned_at": exact["scanned_at"], "place": sighting.place} if officer else coarse
