"""Headers with weights: Accept and Accept-Encoding (RFC 9110 12.4.2, 12.5.1, 12.5.3)."""

from __future__ import annotations

import re
from functools import lru_cache

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")  # RFC 9110 12.4.2


@lru_cache(maxsize=256)
def media_quality(accept: str, kind: str) -> tuple[float, int]:
    """How much a media type is liked, 0 (never) to 1, and how exactly it is named (0 to 2).

    The most exact range that covers the type decides, whatever the others say. `accept`: a header's value, empty if
    there is none; then all types are equal. `kind`: lower case, without parameters, which are not compared.
    """
    if not accept.strip():
        return 1.0, 0
    ranges = ("*/*", f"{kind.partition('/')[0]}/*", kind)
    found = [(ranges.index(name), quality) for name, quality in _weighed(accept) if name in ranges]
    if not found:
        return 0.0, 0
    exact = max(at for at, _ in found)
    return max(quality for at, quality in found if at == exact), exact


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether the caller takes gzip. Callers without such a header rarely unpack it, so they get plain bytes."""
    given = dict(_weighed(accept_encoding))
    gzip = max((given[name] for name in ("gzip", "x-gzip") if name in given), default=given.get("*", 0.0))
    return gzip > 0 and gzip >= given.get("identity", 0.0)


def _weighed(header: str) -> list[tuple[str, float]]:
    """The parts of a header with their weights; an invalid weight counts as 0."""
    parts = []
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name:
            parts.append((name, _weight(parameters)))
    return parts


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            return float(value) if _WEIGHT.fullmatch(value) else 0.0
    return 1.0
