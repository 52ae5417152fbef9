"""No decision can be cut out unseen: of a proof, of a row's list, of a copy of the log."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.verifier.cuts import CUTS, crowd, files, named
from verifier.evidence.evidence import check_evidence
from verifier.evidence.file import encode_evidence

MANY = [pytest.param(40), pytest.param(1_000, marks=pytest.mark.slow)]


def test_nothing_is_found_where_nothing_is_cut() -> None:
    here = crowd()
    assert here.sim.audit(chain=False).ok
    for file in files():
        report = check_evidence(encode_evidence(file), pin=here.sim.pin)
        assert report.ok, report.failed
        assert report.shows["decisions"] == {"count": len(here.decisions), "complete_to": here.sim.size()}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cases", MANY)
@pytest.mark.parametrize("kind", CUTS)
def test_every_decision_that_is_cut_out_is_missed(kind: str, cases: int, record_property: Any) -> None:
    found: Counter[str] = Counter()
    for number in range(cases):
        names = named(kind, number)
        assert names, f"{kind}: nobody missed anything in case {number}"
        found.update(names)
    said = ", ".join(f"{name} {times}" for name, times in found.most_common())
    record_property("said", f"decisions cut out of {kind}: {cases} of {cases} named ({said})")
