"""Ports: what services need from storage and chain. The docstrings are the contract of every adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from verifier.record.participant import Mirrored
from verifier.segment.view import SegmentView
from verifier.tree.merkle import HashReader

Report = Callable[[str], None]
"""Takes one line for people about work in progress."""


def silent(_line: str) -> None:
    """A report that nobody reads."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """Where the log stands: entries, RFC 6962 root, chain head, instant of the last entry (ms)."""

    size: int
    root: bytes
    chain_head: bytes
    recorded_at_ms: int


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry about to be stored: its bytes, its leaf, and for statements digest and statementId (32 bytes).

    `secret`: name and sealed value to be kept with it, in the same transaction; a name that is there keeps its value.
    """

    data: bytes
    leaf: bytes
    digest: bytes | None = None
    statement_id: bytes | None = None
    secret: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature of one of our checkpoints: its size, the witness's name in the policy, when (POSIX
    seconds), and the signature line without its newline."""

    size: int
    name: str
    time: int
    line: str


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """What a witness answered: HTTP status and body."""

    status: int
    body: bytes


class Witness(Protocol):
    """A witness, reached from afar (C2SP tlog-witness). Both calls are bounded in time and in bytes."""

    def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Ask for a cosignature. Raises Unavailable."""
        ...

    def checkpoint(self, origin_hash: str) -> WitnessReply:
        """The newest checkpoint it cosigned of the log with this SHA-256 of its origin. Raises Unavailable."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Log(Protocol):
    """The sequenced log. One writer; readers anywhere."""

    def head(self) -> LogHead:
        """The stored head; size 0 with the empty root before the founding."""
        ...

    def append(self, expected: LogHead, entries: Sequence[NewEntry], new: LogHead) -> None:
        """Store entries, tiles and head in one transaction, by compare-and-swap on `expected`.

        Durable when it returns. Raises Unavailable when nothing was written; Stopped when another writer was faster
        (`lost_the_race`) or the outcome is not known (`commit_unknown`), after which only `settle` goes on.
        """
        ...

    def settle(self) -> LogHead:
        """Find out what is stored after an outcome that was not known, and be writable again.

        What it returns is durable and cannot change any more but by an append. Raises Unavailable, Stopped
        (`commit_unknown`) as long as nothing can be written.
        """
        ...

    def read_entries(self, start: int, end: int) -> list[bytes]:
        """Stored bytes of entries start … end−1."""
        ...

    def hashes(self) -> HashReader:
        """Subtree hashes read back from storage, not from the writer's memory."""
        ...

    def find_statement(self, digest: bytes) -> int | None:
        """The index of the entry with this statement digest."""
        ...

    def save_checkpoint(self, size: int, root: bytes, note: bytes) -> None:
        """Keep a signed checkpoint; the same size again is a no-op."""
        ...

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """Size and note of the newest signed checkpoint."""
        ...


class SignedHead(Protocol):
    """The newest checkpoint this log's key has ever signed, outside database and backups."""

    def read(self) -> bytes | None:
        """The note, or None when the file is missing."""
        ...

    def write(self, note: bytes) -> None:
        """Make the note durable before the signature leaves the process. Raises Stopped for a smaller size."""
        ...


class Segments(Protocol):
    """Immutable, content-addressed segments."""

    def open(self, root: bytes, n: int) -> SegmentView:
        """A view of a stored segment. Raises NotFound (`segment_not_found`), ProofInvalid, Unavailable."""
        ...

    def hold(self, root: bytes) -> bool:
        """Keep a segment from being swept for another day; False when it is not here."""
        ...

    def discard(self, root: bytes) -> None:
        """Remove a segment that no entry names; as good if it is not here. Raises Unavailable."""
        ...


class Secrets(Protocol):
    """Values kept encrypted beside the log: batch salts."""

    def put(self, name: str, value: bytes) -> None:
        """Seal and store; the same name again must bring the same value."""
        ...

    def sealed(self, name: str, value: bytes) -> bytes:
        """Seal a value, to be stored under the name by somebody else, or not at all."""
        ...

    def get(self, name: str) -> bytes | None:
        """Unseal, or None when nothing is stored under the name."""
        ...


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """A head the anchor contract accepted, in a final block: size and root."""

    size: int
    root: bytes


class Chain(Protocol):
    """The EVM chain with registry and anchor contract, as one ledger uses it."""

    def proposals(self, after_sequence: int) -> Iterator[Mirrored]:
        """Executed proposals after a sequence number, from final blocks, in order. Raises ProofInvalid for a gap."""
        ...

    def anchored(self) -> AnchoredHead:
        """The head the contract holds (size 0 before the first anchor)."""
        ...
