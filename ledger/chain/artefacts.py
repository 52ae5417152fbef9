"""The compiled contracts: what `contracts/build.js` wrote to contracts.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

ARTEFACT = Path(__file__).with_name("contracts.json")
"""Rebuilt with `npm run build`; a test checks that it belongs to the sources."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One compiled contract: its ABI as JSON and its creation code, constructor arguments not included."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes


@lru_cache
def artefact(name: str) -> Artefact:
    """`LedgerAnchor` or `ParticipantRegistry`. Raises KeyError for another name."""
    contract = json.loads(ARTEFACT.read_text())["contracts"][name]
    return Artefact(name, tuple(contract["abi"]), bytes.fromhex(contract["bytecode"][2:]))
