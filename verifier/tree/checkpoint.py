"""Checkpoints: a log's origin, size and root as a signed note (C2SP tlog-checkpoint v1.0.0).

Carnet writes three lines and no extension lines, because nobody can audit those. In checkpoints of other logs they are
kept unchanged, because signatures cover them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from verifier.errors import Malformed, ProofInvalid
from verifier.tree.merkle import EMPTY_ROOT, HASH_SIZE, MAX_TREE_SIZE
from verifier.tree.note import Note, OpenedNote, SigningKey, VerifierKey, open_note, sign_note
from verifier.tree.note_key import decode_base64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: origin (the log's name), size (leaves, 0 … 2**63 - 1), root (32 bytes).

    `extension`: further lines of a foreign checkpoint, never our own.
    """

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.origin or re.search("[\x00-\x1f]", self.origin):
            raise _bad(f"origin {self.origin[:60]!r}", "one line that is not empty")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise _bad(f"size {self.size}", f"0 … {MAX_TREE_SIZE}")
        if len(self.root) != HASH_SIZE:
            raise _bad(f"a root of {len(self.root)} bytes", str(HASH_SIZE))
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise _bad(f"size 0 with root {self.root.hex()}", "SHA-256 of nothing")
        if not all(self.extension):
            raise _bad("an empty extension line", "none")

    def encode(self) -> str:
        """The note text: origin, size, base64 root, each with a newline."""
        root = base64.b64encode(self.root).decode()
        return "\n".join([self.origin, str(self.size), root, *self.extension]) + "\n"

    @classmethod
    def decode(cls, text: str) -> Checkpoint:
        """The counterpart of `encode`: whatever decodes encodes to the same text.

        Raises:
            Malformed: fewer than three lines, a size with leading zeros, a root that is not 32 bytes.
        """
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < 3:
            raise _bad(f"{len(lines)} lines", "origin, size and root, each ending in a newline")
        origin, size, root = lines[:3]
        return cls(origin, parse_decimal(size, "a checkpoint"), decode_base64(root, "a root"), tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint, signed by the log's key, and the opened note it stood in (raw bytes, cosignatures)."""

    checkpoint: Checkpoint
    opened: OpenedNote


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """The checkpoint as a note signed by the log's key. The caller has checked that it may be signed.

    Raises:
        Malformed: the key's name is not the origin, or extension lines are given.
    """
    if key.name != checkpoint.origin:
        raise _bad(f"a key named {key.name!r}", f"the origin {checkpoint.origin!r}")
    if checkpoint.extension:
        raise _bad("extension lines", "none in our own checkpoints")
    return sign_note(checkpoint.encode(), key)


def open_checkpoint(
    raw: bytes, log_key: VerifierKey, cosigners: Iterable[VerifierKey] = (), *, own: bool = True
) -> OpenedCheckpoint:
    """Parse a checkpoint and verify the log's signature and every known cosignature on it.

    Args:
        raw: the note's bytes.
        log_key: the key that must have signed; its name must be the origin.
        cosigners: known witnesses; their absence is no error, a wrong signature of theirs is.
        own: a Carnet log, so extension lines are refused.

    Raises:
        Malformed: not a checkpoint.
        ProofInvalid: wrong or missing log signature, a wrong cosignature, another origin
            (`checkpoint_origin`), or extension lines where none may be (`checkpoint_extension`).
    """
    opened = open_note(raw, (log_key, *cosigners))
    if not any(found.key == log_key for found in opened.verified):
        raise ProofInvalid(
            f"couldn't open a checkpoint: got no signature by {log_key.name}, expected the log's own",
            code="signature_missing",
        )
    checkpoint = Checkpoint.decode(opened.note.text)
    if checkpoint.origin != log_key.name:
        raise ProofInvalid(
            f"couldn't open a checkpoint: got origin {checkpoint.origin!r}, expected {log_key.name!r}",
            code="checkpoint_origin",
        )
    if own and checkpoint.extension:
        raise ProofInvalid(
            f"couldn't open a checkpoint: got {len(checkpoint.extension)} extension lines, expected none",
            code="checkpoint_extension",
        )
    return OpenedCheckpoint(checkpoint, opened)


def parse_decimal(text: str, what: str) -> int:
    """ASCII decimal of 0 … 2**63 - 1 without leading zeros.

    Raises:
        Malformed: anything else.
    """
    number = int(text) if _DECIMAL.fullmatch(text) else -1
    if not 0 <= number <= MAX_TREE_SIZE:
        raise Malformed(
            f"couldn't read {what}: got number {text[:30]!r}, expected decimal 0 … 2^63-1 without leading zeros",
            code="decimal",
        )
    return number


def _bad(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't use a checkpoint: got {got}, expected {expected}", code="checkpoint")
