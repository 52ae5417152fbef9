"""What the application identifiers of one code ask of each other: pairs that exclude, and pairs that require.

GS1 General Specifications 4.14. Both are to be judged over all codes on one item. Two AIs that exclude each other do so
whatever else the item bears, so one code is enough to say so. A required AI may stand in another code on the same item,
so one code alone never shows that it is missing: `missing` is a hint and no error.
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
    """An AI of a code beside which something that it requires does not stand, or None when every AI has its company."""
    return next((ai for ai in ais if not has_company(ai, ais)), None)


def has_company(ai: str, ais: Collection[str]) -> bool:
    """Whether of each demand of an AI one group stands whole beside it among `ais`."""
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
