"""What a proof takes from the index: a row of the newest confirmed one, and every entry since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from verifier.errors import Refused
from verifier.evidence.decisions import DECISIONS_MAX
from verifier.evidence.index import LATER_MAX, IndexPart
from verifier.record.independence import independence
from verifier.record.index import DECISIONS, IndexProof
from verifier.record.record import Record
from verifier.tree.merkle import Frontier, HashReader, consistency_proof

SUBJECT_MAX = 512
"""Entries about one product or batch that a file carries to be complete; beyond it the file shows some and says so."""

ReadEntries = Callable[[int, int], Sequence[bytes]]

CONFIRMATIONS_SHOWN = 3
"""Confirmations of one index in a file, each of another country."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How a file becomes complete about a subject: which entries it must show, and where the index stands.

    `needed`: indexes of entries about the subject below `end`, of the seal and of a confirmation; `end`: the file is
    complete below this index.
    `decisions`: the row of all decisions in that index, None where the file does not show all of them; `decided`: the
    indexes of those below `end`.
    """

    gtin: str
    lot: str | None
    seal: int
    end: int
    proof: IndexProof
    needed: frozenset[int]
    decisions: IndexProof | None = None
    decided: frozenset[int] = frozenset()

    @property
    def wanted(self) -> frozenset[int]:
        """The entries that the file must show to be complete as far as this says."""
        return self.needed | self.decided if self.decisions is not None else self.needed

    def part(self, shown: Collection[int], size: int, hashes: HashReader, read: ReadEntries) -> IndexPart:
        """The part for a file that shows these entries, under a checkpoint of `size` entries."""
        raw = read(self.seal, self.end)
        tree = Frontier.at(self.seal, hashes)
        consistency = consistency_proof(self.end, size, hashes)
        later = tuple(None if index in shown else data for index, data in enumerate(raw, self.seal))
        return IndexPart(self.gtin, self.lot, self.seal, self.proof, tree.edge, later, consistency)


def completeness(record: Record, size: int, gtin: str, lot: str | None) -> Completeness | None:
    """What makes a file complete about a product or batch below `size`; None where no confirmed index gives it."""
    sealed = record.confirmed_index
    view = sealed.view if sealed is not None else None  # gone when a newer one was confirmed just now
    if sealed is None or view is None:
        return None
    counting = [one for one in independence(record.standing, sealed).counting if one.entry < size]
    if not counting:
        return None
    # One of each country, so that a reader can tell whether anybody but the operator's country stands for it.
    confirmations = list({one.country: one.entry for one in reversed(counting)}.values())[:CONFIRMATIONS_SHOWN]
    standing = record.standing
    operators = {index for each in ("operator_set", *standing.operators) for index in standing.decisions(each)}
    # A checkpoint is kept a moment before the record knows its entries: what it does not know it can't leave out.
    end = min(size, record.size, sealed.index + LATER_MAX)
    about = frozenset(index for index in _history(record, gtin, lot) if index < end)
    if len(about) > SUBJECT_MAX:
        return None
    needed = about | {sealed.index, *confirmations, *operators}
    decided = frozenset(at for at in tuple(standing.entries) if at < end)
    return Completeness(
        gtin,
        lot,
        sealed.index,
        end,
        view.prove(gtin, lot),
        frozenset(at for at in needed if at < size),
        view.prove_at(DECISIONS) if view.listed and len(decided) <= DECISIONS_MAX else None,
        decided,
    )


def _history(record: Record, gtin: str, lot: str | None) -> Sequence[int]:
    if lot is None:
        return [index for batch in record.by_gtin.get(gtin, ()) for index in tuple(batch.history)]
    batch = record.by_lot.get((gtin, lot))
    return tuple(batch.history) if batch is not None else ()


def absent(record: Record, gtin: str, lot: str | None) -> None:
    """Check that a batch, or with lot None any of a product, is not registered. Raises Refused (`lot_present`)."""
    if record.by_lot.get((gtin, lot)) if lot is not None else record.by_gtin.get(gtin):
        raise Refused(f"couldn't prove absence: GTIN {gtin} lot {lot} is registered", code="lot_present")
