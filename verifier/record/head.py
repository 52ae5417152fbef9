"""A signed head with its cosignatures: what one note says once the founding's keys and policy have opened it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verifier.errors import Malformed, ProofInvalid
from verifier.record.founding import Founding
from verifier.tree.checkpoint import Checkpoint, open_checkpoint
from verifier.tree.cosignature import verify_cosignature
from verifier.tree.note import Note


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One line by a witness of the policy: its name there, the time (POSIX seconds) or why it is wrong, the line."""

    name: str
    line: str
    time: int | None
    error: ProofInvalid | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that a log key signed, and what witnesses of the policy say. `raw` are the note's bytes."""

    checkpoint: Checkpoint
    cosigned: tuple[Cosigned, ...]
    raw: bytes

    @property
    def times(self) -> dict[str, int]:
        """When each witness cosigned, the latest of its lines; wrong lines left out."""
        times: dict[str, int] = {}
        for line in self.cosigned:
            if line.time is not None:
                times[line.name] = max(line.time, times.get(line.name, 0))
        return times

    @property
    def bare(self) -> bytes:
        """The note with the signatures of the log alone."""
        note = Note.parse(self.raw)
        own = tuple(line for line in note.signatures if line.name == self.checkpoint.origin)
        return Note(note.text, own).format()

    def quorum_time(self, founding: Founding) -> int | None:
        """The largest time (POSIX seconds) at which a quorum had cosigned, or None; None too without a policy."""
        return founding.policy.quorum_time(self.times) if founding.policy is not None else None


def open_head(raw: bytes, founding: Founding, *, own: bool = True) -> Head:
    """Open a note with whichever log key of the founding signed it, and look at every line of a witness.

    `own` False takes extension lines: such a head is signed all the same. A wrong cosignature is told in `cosigned`;
    the signatures of others are ignored.

    Raises Malformed for what is no checkpoint, ProofInvalid (`signature_missing`, `signature_invalid`).
    """
    checkpoint = _open_by_log(raw, founding, own)
    note = Note.parse(raw)
    return Head(checkpoint, tuple(_cosigned(note, founding)), raw)


def claimed_head(raw: bytes) -> Checkpoint:
    """What a note says without believing any signature. Raises Malformed."""
    return Checkpoint.decode(Note.parse(raw).text)


def _open_by_log(raw: bytes, founding: Founding, own: bool) -> Checkpoint:
    failure: Malformed | ProofInvalid | None = None
    for key in founding.log_keys:
        try:
            return open_checkpoint(raw, key, own=own).checkpoint
        except (Malformed, ProofInvalid) as error:
            if failure is None or failure.code == "signature_missing":
                failure = error
    raise failure or ProofInvalid("couldn't open a checkpoint: entry 0 names no log key", code="signature_missing")


def _cosigned(note: Note, founding: Founding) -> Iterator[Cosigned]:
    witnesses = founding.policy.witnesses if founding.policy is not None else {}
    for name, key in witnesses.items():
        for line in note.signatures:
            if (line.name, line.key_id) != (key.name, key.key_id):
                continue
            try:
                yield Cosigned(name, line.format(), verify_cosignature(key, note.text, line.signature))
            except ProofInvalid as error:
                yield Cosigned(name, line.format(), None, error)
