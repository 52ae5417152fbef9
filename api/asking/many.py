"""Many statements in one request: checked by helper processes, taken in together, answered line by line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.guard.access import STATEMENT_BODY
from api.guard.guard import address_of, allowance, charge
from api.http.journal import journal
from api.http.reply import ascii_reply
from api.problem.problem import members
from api.site.site import Site, site
from ledger.services.record.append import Receipt
from ledger.services.record.checkers import Checked, Checkers
from ledger.services.record.intake import Intake, Outcome
from ledger.services.record.lines import LINES_MAX, Line, TooMany
from verifier.errors import CarnetError, Refused, Stopped, Unavailable
from verifier.instant import format_instant

Taken = tuple[list[Line | CarnetError], list[Outcome]]
"""Lines as they were read, and what became of each."""


async def take_many(request: Request) -> Response:
    """Take every valid line of a request, and report the outcome of each.

    1. the body; 2. the rate, by its lines and bytes; 3. its lines, checked in another process; 4. into the log.

    Raises Denied, Malformed (no such array); Unavailable, Stopped when no line could be answered.
    """
    here = site(request)
    intake = here.ledger.intake
    if intake is None:
        raise Refused("couldn't append: this ledger was opened for reading", code="read_only")
    async with _body(request) as body:  # 1
        lines, outcomes = await _one(here, intake, body) or await _several(request, intake, body)  # 2-4
    failed = [one for one in outcomes if isinstance(one, Unavailable | Stopped)]
    if len(failed) == len(outcomes):
        raise failed[0]
    if failed:
        journal.error("no answer", code=failed[0].code, detail=str(failed[0]), request=request.scope.get("request_id"))
    return ascii_reply(_answer(here, lines, outcomes))


@asynccontextmanager
async def _body(request: Request) -> AsyncIterator[bytes]:
    """The whole body: a small one as other routes take it, a large one within the room for them."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) <= STATEMENT_BODY:
        yield await request.body()
        return
    async with site(request).bodies.read(request.stream(), address_of(request)) as body:
        yield body


async def _one(here: Site, intake: Intake, body: bytes) -> Taken | None:
    """A body of one line, which the guard has counted: from its check straight into the log. None if it has more."""
    if body.count(b'"signature"') != 1:
        return None
    answer, put = here.mailbox.future()
    wake = here.mailbox.wake

    def checked(done: Future[Checked]) -> None:
        try:
            lines = done.result()
            intake.take(lines, lambda outcomes: put((lines, outcomes)), wake)
        except BaseException as error:  # raised again where it is waited for
            put(error)
            wake()

    _checkers(here).check(body, 1).add_done_callback(checked)
    try:
        taken: Taken = await answer
    except TooMany:
        return None
    return taken


async def _several(request: Request, intake: Intake, body: bytes) -> Taken:
    here = site(request)
    lines = await _checked(request, body)
    answer, put = here.mailbox.future()
    await run_in_threadpool(intake.take, lines, put, here.mailbox.wake)
    return lines, await answer


def _checkers(here: Site) -> Checkers:
    checkers = here.ledger.checkers
    assert checkers is not None  # noqa: S101 - wired together with the intake
    return checkers


async def _checked(request: Request, body: bytes) -> list[Line | CarnetError]:
    """The lines, counted against their sender. A sender of too many is refused before a signature is checked."""
    checkers = _checkers(site(request))
    # Charged before anything is checked, by what the bytes look like: else many at once would all be checked first.
    claimed = min(LINES_MAX, max(1, body.count(b'"statement"'), -(-len(body) // STATEMENT_BODY)))
    charge(request, claimed - 1)
    try:
        most = min(LINES_MAX, claimed - 1 + allowance(request))
        lines = await asyncio.wrap_future(checkers.check(body, most))
    except TooMany as error:
        charge(request, error.lines - claimed)  # this raises, unless a minute has ended just now
        return await asyncio.wrap_future(checkers.check(body, LINES_MAX))
    charge(request, len(lines) - claimed)
    return lines


def _answer(here: Site, lines: Sequence[Line | CarnetError], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    shown = [_line(at, *both) for at, both in enumerate(zip(lines, outcomes, strict=True))]
    return {
        "taken": sum(one["status"] == 201 for one in shown),
        "duplicates": sum(one["status"] == 200 for one in shown),
        "refused": sum(one["problem"] is not None for one in shown),
        "lines": shown,
        "checkpoint": here.newest.note(),
    }


def _line(at: int, line: Line | CarnetError, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, CarnetError):
        problem = members(outcome, f"{at}/")
        return {"index": at, "status": problem.pop("status"), "receipt": None, "problem": problem}
    assert isinstance(line, Line)  # noqa: S101 - what was refused before has no receipt
    return {
        "index": at,
        "status": 200 if outcome.duplicate else 201,
        "receipt": {
            "entry": outcome.index,
            "leaf": "0x" + outcome.leaf.hex(),
            "log_size": outcome.size,
            "recorded_at": format_instant(outcome.recorded_at),
            "duplicate": outcome.duplicate,
            "batch": _batch(line, outcome),
            "proof": f"/v1/proofs/entries/{outcome.index}",
        },
        "problem": None,
    }


def _batch(line: Line, receipt: Receipt) -> str | None:
    if line.salt is not None:  # a registration
        return "0x" + receipt.leaf.hex()
    batch: str | None = line.statement.body.get("batch")
    return batch
