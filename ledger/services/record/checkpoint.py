"""The signer: puts the log's name under a head, and never under two histories.

Order of writing (each step assumes a stop right after it):
1. the head is committed (by the caller);
2. its root is derived again by a second path, from what storage gives back;
3. it is shown consistent with the last signed head, read from its own file;
4. `signed_head` is made durable;
5. only then the signature leaves this module.
"""

from __future__ import annotations

from ledger.ports import Log, LogHead, SignedHead
from verifier.errors import ProofInvalid, Stopped
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.merkle import consistency_proof, root_at, verify_consistency
from verifier.tree.note_key import SigningKey


class Signer:
    """Signs checkpoints of one log with its Ed25519 key."""

    def __init__(self, log: Log, signed_head: SignedHead, key: SigningKey) -> None:
        self._log = log
        self._signed_head = signed_head
        self._key = key

    def last_signed(self) -> Checkpoint | None:
        """The newest head ever signed, from its own file. Raises ProofInvalid if that file is not ours."""
        raw = self._signed_head.read()
        return open_checkpoint(raw, self._key.verifier).checkpoint if raw is not None else None

    def check(self, head: LogHead) -> None:
        """Refuse to go on from a head below the last signed one.

        Raises Stopped (`signed_head_ahead`): storage has been rolled back; fetch the missing entries.
        """
        last = self.last_signed()
        if last is not None and last.size > head.size:
            raise Stopped(
                f"couldn't open the log: {last.size} entries have been signed and storage holds {head.size}; "
                "it was restored from an old copy",
                code="signed_head_ahead",
            )

    def sign(self, head: LogHead) -> bytes:
        """Sign a committed head; returns the note. Raises ProofInvalid or Stopped, after which nothing is written."""
        hashes = self._log.hashes()
        if root_at(head.size, hashes) != head.root:  # 2
            raise ProofInvalid("couldn't sign the head: storage gives back another root", code="root_differs")
        last = self.last_signed()
        if last is not None and last.size > 0:  # 3
            if last.size > head.size:
                self.check(head)
            proof = consistency_proof(last.size, head.size, hashes)
            verify_consistency(last.size, last.root, head.size, head.root, proof)
        checkpoint = Checkpoint(self._key.name, head.size, head.root)
        note = sign_checkpoint(checkpoint, self._key).format()
        # 4: if we stop after this line, restart finds signed_head == log_head, and signs the same once more to keep it
        self._signed_head.write(note)
        self._log.save_checkpoint(head.size, head.root, note)
        return note  # 5
