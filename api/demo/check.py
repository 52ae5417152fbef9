"""`carnet demo --check`: tests everything that the demo claims, without waiting, in a temporary home."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.demo.bench import Bench, benched
from api.demo.clock import since_start
from api.demo.probe import Probe, Prober, Rule
from api.demo.probe_cases import probe_cases
from api.demo.probe_page import probe_page
from api.demo.probe_proofs import probe_proofs
from api.demo.probe_refusals import probe_refusals
from api.demo.probe_trust import probe_trust
from api.demo.probe_witness import probe_witness

PARTS: tuple[Callable[[Bench, Prober], None], ...] = (
    probe_cases,
    probe_refusals,
    probe_proofs,
    probe_page,
    probe_trust,
    probe_witness,
)
"""The probes, in order. Answers come first, while no scan of a probe has touched a fresh label."""


def run_check(as_json: bool = False) -> int:
    """Test the demo and print the results; returns 0 if every answer was the expected one, else 1."""
    probes = check(lambda _line: None, _seen if not as_json else lambda _probe: None)
    ok = bool(probes) and all(probe.ok for probe in probes)
    seconds = round(since_start(), 1)
    if as_json:
        answer = {"ok": ok, "seconds": seconds, "probes": [probe.to_json() for probe in probes]}
        print(json.dumps(answer, indent=2))
    else:
        wrong = sum(not probe.ok for probe in probes)
        outcome = f"{wrong} with another answer" if wrong else "every answer was right"
        print(f"\n{len(probes)} probes in {seconds} s: {outcome}")
    return 0 if ok else 1


def check(report: Callable[[str], None], seen: Callable[[Probe], None]) -> list[Probe]:
    """All probes against a demo of their own. An error that breaks planting or a whole part is a failed probe too."""
    prober = Prober(seen)
    # Resolved: a node tells homes apart by their path, and a temporary folder may stand behind a link.
    with tempfile.TemporaryDirectory(prefix="carnet-check-") as scratch:
        prober.ask("plant and serve the demo", Rule.STAGE, None, _run, Path(scratch).resolve(), report, prober)
    return prober.probes


def _run(folder: Path, report: Callable[[str], None], prober: Prober) -> Any:
    with benched(folder, report) as bench:
        for part in PARTS:
            part(bench, prober)


def _seen(probe: Probe) -> None:
    mark = "ok" if probe.ok else "NO"
    print(f"{mark}  {probe.rule:<18} {probe.name}", flush=True)
    if not probe.ok:
        print(f"    expected {probe.expected}\n    got      {probe.got}", file=sys.stdout, flush=True)
