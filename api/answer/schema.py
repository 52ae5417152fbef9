"""What goes in and out, as models for the OpenAPI description.

Answers are built as plain JSON, for speed; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.answer.checks import Result
from verifier.verdict.reason import Dimension, Tier, Verdict

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
    leads_to_shown_as: str | None = None


class AnswerTo(Closed):
    """One way to answer a question that an answer asks back."""

    value: str
    text: str


class QuestionOut(Closed):
    """What only the asker knows. Ask again with `parameter` set to the `value` of an answer; `given` is what it was."""

    parameter: str
    text: str
    given: str
    answers: list[AnswerTo]


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


class AlarmOut(Closed):
    """Why a mirror follows its log no more, and the file of evidence that it keeps."""

    code: str
    words: str
    at: str
    evidence: str


class PauseOut(Closed):
    """Why a mirror's copy ends before this entry although nothing is wrong: its program is older than the rules."""

    code: str
    words: str
    entry: int
    at: str


class MirrorOut(Closed):
    """Whose copy answers, and when it was last compared. With an alarm nothing good rests on it."""

    of: str
    checked_at: str | None
    alarm: AlarmOut | None
    paused: PauseOut | None


class AsOfOut(Closed):
    """The signed checkpoint that the answer rests on, and how far witnesses have cosigned (null without any)."""

    size: int
    root: str
    signed_at: str
    anchored_size: int | None
    witnessed_size: int | None
    witnessed_at: str | None
    witnesses: list[str]
    mirror: MirrorOut | None


class ScanOut(Closed):
    """Whether the scan was kept."""

    id: str
    recorded: bool


class ScanReceiptOut(Closed):
    """The operator's signed promise to seal a scan; `docs/spec/seal.md` says what is signed."""

    spec: Literal["carnet/scan-receipt/1", "carnet/scan-receipt/2"]
    log_id: str
    scan: dict[str, Any]
    salt: str
    leaf: str
    seal: str
    deadline: str
    signature: str


class ReceiptStateOut(Closed):
    """What became of a receipt. `evidence` is a file of its own, for `carnet verify`; null while the seal is open."""

    state: Literal["pending", "overdue", "kept", "late", "missing"]
    receipt: ScanReceiptOut
    evidence: dict[str, Any] | None


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
    question: QuestionOut | None = Field(description="What only the asker knows and the answer depends on.")
    repairs: list[RepairOut]
    batch: BatchOut | None
    other_lots: list[str] = Field(description="Further lots in which the same serial is registered.")
    seen: SeenOut | None
    lookups: int
    as_of: AsOfOut
    proof: str | None
    scan: ScanOut | None = None
    receipt: ScanReceiptOut | None = None
    receipt_why: str | None = None


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

    kind: Literal["batch_registered", "batch_recalled", "units_retired", "undone", "index_confirmed"]
    body: dict[str, Any]
    actor: str = Field(examples=["0x" + "1f" * 20])
    signature: str = Field(examples=["0x" + "5e" * 65])


class RegistrationIn(Closed):
    """A registration with the salt that its commitment hides."""

    statement: StatementIn
    salt: str = Field(pattern="^0x[0-9a-f]{64}$", examples=[_HEX32])


class ChangeIn(Closed):
    """A statement about a batch or an index."""

    statement: StatementIn


class ConfirmationOut(Closed):
    """Who recomputed an index, and in which entry it says so."""

    entry: int
    by: str
    name: str | None
    role: str
    country: str
    counts: bool = Field(description="False for the operator's own, and for a signer suspended by then.")
    why_not: str | None


class SealedIndexOut(Closed):
    """An index: of the first `size` entries, about `gtins` products. Large numbers are decimal strings."""

    entry: int
    size: str
    gtins: str
    root: str
    recorded_at: str
    confirmations: list[ConfirmationOut]
    countries: list[str] = Field(description="Countries whose confirmations count.")
    independent: bool = Field(description="Whether one of them is shown to be another than the operator's.")


class IndexOut(Closed):
    """The newest index, the newest confirmed one, and how many entries about products came after the former."""

    sealed: SealedIndexOut | None
    confirmed: SealedIndexOut | None
    new: int


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


class LineReceiptOut(Closed):
    """Where one of many statements stands in the log; the file that proves it is at `proof`."""

    entry: int
    leaf: str
    log_size: int
    recorded_at: str
    duplicate: bool
    batch: str | None
    proof: str


class LineProblemOut(Closed):
    """Why one of many statements was not taken in; as RFC 9457, with pointers into the request."""

    type: str
    title: str
    detail: str
    code: str
    errors: list[FieldProblem] | None


class LineOut(Closed):
    """What became of one line: 201 taken in, 200 it stood already, else the status of its problem."""

    index: int
    status: int
    receipt: LineReceiptOut | None
    problem: LineProblemOut | None


class StatementsOut(Closed):
    """What became of each line, in their order, and the newest signed checkpoint, which covers all that were taken."""

    taken: int
    duplicates: int
    refused: int
    lines: list[LineOut]
    checkpoint: str | None
