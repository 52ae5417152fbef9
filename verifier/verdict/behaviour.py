"""Behaviour: the conclusions from several scans of one code.

Only scans by authenticated devices count here. Public look-ups are counted elsewhere and never change a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, cos, inf, pi, radians, sin, sqrt

from verifier.instant import HOUR, format_instant
from verifier.verdict.reason import Reason, Tier

SPEED_LIMIT = 1_000.0
"""km/h above which no goods travel; an airliner cruises at about 900."""
DISTANCE_FLOOR = 100.0
"""km below which coordinates are too coarse to speak of travel."""
_EARTH_RADIUS = 6_371.0
LONGEST_JOURNEY = int(pi * _EARTH_RADIUS / SPEED_LIMIT * HOUR) + 1
"""Milliseconds in which the farthest place on earth is reached at the speed limit: about 20 hours."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One officer's scan of a unit: when (ms), country (alpha-2) and, if known, coordinates in degrees."""

    scanned_at: int
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    place: str | None = None

    def seen(self) -> dict[str, str | None]:
        """The coarse form that evidence shows: time, place, country."""
        return {"scanned_at": format_instant(self.scanned_at), "place": self.place, "country": self.country}


def distance_km(a: Sighting, b: Sighting) -> float | None:
    """Great-circle distance, or None when either has no coordinates."""
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        return None
    half_lat, half_lon = radians(b.latitude - a.latitude) / 2, radians(b.longitude - a.longitude) / 2
    h = sin(half_lat) ** 2 + cos(radians(a.latitude)) * cos(radians(b.latitude)) * sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS * asin(min(1.0, sqrt(h)))


def behaviour(sightings: Sequence[Sighting]) -> list[Reason]:
    """Reasons from all of a unit's sightings, the present one included.

    A second country alone is `info`; more than 1,000 km/h over more than 100 km is `inspect`.
    """
    ordered = sorted(sightings, key=lambda sighting: sighting.scanned_at)
    reasons = []
    countries = sorted({s.country for s in ordered if s.country})
    if len(countries) > 1:
        reasons.append(Reason("second_country", Tier.INFO, {"countries": countries}))
    leaps = _leaps([s for s in ordered if s.latitude is not None and s.longitude is not None])
    if leaps:
        reasons.append(Reason("impossible_travel", Tier.INSPECT, {"leaps": leaps[-5:], "count": len(leaps)}))
    return reasons


def _leaps(located: Sequence[Sighting]) -> list[dict[str, object]]:
    """For each sighting the latest earlier one from which it could not have been reached.

    Neighbours in time are not enough: sightings between two places, each under the floor from the next, would hide the
    leap across all of them. For each place only the latest sighting matters, since it leaves the shortest time.
    """
    leaps = []
    last_at: dict[tuple[float | None, float | None], Sighting] = {}
    for sighting in located:
        for place, earlier in list(last_at.items()):
            if sighting.scanned_at - earlier.scanned_at > LONGEST_JOURNEY:
                del last_at[place]  # every place on earth has been within reach since then
        impossible = [earlier for earlier in last_at.values() if _impossible(earlier, sighting)]
        if impossible:
            leaps.append(_leap(max(impossible, key=lambda earlier: earlier.scanned_at), sighting))
        last_at[sighting.latitude, sighting.longitude] = sighting
    return leaps


def _impossible(a: Sighting, b: Sighting) -> bool:
    distance = distance_km(a, b)
    return distance is not None and distance > DISTANCE_FLOOR and _speed(a, b, distance) > SPEED_LIMIT


def _speed(a: Sighting, b: Sighting, distance: float) -> float:
    hours = abs(b.scanned_at - a.scanned_at) / HOUR
    return distance / hours if hours else inf


def _leap(a: Sighting, b: Sighting) -> dict[str, object]:
    distance = distance_km(a, b) or 0.0
    return {
        "from": a.seen(),
        "to": b.seen(),
        "distance_km": round(distance),
        "minutes": round(abs(b.scanned_at - a.scanned_at) / 60_000),
    }
