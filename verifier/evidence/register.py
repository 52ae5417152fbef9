"""The register of a file of evidence against the registry itself: decisions that the file's log has kept back.

A log mirrors what countries decide, and an operator can leave a suspension out. The file then holds in every step. Only
the registry's own events tell, so whoever has a node compares them with the decisions that the file shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verifier.audit.decisions import doubts
from verifier.chain.decided import decided, decided_body
from verifier.chain.event import Block, ChainReader, Executed
from verifier.chain.view import RegistryView, read_registry
from verifier.errors import CarnetError, ProofInvalid, Unavailable
from verifier.evidence.facts import batch_facts
from verifier.instant import format_instant
from verifier.record.approval import subject_of
from verifier.record.batch import Batch
from verifier.record.entry import Entry
from verifier.record.founding import Founding
from verifier.record.participant import PREFIX_LENGTHS, Mirrored, Standing, parse_mirrored
from verifier.record.rules import NEWEST
from verifier.record.statement import Kind, Proposal

STALE = "register_stale"
"""The code of the finding, as the judge has it for a register that is too old."""
_ADVERSE = ("registered_while_suspended", "maker_suspended")


@dataclass(frozen=True, slots=True)
class Register:
    """What the registry decided, as the verifier's node tells it at the block `newest`.

    missing: decisions about those whom the file rests on that it does not show, in order.
    standing: as the shown and the missing decisions leave it; None where they don't fit together.
    """

    newest: Block
    decisions: int
    missing: tuple[Mirrored, ...]
    standing: Standing | None

    @property
    def stale(self) -> bool:
        """Whether the file's register lacks a decision that it rests on."""
        return bool(self.missing)

    @property
    def words(self) -> str:
        """What was found, in one sentence."""
        if not self.stale:
            return f"{self.decisions} decisions up to block {self.newest.number}; of those it rests on, none is missing"
        return f"{STALE}: " + "; ".join(_told(one) for one in self.missing) + ": the file shows none of that"

    def to_json(self) -> dict[str, Any]:
        """The register as JSON; `code` is null where nothing is missing."""
        return {
            "code": STALE if self.stale else None,
            "block_number": self.newest.number,
            "block_time": format_instant(self.newest.time),
            "decisions": self.decisions,
            "missing": [
                {
                    "sequence": one.sequence,
                    "proposal": one.proposal.value,
                    "subject": subject_of(one.body),
                    "at": format_instant(one.block_time),
                    "transaction": one.transaction,
                }
                for one in self.missing
            ],
        }

    @property
    def tells_standing(self) -> bool:
        """Whether what the registry told gives the standing of the people in the file."""
        return self.standing is not None

    def worse(self, facts: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
        """The facts of a batch with the maker's standing as the registry has it, where that is the worse one."""
        if self.standing is None or batch.maker not in self.standing.participants:
            return dict(facts)
        here = batch_facts(batch, self.standing, checked=True)
        turned = {name: facts[name] or here[name] for name in _ADVERSE}
        return {**facts, **turned, "maker_holds_prefix": facts["maker_holds_prefix"] and here["maker_holds_prefix"]}


def check_register(
    entries: Sequence[tuple[int, Entry]], founding: Founding, gtin: str | None, chain: ChainReader
) -> Register:
    """Compare the decisions that a file shows with the registry's own events.

    Args:
        entries: all that the file shows, with their indexes, already folded by the rules.
        founding: entry 0.
        gtin: the goods that the file is about (GTIN-14), if any.
        chain: the verifier's own node.

    1. those shown are the registry's; 2. those about the same people and prefixes that are not shown; 3. what follows.
    Raises ProofInvalid (`mirror_unseen`, `mirror_differs`) for a decision that the registry never took, Unavailable
    where the node does not tell: it is silent, lags, or leaves decisions out.
    """
    view = _read(chain, founding)
    mirrored = {at: parse_mirrored(entry.body) for at, entry in entries if entry.kind is Kind.PARTICIPANT_MIRRORED}
    found = list(doubts(chain, view, founding, mirrored, {at: entry.recorded_at for at, entry in entries}))  # 1
    for doubt in found:
        if doubt.told:
            raise ProofInvalid(f"{doubt.at}: {doubt.words}", code=doubt.code)
    subjects = _subjects(entries, founding, gtin)
    shown = {one.sequence for one in mirrored.values()}
    missing = tuple(_missing(view, shown, subjects, founding, chain))  # 2
    if not missing and (found or view.decisions_missing is not None):
        why = found[0].words if found else f"couldn't compare all decisions: {view.decisions_missing}"
        raise Unavailable(why, code=found[0].code if found else "chain_incomplete")
    return Register(view.newest, view.decided, missing, _folded([*mirrored.values(), *missing], founding))  # 3


def _read(chain: ChainReader, founding: Founding) -> RegistryView:
    try:
        return read_registry(chain, founding)
    except ProofInvalid as error:  # the verifier's own node accuses nobody by its nonsense
        raise Unavailable(str(error), code=error.code) from error


def _subjects(entries: Sequence[tuple[int, Entry]], founding: Founding, gtin: str | None) -> set[str]:
    """What the file rests on: rules, authorities, who signed, prefixes of the goods, whom its own decisions name."""
    subjects = {authority.account for authority in founding.authorities} | {Proposal.RULES_RAISED.value}
    for _, entry in entries:
        if entry.actor is not None:
            subjects.add(entry.actor)
        if entry.kind is Kind.INDEX_CONFIRMED:  # who is independent of the operator rests on who that is
            subjects.add(Proposal.OPERATOR_SET.value)
        if entry.kind is Kind.PARTICIPANT_MIRRORED:
            body = parse_mirrored(entry.body).body
            subjects.update(str(body[name]) for name in ("participant", "holder", "prefix") if name in body)
    return subjects | ({gtin[1 : 1 + length] for length in PREFIX_LENGTHS} if gtin is not None else set())


def _missing(
    view: RegistryView, shown: set[int], subjects: set[str], founding: Founding, chain: ChainReader
) -> list[Mirrored]:
    missing = []
    for sequence, event in sorted(view.executed.items()):
        if sequence in shown:
            continue
        try:
            body = decided_body(event, founding.domain)
            if event.proposal is Proposal.RULES_RAISED and body["version"] <= NEWEST:
                continue  # what may be said has grown, and nothing about anybody has changed
            about = subject_of(body)
            if (Proposal.OPERATOR_SET.value if event.proposal is Proposal.OPERATOR_SET else about) in subjects:
                missing.append(decided(event, _block(event, chain), founding.domain))
        except ProofInvalid as error:
            raise Unavailable(str(error), code=error.code) from error
    return missing


def _block(event: Executed, chain: ChainReader) -> Block:
    block = chain.block(event.where.block_number)
    if block is None or block.block_hash != event.where.block_hash:
        raise Unavailable(
            f"couldn't tell the time of decision {event.sequence}: the node does not give its block",
            code="chain_incomplete",
        )
    return block


def _folded(decisions: Sequence[Mirrored], founding: Founding) -> Standing | None:
    """The standing after these decisions. The contract has counted the votes; an excerpt may lack others."""
    standing = Standing(founding)
    try:
        for one in sorted(decisions, key=lambda one: one.sequence):
            if one.proposal is not Proposal.RULES_RAISED:  # nobody's standing rests on it, known or not
                standing.apply(one, 0)
    except (CarnetError, KeyError, ValueError):
        return None
    return standing


def _told(one: Mirrored) -> str:
    return (
        f"the registry took decision {one.sequence} ({one.proposal.value}, {subject_of(one.body)}) at "
        f"{format_instant(one.block_time)}"
    )
