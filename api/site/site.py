"""The site: what every route needs, made once for an application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from api.answer.makers import Makers
from api.http.denied import Denied
from api.http.metrics import Metrics
from api.pages.page import Pages
from api.question.told import host_of
from api.site.bodies import Bodies
from api.site.limiter import Limiter
from api.site.settings import ApiSettings
from api.site.upload import Uploads
from ledger.services.scans.token import Caller

if TYPE_CHECKING:
    from ledger.opened import Ledger


@dataclass(frozen=True, slots=True)
class Site:
    """One listener's parts. `ready`: whether whoever started it has finished setting the stage."""

    ledger: Ledger
    settings: ApiSettings
    limiter: Limiter
    metrics: Metrics
    pages: Pages
    makers: Makers
    uploads: Uploads
    photos: asyncio.Semaphore
    bodies: Bodies
    ready: Callable[[], bool]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host of the ledger's own links, by which a piece of one is known."""
        return host_of(self.settings.base_url)


def site(request: Request) -> Site:
    """The site that a request came to."""
    found: Site = request.app.state.site
    return found


def caller_or_none(request: Request) -> Caller | None:
    """Who calls, when a token or session was shown and is good."""
    found: Caller | None = request.scope.get("caller")
    return found


def caller_of(request: Request) -> Caller:
    """Who calls a route that nobody enters unknown."""
    found = caller_or_none(request)
    if found is None:
        raise Denied("couldn't tell who is calling", code="unauthenticated")
    return found
