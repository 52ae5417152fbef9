"""What the application identifiers of one code require of each other: AIs that exclude one another, AIs that need one.

GS1 General Specifications 4.14. GS1 judges both over all codes on one item. Two AIs exclude each other whatever else is
on the item, so one code is enough to see it. A required AI may be in another code on the same item, so one code never
shows that it is missing: `missing` is a hint, not an error.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from verifier.reading.ai.rule import RULES


def excluded(ais: Collection[str]) -> tuple[str, str] | None:
    """Two AIs of a code that exclude each other, or None. `ais` are known ones."""
    for ai in ais:
        for pattern in RULES[ai].excludes:
            if (other := _matching(pattern, ais, but=ai)) is not None:
                return ai, other
    return None


def missing(ais: Collection[str]) -> str | None:
    """An AI of a code that lacks an AI which it requires, or None when nothing is missing."""
    return next((ai for ai in ais if not has_company(ai, ais)), None)


def has_company(ai: str, ais: Collection[str]) -> bool:
    """Whether, for each demand of an AI, `ais` contains one whole group."""
    return all(
        any(all(_matching(one, ais, but=ai) for one in group) for group in groups) for groups in RULES[ai].requires
    )


def _matching(pattern: str, ais: Collection[str], but: str) -> str | None:
    if "n" not in pattern:
        return pattern if pattern in ais and pattern != but else None
    stem, length = _stem(pattern)
    return next((ai for ai in ais if len(ai) == length and ai.startswith(stem) and ai != but), None)


@lru_cache(maxsize=256)
def _stem(pattern: str) -> tuple[str, int]:
    return pattern.rstrip("n"), len(pattern)
