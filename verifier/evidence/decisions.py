"""The decisions part of evidence: that no decision about people was left out, up to some size of the log.

A file that shows some decisions may lack the newest one, a suspension for example, and every step would hold. The row
of all decisions counts them up to the sealed index; those after it stand among the entries since, as for the goods.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.errors import ProofInvalid
from verifier.evidence.index import IndexPart
from verifier.record.entry import Entry, decode_entry
from verifier.record.index import DECISIONS, IndexProof, check_list, verify_row
from verifier.record.sealed_index import SealedIndex
from verifier.record.statement import Kind

DECISIONS_MAX = 1_024
"""Decisions in one file at most. Own limit; with more the file is made without them, and says so."""


def check_decisions(
    proof: IndexProof, part: IndexPart, sealed: SealedIndex, entries: Sequence[tuple[int, Entry]]
) -> int:
    """Check that the decisions among the entries shown are all that the log has below `part.complete_to`.

    1. the index has such a row; 2. it counts exactly those shown below the seal; 3. none of the entries since that are
    not shown is a decision; 4. their numbers have no gap.

    Args:
        proof: the row of all decisions in the sealed index, or that there is none.
        part: the index part of the same file, whose entries since the seal were checked.
        sealed: that index, with the view that the entries shown give.
        entries: every entry shown with its index, rising.

    Returns:
        How many decisions stand below `part.complete_to`.

    Raises:
        ProofInvalid: `decisions_unlisted` (1), `index_row` (2), `index_hidden` (3), `mirror_gap` (4), and of proofs.
    """
    row = verify_row(proof, sealed.head, DECISIONS)
    if row is None and (sealed.view is None or not sealed.view.listed):  # 1
        raise ProofInvalid(
            f"couldn't check the decisions: the index of entry {part.seal} has no row of them, by the rules of its "
            "time",
            code="decisions_unlisted",
        )
    shown = [(at, entry) for at, entry in entries if entry.kind is Kind.PARTICIPANT_MIRRORED and at < part.complete_to]
    check_list(row, (entry.leaf for at, entry in shown if at < part.seal), "decisions")  # 2
    for index, data in enumerate(part.later, part.seal):  # 3
        if data is not None and decode_entry(data).kind is Kind.PARTICIPANT_MIRRORED:
            raise ProofInvalid(
                f"couldn't check the decisions: entry {index} is one, and is not among those shown",
                code="index_hidden",
            )
    numbers = [int(entry.body["sequence"]) for _, entry in shown]
    if numbers != list(range(1, len(numbers) + 1)):  # 4
        raise ProofInvalid(
            f"couldn't check the decisions: got the numbers {numbers[:20]}, expected no gap from 1 on",
            code="mirror_gap",
        )
    return len(shown)
