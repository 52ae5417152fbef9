"""The demo's own routes, in front of the application: the page, its live part, its buttons."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer.words import grouped, moment, short
from api.demo.actions import copy_the_label, let_phone_in, rewrite_history, use_serials
from api.demo.cast import MOMBASA
from api.demo.copying import scan
from api.demo.stage import Stage, sign_in_link
from api.demo.story import CASES
from api.demo.view import asked, live, still
from api.guard.envelope import CONTENT_SECURITY_POLICY
from api.pages.page import TEMPLATES, finalize
from verifier.errors import CarnetError

FOLDER = Path(__file__).parent
ARRIVAL_SECONDS = 6.0
"""After a label was first seen on the page, its carton arrives in Mombasa and an officer scans it."""
PANELS = ("phone", "copy", "rewrite", "serials")
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Front:
    """The demo in front of the application. It answers `/demo`, redirects `/` there, and passes on everything else."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pages = _environment()
        self._arriving: dict[str, asyncio.Task[None]] = {}
        self._own: ASGIApp = Starlette(
            routes=[
                Route("/demo", self.page),
                Route("/demo/live", self.live),
                Route("/demo/labels/{lot}.pdf", self.labels),
                Route("/demo/cases/{slug}", self.case),
                Route("/demo/{panel}", self.act, methods=["POST"]),
                Mount("/demo/static", StaticFiles(directory=FOLDER / "static")),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _for_demo(scope):
            await self._stage.main(scope, receive, send)
        elif scope["path"] == "/":
            await RedirectResponse("/demo", 307)(scope, receive, send)
        elif not _is_ours(Request(scope)):
            await PlainTextResponse("this page is for this computer only", 403)(scope, receive, send)
        else:
            await self._own(scope, receive, send)

    async def page(self, request: Request) -> Response:
        """The landing page, with one panel open if asked for."""
        show = request.query_params.get("show", "")
        return await self._page(self._panel(show, {}) if show in PANELS else "")

    async def _page(self, panel: str) -> Response:
        values = {"live": await self._live(), "panel": panel}
        return self._respond("demo.html", **still(self._stage), **values)

    async def case(self, request: Request) -> Response:
        """A planted case, asked anew."""
        case = next((case for case in CASES if case.slug == request.path_params["slug"]), None)
        if case is None:
            return PlainTextResponse("there is no such case", 404)
        panel = self._render("_case.html", **await run_in_threadpool(asked, self._stage, case))
        if _by_script(request):
            return HTMLResponse(panel, headers=_HEADERS)
        return await self._page(panel)

    async def live(self, request: Request) -> Response:
        """The part of the page that changes; 304 if it has not changed."""
        shown = self._render("_live.html", **await self._live())
        tag = f'"{hashlib.sha256(shown.encode()).hexdigest()[:24]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304)
        return HTMLResponse(shown, headers={**_HEADERS, "ETag": tag, "Cache-Control": "no-cache"})

    async def act(self, request: Request) -> Response:
        """One button. A script gets the panel alone, a browser without script the page with it."""
        name = request.path_params["panel"]
        acts: Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]] = {
            "phone": lambda: let_phone_in(self._stage),
            "copy": lambda: copy_the_label(self._stage),
            "rewrite": lambda: rewrite_history(self._stage),
            "serials": lambda: self._use_serials(request),
        }
        if name == "officer":
            return RedirectResponse(sign_in_link(self._stage.ledger.tokens), 303)
        if name in ("next", "stop-phone"):
            return await self._step(name, request)
        if name not in acts:
            return PlainTextResponse("there is no such button", 404)
        async with self._stage.busy:
            try:
                outcome: Mapping[str, Any] = {"error": None, **await acts[name]()}
            except CarnetError as error:
                outcome = {"error": str(error), "pasted": str((await request.form()).get("serials", ""))}
        self._stage.results[name] = outcome
        return self._panel_response(name, request)

    async def labels(self, request: Request) -> Response:
        """A visitor's labels as a sheet."""
        own = self._stage.own.get(request.path_params["lot"])
        if own is None:
            return PlainTextResponse("these labels were made before the demo was started anew", 404)
        pdf = await run_in_threadpool(own.pdf, self._stage.link_base)
        headers = {"Content-Disposition": f'inline; filename="labels-{own.run.lot}.pdf"'}
        return Response(pdf, media_type="application/pdf", headers=headers)

    async def _use_serials(self, request: Request) -> Mapping[str, Any]:
        form = await request.form(max_files=0, max_fields=2)
        text = str(form.get("serials", ""))[:2_000]
        return await use_serials(self._stage, text)

    async def _step(self, name: str, request: Request) -> Response:
        """Actions that change the page without a panel: a fresh label, closing the listener."""
        if name == "next":
            self._stage.keep(self._stage.state.next_label())
            self._stage.results.pop("copy", None)
        else:
            await self._stage.phone.close()
            self._stage.results.pop("phone", None)
        if _by_script(request):
            return HTMLResponse("", headers=_HEADERS)
        return RedirectResponse("/demo", 303)

    def _panel_response(self, name: str, request: Request) -> Response:
        if _by_script(request):
            return HTMLResponse(self._panel(name, {}), headers=_HEADERS)
        return RedirectResponse(f"/demo?show={name}#panel", 303)

    def _panel(self, name: str, more: Mapping[str, Any]) -> str:
        outcome = {"outcome": self._stage.results.get(name), "stage": self._stage, **more}
        return self._render(f"_{name}.html", **outcome)

    async def _live(self) -> dict[str, Any]:
        shown = await run_in_threadpool(live, self._stage)
        if not shown["answer"]["seen"]["times"]:
            self._expect_arrival()
        return shown

    def _expect_arrival(self) -> None:
        """The carton with the label on the page is on its way; once for each label."""
        label = self._stage.state.label
        if label.serial not in self._arriving:
            self._arriving[label.serial] = asyncio.create_task(self._arrive(label.link(self._stage.base_url)))

    async def _arrive(self, code: str) -> None:
        await asyncio.sleep(ARRIVAL_SECONDS)
        async with self._stage.client() as client:
            await scan(client, self._stage.ledger.tokens, code, MOMBASA)

    def _render(self, template: str, **values: Any) -> str:
        return self._pages.get_template(template).render(**values)

    def _respond(self, template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._render(template, **values), headers=_HEADERS)


def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(FOLDER / "templates"), FileSystemLoader(TEMPLATES)]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": moment, "short": short, "grouped": grouped}
    content = b"".join(file.read_bytes() for file in sorted((FOLDER / "static").iterdir()))
    environment.globals["version"] = hashlib.sha256(content).hexdigest()[:12]
    environment.globals["icons"] = environment.get_template("_icons.html").module
    return environment


def _for_demo(scope: Scope) -> bool:
    """Our own paths, and the start page where no code is asked about there."""
    path = scope["path"]
    start = path == "/" and scope["method"] in ("GET", "HEAD") and not scope["query_string"]
    return bool(start or path == "/demo" or path.startswith("/demo/"))


def _is_ours(request: Request) -> bool:
    """Whether the request comes from this computer, for this page, and not from another site's page.

    The host name is checked because any site can point a name of its own at 127.0.0.1.
    """
    host = request.headers.get("host", "")
    if not _from_loopback(request) or host.rpartition(":")[0] not in _LOOPBACK:
        return False
    origin = request.headers.get("origin")
    return request.method in ("GET", "HEAD") or origin is None or urlsplit(origin).netloc == host


def _from_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _by_script(request: Request) -> bool:
    return request.headers.get("x-part") == "panel"
