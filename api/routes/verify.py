"""Looking a code up: any accepted form by `/v1/verify`, and printed links at their own address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answer.advice import Face
from api.answer.answer import view
from api.asking.asking import ask, ask_from_the_loop
from api.description.examples import ANSWER, EXAMPLE_CODE, problems
from api.guard.guard import Guarded
from api.http.negotiate import wants_page
from api.http.reply import reply
from api.problem.problem import problem_response
from api.question.parameters import SYMBOLOGY, carrier_of, context_of, context_said, symbology_of
from api.question.told import Symbol, Told, understand
from api.site.site import Site, site
from ledger.services.scans.question import Question
from verifier.errors import Malformed
from verifier.reading.digital_link import parse_digital_link_path
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import LONGEST_TEXT, ReadCode, Unreadable
from verifier.reading.repair import find_repairs
from verifier.verdict.facts import Context

router = APIRouter(route_class=Guarded)
stems = APIRouter(route_class=Guarded)  # of its own: it matches almost everything, so it comes last

MOST_CODE = 2 * LONGEST_TEXT
"""Characters of a code that are taken in at all; a code of more than half as many could not be read."""


CONTEXT_PARAMETER: dict[str, Any] = {
    "name": "context",
    "in": "query",
    "description": "Where in its life the item is. Not said is taken as offered for sale; only `owner` says it is not.",
    "schema": {"type": "string", "enum": [context.value for context in Context], "default": "unknown"},
}

# Read by hand, the parameters cost a tenth of what their declaration would: this is the busiest route there is.
_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "code",
        "in": "query",
        "required": True,
        "description": "The code as read, percent-encoded.",
        "schema": {"type": "string", "maxLength": MOST_CODE, "examples": [EXAMPLE_CODE]},
    },
    {
        "name": "carrier",
        "in": "query",
        "description": "What bore the code; `text` when it was typed.",
        "schema": {"type": "string", "enum": [carrier.value for carrier in Carrier], "default": "text"},
    },
    {
        "name": "symbology",
        "in": "query",
        "description": "The device's AIM identifier, such as `]d2`.",
        "schema": {"type": "string", "pattern": SYMBOLOGY},
    },
    CONTEXT_PARAMETER,
]


@router.get(
    "/v1/verify",
    tags=["look up"],
    summary="Look a code up",
    responses={200: ANSWER, **problems("malformed", "rate_limited", "unavailable")},
    openapi_extra={"parameters": _PARAMETERS},
)
async def verify(request: Request) -> Response:
    """Answer for a code in any accepted form: Digital Link, element string, bracketed text, SGTIN URN or GTIN.

    Every verdict is a 200. Looking up is counted for registered units and never moves a verdict.
    """
    query = _parameters(request.scope["query_string"].decode("latin-1"))
    code = query.get("code")
    if code is None or len(code) > MOST_CODE:
        got = "nothing" if code is None else f"{len(code)} characters"
        raise Malformed(f"couldn't read the code: got {got}, expected at most {MOST_CODE} characters", at="?code")
    symbol = Symbol(code, carrier_of(query.get("carrier")), symbology_of(query.get("symbology")))
    told = Told((symbol,), context=context_of(query.get("context")), hosts=site(request).hosts)
    return reply(await ask_from_the_loop(request, understand(told)))


def _parameters(query: str) -> dict[str, str]:
    """The query's parameters; mostly the code is the only one, and needs no list made of it."""
    if query.startswith("code=") and "&" not in query:
        return {"code": unquote_plus(query[5:])}
    return dict(parse_qsl(query, keep_blank_values=True))


@router.get(
    "/01/{rest:path}",
    tags=["look up"],
    summary="A printed link",
    responses={200: ANSWER, **problems("digital_link", "rate_limited", "unavailable")},
    openapi_extra={"parameters": [CONTEXT_PARAMETER]},
)
async def resolve(request: Request) -> Response:
    """The answer for a GS1 Digital Link on this host, as a page or, by `Accept: application/json`, as JSON.

    A link that breaks GS1 syntax is a 400 with `verdict: unreadable`.
    """
    return await _resolve(request)


@stems.get("/{stem:path}/01/{rest:path}", include_in_schema=False)
async def resolve_with_stem(request: Request) -> Response:
    """The same below a stem."""
    return await _resolve(request)


async def _resolve(request: Request) -> Response:
    here = site(request)
    raw_path, (query, context) = request.scope["raw_path"], _without_context(request.scope["query_string"])
    # As it came over the wire: an escaped slash belongs to a lot; in the unescaped path nobody could tell.
    text = here.settings.base_url.rstrip("/") + raw_path.decode("latin-1")
    text = f"{text}?{query.decode('latin-1')}" if query else text
    # Links come to a server out of QR codes; one without the signature its batch's labels bear is worth a look.
    said = context_said(request, context_of(context))
    question = understand(Told((Symbol(text, Carrier.QR),), context=said, hosts=here.hosts))
    try:
        parse_digital_link_path(raw_path, query)
        if not isinstance(question.reading, ReadCode):
            raise Malformed(question.reading.message, code="digital_link")
    except Malformed as error:
        return _unreadable(request, here, text, question, error)
    page = wants_page(request)  # before anything is counted
    answer = await ask_from_the_loop(request, question)
    return here.pages.respond("answer.html", request, answer=answer) if page else reply(answer)


def _without_context(query: bytes) -> tuple[bytes, str | None]:
    """The query of a printed link, and what was answered to the question whether the item is for sale."""
    if b"context=" not in query:
        return query, None
    parts = query.split(b"&")
    own = [part for part in parts if part.startswith(b"context=")]
    printed = b"&".join(part for part in parts if part not in own)
    return printed, unquote_plus(own[-1].partition(b"=")[2].decode("latin-1")) if own else None


def _unreadable(request: Request, here: Site, text: str, question: Question, error: Malformed) -> Response:
    text = text[:LONGEST_TEXT]
    reading = Unreadable(text, error.code, str(error), None, find_repairs(text, Carrier.QR))
    answer = view(ask(here.ledger, replace(question, reading=reading)), Face.PUBLIC, here.makers)
    if wants_page(request):
        return here.pages.respond("answer.html", request, status=400, answer=answer)
    return problem_response(
        request, error, extra={key: answer[key] for key in ("verdict", "shown_as", "repairs", "next")}
    )
