"""The committed artefact belongs to the sources and lets Python decode every refusal."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from ledger.chain.abi import signatures
from ledger.chain.artefacts import ARTEFACT
from ledger.chain.node import find_node
from verifier.errors import Unavailable
from verifier.record.statement import STRUCTS, Proposal

ROOT = Path(__file__).parents[2]
STALE = "contracts.json is stale: run `npm run build` and commit it"


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(ARTEFACT.read_text())


def test_artefact_names_the_sources_as_they_are(stored: dict) -> None:
    for name, expected in stored["sources"].items():
        folder = ROOT / "node_modules" if name.startswith("@") else ROOT
        if name.startswith("@") and not folder.exists():
            continue
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, f"{name}: {STALE}"


def test_artefact_leaves_out_no_source_and_no_test_contract(stored: dict) -> None:
    written = {str(f.relative_to(ROOT)) for f in (ROOT / "contracts").rglob("*.sol") if f.parent.name != "test"}
    assert {name for name in stored["sources"] if not name.startswith("@")} == written
    assert set(stored["contracts"]) == {"LedgerAnchor", "ParticipantRegistry"}


@pytest.mark.node
def test_compiling_again_gives_the_same_bytes() -> None:
    try:
        node = find_node()
    except Unavailable as error:
        pytest.skip(str(error))
    if not (ROOT / "node_modules" / "solc").is_dir():
        pytest.skip("solc is not installed: run `make setup`")
    built = subprocess.run([node, "contracts/build.js", "--stdout"], cwd=ROOT, capture_output=True, check=True)
    assert built.stdout == ARTEFACT.read_bytes(), STALE


@pytest.mark.parametrize(
    ("contract", "source"),
    [("LedgerAnchor", "ILedgerAnchor"), ("ParticipantRegistry", "IParticipantRegistry")],
)
def test_every_declared_error_is_in_the_abi(contract: str, source: str) -> None:
    text = (ROOT / "contracts" / "interfaces" / f"{source}.sol").read_text()
    declared = set(re.findall(r"^    error (\w+)", text, re.MULTILINE))
    assert len(declared) > 5
    assert declared <= set(signatures(contract, "error"))


def test_structs_are_the_verifiers(stored: dict) -> None:
    structs = {}
    for item in stored["contracts"]["ParticipantRegistry"]["abi"]:
        for argument in item.get("inputs", []):
            if item["type"] == "function" and argument["type"] == "tuple":
                name = argument["internalType"].split(".")[1]
                structs[name] = tuple((part["name"], part["type"]) for part in argument["components"])
    assert structs == {STRUCTS[kind].name: STRUCTS[kind].fields for kind in Proposal}


def test_signed_type_names_are_the_verifiers() -> None:
    source = (ROOT / "contracts" / "lib" / "Proposals.sol").read_text().replace('"\n        "', "")
    for kind in Proposal:
        fields = ",".join(f"{field_type} {name}" for name, field_type in STRUCTS[kind].fields)
        assert f'"{STRUCTS[kind].name}({fields})"' in source


def test_the_specification_lists_every_error_struct_and_event() -> None:
    page = (ROOT / "docs" / "spec" / "contracts.md").read_text()
    for contract in ("LedgerAnchor", "ParticipantRegistry"):
        for name, error in signatures(contract, "error").items():
            row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
            arguments = re.sub(r" \([^)]*\)", "", row.split("|")[2].strip())
            expected = ", ".join(f"{kind} {argument}" for kind, argument in zip(error.inputs, error.names, strict=True))
            assert arguments == expected
        for name, event in signatures(contract, "event").items():
            marks = (" indexed" if indexed else "" for indexed in event.indexed)
            parts = zip(event.inputs, marks, event.names, strict=True)
            assert f"{name}({', '.join(f'{kind}{mark} {argument}' for kind, mark, argument in parts)})" in page
    for kind in Proposal:
        own = ",".join(f"{field_type} {name}" for name, field_type in STRUCTS[kind].fields[3:])
        assert f"`{STRUCTS[kind].name}(H,{own})`" in page
