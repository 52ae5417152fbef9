"""Copy this label: the same code, printed twice, scanned by officers in two ports through the route officers use."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from api.demo.cast import MOMBASA, SANTOS, Place
from ledger.services.record.append import now_ms
from ledger.services.scans.token import Scope, Tokens
from verifier.errors import Unavailable
from verifier.instant import MINUTE, format_instant


@dataclass(frozen=True, slots=True)
class OfficerScan:
    """One officer's scan and the answer it got."""

    place: Place
    scanned_at: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copied:
    """Two scans of one code, the earlier first."""

    first: OfficerScan
    second: OfficerScan

    @property
    def leap(self) -> dict[str, Any] | None:
        """The journey between the two that no goods can make, if the second answer names one."""
        for reason in self.second.answer["reasons"]:
            if reason["code"] == "impossible_travel":
                leaps: list[dict[str, Any]] = reason["evidence"]["leaps"]
                return leaps[-1]
        return None


async def copy_label(client: httpx.AsyncClient, tokens: Tokens, code: str) -> Copied:
    """Scan a code in Mombasa and, a moment later, in Santos. Raises Unavailable (`demo_scan`)."""
    first = await scan(client, tokens, code, MOMBASA)
    return Copied(first, await scan(client, tokens, code, SANTOS))


async def scan(
    client: httpx.AsyncClient, tokens: Tokens, code: str, place: Place, context: str = "import"
) -> OfficerScan:
    """POST one officer's scan, made now, with a token of that port's officer. Raises Unavailable (`demo_scan`)."""
    token = tokens.issue(f"officer {place.unlocode}", {Scope.SCAN}, place.country, lifetime=MINUTE)
    scanned_at = format_instant(now_ms())
    body = {
        "id": str(uuid.uuid4()),
        "code": code,
        "carrier": "qr",
        "machine_read": True,
        "place": {
            "latitude": place.latitude,
            "longitude": place.longitude,
            "unlocode": place.unlocode,
            "country": place.country,
        },
        "scanned_at": scanned_at,
        "device": f"handheld-{place.unlocode[2:].lower()}-1",
        "context": context,
    }
    response = await client.post("/v1/scans", json=body, headers={"Authorization": f"Bearer {token}"})
    if response.status_code != 200:
        raise Unavailable(f"couldn't scan in {place.name}: {response.text[:300]}", code="demo_scan")
    return OfficerScan(place, scanned_at, response.json())
