"""Each rule switched off in turn: `carnet demo --check` must notice every time, by a probe of that very rule.

A check that cannot fail shows nothing. So the rule itself is taken out of the running program, for the anchor out
of the contract that is deployed, and the demo is planted, served and probed as always.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import ledger.chain.evm
import ledger.services.record.batch
import ledger.services.scans.verification
import verifier.audit.report
import verifier.reading.reading
import verifier.record.record
import verifier.verdict.judge
from api.demo.check import check
from api.demo.probe import Probe, Rule
from ledger.chain.artefacts import Artefact, artefact
from ledger.chain.node import find_node
from ledger.services.scans.verification import Verification
from verifier.reading.label import LabelCheck
from verifier.record.statement import digest
from verifier.verdict.facts import Unit, Witnessing

ROOT = Path(__file__).parents[2]
Patch = pytest.MonkeyPatch

LAX_ANCHOR = """
const fs = require("node:fs"), path = require("node:path"), solc = require("solc");
const { settings } = require("./contracts/compiler");
const rule = "if (oldSize == 0 || oldSize > newSize || proof.length > MAX_PROOF) return false;";
const read = (name) => {
  const text = fs.readFileSync(name.startsWith("@") ? path.join("node_modules", name) : name, "utf8");
  if (name.endsWith("RFC9162.sol") && !text.includes(rule)) throw new Error("the rule is not where it was");
  return text.replace(rule, "if (true) return true;");
};
const file = "contracts/LedgerAnchor.sol";
const input = { language: "Solidity", sources: { [file]: { content: read(file) } },
  settings: { ...settings, outputSelection: { "*": { "*": ["evm.bytecode.object"] } } } };
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: (name) => ({ contents: read(name) }) }));
process.stdout.write(JSON.stringify(output.contracts[file].LedgerAnchor.evm.bytecode.object));
"""
"""Compiles the anchor contract with a consistency check that always says yes."""


def no_reading(patch: Patch) -> None:
    """Nothing is ever suspected of a text that parses."""
    patch.setattr(verifier.reading.reading, "find_suspects", lambda _text, _code: ())


def no_absence(patch: Patch) -> None:
    """A unit that is in no segment counts as present."""
    patch.setattr(ledger.services.scans.verification, "_unit_state", lambda _code, _found: Unit.PRESENT)


def no_recall(patch: Patch) -> None:
    """Recalls are not among the facts."""
    facts = Verification._batch_facts
    patch.setattr(Verification, "_batch_facts", lambda *given: replace(facts(*given), recall=None))


def no_label_signature(patch: Patch) -> None:
    """Every label signature is good."""
    patch.setattr(ledger.services.scans.verification, "verify_label", lambda *_: LabelCheck.VALID)


def no_makers_signature(patch: Patch) -> None:
    """A statement is its actor's because it says so."""

    def believe(statement: Any, domain: Any) -> bytes:
        return digest(statement.kind, statement.body, domain)

    patch.setattr(ledger.services.record.batch, "verify", believe)


def no_prefix(patch: Patch) -> None:
    """Anybody registers under any prefix."""
    patch.setattr(verifier.record.record, "check_register", lambda *_: None)


def no_anchor(patch: Patch) -> None:
    """The contract takes whatever head it is given."""

    def lax(name: str) -> Artefact:
        true = artefact(name)
        return replace(true, bytecode=lax_bytecode()) if name == "LedgerAnchor" else true

    patch.setattr(ledger.chain.evm, "artefact", lax)


def no_audit(patch: Patch) -> None:
    """The auditor keeps what it finds to itself."""
    patch.setattr(verifier.audit.report.Findings, "add", lambda *_: None)


def no_rights(patch: Patch) -> None:
    """Anybody says anything about anybody's goods."""
    patch.setattr(verifier.record.record, "check_change", lambda *_: None)


def no_behaviour(patch: Patch) -> None:
    """Goods travel at any speed."""
    patch.setattr(verifier.verdict.judge, "behaviour", lambda _sightings: [])


def no_witness(patch: Patch) -> None:
    """What nobody but the operator has seen counts as seen by all."""
    patch.setattr(Verification, "_witnessing", lambda *_: Witnessing.COVERED)


SWITCHES: dict[Rule, Callable[[Patch], None]] = {
    Rule.READING: no_reading,
    Rule.ABSENCE: no_absence,
    Rule.RECALL: no_recall,
    Rule.LABEL: no_label_signature,
    Rule.MAKER: no_makers_signature,
    Rule.PREFIX: no_prefix,
    Rule.ANCHOR: no_anchor,
    Rule.AUDIT: no_audit,
    Rule.RIGHTS: no_rights,
    Rule.BEHAVIOUR: no_behaviour,
    Rule.WITNESS: no_witness,
}
"""How each rule is switched off."""

pytestmark = pytest.mark.node


class Enough(Exception):
    """The rule's absence was noticed; the rest need not be asked."""


Say = Callable[[str, object], None]
"""pytest's `record_property`; what is recorded as `said` is printed when all tests have run."""


def test_every_answer_is_right_with_every_rule_on(record_property: Say) -> None:
    probes = check(lambda _line: None, lambda _probe: None)
    assert [probe.to_json() for probe in probes if not probe.ok] == []
    assert {probe.rule for probe in probes} == set(Rule), "every rule has a probe"
    record_property("said", f"demo --check with every rule on: all {len(probes)} answers right")


QUICK = (Rule.READING,)
"""The rule that `make test` switches off: each costs a whole demo. `make test-slow` takes the others."""


@pytest.mark.parametrize(
    "rule",
    [rule if rule in QUICK else pytest.param(rule, marks=pytest.mark.slow) for rule in SWITCHES],
    ids=lambda rule: str(rule).replace(" ", "-").replace("'", ""),
)
def test_the_check_fails_without(rule: Rule, monkeypatch: Patch, record_property: Say) -> None:
    SWITCHES[rule](monkeypatch)
    asked: list[Probe] = []

    def seen(probe: Probe) -> None:
        asked.append(probe)
        if not probe.ok and probe.rule is rule:
            raise Enough

    check(lambda _line: None, seen)
    noticed = [probe for probe in asked if not probe.ok and probe.rule is rule]
    assert noticed, f"nobody noticed that {rule} is off; {len(asked)} probes asked"
    what = f"noticed by {noticed[0].name!r}: got {json.dumps(noticed[0].got)[:90]}"
    record_property("said", f"demo --check without the rule {rule:<18} {what}")


@lru_cache
def lax_bytecode() -> bytes:
    done = subprocess.run([find_node(), "-e", LAX_ANCHOR], cwd=ROOT, capture_output=True, check=True)
    return bytes.fromhex(json.loads(done.stdout))
