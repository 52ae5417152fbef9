"""A witness's decision about a checkpoint that it is asked to cosign (C2SP tlog-witness v1.0.0, `add-checkpoint`).

    old <size>
    <consistency proof, base64, at most 63 lines>

    <checkpoint>

This module keeps no state. The caller holds the head that was cosigned last, and must read it, decide and write it in
one step. A refusal is an error that knows its HTTP answer, since clients act on the status code alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from verifier.errors import CarnetError, Malformed, ProofInvalid, Refused
from verifier.tree.checkpoint import Checkpoint, parse_decimal
from verifier.tree.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from verifier.tree.note import Note, NoteSignature, SigningKey, VerifierKey, cosign_note, open_note
from verifier.tree.note_key import decode_base64

MAX_REQUEST = 65_536  # bytes; ours. 63 proof lines take 2,835, the rest is for signatures of other parties
MAX_PROOF = 63  # lines; the specification's, and what a tree of 2**63 - 1 leaves can need
PLAIN = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
"""Media type of a 409's body, exactly so: the size that the client should have named."""


@dataclass(frozen=True, slots=True)
class Head:
    """A size (leaves) and the root (32 bytes) at it."""

    size: int
    root: bytes


NEVER = Head(0, EMPTY_ROOT)
"""The head of a log of which nothing was cosigned yet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, body, media type."""

    status: int
    body: bytes
    media_type: str = PLAIN


class Declined(Refused):
    """No cosignature. `answer` goes to the client, which asks again only after 409, from the size given there."""

    def __init__(self, status: int, why: str, *, size: int | None = None) -> None:
        super().__init__(f"couldn't cosign the checkpoint: {why}", code=f"witness_{status}")
        body, media_type = (f"{self}\n", PLAIN) if size is None else (f"{size}\n", SIZE)
        self.answer = Answer(status, body.encode(), media_type)


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed request: the size it starts from, the proof's hashes, and the note with nothing in it verified."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    @property
    def origin(self) -> str:
        """The log that the checkpoint claims to be of."""
        return self.note.text.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Submission:
    """A request whose checkpoint the log signed. `note`: its text with the log's verified signatures only."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note

    @property
    def head(self) -> Head:
        """Size and root of the checkpoint."""
        return Head(self.checkpoint.size, self.checkpoint.root)


def origin_hash(origin: str) -> str:
    """SHA-256 of a log's origin, 64 lower hex: its folder below a monitoring prefix."""
    return sha256(origin.encode()).hexdigest()


def format_request(old: int, proof: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The body that asks for a cosignature.

    Args:
        old: the size that the witness cosigned last, as far as the client knows; 0 to be told.
        proof: consistency hashes from `old` to the checkpoint's size; none when they are equal or `old` is 0.
        checkpoint: the signed note's bytes.

    Raises:
        Malformed: more hashes than a request may hold.
    """
    if len(proof) > MAX_PROOF:
        raise Malformed(f"couldn't ask a witness: got {len(proof)} hashes, expected at most {MAX_PROOF}", code="proof")
    lines = [f"old {old}", *(base64.b64encode(value).decode() for value in proof)]
    return "\n".join([*lines, "", ""]).encode() + checkpoint


def parse_request(raw: bytes) -> Request:
    """The counterpart of `format_request`.

    Raises:
        Declined: 400, not a request.
    """
    # The first empty line ends the proof: no line before it may be empty, and an origin is not either.
    head, separator, checkpoint = raw.partition(b"\n\n")
    if not separator:
        raise Declined(400, "got no empty line, expected one between the proof and the checkpoint")
    try:
        old, *proof = head.decode("ascii").split("\n")
        if not old.startswith("old "):
            raise Malformed("expected a first line: old <size>")
        if len(proof) > MAX_PROOF:
            raise Malformed(f"got {len(proof)} proof lines, expected at most {MAX_PROOF}")
        size = parse_decimal(old.removeprefix("old "), "the old size")
        return Request(size, tuple(_hash(line) for line in proof), Note.parse(checkpoint))
    except (Malformed, UnicodeDecodeError) as error:
        raise Declined(400, str(error)) from error


def open_request(request: Request, keys: Iterable[VerifierKey]) -> Submission:
    """Check that the log made this checkpoint, and that the request makes sense for it.

    Args:
        request: what was parsed.
        keys: those trusted for the request's origin; none for a log that the witness does not know.

    Raises:
        Declined: 404 unknown log; 403 no trusted key signed, or a trusted key's line is wrong; 400 no checkpoint, or
            the old size is larger; 422 size 0 with another root than the empty tree's.
    """
    trusted = tuple(keys)
    if not trusted:
        raise Declined(404, f"the log {request.origin[:200]!r} is not known here")
    try:
        verified = open_note(request.note.format(), trusted).verified
    except ProofInvalid as error:
        # A wrong signature under a trusted name and id spoils the note, whatever else it bears: signed-note.
        raise Declined(403, str(error)) from error
    note = Note(request.note.text, tuple(NoteSignature(v.key.name, v.key.key_id, v.signature) for v in verified))
    checkpoint = _decode(note.text)
    if request.old > checkpoint.size:
        raise Declined(400, f"got old size {request.old}, expected at most the checkpoint's, {checkpoint.size}")
    return Submission(request.old, request.proof, checkpoint, note)


def check_extends(submission: Submission, last: Head) -> None:
    """Check that the checkpoint extends what was cosigned last.

    Raises:
        Declined: 409 the old size is another, or the size is the same and the root is another; 422 the proof does not
            lead from that head to this one.
    """
    if submission.old != last.size:
        raise Declined(409, "the old size is not what was cosigned last", size=last.size)
    new, proof = submission.head, submission.proof
    if last.size in (0, new.size) and proof:
        raise Declined(422, f"got a proof of {len(proof)} hashes, expected none from {last.size} to {new.size}")
    if new.size == last.size:
        if new.root != last.root:
            raise Declined(409, "another root was cosigned at this size", size=last.size)
    elif last.size:
        try:
            verify_consistency(last.size, last.root, new.size, new.root, proof)
        except ProofInvalid as error:
            raise Declined(422, str(error)) from error


def cosigned(submission: Submission, key: SigningKey, time: int) -> tuple[Note, Answer]:
    """The note with our cosignature (POSIX seconds) under the log's signatures, and the answer that carries the line.

    Neither may leave before what was cosigned last is durable.
    """
    note = cosign_note(submission.note, key, time)
    return note, Answer(200, f"{note.signatures[-1].format()}\n".encode())


def _decode(text: str) -> Checkpoint:
    """The checkpoint that a log signed, with the status that the specification has for each flaw."""
    try:
        return Checkpoint.decode(text)
    except Malformed as error:
        _, size, root = [*text.split("\n"), "", "", ""][:3]
        wrong_root = size == "0" and len(_base64(root)) == HASH_SIZE and _base64(root) != EMPTY_ROOT
        raise Declined(422 if wrong_root else 400, str(error)) from error


def _base64(text: str) -> bytes:
    try:
        return decode_base64(text, "a root")
    except CarnetError:
        return b""


def _hash(line: str) -> bytes:
    value = decode_base64(line, "a proof line")
    if len(value) != HASH_SIZE:
        raise Malformed(f"got a proof line of {len(value)} bytes, expected {HASH_SIZE}")
    return value
