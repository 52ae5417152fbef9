"""Damaged proofs, packs of cases by kind of damage: none is accepted, and none makes the check fail in another way."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.verifier.damage import KINDS, bases, made

FAST = 40
"""Cases of each kind in a run of `make test`: 30 kinds give more than 1,200."""
MANY = [pytest.param(10_000, marks=pytest.mark.slow), pytest.param(100_000, marks=pytest.mark.soak)]
"""Cases in all in `make test-slow` and in `make soak`, spread evenly over the kinds."""
PACK = 500
"""Cases that one process takes at a time."""


def run(kind: str, start: int, end: int) -> tuple[str, Counter[str], list[int]]:
    """Check cases start … end-1 of a kind; how many each step refused, and which were accepted."""
    steps: Counter[str] = Counter()
    accepted = []
    for number in range(start, end):
        honest, raw = made(kind, number)
        report = honest.check(raw)
        if report.ok:
            accepted.append(number)
        else:
            steps[report.failed.step if report.failed else f"{report.unproved} unproved"] += 1
    return kind, steps, accepted


def said(kind: str, count: int, steps: Counter[str]) -> str:
    """One line about a pack."""
    where = ", ".join(f"{step} {number}" for step, number in steps.most_common())
    return f"damaged proofs, {kind}: {count} refused ({where})"


def test_the_honest_files_hold() -> None:
    for honest in bases():
        report = honest.check(honest.raw)
        assert report.ok, (honest.name, report.failed)


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) * FAST >= 1_200
    used = {made(kind, number)[0].name for kind in KINDS for number in range(20)}
    assert used == {honest.name for honest in bases()}


@pytest.mark.parametrize("kind", KINDS)
def test_no_damaged_proof_is_accepted(kind: str, record_property: Any) -> None:
    _, steps, accepted = run(kind, 0, FAST)
    assert not accepted, f"{kind}: accepted numbers {accepted[:5]}"
    record_property("said", said(kind, FAST, steps))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("cases", MANY)
def test_none_of_many_damaged_proofs_is_accepted(cases: int, record_property: Any) -> None:
    each = -(-cases // len(KINDS))
    packs = [(kind, start, min(start + PACK, each)) for kind in KINDS for start in range(0, each, PACK)]
    bases()  # made once, before the processes split off
    started = time.perf_counter()
    steps: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    wrong: list[str] = []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        for kind, found, accepted in pool.map(run, *zip(*packs, strict=True)):
            steps[kind] += found
            wrong += [f"{kind} {number}" for number in accepted]
    assert not wrong, wrong[:20]
    total = sum(counter.total() for counter in steps.values())
    assert total >= cases
    lines = [said(kind, counter.total(), counter) for kind, counter in steps.items()]
    lines.append(f"damaged proofs: {total} in all, none accepted, {time.perf_counter() - started:.0f} s")
    record_property("said", "\n".join(lines))
