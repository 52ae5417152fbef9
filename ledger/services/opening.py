"""Opening a log: fold its entries into a record, and make sure that its own name is not under another history.

Restart goes through the same code as the first start: whatever was committed but not signed yet is signed now.
"""

from __future__ import annotations

import hashlib

from ledger.ports import Log, SignedHead
from ledger.services.checkpoint import Signer
from ledger.services.highest import Seen, check
from verifier.checkpoint import Checkpoint
from verifier.entry import decode_entry
from verifier.errors import ProofInvalid, Stopped
from verifier.merkle import Frontier, root_at
from verifier.note import open_note
from verifier.policy import Policy
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


def check_signed(log: Log, record: Record, signed_head: SignedHead) -> None:
    """Check that the folded log extends the newest head ever signed, which lies outside the database.

    Whoever can write to the database can make entries, tiles and head agree with one another, but not with this. More
    signed than folded is for the writer to refuse: a reader may have folded while the writer went on. Raises
    ProofInvalid (`signed_head_differs`, or what is wrong with the note), Stopped (`signed_head_damaged`).
    """
    raw = signed_head.read()
    if raw is None:
        return
    signed = Checkpoint.decode(open_note(raw, record.founding.log_keys).note.text)
    if 0 < signed.size <= record.size and root_at(signed.size, log.hashes()) != signed.root:
        raise ProofInvalid(
            f"couldn't open the log: its first {signed.size} entries are not those that were signed; the database was "
            "changed behind the log's back",
            code="signed_head_differs",
        )


def resume(log: Log, signed_head: SignedHead, signer: Signer, seen: Seen, policy: Policy | None) -> None:
    """Bring the signer to the stored head, or refuse.

    `seen`: what others hold of us, asked beforehand. A missing signed_head is restored only from that: without it,
    nobody could tell that this storage is not an old copy. Raises Stopped (`signed_head_ahead`,
    `signed_head_missing`), ProofInvalid (`fork`, `foreign_anchor`).
    """
    head = log.head()
    check(seen, log)
    if head.size == 0:
        return
    if signed_head.read() is None and (lacking := seen.lacking(policy)):
        raise Stopped(
            "couldn't open the log for writing: signed_head is missing, and so is the word of "
            f"{' and '.join(lacking)}, to say how far we signed",
            code="signed_head_missing",
        )
    signer.check(head)
    last = signer.last_signed()
    if last is None or last.size < head.size or log.latest_checkpoint() is None:
        signer.sign(head)
