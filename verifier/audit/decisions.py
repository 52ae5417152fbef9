"""Decisions of the registry as a log mirrors them, against the registry's own events, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.chain.event import Block, ChainReader, Executed
from verifier.chain.view import RegistryView
from verifier.errors import Unavailable
from verifier.instant import DAY, HOUR, format_instant
from verifier.record.founding import Founding
from verifier.record.participant import Mirrored
from verifier.record.statement import CLOCK_SKEW, digest

MIRROR_LIMIT = DAY
"""Milliseconds within which a decision of the registry must be in the log (docs/spec/audit.md).

The writer reads the registry every few seconds, and takes no registrations on an older reading.
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that does not hold or, with `told` False, could not be known. See `audit_report.Finding`."""

    at: str
    code: str
    words: str
    told: bool = True


def doubts(
    chain: ChainReader,
    view: RegistryView,
    founding: Founding,
    mirrored: Mapping[int, Mirrored],
    latest: Mapping[int, int],
) -> Iterator[Doubt]:
    """Compare mirrored decisions, by the index of their entry, with a view of the chain. Raises Unavailable.

    `latest`: for each index the instant (ms) by which its block had been made, if the log is right: that at which the
    entry was recorded (`block_by`).
    """
    blocks: dict[int, Block | None] = {}
    unseen = 0
    for index, one in mirrored.items():
        event = view.executed.get(one.sequence)
        if event is None and view.decided >= one.sequence:
            unseen += 1
        elif event is None:
            yield _unseen(view, index, one, latest[index])
        else:
            number = event.where.block_number
            if number not in blocks:
                blocks[number] = chain.block(number)
            yield from _compared(event, blocks[number], founding, index, one)
    if unseen:
        words = f"couldn't compare {unseen} decisions with the chain: {view.decisions_missing}"
        yield Doubt("decisions", "chain_incomplete", words, told=False)


def block_by(recorded_at: int, now: int) -> int:
    """The instant (ms) by which the block of a mirrored decision had been made, if the log is right.

    An entry dated more than a day after the auditor's clock does not show that; `now` counts then. Within a day the
    auditor's clock may be slow.
    """
    return recorded_at if recorded_at <= now + DAY else now


def _unseen(view: RegistryView, index: int, one: Mirrored, latest: int) -> Doubt:
    """The registry does not count it. A node that is behind cannot know, but no log mirrors a future decision.

    Otherwise an invented decision, dated into the far future, would stay unknown until then.
    """
    newest = view.newest
    if one.block_time > latest + CLOCK_SKEW:
        words = (
            f"couldn't find decision {one.sequence} of the registry: its block is of "
            f"{format_instant(one.block_time)}, and the log mirrored it by {format_instant(latest)}; the registry "
            f"counts {view.decided} at block {newest.number}"
        )
        return Doubt(f"entry {index}", "mirror_unseen", words)
    if one.block_number > newest.number and one.block_time > newest.time:
        words = (
            f"couldn't compare decision {one.sequence}: it is in block {one.block_number}, and the node has come to "
            f"block {newest.number} of {format_instant(newest.time)}"
        )
        return Doubt(f"entry {index}", "chain_behind", words, told=False)
    words = (
        f"couldn't find decision {one.sequence} of the registry in transaction {one.transaction}: the registry counts "
        f"{view.decided} at block {newest.number}"
    )
    return Doubt(f"entry {index}", "mirror_unseen", words)


def _compared(event: Executed, block: Block | None, founding: Founding, index: int, one: Mirrored) -> Iterator[Doubt]:
    """Every field of the entry's body against the event and its block."""
    at, where = f"entry {index}", event.where
    if block is None or block.block_hash != where.block_hash:
        words = f"couldn't compare decision {one.sequence}: the node does not give block {where.block_number}"
        yield Doubt(at, "chain_incomplete", words, told=False)
        return
    pairs = {
        "proposal": (one.proposal.value, event.proposal.value),
        "statement": (digest(one.proposal, one.body, founding.domain).hex(), event.digest.hex()),
        "signatures": (one.signatures, event.signatures),
        "block_number": (one.block_number, where.block_number),
        "block_hash": (one.block_hash, where.block_hash),
        "block_time": (format_instant(one.block_time), format_instant(block.time)),
        "transaction": (one.transaction, where.transaction),
        "log_index": (one.log_index, where.log_index),
    }
    wrong = [f"{name} is {got}, expected {expected}" for name, (got, expected) in pairs.items() if got != expected]
    if wrong:
        yield Doubt(at, "mirror_differs", f"couldn't match decision {one.sequence}: {'; '.join(wrong)}")


def waiting(
    chain: ChainReader, view: RegistryView, mirrored: Sequence[Mirrored], now: int
) -> Iterator[tuple[Executed, int]]:
    """Decisions that the log lacks, with their age (ms) at the instant `now`. Raises Unavailable."""
    have = {one.sequence for one in mirrored}
    for sequence, event in sorted(view.executed.items()):
        if sequence not in have:
            block = chain.block(event.where.block_number)
            if block is None:
                raise Unavailable(
                    f"couldn't tell the age of decision {sequence}: the node does not give its block",
                    code="chain_incomplete",
                )
            yield event, max(0, now - block.time)


def age_in_words(age: int) -> str:
    """An age in milliseconds as people say it."""
    return f"{age / HOUR:.1f} hours" if age < 2 * DAY else f"{age // DAY} days"
