"""Seals, receipts and scan evidence, one flaw each; also writes them as shared vectors.

`python -m tests.verifier.seal_vectors` writes `tests/vectors/seal.json`. Other implementations read the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.sim import Sim, secret
from verifier import canonical
from verifier.errors import CarnetError
from verifier.instant import HOUR, SECOND
from verifier.record.rules import FIRST
from verifier.record.seal import SealAbsence, SealMembership, build_seal, prove_leaf
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.receipt import ScanReceipt, parse_receipt, receipt_message, sign_receipt, verify_receipt
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.note_key import SigningKey

FILE = Path(__file__).parents[1] / "vectors" / "seal.json"
JSON = dict[str, Any]


@cache
def scene() -> tuple[Sim, dict[str, ScanReceipt]]:
    """A log with three seals and one promise of each fate: kept, missing, late, overdue. Nobody changes it."""
    sim = Sim.found(rules=FIRST)
    maker = sim.maker("aurora", "9521234")
    promises = {"kept": sim.promise("KEPT"), "missing": sim.promise("DROPPED")}
    others = [sim.promise(f"OTHER-{n}").leaf for n in range(20)]
    sim.seal([promises["kept"].leaf, *others])
    promises["late"] = sim.promise("LATE", within=SECOND)
    sim.register_batch(maker)
    sim.seal([promises["late"].leaf])
    sim.seal()
    promises["overdue"] = sim.promise("OVERDUE", within=SECOND)
    sim.register_batch(maker, lot="NEXT")
    sim.register_batch(maker, lot="LAST")
    promises["pending"] = sim.promise("PENDING", within=24 * HOUR)
    return sim, promises


def evidence(name: str) -> JSON:
    """The file about one promise, as JSON."""
    sim, promises = scene()
    raw = sim.evidence(promises[name])
    assert raw is not None
    value: JSON = canonical.decode(raw)
    return value


def receipt_cases() -> Iterator[tuple[str, JSON]]:
    """Receipts by name: the first is good."""
    sim, promises = scene()
    good = promises["kept"].to_json()
    stranger = SigningKey(sim.log_key.name, secret("stranger"))
    kept = promises["kept"]

    def forged(receipt: ScanReceipt, **over: Any) -> JSON:
        return replace(receipt, **over).to_json()

    yield "good", good
    yield (
        "signed-by-a-stranger",
        sign_receipt(stranger, kept.log_id, kept.scan, kept.salt, kept.seal, kept.deadline).to_json(),
    )
    yield "another-seal", forged(kept, seal=1)
    yield "another-deadline", forged(kept, deadline=kept.deadline + 1)
    yield "another-scan", forged(kept, scan=promises["late"].scan)
    yield "another-salt", forged(kept, salt=secret("another"))
    yield "another-log", forged(kept, log_id=hashlib.sha256(b"another").digest())
    yield "leaf-of-another-scan", {**good, "leaf": promises["late"].to_json()["leaf"]}
    yield "scan-changed-leaf-kept", {**good, "scan": {**good["scan"], "verdict": "stop"}}
    yield "scan-with-a-field-more", {**good, "scan": {**good["scan"], "note": "x"}}
    yield "scan-with-a-number", {**good, "scan": {**good["scan"], "log_size": 4}}
    yield "seal-with-a-leading-zero", {**good, "seal": "00"}
    yield "seal-as-a-number", {**good, "seal": 0}
    yield "deadline-without-milliseconds", {**good, "deadline": "2026-11-23T22:26:00Z"}
    yield "signature-cut-short", {**good, "signature": good["signature"][:-4]}
    yield "another-spec", {**good, "spec": "carnet/scan-receipt/2"}
    yield "a-key-more", {**good, "note": "x"}


def leaves_cases() -> Iterator[tuple[str, bytes]]:
    """Published leaves by name: the first is good."""
    good = leaves()
    split = [good[at : at + 32] for at in range(0, len(good), 32)]
    yield "good", good
    yield "cut-short", good[:-1]
    yield "one-leaf-less", b"".join(split[:-1])
    yield "eight-leaves", b"".join(split[:8])
    yield "unsorted", b"".join([split[1], split[0], *split[2:]])
    yield "a-leaf-twice", b"".join([split[0], split[0], *split[2:]])
    yield "none", b""


def leaves() -> bytes:
    """Sixteen sorted leaves."""
    return b"".join(sorted(secret(f"leaf-{n}") for n in range(16)))


def membership_cases() -> Iterator[tuple[str, bytes, JSON]]:
    """(name, leaf, proof) in the seal of `leaves`: the first is good."""
    split = [leaves()[at : at + 32] for at in range(0, 512, 32)]
    proof = prove_leaf(leaves(), split[5])
    assert isinstance(proof, SealMembership)
    good = place(proof)
    yield "good", split[5], good
    yield "another-leaf", split[6], good
    yield "another-position", split[5], {**good, "position": 4}
    yield "position-past-the-end", split[5], {**good, "position": 21}
    yield "path-cut-short", split[5], {**good, "path": good["path"][:-1]}
    yield "path-too-long", split[5], {**good, "path": [*good["path"], good["path"][0]]}
    yield "path-changed", split[5], {**good, "path": ["00" * 32, *good["path"][1:]]}


def absence_cases() -> Iterator[tuple[str, bytes, list[JSON]]]:
    """(name, leaf, proof) in the seal of `leaves`: those named `good-…` hold."""
    split = [leaves()[at : at + 32] for at in range(0, 512, 32)]
    between = (int.from_bytes(split[5], "big") + 1).to_bytes(32, "big")

    def shown(leaf: bytes) -> list[JSON]:
        proof = prove_leaf(leaves(), leaf)
        assert isinstance(proof, SealAbsence)
        return [{"leaf": one.leaf.hex(), **place(one.place)} for one in proof.neighbours]

    def of(at: int) -> JSON:
        proof = prove_leaf(leaves(), split[at])
        assert isinstance(proof, SealMembership)
        return {"leaf": split[at].hex(), **place(proof)}

    yield "good-between", between, shown(between)
    yield "good-below", bytes(32), shown(bytes(32))
    yield "good-above", b"\xff" * 32, shown(b"\xff" * 32)
    yield "a-leaf-that-is-there", split[5], [of(4), of(6)]
    yield "neighbours-with-one-between", between, [of(4), of(6)]
    yield "neighbours-turned-around", between, [of(6), of(5)]
    yield "one-neighbour-inside", between, [of(5)]
    yield "no-neighbour", between, []
    yield "beyond-the-wrong-end", b"\xff" * 32, [of(0)]
    yield "a-neighbour-that-is-not-there", between, [{**of(5), "leaf": "11" * 32}, of(6)]


def place(proof: SealMembership) -> JSON:
    return {"position": proof.position, "path": [node.hex() for node in proof.path]}


def _without(value: JSON, index: int) -> JSON:
    return {**value, "entries": [entry for at, entry in enumerate(value["entries"]) if at != index]}


def _signed_by_a_stranger() -> JSON:
    sim, _ = scene()
    stranger = SigningKey(sim.log_key.name, secret("stranger"))
    note = sign_checkpoint(Checkpoint(stranger.name, sim.size(), sim.root()), stranger).format()
    return {**evidence("kept"), "checkpoint": note.decode()}


def _other_founding() -> JSON:
    sim = Sim.found(("NL", "KE"), rules=FIRST)
    receipt = sim.promise("KEPT")
    sim.seal([receipt.leaf])
    raw = sim.evidence(receipt)
    assert raw is not None
    value: JSON = canonical.decode(raw)
    return value


EVIDENCE: Mapping[str, Callable[[], JSON]] = {
    "kept": lambda: evidence("kept"),
    "missing": lambda: evidence("missing"),
    "late": lambda: evidence("late"),
    "overdue": lambda: evidence("overdue"),
    "another-founding": _other_founding,
    "founding-left-out": lambda: _without(evidence("kept"), 0),
    "receipt-of-another-scan": lambda: {**evidence("kept"), "receipt": scene()[1]["late"].to_json()},
    "receipt-by-a-stranger": lambda: {**evidence("kept"), "receipt": dict(receipt_cases())["signed-by-a-stranger"]},
    "checkpoint-by-a-stranger": _signed_by_a_stranger,
    "checkpoint-of-another-size": lambda: {
        **evidence("kept"), "checkpoint": scene()[0].notes[scene()[0].size() - 1].decode()
    },
    "membership-of-a-scan-that-was-dropped": lambda: {
        **evidence("missing"), "absence": None, "membership": evidence("kept")["membership"]
    },
    "absence-of-a-scan-that-is-there": lambda: {
        **evidence("kept"), "membership": None, "absence": evidence("missing")["absence"]
    },
    "place-left-out": lambda: {**evidence("kept"), "membership": None},
    "seal-left-out": lambda: _without(evidence("kept"), 1),
    "overdue-with-an-entry-left-out": lambda: _without(evidence("overdue"), 2),
    "overdue-before-the-deadline": lambda: _without(evidence("overdue"), len(evidence("overdue")["entries"]) - 1),
    "overdue-without-the-seal-before": lambda: _without(evidence("overdue"), 1),
}  # fmt: skip
"""Scan evidence by name; the first four hold."""


def code_of(call: Callable[[], object]) -> str | None:
    """The code with which something is refused, or None."""
    try:
        call()
    except CarnetError as error:
        return error.code
    return None


def vectors() -> JSON:
    """Everything, with what must come out."""
    sim, promises = scene()
    kept, seal = promises["kept"], build_seal(0, leaves())
    return {
        "about": "seals of scans of Carnet, docs/spec/seal.md; code, failed are null where it holds",
        "pin": sim.pin.hex(),
        "log_key": sim.log_key.verifier.format(),
        "message": {
            "receipt": kept.to_json(),
            "bytes": receipt_message(kept.log_id, kept.leaf, kept.seal, kept.deadline).hex(),
            "scan": kept.scan.decode(),
        },
        "receipts": [{"name": name, "receipt": value, "code": _receipt_code(value)} for name, value in receipt_cases()],
        "leaves": [
            {"name": name, "leaves": data.hex(), "code": code_of(lambda data=data: build_seal(0, data))}
            for name, data in leaves_cases()
        ],
        "seal": {"leaves": leaves().hex(), "body": seal.body()},
        "membership": [{"name": n, "leaf": leaf.hex(), "proof": proof} for n, leaf, proof in membership_cases()],
        "absence": [{"name": n, "leaf": leaf.hex(), "proof": proof} for n, leaf, proof in absence_cases()],
        "evidence": [_evidence_case(name, make()) for name, make in EVIDENCE.items()],
    }


def _receipt_code(value: JSON) -> str | None:
    founding = scene()[0].founding
    return code_of(lambda: verify_receipt(parse_receipt(value), founding.log_id, founding.log_keys))


def _evidence_case(name: str, value: JSON) -> JSON:
    report = check_scan_evidence(canonical.encode(value), pin=scene()[0].pin)
    return {
        "name": name,
        "file": value,
        "failed": report.failed.step if report.failed else None,
        "state": report.shows["promise"]["state"] if report.ok else None,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
