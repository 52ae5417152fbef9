"""Pages for everybody, the style sheet and the script."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api.asking.asking import ask_from_the_loop
from api.guard.guard import Guarded
from api.http.content import FRESH, IMMUTABLE, content, packed
from api.http.negotiate import wants_page
from api.http.reply import reply
from api.pages.page import ASSETS
from api.problem.kind import Problem
from api.problem.texts import CLASSES, CODES
from api.question.parameters import context_said
from api.question.told import Symbol, Told, understand
from api.routes.ledger import about
from api.site.site import site
from verifier.errors import NotFound
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import LONGEST_TEXT
from verifier.verdict.facts import Context
from verifier.verdict.reason import CAVEAT, SHOWN_AS, Verdict

router = APIRouter(route_class=Guarded, include_in_schema=False)

MEANINGS: Mapping[Verdict, str] = {
    Verdict.REGISTERED: "Its maker registered this code, and nothing on record speaks against it.",
    Verdict.CHECK: "Something does not fit, or could not be known. The answer says what.",
    Verdict.STOP: "Recalled, reported stolen or destroyed, or the label contradicts the register.",
    Verdict.NOT_REGISTERED: "The company is here, and this code is not among its units.",
    Verdict.OUTSIDE: "Nobody here answers for this company. This says nothing about the item.",
    Verdict.UNREADABLE: "No well-formed code came in. This says nothing about the item.",
}
"""What each answer means, in one sentence."""

_ASSETS: Mapping[str, str] = {
    "carnet.css": "text/css; charset=utf-8",
    **dict.fromkeys(("wedge.js", "queue.js", "officer.js", "receipts.js"), "text/javascript; charset=utf-8"),
    "carnet.svg": "image/svg+xml",
}


@router.get("/")
async def home(
    request: Request,
    code: Annotated[str | None, Query(max_length=2 * LONGEST_TEXT)] = None,
    carrier: Carrier = Carrier.TEXT,
    context: Context = Context.UNKNOWN,
) -> Response:
    """The form for a code, or its answer. `carrier`: the code's carrier, if a link was repaired."""
    here = site(request)
    if code is not None and code.strip():
        said = context_said(request, context)
        question = understand(Told((Symbol(code, carrier),), context=said, hosts=here.hosts))
        page = wants_page(request)  # before anything is counted
        answer = await ask_from_the_loop(request, question)
        return here.pages.respond("answer.html", request, answer=answer) if page else reply(answer)
    verdicts = [(verdict.value, SHOWN_AS[verdict], meaning) for verdict, meaning in MEANINGS.items()]
    return here.pages.respond("home.html", request, verdicts=verdicts, caveat=CAVEAT)


@router.get("/participants")
async def participants(request: Request) -> Response:
    """Who is admitted."""
    here = site(request)
    listed = here.ledger.participants.list()
    return await packed(request, here.pages.respond("participants.html", request, participants=listed))


@router.get("/batches/{batch_id}")
async def batch(request: Request, batch_id: str) -> Response:
    """One batch."""
    here = site(request)
    found = here.ledger.batches.describe(here.ledger.batches.find(batch_id))
    return await packed(request, here.pages.respond("batch.html", request, batch=found))


@router.get("/ledger")
async def ledger(request: Request) -> Response:
    """The founding pin, and the state of the log."""
    here = site(request)
    return await packed(request, here.pages.respond("ledger.html", request, ledger=about(here)))


@router.get("/problems")
async def problems(request: Request) -> Response:
    """Every kind of problem."""
    listed = sorted(_problems().items())
    return await packed(request, site(request).pages.respond("problems.html", request, listed=listed))


@router.get("/problems/{code}")
async def problem(request: Request, code: str) -> Response:
    """One kind of problem: where the `type` of a problem leads."""
    found = _problems().get(code)
    if found is None:
        raise NotFound(f"couldn't find a problem named {code[:40]}", code="route")
    if wants_page(request):
        return site(request).pages.respond("problem_kind.html", request, code=code, problem=found)
    return reply({"type": f"/problems/{code}", "title": found.title, "status": found.status, "advice": found.advice})


@router.get("/web/{name}")
async def asset(request: Request, name: str) -> Response:
    """The style sheet, the scripts, the icon. With `?<version>`, as our pages name them, they never change."""
    if name not in _ASSETS:
        raise NotFound(f"couldn't find {name[:40]}", code="route")
    version = site(request).pages.asset_version
    headers = IMMUTABLE if request.scope["query_string"] == version.encode() else FRESH
    return await content(request, _asset(name), _ASSETS[name], headers, packs=True)


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Browsers ask for it even if no page names it."""
    return RedirectResponse("/web/carnet.svg", 308)


@cache
def _asset(name: str) -> bytes:
    return (ASSETS / name).read_bytes()


def _problems() -> dict[str, Problem]:
    return {**{cls.default_code: problem for cls, problem in CLASSES.items()}, **CODES}
