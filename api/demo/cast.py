"""The cast of the demo: organisations, places and goods. Names are invented; prefixes are GS1's for examples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from verifier.record.participant import Role

ORIGIN = "carnet.example/demo"
"""The demo log's name, signed into every statement."""


class Batch(StrEnum):
    """The demo's batches by the part they play."""

    HERO = "hero"
    ROUTE = "route"
    RECALLED = "recalled"
    EXPIRED = "expired"
    BEARING = "bearing"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a code is scanned: UN/LOCODE, country (alpha-2), degrees north and east."""

    name: str
    unlocode: str
    country: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation of the demo. `key` is the name of its key in the home."""

    key: str
    name: str
    role: Role
    country: str
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch to register: `item` makes the GTIN under the maker's prefix, `expires_in` counts days from today."""

    batch: Batch
    maker: Member
    item: int
    product: str
    lot: str
    units: int
    markets: tuple[str, ...] = ()
    expires_in: int | None = None
    imported: bool = False

    def expires(self) -> str:
        """The expiry date as a registration takes it: YYYY-MM-DD or nothing."""
        if self.expires_in is None:
            return ""
        return (datetime.now(UTC) + timedelta(days=self.expires_in)).date().isoformat()


COUNTRIES = {"NL": "Netherlands", "KE": "Kenya", "BR": "Brazil"}
"""The three countries whose customs decide together on admissions."""

SOLMIRE = Member("solmire", "Solmire Skincare", Role.MANUFACTURER, "NL", "9521234")
KESTRIN = Member("kestrin", "Kestrin Bearings", Role.MANUFACTURER, "BR", "9525678")
SKARVANE = Member("skarvane", "Skarvane Lines", Role.CARRIER, "NL")
MEMBERS = (SOLMIRE, KESTRIN, SKARVANE)

GRONINGEN = Place("Groningen", "NLGRQ", "NL", 53.22, 6.57)
ROTTERDAM = Place("Rotterdam", "NLRTM", "NL", 51.92, 4.48)
MOMBASA = Place("Mombasa", "KEMBA", "KE", -4.05, 39.67)
NAIROBI = Place("Nairobi", "KENBO", "KE", -1.29, 36.82)
SANTOS = Place("Santos", "BRSSZ", "BR", -23.96, -46.33)
PORTS = (ROTTERDAM, MOMBASA, SANTOS)

NIGHT_CREAM = "Night cream 50 ml"
BATCHES = (
    BatchPlan(Batch.HERO, SOLMIRE, 1, NIGHT_CREAM, "SK-A11", 240, ("BR", "KE", "NL"), 540),
    BatchPlan(Batch.ROUTE, SOLMIRE, 1, NIGHT_CREAM, "SK-A09", 240, ("BR", "KE", "NL"), 480),
    BatchPlan(Batch.RECALLED, SOLMIRE, 1, NIGHT_CREAM, "SK-A07", 240, ("KE", "NL"), 420),
    BatchPlan(Batch.EXPIRED, SOLMIRE, 2, "Day serum 30 ml", "SK-D02", 120, (), -21),
    BatchPlan(Batch.BEARING, KESTRIN, 1, "Ball bearing 6204", "B7719", 600, ("BR",)),
    BatchPlan(Batch.IMPORTED, KESTRIN, 1, "Ball bearing 6204", "B7720", 500, imported=True),
)
"""Registered in this order, before any other statement about them."""
