"""The index part of evidence: that nothing was left out about one product or batch, up to some size of the log.

Up to the sealed size, the row of a confirmed index counts the entries that speak of the subject. From there on every
entry stands in the file: their leaves continue the tree of the entries before them, so none can be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.errors import ProofInvalid
from verifier.evidence.form import (
    bad,
    base64_of,
    data_of,
    hash_of,
    hashes_of,
    hex_of,
    list_of,
    number_of,
    object_of,
    text_of,
)
from verifier.record.entry import decode_entry
from verifier.record.excerpt import Excerpt
from verifier.record.independence import independence
from verifier.record.index import IndexProof, verify_index
from verifier.record.sealed_index import SealedIndex
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.index_tree import DEPTH_MAX, IndexRow
from verifier.tree.merkle import Frontier, leaf_hash, verify_consistency
from verifier.tree.tlog_proof import MAX_PATH

LATER_MAX = 512
"""Entries after the sealed size in one file at most; beyond them it says up to which size it is complete."""

_KEYS = {"gtin", "lot", "seal", "row", "path", "edge", "later", "consistency"}


@dataclass(frozen=True, slots=True)
class IndexPart:
    """What the index says about a subject, and all entries since.

    gtin, lot: the batch, or with lot None the product.
    seal: the index of the entry `index_sealed`, which is the size of the index.
    proof: the subject's row in it, or that it has none.
    edge: the complete subtrees over the first `seal` entries, largest first, 32 bytes each.
    later: the bytes of entries seal, seal + 1, …; None for one that stands among the file's entries.
    consistency: hashes from the size after `later` to the checkpoint's, none if they are the same.
    """

    gtin: str
    lot: str | None
    seal: int
    proof: IndexProof
    edge: tuple[bytes, ...]
    later: tuple[bytes | None, ...]
    consistency: tuple[bytes, ...] = ()

    @property
    def complete_to(self) -> int:
        """Entries below this index are accounted for."""
        return self.seal + len(self.later)

    def covers(self, gtin: str, lot: str) -> bool:
        """Whether what is said of this batch is said of the subject."""
        return gtin == self.gtin and self.lot in (None, lot)


def encode_index_part(part: IndexPart) -> dict[str, Any]:
    """The part as JSON."""
    return {
        "gtin": part.gtin,
        "lot": part.lot,
        "seal": part.seal,
        **encode_row_proof(part.proof),
        "edge": hex_of(part.edge),
        "later": [base64_of(data) if data is not None else None for data in part.later],
        "consistency": hex_of(part.consistency),
    }


def decode_index_part(value: object) -> IndexPart:
    """The counterpart of `encode_index_part`. Raises Malformed."""
    fields = object_of("index", value, _KEYS)
    later = list_of("later", fields["later"], LATER_MAX)
    if not later:
        raise bad("no entry in later", "the seal at least")
    return IndexPart(
        gtin=text_of("gtin", fields["gtin"], 14),
        lot=None if fields["lot"] is None else text_of("lot", fields["lot"], 20),
        seal=number_of("seal", fields["seal"]),
        proof=_row_proof(fields),
        edge=hashes_of("edge", fields["edge"], MAX_PATH),
        later=tuple(None if data is None else data_of(data) for data in later),
        consistency=hashes_of("consistency", fields["consistency"], MAX_PATH + 1),
    )


def encode_row_proof(proof: IndexProof) -> dict[str, Any]:
    """A row, or that there is none, and its path as JSON: exactly `row` and `path`."""
    row = proof.row
    return {
        "row": {"key": row.key.hex(), "count": row.count, "root": row.root.hex()} if row else None,
        "path": hex_of(proof.path),
    }


def decode_row_proof(name: str, value: object) -> IndexProof:
    """The counterpart of `encode_row_proof`. Raises Malformed."""
    return _row_proof(object_of(name, value, {"row", "path"}))


def _row_proof(fields: Mapping[str, Any]) -> IndexProof:
    row = None if fields["row"] is None else _decode_row(fields["row"])
    return IndexProof(row, hashes_of("path", fields["path"], DEPTH_MAX))


def check_index_part(part: IndexPart, excerpt: Excerpt, shown: Mapping[int, bytes], head: Checkpoint) -> SealedIndex:
    """Check that the shown entries about the subject are all there are below `part.complete_to`.

    1. the index is sealed and confirmed; 2. its row counts exactly the entries shown below it; 3. no later entry is
    missing; 4. none of those that are not folded speaks of the subject. `excerpt` has folded all entries `shown`.
    Raises Malformed or ProofInvalid (`index_seal`, `index_unconfirmed`, `index_row`, `index_hidden`, and of proofs).
    """
    sealed = excerpt.index_seals.get(part.seal)  # 1
    if sealed is None or sealed.view is None:
        raise ProofInvalid(f"couldn't check the index: entry {part.seal} is no sealed one", code="index_seal")
    if not (who := independence(excerpt.standing, sealed)).counting:
        whys = "; ".join(f"{one.address}: {one.why}" for one in who.confirmers)
        raise ProofInvalid(
            f"couldn't check the index: nobody but the operator stands for the one in entry {part.seal}"
            + (f" ({whys})" if whys else ""),
            code="index_unconfirmed",
        )
    row = verify_index(part.proof, sealed.head, part.gtin, part.lot)  # 2
    mine = sealed.view.row(part.gtin, part.lot)
    if row != mine:
        raise ProofInvalid(
            f"couldn't check the index: the file shows {mine.count if mine else 0} entries about this, the index "
            f"counts {row.count if row else 0}, or others",
            code="index_row",
        )
    tree = Frontier.decode(part.seal.to_bytes(8) + b"".join(part.edge))  # 3
    for index, data in enumerate(part.later, part.seal):
        tree.append(leaf_hash(_later(index, data, shown)))
    verify_consistency(tree.size, tree.root(), head.size, head.root, part.consistency)
    for index, data in enumerate(part.later, part.seal):  # 4
        subject = excerpt.subject(decode_entry(data)) if data is not None else None
        if subject is not None and part.covers(*subject):
            raise ProofInvalid(
                f"couldn't check the index: entry {index} speaks of this too, and is not among those shown",
                code="index_hidden",
            )
    return sealed


def _later(index: int, data: bytes | None, shown: Mapping[int, bytes]) -> bytes:
    known = shown.get(index)
    if (data is None) == (known is None):
        raise ProofInvalid(
            f"couldn't check the index: got entry {index} {'twice' if known else 'not at all'}, expected it once",
            code="index_hidden",
        )
    return data if data is not None else known or b""


def _decode_row(value: object) -> IndexRow:
    fields = object_of("row", value, {"key", "count", "root"})
    count = number_of("count", fields["count"])
    return IndexRow(hash_of("key", fields["key"]), count, hash_of("root", fields["root"]))
