"""Lies about who stands behind something: keys that are no keys, confirmations that are the operator's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim import Sim
from tests.verifier.test_ed25519 import FIXED, NEUTRAL, SAME_NEUTRAL, vkey
from verifier.entry import CHAIN_START, Entry
from verifier.errors import Malformed
from verifier.founding import parse_founding
from verifier.note_key import KeyType, verify_ed25519
from verifier.statement import Kind


def test_two_witnesses_that_sign_everything() -> None:
    """name witnesses whose keys sign everything by one fixed signature | whoever reads entry 0 | the keys' encoding"""
    sim = Sim.found(checked=False)
    pair = {"W1": NEUTRAL, "W2": SAME_NEUTRAL}
    for public in pair.values():  # what the lie rests on: the library alone takes both, for any head
        verify_ed25519(public, b"any head at all", FIXED, "a head")
    lines = [f"witness {name} {vkey(name, KeyType.COSIGNATURE_V1, public)}" for name, public in pair.items()]
    policy = "\n".join([*lines, "group both all W1 W2", "quorum both", ""])
    body = replace(sim.founding, witness_policy=policy).body()
    with pytest.raises(Malformed, match="small order"):
        parse_founding(Entry(Kind.FOUNDED, body, None, None, sim.clock, CHAIN_START, b""))
