"""Looking a code up: any accepted form by `/v1/verify`, and printed links at their own address."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.advice import Face
from api.answer import view
from api.asking import ask_from_the_loop, unread
from api.examples import ANSWER, EXAMPLE_CODE, problems
from api.guard import Guarded
from api.negotiate import wants_page
from api.problem import problem_response
from api.reply import reply
from api.scanning import SYMBOLOGY
from api.site import Site, site
from verifier.digital_link import parse_digital_link_path
from verifier.errors import Malformed
from verifier.gs1 import Carrier
from verifier.reading import LONGEST_TEXT, ReadCode, Unreadable, read
from verifier.repair import find_repairs

router = APIRouter(route_class=Guarded)
stems = APIRouter(route_class=Guarded)  # of its own: it matches almost everything, so it comes last

MOST_CODE = 2 * LONGEST_TEXT
"""Characters of a code that are taken in at all; a code of more than half as many could not be read."""

_SYMBOLOGY = re.compile(SYMBOLOGY)


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
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    code, symbology = query.get("code"), query.get("symbology")
    if code is None or len(code) > MOST_CODE:
        got = "nothing" if code is None else f"{len(code)} characters"
        raise Malformed(f"couldn't read the code: got {got}, expected at most {MOST_CODE} characters", at="?code")
    try:
        carrier = Carrier(query.get("carrier", "text"))
    except ValueError as error:
        raise Malformed(f"couldn't read the carrier: {error}, expected {', '.join(Carrier)}", at="?carrier") from error
    if symbology is not None and not _SYMBOLOGY.fullmatch(symbology):
        raise Malformed("couldn't read the symbology: expected an AIM identifier such as ]d2", at="?symbology")
    reading = read(code, carrier=carrier, symbology=symbology)
    return reply(await ask_from_the_loop(request, reading, carrier))


@router.get(
    "/01/{rest:path}",
    tags=["look up"],
    summary="A printed link",
    responses={200: ANSWER, **problems("digital_link", "rate_limited", "unavailable")},
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
    raw_path, query = request.scope["raw_path"], request.scope["query_string"]
    # As it came over the wire: an escaped slash belongs to a lot; in the unescaped path nobody could tell.
    text = here.settings.base_url.rstrip("/") + raw_path.decode("latin-1")
    text = f"{text}?{query.decode('latin-1')}" if query else text
    try:
        parse_digital_link_path(raw_path, query)
        # Links come to a server out of QR codes; one without the signature its batch's labels bear is worth a look.
        reading = read(text, carrier=Carrier.QR)
        if not isinstance(reading, ReadCode):
            raise Malformed(reading.message, code="digital_link")
    except Malformed as error:
        return _unreadable(request, here, text, error)
    answer = await ask_from_the_loop(request, reading, Carrier.QR)
    if wants_page(request):
        return here.pages.respond("answer.html", request, answer=answer)
    return reply(answer, headers={"Vary": "Accept"})


def _unreadable(request: Request, here: Site, text: str, error: Malformed) -> Response:
    reading = Unreadable(
        text[:LONGEST_TEXT], error.code, str(error), None, find_repairs(text[:LONGEST_TEXT], Carrier.QR)
    )
    answer = view(unread(here, reading), Face.PUBLIC, here.makers, carrier=Carrier.QR)
    if wants_page(request):
        return here.pages.respond("answer.html", request, status=400, answer=answer)
    return problem_response(
        request, error, extra={key: answer[key] for key in ("verdict", "shown_as", "repairs", "next")}
    )
