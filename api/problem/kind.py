"""One kind of problem."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem: HTTP status, a title that never changes, and what to do about it."""

    status: int
    title: str
    advice: str


NO_ANSWER = "No answer: this says nothing about the item"
