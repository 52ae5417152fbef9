"""Opening a log: fold its entries into a record, and make sure that its own name is not under another history.

Restart goes through the same code as the first start: whatever was committed but not signed yet is checked as if it had
just been submitted, and signed now.
"""

from __future__ import annotations

import hashlib

from ledger.ports import Log, SignedHead
from ledger.services.record.checkpoint import Signer
from ledger.services.record.highest import Seen, check
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Stopped
from verifier.record.entry import Entry, decode_entry
from verifier.record.record import Record
from verifier.record.statement import verify
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import Frontier, root_at
from verifier.tree.note import open_note
from verifier.tree.policy import Policy
from verifier.tree.tiles import TILE_WIDTH


def fold(
    log: Log, record: Record, pin: str | None, signed_head: SignedHead | None = None, frontier: Frontier | None = None
) -> Frontier:
    """Read every stored entry into the record and check the result against the stored head.

    Entries that no signature of ours covers have passed nobody but the database: they are checked as submissions are,
    before anything is signed above them. `pin` is SHA-256 of entry 0's bytes as 64 hex, None only while founding.
    `frontier`: the edge of the log's tree at the record's size, where that has entries already; it is moved on.

    Raises ProofInvalid (`pin`, `signed_head_differs`, `entry_refused`, `head_differs`, `chain_broken`), Stopped
    (`signed_head_damaged`, `segment_missing`), Unavailable.
    """
    head, frontier = log.head(), Frontier() if frontier is None else frontier
    signed = _newest_signed(log, record, signed_head) if record.size else None
    for start in range(record.size // TILE_WIDTH * TILE_WIDTH, head.size, TILE_WIDTH):
        for raw in log.read_entries(max(start, record.size), min(start + TILE_WIDTH, head.size)):
            if record.size == 0 and pin is not None and hashlib.sha256(raw).hexdigest() != pin:
                raise ProofInvalid("couldn't open the log: entry 0 is not the founding this home pins", code="pin")
            covered = signed is not None and record.size < signed.size
            entry = decode_entry(raw) if covered else _admitted(record, raw)
            record.integrate(entry)
            frontier.append(entry.leaf)
            if record.size == 1:  # the log's keys stand in entry 0
                signed = _newest_signed(log, record, signed_head)
            if signed is not None and record.size == signed.size and frontier.root() != signed.root:
                raise _differs(signed.size)
    if (record.size, frontier.root(), record.head) != (head.size, head.root, head.chain_head):
        raise ProofInvalid("couldn't open the log: its entries do not give the stored head", code="head_differs")
    return frontier


def _newest_signed(log: Log, record: Record, signed_head: SignedHead | None) -> Checkpoint | None:
    """The largest checkpoint our key has signed, of `signed_head` and, where that is not kept, of storage's."""
    stored = log.latest_checkpoint()
    notes = [signed_head.read() if signed_head is not None else None, stored[1] if stored is not None else None]
    opened = [open_note(note, record.founding.log_keys).note.text for note in notes if note is not None]
    return max((Checkpoint.decode(text) for text in opened), key=lambda one: one.size, default=None)


def _admitted(record: Record, raw: bytes) -> Entry:
    """An entry that was never signed, with its signature and every rule checked."""
    at = f"couldn't open the log: entry {record.size} was stored and never signed, and"
    try:
        entry = decode_entry(raw)
        if entry.actor is not None:
            verify(entry.statement, record.founding.domain)
        record.admit(entry.kind, entry.body, entry.actor, entry.recorded_at)
    except (Malformed, ProofInvalid, Refused) as error:
        raise ProofInvalid(f"{at} the rules refuse it: {error} [{error.code}]", code="entry_refused") from error
    except NotFound as error:
        raise Stopped(f"{at} what it names is not here: {error}", code="segment_missing") from error
    return entry


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
        raise _differs(signed.size)


def _differs(size: int) -> ProofInvalid:
    return ProofInvalid(
        f"couldn't open the log: its first {size} entries are not those that were signed; the database was changed "
        "behind the log's back",
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
    last, kept = signer.last_signed(), log.latest_checkpoint()
    # A stop between signed_head and its row leaves the file ahead of the rows: without the row there is no proof.
    if last is None or last.size < head.size or kept is None or kept[0] < head.size:
        signer.sign(head)
