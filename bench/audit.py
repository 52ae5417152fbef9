"""Audit: a log recomputed from its bytes, against the hashes and signatures that nobody can leave out."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from typing import Any

from bench import Bench, Figure, benchmark, paired
from bench.scene import Scene, grow
from ledger.keys.vault import FILE
from ledger.wiring.audit import audit_ledger
from verifier.record.entry import CHAIN_START, chain_head
from verifier.record.statement import Domain, Kind, digest, recover
from verifier.tree.merkle import Frontier, leaf_hash

ENTRIES = 2_000


@benchmark("audit")
def audit(bench: Bench) -> list[Figure]:
    """A home of 2,000 registrations, audited from its database without its salts and its chain."""
    scene = Scene.found(bench.folder / "home")
    with scene.open() as ledger:
        bench.say(f"growing the log to {ENTRIES:,} entries")
        grow(scene, ledger, ENTRIES)
        entries = ledger.log.read_entries(0, ENTRIES)
        domain = ledger.founding.domain
    (scene.home.keys / FILE).unlink()  # as in a copy for an auditor: the salts are not looked at
    read = [(raw, json.loads(raw)) for raw in entries]
    gc.collect()
    gc.freeze()
    times = paired(bench.repeat, floor=lambda: _floor(read, domain), audit=lambda: _audit(scene))
    ratio = times["floor"] / times["audit"]
    return [
        Figure("floor: hash, link and signature of each entry", ENTRIES / times["floor"], "/s"),
        Figure("entries audited", ENTRIES / times["audit"], "/s", ratio, 0.5, at_least=True),
    ]


def _audit(scene: Scene) -> None:
    report = audit_ledger(scene.home, chain=False)
    assert report.ok, report.findings


def _floor(entries: list[tuple[bytes, Mapping[str, Any]]], domain: Domain) -> None:
    """One leaf, one link, one place in the tree; for signed entries one EIP-712 digest and one recovery."""
    frontier, head = Frontier(), CHAIN_START
    for raw, value in entries:
        leaf = leaf_hash(raw)
        head = chain_head(head, leaf)
        frontier.append(leaf)
        if value["signature"] is not None:
            recover(digest(Kind(value["kind"]), value["body"], domain), value["signature"])
    frontier.root()
