"""Anchors that were made during an audit: whether the log, or a newer head of it, explains them.

A log grows while it is read, and so does its contract; the two are never read at the same instant. So the audit asks
for a head again after reading the anchors. An honest log publishes before it anchors, so this head covers every anchor.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.audit.report import Findings
from verifier.chain.event import Anchored
from verifier.errors import Malformed, NotFound, ProofInvalid
from verifier.record.founding import Founding
from verifier.record.head import open_head
from verifier.tree.checked_tiles import CheckedTiles, Fetch
from verifier.tree.merkle import root_at


def compare_later(
    anchors: Sequence[Anchored],
    founding: Founding,
    note: bytes | None,
    fetch: Fetch,
    audited: tuple[int, bytes],
    findings: Findings,
) -> None:
    """Compare anchors with the `audited` size and root (32 bytes), or with a newer signed head where one is beyond it.

    `note` None: there is no newer head, as with a copied folder; then nothing can be said about anchors beyond it.
    Raises Unavailable.
    """
    size, root = audited
    most = max(anchor.size for anchor in anchors)
    if most <= size:
        _compare_within(anchors, fetch, audited, findings)
        return
    if note is None:
        words = f"couldn't compare {len(anchors)} anchors, of up to {most} entries: this copy ends with {size}"
        findings.doubt(f"anchor {most}", "anchor_unread", words, told=False)
        return
    try:
        head = open_head(note, founding).checkpoint
    except (Malformed, ProofInvalid) as error:
        findings.refused("newest checkpoint", error)
        return
    try:
        tree = CheckedTiles(fetch, head.size, head.root) if head.size >= most else None
        compared = root_at(size, tree.hashes) if tree is not None else b""
    except (ProofInvalid, NotFound) as error:
        findings.add(f"anchor {most}", "anchor_ahead", f"couldn't find what is anchored: {error}")
        return
    if tree is None:
        words = f"couldn't find what is anchored: got {head.size} entries, expected {most}"
        findings.add(f"anchor {most}", "anchor_ahead", words)
        return
    if compared != root:
        words = f"couldn't go on from {size} entries: the newest head, of {head.size}, is of another history"
        findings.add(f"checkpoint {head.size}", "root_differs", words)
    _compare(anchors, tree, findings)
    findings.notes.append(
        f"{len(anchors)} anchors are newer than these {size} entries; they were compared with the newest head, of "
        f"{head.size}"
    )


def _compare_within(anchors: Sequence[Anchored], fetch: Fetch, audited: tuple[int, bytes], findings: Findings) -> None:
    """Anchors of audited entries that came after the sizes for roots were fixed."""
    try:
        _compare(anchors, CheckedTiles(fetch, *audited), findings)
    except (ProofInvalid, NotFound) as error:  # a damaged tile, which is a finding of its own
        words = f"couldn't compare {len(anchors)} anchors that came while the entries were read: {error}"
        findings.doubt(f"anchor {anchors[-1].size}", "anchor_unread", words, told=False)
        return
    findings.notes.append(f"{len(anchors)} anchors came while these entries were read; they were compared as well")


def _compare(anchors: Sequence[Anchored], tree: CheckedTiles, findings: Findings) -> None:
    for anchor in anchors:
        if (expected := root_at(anchor.size, tree.hashes)) != anchor.root:
            words = f"couldn't match the anchor: got {anchor.root.hex()}, the entries give {expected.hex()}"
            findings.add(f"anchor {anchor.size} (transaction {anchor.where.transaction})", "anchor_foreign", words)
