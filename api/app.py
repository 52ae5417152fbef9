"""The application: every route behind the guard, one site, one envelope."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api.answer.makers import Makers
from api.description.openapi import completed
from api.guard.access import OPEN_NETWORK
from api.guard.direct import DIRECT, Direct
from api.guard.envelope import Envelope
from api.guard.guard import Guarded
from api.http.metrics import Metrics
from api.pages.page import ASSETS, Pages
from api.problem.problem import install_problems
from api.routes import (
    batch,
    docs,
    index,
    ledger,
    log,
    officer,
    page,
    participant,
    proof,
    scan,
    segment,
    session,
    statement,
    status,
    token,
    verify,
)
from api.site.bodies import Bodies
from api.site.limiter import Limiter
from api.site.settings import ApiSettings
from api.site.site import Site
from api.site.upload import Pace, Uploads

if TYPE_CHECKING:
    from ledger.opened import Ledger

ROUTERS: tuple[APIRouter, ...] = (
    verify.router,  # first: they are tried in this order, and this is what is asked for most
    page.router,
    log.router,
    participant.router,
    batch.router,
    index.router,
    statement.router,
    proof.router,
    segment.router,
    scan.router,
    officer.router,
    session.router,
    ledger.router,
    token.router,
    status.router,
    docs.router,
    verify.stems,
)
"""Every route there is."""

_NAVIGATION = (("/", "Look up"), ("/participants", "Participants"), ("/ledger", "Ledger"), ("/docs", "API"))
_READS = ("GET", "HEAD")
_OFFICERS = ("/officer", "Officers")


class Carnet(FastAPI):
    """FastAPI with the envelope around everything, error pages included."""

    def __init__(self, site: Site) -> None:
        super().__init__(
            title="Carnet",
            version=version("carnet"),
            summary="A permissioned provenance ledger: what a printed code says, and how to prove it.",
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
        )
        self.state.site = site
        self._envelope = Envelope(self._answer, site.metrics, site.settings.secure)
        self._direct: dict[str, Direct] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._envelope(scope, receive, send)

    def serve_directly(self) -> None:
        """Give the busiest routes their short way, unless requests are traced."""
        if not self._native_telemetry.enabled():
            routes = (route for route in self.routes if isinstance(route, Guarded) and route.path in DIRECT)
            self._direct = {route.path: Direct(self, route) for route in routes}

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _READS and (direct := self._direct.get(scope["path"])):
            await direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The description, completed by what the guard and this server know."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi(), self.state.site.settings.base_url)
        return self.openapi_schema


def create_app(ledger: Ledger, *, settings: ApiSettings, ready: Callable[[], bool] = lambda: True) -> Carnet:
    """The application over an opened ledger. `ready`: asked by `/readyz`, for whoever has more to set up.

    Serve it with one process: rate limits and pending look-ups live in its memory, as the log's writer does.
    """
    sequencer = ledger.sequencer
    metrics = Metrics(
        log_size=lambda: float(ledger.record.size),
        writer_up=lambda: float(sequencer is not None and sequencer.stopped is None),
    )
    site = Site(
        ledger=ledger,
        settings=settings,
        limiter=Limiter(settings),
        metrics=metrics,
        pages=_pages(ledger, settings),
        makers=Makers(ledger.participants),
        uploads=Uploads(settings.uploads_at_once, _pace(settings)),
        photos=asyncio.Semaphore(settings.photos_at_once),
        bodies=Bodies(),
        ready=ready,
    )
    app = Carnet(site)
    # Extended, not included: an included router would build its routes anew, without the guard.
    app.router.routes.extend(
        route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and (not settings.public_only or _is_open(route))
    )
    install_problems(app)
    app.serve_directly()
    return app


def _pace(settings: ApiSettings) -> Pace:
    return Pace(settings.upload_rate, settings.upload_seconds, settings.upload_grace, settings.upload_wait)


def _is_open(route: APIRoute) -> bool:
    return all((method, route.path) in OPEN_NETWORK for method in route.methods or ())


def _pages(ledger: Ledger, settings: ApiSettings) -> Pages:
    navigation = _NAVIGATION if settings.public_only else (*_NAVIGATION, _OFFICERS)
    content = b"".join(file.read_bytes() for file in sorted(ASSETS.iterdir()) if file.is_file())
    pages = Pages(
        {
            "navigation": navigation,
            "origin": ledger.founding.origin,
            "pin": ledger.founding.pin.hex(),
            "asset_version": hashlib.sha256(content).hexdigest()[:12],
        }
    )
    pages.use_icons("icons", "_icons.html")
    return pages
