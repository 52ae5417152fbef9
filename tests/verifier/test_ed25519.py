"""One rule for Ed25519 keys, wherever one is read: a vkey, a policy, entry 0, a witness's list, a batch's label."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.cli.operator.log_keys import read_log_keys
from tests.sim import Sim
from verifier.ed25519 import check_public_key
from verifier.errors import Malformed
from verifier.record.entry import CHAIN_START, Entry
from verifier.record.founding import parse_founding
from verifier.record.statement import Kind
from verifier.tree.note_key import KeyType, VerifierKey
from verifier.tree.policy import Policy

KEYS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "label.json").read_text())["keys"]
BAD = [bytes.fromhex(key["public_key"]) for key in KEYS if key["expect"] != "good"]
NEUTRAL = (1).to_bytes(32, "little")
SAME_NEUTRAL = (1 | 1 << 255).to_bytes(32, "little")
FIXED = NEUTRAL + bytes(32)
"""R is the neutral element and S is 0: under a neutral key this signs everything."""


def vkey(name: str, type_: KeyType, public: bytes) -> str:
    """A verifier key's text, written by hand: ours can't be made from such bytes."""
    material = bytes([type_]) + public
    key_id = sha256(name.encode() + b"\n" + material).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(material).decode()}"


def entry_0(sim: Sim, **over: Any) -> Entry:
    return Entry(Kind.FOUNDED, {**sim.founding.body(), **over}, None, None, 1, CHAIN_START, b"")


def test_the_library_takes_what_the_rule_refuses() -> None:
    for public in (NEUTRAL, SAME_NEUTRAL):
        for message in (b"one head", b"another head"):
            Ed25519PublicKey.from_public_bytes(public).verify(FIXED, message)


@pytest.mark.parametrize("public", [*BAD, NEUTRAL, SAME_NEUTRAL], ids=lambda public: public.hex()[:16])
def test_no_reader_of_keys_takes_a_key_that_is_no_key(public: bytes, tmp_path: Path) -> None:
    sim = Sim.found(checked=False)
    log, witness = (vkey(sim.founding.origin, type_, public) for type_ in KeyType)
    policy = f"witness W {witness}\nquorum W\n"
    file = tmp_path / "keys"
    file.write_text(log + "\n")
    readers = {
        "rule": lambda: check_public_key(public, "a key", "any"),
        "vkey": lambda: VerifierKey.parse(log),
        "policy": lambda: Policy.parse(policy),
        "policy's log": lambda: Policy.parse(f"log {log}\nquorum none\n"),
        "entry 0's log keys": lambda: parse_founding(entry_0(sim, log_keys=[log])),
        "entry 0's witnesses": lambda: parse_founding(entry_0(sim, witness_policy=policy)),
        "witness trust": lambda: read_log_keys(log, None),
        "witness trust, file": lambda: read_log_keys(str(file), None),
    }
    for name, reader in readers.items():
        with pytest.raises(Malformed, match="expected") as refused:
            reader()
        assert str(refused.value).startswith("couldn't "), name


def test_a_policy_with_a_wrong_key_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_text(f"# one log\nlog {vkey('log.example', KeyType.ED25519, NEUTRAL)}\nquorum none\n")
    with pytest.raises(Malformed, match=r"line 2.*small order"):
        read_log_keys(str(file), None)
