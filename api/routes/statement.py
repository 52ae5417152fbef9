"""Statements of any kind, many at once."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answer.schema import StatementsOut
from api.asking.many import take_many
from api.description.examples import problems
from api.description.statements import BODY
from api.guard.guard import Guarded

router = APIRouter(route_class=Guarded)


@router.post(
    "/v1/statements",
    tags=["makers"],
    summary="Send many statements",
    openapi_extra={"requestBody": BODY},
    responses={
        200: {
            "model": StatementsOut,
            "description": "The outcome of each line, in order.",
        },
        **problems(
            "malformed", "not_json", "lines", "rate_limited", "body_late", "too_large", "unavailable", "stopped"
        ),
    },
)
async def statements(request: Request) -> Response:
    """Take 1 to 1,000 signed statements of any kinds. Each gets its own receipt or problem.

    Lines are independent and taken in order. The same line again gets its first receipt (`duplicate`).
    """
    return await take_many(request)
