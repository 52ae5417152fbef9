"""Opening a log: fold its entries into a record, and make sure that its own name is not under another history.

Restart goes through the same code as the first start: whatever was committed but not signed yet is signed now.
"""

from __future__ import annotations

import hashlib

from ledger.ports import AnchoredHead, Log, SignedHead
from ledger.services.checkpoint import Signer
from verifier.entry import decode_entry
from verifier.errors import ProofInvalid, Stopped
from verifier.merkle import Frontier, root_at
from verifier.record import Record
from verifier.tiles import TILE_WIDTH


def fold(log: Log, record: Record, pin: str | None) -> Frontier:
    """Read every stored entry into the record and check the result against the stored head.

    `pin` is SHA-256 of entry 0's bytes as 64 hex, None only while founding. Raises ProofInvalid (`pin`, `head_differs`,
    `chain_broken`), Unavailable.
    """
    head, frontier = log.head(), Frontier()
    for start in range(0, head.size, TILE_WIDTH):
        for raw in log.read_entries(start, min(start + TILE_WIDTH, head.size)):
            if record.size == 0 and pin is not None and hashlib.sha256(raw).hexdigest() != pin:
                raise ProofInvalid("couldn't open the log: entry 0 is not the founding this home pins", code="pin")
            entry = decode_entry(raw)
            record.integrate(entry)
            frontier.append(entry.leaf)
    if (record.size, frontier.root(), record.head) != (head.size, head.root, head.chain_head):
        raise ProofInvalid("couldn't open the log: its entries do not give the stored head", code="head_differs")
    return frontier


def resume(log: Log, signed_head: SignedHead, signer: Signer, anchored: AnchoredHead | None) -> None:
    """Bring the signer to the stored head, or refuse.

    A missing signed_head is restored only from our own anchor: without one, nobody could tell that this storage is not
    an old copy. Raises Stopped (`signed_head_ahead`, `signed_head_missing`), ProofInvalid (`foreign_anchor`).
    """
    head = log.head()
    if head.size == 0:
        return
    if signed_head.read() is None:
        _check_against_anchor(log, anchored)
    signer.check(head)
    last, kept = signer.last_signed(), log.latest_checkpoint()
    # A stop between signed_head and its row leaves the file ahead of the rows: without the row there is no proof.
    if last is None or last.size < head.size or kept is None or kept[0] < head.size:
        signer.sign(head)


def _check_against_anchor(log: Log, anchored: AnchoredHead | None) -> None:
    head = log.head()
    if anchored is None or anchored.size == 0:
        raise Stopped(
            "couldn't open the log for writing: signed_head is missing, and no anchor of ours says how far we signed",
            code="signed_head_missing",
        )
    if anchored.size > head.size:
        raise Stopped(
            f"couldn't open the log for writing: {anchored.size} entries are anchored and storage holds {head.size}",
            code="signed_head_ahead",
        )
    if root_at(anchored.size, log.hashes()) != anchored.root:
        raise ProofInvalid(
            f"couldn't open the log: the anchor at size {anchored.size} has another root", code="foreign_anchor"
        )
