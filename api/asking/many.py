"""Many statements in one request: checked by helper processes, taken in together, answered line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.guard.guard import address_of, allowance, charge
from api.http.journal import journal
from api.http.reply import reply
from api.problem.problem import members
from api.site.site import Site, site
from ledger.services.record.append import Receipt
from ledger.services.record.intake import Outcome
from ledger.services.record.lines import LINES_MAX, Line, TooMany
from verifier.errors import CarnetError, Refused, Stopped, Unavailable
from verifier.instant import format_instant


async def take_many(request: Request) -> Response:
    """Take in every line of a request that may be, and say of each what became of it.

    1. the body; 2. its lines, checked in another process; 3. the rate, by the number of lines; 4. into the log.

    Raises Denied, Malformed (no such array); Unavailable, Stopped when no line could be answered.
    """
    here = site(request)
    intake = here.ledger.intake
    if intake is None:
        raise Refused("couldn't append: this ledger was opened for reading", code="read_only")
    async with here.bodies.read(request.stream(), address_of(request)) as body:  # 1
        lines = await _checked(request, body)  # 2, 3
        outcomes = await asyncio.wrap_future(intake.take(lines))  # 4
    failed = [one for one in outcomes if isinstance(one, Unavailable | Stopped)]
    if len(failed) == len(outcomes):
        raise failed[0]
    if failed:
        journal.error("no answer", code=failed[0].code, detail=str(failed[0]), request=request.scope.get("request_id"))
    return reply(_answer(here, lines, outcomes))


async def _checked(request: Request, body: bytes) -> list[Line | CarnetError]:
    """The lines, counted against their sender; who has sent too many is refused before a signature is checked."""
    checkers = site(request).ledger.checkers
    assert checkers is not None  # noqa: S101 - wired together with the intake
    try:
        lines = await asyncio.wrap_future(checkers.check(body, min(LINES_MAX, allowance(request))))
    except TooMany as error:
        charge(request, error.lines - 1)  # this raises, unless a minute has ended just now
        return await asyncio.wrap_future(checkers.check(body, LINES_MAX))
    charge(request, len(lines) - 1)
    return lines


def _answer(here: Site, lines: Sequence[Line | CarnetError], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    shown = [_line(at, *both) for at, both in enumerate(zip(lines, outcomes, strict=True))]
    newest = here.ledger.log.latest_checkpoint()
    return {
        "taken": sum(one["status"] == 201 for one in shown),
        "duplicates": sum(one["status"] == 200 for one in shown),
        "refused": sum(one["problem"] is not None for one in shown),
        "lines": shown,
        "checkpoint": newest[1].decode() if newest is not None else None,
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
