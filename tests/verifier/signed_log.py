"""A log that can lie: histories with a common beginning, each signed by the same key at any size."""

from __future__ import annotations

from hashlib import sha256

from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import MemoryTree, consistency_proof, root_at
from verifier.tree.note_key import SigningKey
from verifier.tree.witness import format_request


class SignedLog:
    """One history. `fork`: the index from which its leaves are others than those of the history without one."""

    def __init__(self, name: str = "log.example/one", size: int = 128, *, fork: int | None = None) -> None:
        self.key = SigningKey(name, sha256(name.encode()).digest())
        other = size if fork is None else fork
        leaves = [sha256(f"{name} {n} {'fork' if n >= other else ''}".encode()).digest() for n in range(size)]
        self.size, self._tree = size, MemoryTree(leaves)

    @property
    def origin(self) -> str:
        return self.key.name

    def root(self, size: int) -> bytes:
        return root_at(size, self._tree)

    def note(self, size: int) -> bytes:
        """The signed checkpoint of a size."""
        return sign_checkpoint(Checkpoint(self.origin, size, self.root(size)), self.key).format()

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        return consistency_proof(old, size, self._tree) if 0 < old < size else ()

    def request(self, old: int, size: int) -> bytes:
        """A request that a witness whose last size is `old` grants."""
        return format_request(old, self.proof(old, size), self.note(size))
