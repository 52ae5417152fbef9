"""Probes: one question each, with the right answer and the answer that came."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from verifier.errors import CarnetError


class Rule(StrEnum):
    """The rule that a probe tests. Each rule can be switched off in a test, and its probes must then fail."""

    READING = "reading"
    ABSENCE = "absence"
    RECALL = "recall"
    STATE = "unit state"
    LABEL = "label signature"
    MAKER = "maker's signature"
    PREFIX = "prefix"
    RIGHTS = "rights"
    ROUTE = "route"
    BEHAVIOUR = "behaviour"
    ANCHOR = "anchor"
    AUDIT = "audit"
    PROOF = "proof"
    WITNESS = "witness"
    DOORS = "doors"
    STAGE = "stage"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question's outcome."""

    name: str
    rule: Rule
    expected: Any
    got: Any

    @property
    def ok(self) -> bool:
        """Whether the right answer came."""
        return bool(self.expected == self.got)

    def to_json(self) -> dict[str, Any]:
        """As `--check --json` lists it."""
        return {
            "name": self.name,
            "rule": self.rule.value,
            "expected": self.expected,
            "got": self.got,
            "ok": self.ok,
        }


@dataclass(slots=True)
class Prober:
    """Asks, and keeps every outcome. If a question fails with an error, the error is its answer."""

    seen: Callable[[Probe], None] = lambda _probe: None
    probes: list[Probe] = field(default_factory=list)

    def ask(self, name: str, rule: Rule, expected: Any, question: Callable[..., Any], *details: Any) -> None:
        """Ask one question, with its details."""
        try:
            got = question(*details)
        except CarnetError as error:
            got = f"{error} [{error.code}]"
        except Exception as error:  # a probe that breaks is a finding, and the others are still to be asked
            got = f"{error!r} at {traceback.extract_tb(error.__traceback__)[-1].name}"
        probe = Probe(name, rule, expected, got)
        self.probes.append(probe)
        self.seen(probe)

    @property
    def ok(self) -> bool:
        """Whether every answer was the right one."""
        return bool(self.probes) and all(probe.ok for probe in self.probes)
