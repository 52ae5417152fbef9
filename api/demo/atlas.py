"""The map of the demo page as SVG: land, the goods' route, and the places of one label. No tiles, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.demo.cast import GRONINGEN, MOMBASA, NAIROBI, Place
from api.demo.land import LAND, SEA_ROUTE, Coast

WIDTH, HEIGHT = 640, 350
_WEST, _EAST, _NORTH, _SOUTH = -66.0, 70.0, 60.5, -32.0
_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the map: pixels, name, `kind` for its colour, and the side of its name (start or end)."""

    x: float
    y: float
    name: str
    kind: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Leap:
    """A journey that no goods can make: its path, and the place of its words."""

    path: str
    x: float
    y: float
    words: str


def project(east: float, north: float) -> _Point:
    """Pixels of a position; degrees are stretched evenly, which suffices for pointing at a port."""
    x = (east - _WEST) / (_EAST - _WEST) * WIDTH
    y = (_NORTH - north) / (_NORTH - _SOUTH) * HEIGHT
    return round(x, 1), round(y, 1)


def land() -> str:
    """All coasts as one path."""
    return " ".join(_polygon(coast) for coast in LAND)


def route() -> str:
    """The goods' way from the maker over the sea to the port, then inland."""
    inland = _line([project(p.longitude, p.latitude) for p in (MOMBASA, NAIROBI)])
    return f"{_curve([project(*point) for point in SEA_ROUTE])} {inland}"


def stations() -> list[Mark]:
    """Maker, port and street."""
    return [
        _mark(GRONINGEN, "maker", "start"),
        _mark(MOMBASA, "port", "start"),
        _mark(NAIROBI, "street", "end"),
    ]


def leap(start: Place, end: Place, words: str) -> Leap:
    """An arc between two places, words at its height."""
    (x1, y1), (x2, y2) = project(start.longitude, start.latitude), project(end.longitude, end.latitude)
    top = min(y1, y2) - 0.28 * abs(x1 - x2)
    return Leap(
        f"M{x1} {y1}Q{(x1 + x2) / 2:.1f} {top:.1f} {x2} {y2}", (x1 + x2) / 2, (y1 + y2) / 4 + top / 2 - 9, words
    )


def mark(place: Place, kind: str, anchor: str = "start") -> Mark:
    """Any other place."""
    return _mark(place, kind, anchor)


def _mark(place: Place, kind: str, anchor: str) -> Mark:
    return Mark(*project(place.longitude, place.latitude), place.name, kind, anchor)


def _polygon(coast: Coast) -> str:
    return _line([project(*point) for point in coast]) + "Z"


def _line(points: Sequence[_Point]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _curve(points: Sequence[_Point]) -> str:
    """A smooth line through all points (Catmull-Rom as Bezier curves)."""
    padded = [points[0], *points, points[-1]]
    path = f"M{points[0][0]} {points[0][1]}"
    for (x0, y0), (x1, y1), (x2, y2), (x3, y3) in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        first = f"{x1 + (x2 - x0) / 6:.1f} {y1 + (y2 - y0) / 6:.1f}"
        second = f"{x2 - (x3 - x1) / 6:.1f} {y2 - (y3 - y1) / 6:.1f}"
        path += f"C{first} {second} {x2} {y2}"
    return path
