"""The stage: an opened demo ledger with everything the page and its buttons need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp

from api.app import create_app
from api.demo.own import OwnBatch
from api.demo.phone import Phone
from api.demo.readiness import missing
from api.demo.state import DemoState
from api.demo.watch import Lookups, watched
from api.demo.witnesses import DemoWitnesses
from api.site.settings import ApiSettings
from ledger.opened import Ledger
from ledger.services.scans.token import OFFICER_SCOPES, Tokens


def sign_in_link(tokens: Tokens) -> str:
    """The path of a fresh one-time link for an officer in Rotterdam."""
    return f"/officer/sign-in?code={tokens.one_time_link('officer NLRTM', OFFICER_SCOPES, 'NL')}"


@dataclass(slots=True)
class Stage:
    """One running demo. `base_url` is where this page is; `results` holds the last outcome of each button."""

    ledger: Ledger
    state: DemoState
    base_url: str
    witnesses: DemoWitnesses = field(default_factory=DemoWitnesses)
    phone: Phone = field(default_factory=Phone)
    lookups: Lookups = field(default_factory=Lookups)
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    own: dict[str, OwnBatch] = field(default_factory=dict)
    sign_in: str | None = None
    phone_host: str | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    main: ASGIApp = field(init=False)
    _ready: bool = False

    def __post_init__(self) -> None:
        app = create_app(self.ledger, settings=ApiSettings(self.base_url), ready=self.ready)
        self.main = watched(app, lambda path: self.lookups.note(path, phone=False))

    @property
    def link_base(self) -> str:
        """Scheme and host of the codes on the page: the network listener's while it is open."""
        return self.phone.url or self.base_url

    def public_app(self, url: str) -> ASGIApp:
        """The application for the network listener: reading, and nothing that signs in."""
        app = create_app(self.ledger, settings=ApiSettings(url, public_only=True), ready=self.ready)
        return watched(app, lambda path: self.lookups.note(path, phone=True))

    def client(self) -> httpx.AsyncClient:
        """A client of our own routes, as an officer's device is one."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.main), base_url=self.base_url)

    def keep(self, state: DemoState) -> None:
        """Continue with a changed state, and save it."""
        state.save(self.ledger.home.path)
        self.state = state

    def ready(self) -> bool:
        """Whether every planted case has been there once; checked until then."""
        if not self._ready:
            self._ready = self.state.complete and not missing(self.ledger, self.state, self.base_url)
        return self._ready
