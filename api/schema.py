"""What goes in and out, as models for the OpenAPI description.

Answers are built as plain JSON, for speed; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.checks import Result
from api.problem_texts import CLASSES, CODES
from verifier.errors import CarnetError
from verifier.facts import Context
from verifier.reason import CAVEAT, Dimension, Tier, Verdict

EXAMPLE_CODE = "https://id.example/01/09521234543213/10/L-0001/21/A7K9M2"
_HEX32 = "0x" + "ab" * 32


class Closed(BaseModel):
    """An object with exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class Code(Closed):
    """The code as read."""

    read: str
    gtin: str | None
    lot: str | None
    serial: str | None
    form: str | None
    carrier: str
    symbology: str | None


class ReasonOut(Closed):
    """One fact and its weight."""

    code: str
    tier: Tier
    dimension: Dimension
    text: str
    evidence: dict[str, Any]


class NotChecked(Closed):
    """A check that could not be made."""

    check: str
    why: str


class CheckOut(Closed):
    """One row of the checks."""

    check: str
    result: Result
    text: str


class RepairOut(Closed):
    """A named device fault undone; `leads_to` is for officers only."""

    name: str
    text: str
    explanation: str
    leads_to: Verdict | None = None


class MakerOut(Closed):
    """Who registered a batch."""

    address: str
    name: str | None
    country: str
    role: str


class BatchOut(Closed):
    """The batch a unit belongs to."""

    id: str
    gtin: str
    lot: str
    unit_count: int
    markets: list[str]
    expires: str | None
    recorded_at: str
    maker: MakerOut


class SightingOut(Closed):
    """When and where officers scanned; time and place are for officers only."""

    day: str
    country: str | None
    scanned_at: str | None = None
    place: str | None = None


class SeenOut(Closed):
    """Officers' earlier scans of this unit."""

    times: int
    first: SightingOut | None
    last: SightingOut | None
    places: list[str]


class AsOfOut(Closed):
    """The signed checkpoint that the answer rests on."""

    size: int
    root: str
    signed_at: str
    anchored_size: int | None


class ScanOut(Closed):
    """Whether the scan was kept."""

    id: str
    recorded: bool


class AnswerOut(Closed):
    """The answer about a code."""

    verdict: Verdict
    shown_as: str
    caveat: Literal["A registered code does not show that this item is genuine: printed codes can be copied."]
    code: Code
    reasons: list[ReasonOut] = Field(description="Strongest tier first.")
    not_checked: list[NotChecked]
    checks: list[CheckOut]
    next: list[str] = Field(description="What to do now, most important first.")
    repairs: list[RepairOut]
    batch: BatchOut | None
    seen: SeenOut | None
    lookups: int
    as_of: AsOfOut
    proof: str | None
    scan: ScanOut | None = None


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemOut(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None
    errors: list[FieldProblem] | None = None


class StatementIn(Closed):
    """A signed statement. `body` holds exactly the fields of the kind's EIP-712 struct."""

    kind: Literal["batch_registered", "batch_recalled", "units_retired", "undone"]
    body: dict[str, Any]
    actor: str = Field(examples=["0x" + "1f" * 20])
    signature: str = Field(examples=["0x" + "5e" * 65])


class RegistrationIn(Closed):
    """A registration with the salt that its commitment hides."""

    statement: StatementIn
    salt: str = Field(pattern="^0x[0-9a-f]{64}$", examples=[_HEX32])


class ChangeIn(Closed):
    """A statement about a batch."""

    statement: StatementIn


class ReceiptOut(Closed):
    """Where a statement stands in the log, with a proof anybody can check."""

    entry: int
    leaf: str
    log_size: int
    recorded_at: str
    duplicate: bool
    batch: str | None
    proof: str
    tlog_proof: str = Field(description="The .tlog-proof file in base64.")


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
    "seen": {
        "times": 1,
        "first": {"day": "2026-11-20", "country": "NL"},
        "last": {"day": "2026-11-20", "country": "NL"},
        "places": ["NL"],
    },
    "lookups": 3,
    "as_of": {"size": 9, "root": _HEX32, "signed_at": "2026-11-23T22:26:00.000Z", "anchored_size": 9},
    "proof": "/v1/proofs/units?code=https%3A%2F%2Fid.example%2F01%2F09521234543213%2F10%2FL-0001%2F21%2FA7K9M2",
}
"""One registered unit, as the public sees it."""

ANSWER: dict[str, Any] = {
    "model": AnswerOut,
    "description": "An answer, whatever the verdict.",
    "content": {"application/json": {"example": EXAMPLE_ANSWER}},
}

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
    classes = {cls.default_code: problem for cls, problem in CLASSES.items() if issubclass(cls, CarnetError)}
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        problem = CODES.get(code) or classes[code]
        example = {"type": f"/problems/{code}", "title": problem.title, "status": problem.status, "code": code}
        found.setdefault(
            problem.status,
            {
                "description": problem.title,
                "content": {
                    "application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/ProblemOut"},
                        "example": example,
                    }
                },
            },
        )
    return found
