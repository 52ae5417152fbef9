"""Proof files, `.tlog-proof`: one entry is in the log of this checkpoint (c2sp.org/tlog-proof@v1).

The file authenticates nothing by itself: index, path and extra count only as far as they lead to the root
of a checkpoint whose signatures were verified with keys the reader already had.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from verifier.errors import Malformed
from verifier.tree.checkpoint import Checkpoint, parse_decimal
from verifier.tree.merkle import HASH_SIZE, MAX_TREE_SIZE, verify_inclusion
from verifier.tree.note_key import decode_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63  # hashes; a tree of 2**63 - 1 leaves
MAX_PROOF_SIZE = 16_000_000  # bytes; ours: `extra` carries the entries a unit rests on, each up to 65,535


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof with its checkpoint.

    index: zero-based, of the entry in the log; path: 32-byte hashes from the leaf's sibling upwards;
    checkpoint: the signed note's bytes, verbatim; extra: opaque bytes that nothing here authenticates.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_TREE_SIZE:
            raise _bad(f"index {self.index}", f"0 … {MAX_TREE_SIZE}")
        if len(self.path) > MAX_PATH or any(len(value) != HASH_SIZE for value in self.path):
            raise _bad(f"a path of {len(self.path)} values", f"at most {MAX_PATH} of {HASH_SIZE} bytes")
        if self.extra == b"":
            raise _bad("an empty extra", "bytes, or no extra at all")

    def encode(self) -> bytes:
        """The file's bytes."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append("extra " + base64.b64encode(self.extra).decode())
        lines.append(f"index {self.index}")
        lines.extend(base64.b64encode(value).decode() for value in self.path)
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @classmethod
    def decode(cls, raw: bytes) -> TlogProof:
        """The counterpart of `encode`: whatever decodes encodes to the same bytes.

        The checkpoint is cut off, not read: open it with `verifier.tree.checkpoint.open_checkpoint`.

        Raises:
            Malformed: a line missing, out of order or not in its form, or over 16,000,000 bytes.
        """
        if len(raw) > MAX_PROOF_SIZE:
            raise _bad(f"{len(raw)} bytes", f"at most {MAX_PROOF_SIZE}")
        # The first empty line ends the path: no line before it may be empty, and origins are not either.
        head, separator, checkpoint = raw.partition(b"\n\n")
        if not separator or not checkpoint:
            raise _bad("no empty line and checkpoint", "both")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise _bad("bytes that are not ASCII", "ASCII before the checkpoint") from error
        if lines.pop(0) != HEADER:
            raise _bad("another first line", HEADER)
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra of a proof file")
        if not lines or not lines[0].startswith("index "):
            raise _bad("no index line", "index <decimal>")
        index = parse_decimal(lines.pop(0).removeprefix("index "), "a proof file")
        path = tuple(decode_base64(line, "the path of a proof file") for line in lines)
        return cls(index, path, checkpoint, extra)

    def verify(self, leaf: bytes, checkpoint: Checkpoint) -> None:
        """Check that `leaf` (a leaf hash) is entry `index` of an opened checkpoint.

        Args:
            leaf: SHA-256(0x00 ‖ entry bytes), 32 bytes.
            checkpoint: what `open_checkpoint(self.checkpoint, …)` returned, never a size or root told otherwise.

        Raises:
            ProofInvalid: it is not.
        """
        verify_inclusion(leaf, self.index, checkpoint.size, self.path, checkpoint.root)


def _bad(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't use a proof file: got {got}, expected {expected}", code="tlog_proof")
