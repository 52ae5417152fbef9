"""A unit's sightings as a small drawing: time runs to the right, each country has a line, impossible leaps are dashed.

Server-rendered SVG with classes only, so that the strict content security policy needs no exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from verifier.instant import format_instant
from verifier.verdict.behaviour import Sighting, behaviour

WIDTH = 720
LANE = 34
MARGIN = 64
MOST = 60
"""Newest sightings drawn; more would only make a bar."""


def timeline(sightings: Sequence[Sighting]) -> Markup:
    """Draw sightings; nothing for fewer than two."""
    ordered = sorted(dict.fromkeys(sightings), key=lambda sighting: sighting.scanned_at)[-MOST:]
    if len(ordered) < 2:
        return Markup("")
    countries = list(dict.fromkeys(s.country or "?" for s in ordered))
    height = LANE * len(countries) + 34
    first, last = ordered[0].scanned_at, ordered[-1].scanned_at
    points = [(_x(s.scanned_at, first, last), LANE * countries.index(s.country or "?") + 22) for s in ordered]
    parts = [_lane(country, at) for at, country in enumerate(countries)]
    parts += [_leg(a, b, p, q) for (a, p), (b, q) in pairwise(zip(ordered, points, strict=True))]
    parts += [_point(s, p, newest=s is ordered[-1]) for s, p in zip(ordered, points, strict=True)]
    ends = Markup('<text class="tick" x="{}" y="{}">{}</text><text class="tick end" x="{}" y="{}">{}</text>').format(
        MARGIN, height - 6, _when(first), WIDTH - 12, height - 6, _when(last)
    )
    label = f"{len(ordered)} scans in {len(countries)} countries, from {_when(first)} to {_when(last)}"
    return Markup('<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, height, label, Markup("").join(parts), ends
    )


def _x(at: int, first: int, last: int) -> int:
    return MARGIN + 8 + round((WIDTH - MARGIN - 28) * (at - first) / max(1, last - first))


def _lane(country: str, at: int) -> Markup:
    y = LANE * at + 22
    return Markup('<text x="4" y="{}">{}</text><path class="lane" d="M{} {}H{}"/>').format(
        y + 5, country, MARGIN, y, WIDTH - 12
    )


def _leg(a: Sighting, b: Sighting, p: tuple[int, int], q: tuple[int, int]) -> Markup:
    impossible = any(reason.code == "impossible_travel" for reason in behaviour((a, b)))
    kind = "leg impossible" if impossible else "leg"
    return Markup('<path class="{}" d="M{} {}L{} {}"/>').format(kind, p[0], p[1], q[0], q[1])


def _point(sighting: Sighting, at: tuple[int, int], *, newest: bool) -> Markup:
    title = f"{sighting.place or sighting.country or 'unknown place'}, {_when(sighting.scanned_at)}"
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
        "dot newest" if newest else "dot", at[0], at[1], 7 if newest else 5, title
    )


def _when(ms: int) -> str:
    return format_instant(ms)[:16].replace("T", " ")
