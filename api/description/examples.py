"""Examples and declared responses for the OpenAPI description; tests send them and hold them to their models."""

from __future__ import annotations

from typing import Any

from api.answer.schema import AnswerOut
from api.problem.kind import Problem
from api.problem.texts import CLASSES, CODES
from verifier.verdict.facts import Context
from verifier.verdict.reason import CAVEAT

PROBLEM = "application/problem+json"
PROBLEM_OUT = {"$ref": "#/components/schemas/ProblemOut"}

EXAMPLE_CODE = "https://id.example/01/09521234543213/10/L-0001/21/A7K9M2"
_HEX32 = "0x" + "ab" * 32

EXAMPLE_ANSWER: dict[str, Any] = {
    "verdict": "registered",
    "shown_as": "Registered, no reports",
    "caveat": CAVEAT,
    "code": {
        "read": EXAMPLE_CODE,
        "gtin": "09521234543213",
        "lot": "L-0001",
        "serial": "A7K9M2",
        "form": "digital_link",
        "carrier": "qr",
        "symbology": None,
    },
    "reasons": [
        {
            "code": "unit_registered",
            "tier": "info",
            "dimension": "register",
            "text": "The code belongs to a unit that its maker registered.",
            "evidence": {"entries": [7]},
        }
    ],
    "not_checked": [{"check": "market", "why": "no country was given"}],
    "checks": [{"check": "reading", "result": "passed", "text": "The code is a well-formed GS1 code."}],
    "next": ["Compare product, lot and expiry date with the pack."],
    "question": None,
    "repairs": [],
    "batch": {
        "id": _HEX32,
        "gtin": "09521234543213",
        "lot": "L-0001",
        "unit_count": 1000,
        "markets": ["KE", "NL"],
        "expires": "2028-06-30",
        "recorded_at": "2026-11-23T22:26:00.000Z",
        "maker": {"address": "0x" + "1f" * 20, "name": "Aurora Instruments", "country": "NL", "role": "manufacturer"},
    },
    "other_lots": [],
    "seen": {
        "times": 1,
        "first": {"day": "2026-11-20", "country": "NL"},
        "last": {"day": "2026-11-20", "country": "NL"},
        "places": ["NL"],
    },
    "lookups": 3,
    "as_of": {
        "size": 9,
        "root": _HEX32,
        "signed_at": "2026-11-23T22:26:00.000Z",
        "anchored_size": 9,
        "witnessed_size": 9,
        "witnessed_at": "2026-11-23T22:26:01.000Z",
        "witnesses": ["ke", "br"],
        "mirror": None,
    },
    "proof": "/v1/proofs/units?code=https%3A%2F%2Fid.example%2F01%2F09521234543213%2F10%2FL-0001%2F21%2FA7K9M2",
}
"""One registered unit, as the public sees it."""

ANSWER: dict[str, Any] = {
    "model": AnswerOut,
    "description": "An answer, whatever the verdict.",
}
"""Its example is put in by `api.description.openapi`: the framework would leave out what is null."""

EXAMPLE_SCAN: dict[str, Any] = {
    "id": "0190f0d4-6f1c-7cc3-9d0e-3a1b5c7d9e2f",
    "code": EXAMPLE_CODE,
    "carrier": "qr",
    "machine_read": True,
    "place": {"unlocode": "NL RTM", "latitude": 51.95, "longitude": 4.14},
    "scanned_at": "2026-11-23T22:26:00Z",
    "device": "dock-3",
    "context": Context.IMPORT.value,
}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The problems that a route declares, for its OpenAPI responses."""
    classes = {cls.default_code: problem for cls, problem in CLASSES.items()}
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        problem = CODES.get(code) or classes[code]
        response = found.setdefault(problem.status, {"description": "", "content": {PROBLEM: {"schema": PROBLEM_OUT}}})
        titles = [response["description"], problem.title]
        response["description"] = "; ".join(dict.fromkeys(title for title in titles if title))
        example = {"summary": problem.title, "value": _example(code, problem)}
        response["content"][PROBLEM].setdefault("examples", {})[code] = example
    return found


def _example(code: str, problem: Problem) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.advice,
        "instance": "/v1/verify",
        "code": code,
        "request_id": "5f0c7d1e9a3b4c6d8e2f0a1b",
    }
