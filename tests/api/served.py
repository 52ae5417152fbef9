"""A real server for tests: a founded ledger with two makers and a handful of batches behind uvicorn on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from ledger_world import MadeBatch, World, gtin

from api.app import create_app
from api.site.settings import ApiSettings, Rate
from ledger.keys.store import EvmKey
from ledger.opened import Ledger
from ledger.services.scans.token import Scope
from tests.listening import listening
from verifier.reading.digital_link import format_digital_link
from verifier.record.participant import Role

PREFIX = "9521234"
OTHER_PREFIX = "9527777"
WATCH, BUCKLE, STRAP = (gtin(PREFIX, item) for item in (1, 2, 3))
UNLIMITED = dict.fromkeys(Rate, "100000/minute")


@dataclass
class Stage:
    """A ledger with something in it. `batch` is live, `recalled` is recalled, `dutch` is declared for NL only."""

    world: World
    ledger: Ledger
    maker: EvmKey
    carrier: EvmKey
    batch: MadeBatch
    recalled: MadeBatch
    dutch: MadeBatch
    unlabelled: MadeBatch

    @classmethod
    def set(cls, world: World, ledger: Ledger) -> Stage:
        """Admit and register."""
        maker = world.maker(ledger, "Aurora", PREFIX)
        world.maker(ledger, "Borealis", OTHER_PREFIX, "BR")
        carrier = world.admit(ledger, "Carrus", Role.CARRIER, "KE")
        batch = world.register(ledger, maker, WATCH, "L/1%A", units=40)
        recalled = world.register(ledger, maker, WATCH, "L2")
        world.recall(ledger, maker, recalled)
        dutch = world.register(ledger, maker, BUCKLE, "NL1", markets=["NL"], expires="2031-01-31")
        assert ledger.publisher is not None
        ledger.publisher.round()
        unlabelled = world.register(ledger, maker, STRAP, "U1", labelKey="0x" + "00" * 32, labelCarriers=[])
        return cls(world, ledger, maker, carrier, batch, recalled, dutch, unlabelled)

    def link(self, batch: MadeBatch, serial: str, base: str = "https://id.example", *, signed: bool = True) -> str:
        """A printed link."""
        signature = self.world.label(self.ledger, batch, serial) if signed else None
        return format_digital_link(base, batch.gtin, batch.lot, serial, signature)

    def token(self, *scopes: Scope | str, country: str | None = "NL") -> dict[str, str]:
        """Headers with a fresh token."""
        return {"Authorization": "Bearer " + self.ledger.tokens.issue("tester", scopes, country)}


@contextmanager
def client(ledger: Ledger, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a fresh server over a ledger, without rate limits unless `rates` says otherwise."""
    given = {"base_url": "http://127.0.0.1", "rates": UNLIMITED, **settings}
    with (
        listening(create_app(ledger, settings=ApiSettings(**given))) as address,
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        yield http


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage in a fresh home."""
    world = World.found(folder / "home")
    with world.open() as ledger:
        yield Stage.set(world, ledger)
