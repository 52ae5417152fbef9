"""Founding a ledger: contracts first, then entry 0, then the mirror. Opening one is another command.

Order: registry, anchor, OperatorSet, admissions, entry 0, mirror. Entry 0 names the contracts, so it can only come
after them; its pin (SHA-256 of its bytes) is what everybody else is told out of band.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.ports import Report
from ledger.services.record.append import Sequencer, Submission, now_ms
from verifier.errors import Refused
from verifier.record.founding import NO_WITNESSES, Authority, Founding, check_policy, log_id
from verifier.record.rules import NEWEST
from verifier.record.statement import Domain, Kind, Proposal, header
from verifier.tree.note import VerifierKey
from verifier.tree.policy import Policy

Approve = Callable[[Proposal, Mapping[str, Any], Domain], Sequence[str]]
"""Collects authorities' signatures over a proposal; returns those that could be had here."""


@dataclass(frozen=True, slots=True)
class FoundingPlan:
    """What founders agree on. `operator` is the EVM address that may anchor, `log_key` signs checkpoints.

    `rules`: the version that it starts with. `witness_policy`: `none`, or a policy's text that
    `verifier.record.founding.check_policy` takes for this log key.
    """

    origin: str
    authorities: tuple[Authority, ...]
    log_key: VerifierKey
    operator: str
    witness_policy: str = NO_WITNESSES
    rules: int = NEWEST


class FoundingChain(Protocol):
    """A chain on which the contracts of a new ledger are set up."""

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        ...

    def deploy_registry(self, log_id: bytes, authorities: Sequence[Authority], rules: int) -> str:
        """Deploy the registry, at this version of the rules; returns its address (0x, lower hex)."""
        ...

    def deploy_anchor(self) -> str:
        """Deploy the anchor contract that obeys this registry; returns its address (0x, lower hex)."""
        ...

    def execute(self, kind: str, body: Mapping[str, Any], signatures: Sequence[str]) -> object:
        """Relay an approved proposal to the registry. Raises Refused (`chain_refused`)."""
        ...


def set_up_contracts(chain: FoundingChain, plan: FoundingPlan, approve: Approve, report: Report) -> Founding:
    """Deploy both contracts and name the operator; returns what entry 0 will say (its pin still empty).

    Without enough signatures here, OperatorSet is left to be relayed later; until then nothing can be anchored.
    Raises Malformed for a witness policy that cannot stand in entry 0, before anything is deployed.
    """
    if plan.witness_policy != NO_WITNESSES:
        # Now, not when entry 0 is written: contracts cannot be taken back.
        check_policy(Policy.parse(plan.witness_policy), (plan.log_key,))
    registry = chain.deploy_registry(log_id(plan.origin), plan.authorities, plan.rules)
    report(f"registry contract at {registry}")
    anchor = chain.deploy_anchor()
    report(f"anchor contract at {anchor}")
    founding = Founding(
        plan.origin, chain.chain_id, registry, anchor, plan.authorities, (plan.log_key,), plan.witness_policy, b"",
        plan.rules,
    )  # fmt: skip
    body = {**header(now_ms()), "logId": "0x" + founding.log_id.hex(), "operator": plan.operator}
    try:
        chain.execute(Proposal.OPERATOR_SET, body, approve(Proposal.OPERATOR_SET, body, founding.domain))
        report(f"operator {plan.operator} may anchor")
    except Refused as refusal:
        report(f"operator not set yet ({refusal}); relay an OperatorSet proposal before anchoring")
    return founding


def append_founding(sequencer: Sequencer, founding: Founding) -> None:
    """Write entry 0."""
    sequencer.submit(Submission(Kind.FOUNDED, founding.body(), None, None, None, frozenset({"*"})))
