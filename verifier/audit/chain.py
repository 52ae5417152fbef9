"""The chain's side of an audit: what the two contracts said, by raw events, against what the log says.

Nobody is accused at first sight: what does not fit is looked at again with a fresh view of the chain, for the log and
the chain both move while they are read. What a node leaves out or does not know is said as not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verifier.audit.decisions import MIRROR_LIMIT, Doubt, age_in_words, block_by, doubts, waiting
from verifier.audit.report import Findings
from verifier.chain.event import Anchored, Block, ChainReader
from verifier.chain.view import ChainView, read_view
from verifier.errors import CarnetError, Unavailable
from verifier.record.founding import Founding
from verifier.record.participant import Mirrored


class ChainAudit:
    """Reads the events of a ledger's contracts and compares them with the log once that has been read."""

    def __init__(self, chain: ChainReader | None, findings: Findings) -> None:
        self._chain, self._findings = chain, findings
        self._founding: Founding | None = None
        self._mirrored: dict[int, Mirrored] = {}
        self._recorded: dict[int, int] = {}
        self.view: ChainView | None = None

    @property
    def asked(self) -> bool:
        """Whether a node has answered."""
        return self.view is not None

    @property
    def anchors(self) -> tuple[Anchored, ...]:
        """The anchors of this log, in order."""
        return self.view.anchors if self.view is not None else ()

    @property
    def head(self) -> int:
        """How many entries the contract's own head covers; 0 for none, or where no node has answered."""
        return self.view.head[0] if self.view is not None else 0

    @property
    def sizes(self) -> set[int]:
        """The sizes whose roots will be compared."""
        return {anchor.size for anchor in self.anchors}

    def block_of(self, number: int) -> Block | None:
        """A block by its number, or None when the node does not give it."""
        try:
            return self._chain.block(number) if self._chain is not None else None
        except Unavailable:
            return None

    def read(self, founding: Founding) -> None:
        """Ask the node for all anchors and decisions. Without a node that is a note, without an answer not checked."""
        self._founding = founding
        if self._chain is None:
            self._findings.notes.append("no node of the chain was asked: anchors and decisions rest on the log alone")
        else:
            self._look()

    def mirrored(self, index: int, mirrored: Mirrored, recorded_at: int) -> None:
        """Remember a mirrored decision, recorded at that instant (ms); it is compared when all have been read."""
        self._mirrored[index], self._recorded[index] = mirrored, recorded_at

    def compare(self, roots: Mapping[int, bytes], size: int, now: int, *, whole: bool = True) -> list[Anchored]:
        """Compare anchors and decisions. Returns the anchors that are still to be compared.

        Of those beyond the log nothing can be said without a newer head; others came while the entries were read.
        `now`: the instant (ms) for which the age of what is missing is told. `whole`: every entry was read; of a log
        read in part nobody can tell which decisions it lacks.
        """
        if self.view is None or self._chain is None:
            return []
        found = self._doubts(roots, size, now)
        if found:  # an accusation needs a second look
            if not self._look():
                return []
            found = self._doubts(roots, size, now)
        for doubt in found:
            self._findings.doubt(doubt.at, doubt.code, doubt.words, told=doubt.told)
        self._findings.count("anchors", len([anchor for anchor in self.anchors if anchor.size in roots]))
        if not self.anchors and self.view.anchors_missing is None:
            self._findings.notes.append("the contract holds no anchor of this log yet")
        if whole:
            self._wait(now)
        return [anchor for anchor in self.anchors if anchor.size > size or anchor.size not in roots]

    def _look(self) -> bool:
        """Read the chain; what kept us from it is said. A view that cannot be had again is no view."""
        assert self._chain is not None  # noqa: S101  (callers have looked)
        assert self._founding is not None  # noqa: S101
        self.view = None
        try:
            self.view = read_view(self._chain, self._founding)
        except CarnetError as error:
            self._unanswered(error)
        return self.view is not None

    def _doubts(self, roots: Mapping[int, bytes], size: int, now: int) -> list[Doubt]:
        assert self.view is not None  # noqa: S101
        assert self._chain is not None  # noqa: S101
        assert self._founding is not None  # noqa: S101
        try:
            latest = {index: block_by(at, now) for index, at in self._recorded.items()}
            decisions = list(doubts(self._chain, self.view, self._founding, self._mirrored, latest))
        except Unavailable as error:
            decisions = [Doubt("decisions", error.code, str(error), told=False)]
        return [*decisions, *self._anchor_doubts(self.view, roots, size)]

    def _anchor_doubts(self, view: ChainView, roots: Mapping[int, bytes], size: int) -> Iterator[Doubt]:
        for anchor in view.anchors:
            if anchor.size <= size and anchor.size in roots and roots[anchor.size] != anchor.root:
                words = (
                    f"couldn't match the anchor: got {anchor.root.hex()}, the entries give {roots[anchor.size].hex()}"
                )
                yield Doubt(anchor_place(anchor), "anchor_foreign", words)
        if (missing := view.anchors_missing) is not None:
            yield Doubt("anchors", "anchor_gap", f"couldn't compare all anchors: {missing}", told=False)
        if not self._mirrored and (left_out := view.decisions_missing) is not None:
            yield Doubt("decisions", "chain_incomplete", f"couldn't compare decisions: {left_out}", told=False)

    def _wait(self, now: int) -> None:
        """What the registry decided and the log does not say: for a while that is how things go, then it is hidden."""
        assert self.view is not None  # noqa: S101
        assert self._chain is not None  # noqa: S101
        try:
            for event, age in waiting(self._chain, self.view, list(self._mirrored.values()), now):
                what = f"decision {event.sequence} ({event.proposal.value})"
                if age > MIRROR_LIMIT:
                    words = (
                        f"couldn't find {what} in the log: the registry took it {age_in_words(age)} ago, "
                        f"in transaction {event.where.transaction}"
                    )
                    self._findings.add(what, "decision_unmirrored", words)
                else:
                    since = age_in_words(age)
                    self._findings.notes.append(f"{what} is not in the log yet; the registry took it {since} ago")
        except Unavailable as error:
            self._unanswered(error)

    def _unanswered(self, error: CarnetError) -> None:
        """The auditor's own node accuses nobody by its silence or its nonsense."""
        self._findings.doubt("chain", error.code, f"couldn't check anchors and decisions: {error}", told=False)


def anchor_place(anchor: Anchored) -> str:
    """How a finding names an anchor."""
    return f"anchor {anchor.size} (transaction {anchor.where.transaction})"
