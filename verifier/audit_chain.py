"""The chain's side of an audit: what the two contracts said, by raw events, against what the log says."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.audit_report import Findings
from verifier.chain_event import (
    Anchored,
    ChainReader,
    Executed,
    anchored_query,
    executed_query,
    parse_anchored,
    parse_executed,
)
from verifier.errors import CarnetError, Unavailable
from verifier.founding import Founding
from verifier.participant import Mirrored
from verifier.statement import digest


class ChainAudit:
    """Reads the events of a ledger's contracts once and compares them with the log as that is read."""

    def __init__(self, chain: ChainReader | None, findings: Findings) -> None:
        self._chain, self._findings = chain, findings
        self._founding: Founding | None = None
        self.anchors: list[Anchored] = []
        self._executed: dict[int, Executed] = {}
        self._mirrored = 0
        self.asked = False

    @property
    def sizes(self) -> set[int]:
        """The sizes whose roots will be compared."""
        return {anchor.size for anchor in self.anchors}

    def read(self, founding: Founding) -> None:
        """Ask the node for all anchors and decisions; no answer is a note, another chain a finding."""
        if self._chain is None:
            self._findings.notes.append("no node of the chain was asked: anchors and decisions rest on the log alone")
            return
        self._founding = founding
        try:
            chain_id = self._chain.chain_id()
            if chain_id != founding.chain_id:
                words = f"couldn't ask the chain: got chain {chain_id}, expected {founding.chain_id}"
                self._findings.add("chain", "chain_id", words)
                return
            anchors = [parse_anchored(log, founding) for log in self._chain.logs(anchored_query(founding))]
            executed = [parse_executed(log, founding) for log in self._chain.logs(executed_query(founding))]
        except Unavailable as error:
            self._findings.notes.append(f"the chain gave no answer, so anchors and decisions rest on the log: {error}")
            return
        except CarnetError as error:
            self._findings.refused("chain", error)
            return
        self.anchors = sorted(anchors, key=lambda event: (event.where.block_number, event.where.log_index))
        self._executed = {event.sequence: event for event in executed}
        self.asked = True

    def mirrored(self, index: int, mirrored: Mirrored) -> None:
        """Compare one mirrored decision with the registry's own event."""
        if not self.asked or self._founding is None:
            return
        self._mirrored = max(self._mirrored, mirrored.sequence)
        event = self._executed.get(mirrored.sequence)
        here = (mirrored.block_number, mirrored.block_hash, mirrored.transaction, mirrored.log_index)
        where = event.where if event else None
        told = (where.block_number, where.block_hash, where.transaction, where.log_index) if where else None
        signed = digest(mirrored.proposal, mirrored.body, self._founding.domain)
        if event is None or told != here or event.digest != signed:
            self._findings.add(
                f"entry {index}",
                "mirror_unseen",
                f"couldn't find decision {mirrored.sequence} of the registry in transaction {mirrored.transaction}",
            )

    def compare(self, roots: Mapping[int, bytes], size: int) -> None:
        """Compare every anchor with the root that the entries give at its size, and the anchors with one another."""
        if not self.asked:
            return
        previous = 0
        for anchor in self.anchors:
            self._findings.count("anchors")
            at = f"anchor {anchor.size} (transaction {anchor.where.transaction})"
            if anchor.previous_size != previous or anchor.size <= previous:
                words = f"couldn't follow the anchors: got {anchor.size} after {anchor.previous_size}, not {previous}"
                self._findings.add(at, "anchor_gap", words)
            previous = anchor.size
            if anchor.size > size:
                words = f"couldn't find what is anchored: got {size} entries, expected {anchor.size}"
                self._findings.add(at, "anchor_ahead", words)
            elif anchor.size in roots and roots[anchor.size] != anchor.root:
                words = (
                    f"couldn't match the anchor: got {anchor.root.hex()}, the entries give {roots[anchor.size].hex()}"
                )
                self._findings.add(at, "anchor_foreign", words)
        if not self.anchors:
            self._findings.notes.append("the contract holds no anchor of this log yet")
        waiting = len([sequence for sequence in self._executed if sequence > self._mirrored])
        if waiting:
            self._findings.notes.append(f"{waiting} decisions of the registry are not in the log yet")
