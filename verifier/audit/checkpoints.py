"""The checkpoints of an audit: each signed by the log's key, and each a head of the history that is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from verifier.audit.report import Findings
from verifier.errors import Malformed, ProofInvalid
from verifier.record.founding import Founding
from verifier.record.head import Head, claimed_head, open_head
from verifier.tree.checkpoint import Checkpoint


class CheckpointAudit:
    """Takes every kept note, names the sizes to derive roots for, and compares the roots afterwards."""

    def __init__(self, notes: Iterable[bytes], findings: Findings) -> None:
        self._findings = findings
        self._notes = [(raw, _unverified(raw)) for raw in notes]
        self.heads: list[Head] = []

    @property
    def sizes(self) -> set[int]:
        """The sizes that the notes claim, not verified yet."""
        return {head.size for _, head in self._notes if head}

    @property
    def newest(self) -> Head | None:
        """The largest head that the log's key signed, once `compare` has run."""
        return max(self.heads, key=lambda head: head.checkpoint.size, default=None)

    def compare(self, founding: Founding, roots: Mapping[int, bytes], size: int) -> None:
        """Compare signed heads with the roots that the entries give; sizes beyond what could be read are left out."""
        other: list[int] = []
        for raw, claimed in self._notes:
            head = self._open(raw, claimed, founding)
            if head is None:
                continue
            self._findings.count("checkpoints")
            self.heads.append(head)
            checkpoint = head.checkpoint
            if checkpoint.size > size:
                self._findings.add(
                    f"checkpoint {checkpoint.size}",
                    "entries_missing",
                    f"couldn't find what is signed: got {size} entries, expected {checkpoint.size}",
                )
            elif checkpoint.size in roots and checkpoint.root != roots[checkpoint.size]:
                other.append(checkpoint.size)
        self._report(sorted(other), roots)
        newest = self.newest
        if newest is None or newest.checkpoint.size == 0:
            self._findings.add(
                "checkpoints", "checkpoint_missing", "couldn't find a checkpoint signed by the log's key"
            )
        elif newest.checkpoint.size < size:
            self._findings.notes.append(
                f"entries {newest.checkpoint.size} to {size - 1} are under no signed checkpoint yet"
            )

    def _open(self, raw: bytes, claimed: Checkpoint | None, founding: Founding) -> Head | None:
        try:
            return open_head(raw, founding)
        except (Malformed, ProofInvalid) as error:
            at = f"checkpoint {claimed.size}" if claimed else f"checkpoint of {len(raw)} bytes"
            self._findings.refused(at, error)
            return None

    def _report(self, sizes: list[int], roots: Mapping[int, bytes]) -> None:
        """One finding for all: after one changed entry every later head differs."""
        if not sizes:
            return
        first, more = sizes[0], f" and {len(sizes) - 1} later ones" if len(sizes) > 1 else ""
        self._findings.add(
            f"checkpoint {first}{more}",
            "root_differs",
            f"couldn't match what is signed: {len(sizes)} checkpoints have another root; at {first} the entries give "
            f"{roots[first].hex()}",
        )


def _unverified(raw: bytes) -> Checkpoint | None:
    try:
        return claimed_head(raw)
    except Malformed:
        return None
