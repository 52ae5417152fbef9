"""Looking a code up: any accepted form by `/v1/verify`, and printed links at their own address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.advice import Face
from api.answer import view
from api.asking import ask_publicly, unread
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


@router.get(
    "/v1/verify",
    tags=["look up"],
    summary="Look a code up",
    responses={200: ANSWER, **problems("rate_limited", "unavailable")},
)
async def verify(
    request: Request,
    code: Annotated[
        str,
        Query(max_length=2 * LONGEST_TEXT, description="The code as read, percent-encoded.", examples=[EXAMPLE_CODE]),
    ],
    carrier: Annotated[Carrier, Query(description="What bore the code; `text` when it was typed.")] = Carrier.TEXT,
    symbology: Annotated[str | None, Query(pattern=SYMBOLOGY, description="AIM identifier, such as `]d2`.")] = None,
) -> Response:
    """Answer for a code in any accepted form: Digital Link, element string, bracketed text, SGTIN URN or GTIN.

    Every verdict is a 200. Looking up is counted for registered units and never moves a verdict.
    """
    reading = read(code, carrier=carrier, symbology=symbology)
    return reply(ask_publicly(site(request), reading, carrier))


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
    return _resolve(request)


@router.get("/{stem:path}/01/{rest:path}", include_in_schema=False)
async def resolve_with_stem(request: Request) -> Response:
    """The same below a stem."""
    return _resolve(request)


def _resolve(request: Request) -> Response:
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
    answer = ask_publicly(here, reading, Carrier.QR)
    if wants_page(request):
        return here.pages.respond("answer.html", request, answer=answer)
    return reply(answer, headers={"Vary": "Accept"})


def _unreadable(request: Request, here: Site, text: str, error: Malformed) -> Response:
    reading = Unreadable(
        text[:LONGEST_TEXT], error.code, str(error), None, find_repairs(text[:LONGEST_TEXT], Carrier.QR)
    )
    answer = view(unread(here, reading), Face.PUBLIC, here.ledger.participants, carrier=Carrier.QR)
    if wants_page(request):
        return here.pages.respond("answer.html", request, status=400, answer=answer)
    return problem_response(
        request, error, extra={key: answer[key] for key in ("verdict", "shown_as", "repairs", "next")}
    )
