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
            "description": "What became of each line, in their order.",
        },
        **problems(
            "malformed", "not_json", "lines", "rate_limited", "body_late", "too_large", "unavailable", "stopped"
        ),
    },
)
async def statements(request: Request) -> Response:
    """Take in 1 to 1,000 signed statements of any kinds, each with a receipt or a problem of its own.

    Lines are independent: one that is refused takes no other along. They are taken in their order, as many at once as
    are about different batches. The same line again gets its first receipt (`duplicate`), so a request that was not
    answered is simply sent again.
    """
    return await take_many(request)
