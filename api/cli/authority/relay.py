"""Relaying: bringing approved proposals to the registry contract, and from there into the log.

A node's answer can get lost after it took a transaction. So what others need (a name and its salt) is kept before
anything is sent, and the repeated command continues from what the registry has decided meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli.authority.proposal import Draft
from api.cli.base.options import anchor, opened
from api.cli.base.output import Out
from verifier.errors import Refused
from verifier.foreign import check_text
from verifier.record.approval import subject_of
from verifier.record.founding import Founding
from verifier.record.participant import Mirrored, name_commitment
from verifier.record.statement import Proposal

if TYPE_CHECKING:
    from ledger.chain.evm import EvmChain
    from ledger.chain.transactions import Receipt
    from ledger.home import Home
    from ledger.opened import Ledger


def relay(home: Home, drafts: Sequence[Draft], out: Out) -> dict[str, Any]:
    """Execute proposals in order and copy them into the log. Names are kept beside it. A repeat completes the work.

    Raises Refused (`not_approved`, `other_log`, `rules_not_next`, `chain_refused`), Unavailable, RulesUnknown.
    """
    server = home.server()
    with _ledger_and_chain(home, out, server) as (ledger, evm):
        for draft in drafts:
            _check(ledger.founding, ledger, draft)
        for draft in drafts:
            if draft.name is not None:
                salt = bytes.fromhex(draft.name["salt"])
                ledger.participants.keep_name(draft.body["participant"], draft.name["name"], salt)
        # If we stop after this line, a repeat finds the name of whichever admission the registry took.
        relayed = [_execute(evm, ledger, draft, out) for draft in drafts]
        mirrored = ledger.mirror.sync() if ledger.mirror is not None else 0
        anchor(ledger, out)
    if server is not None:
        out.note(f"the server at {server} takes this into the log within seconds")
    return {"relayed": relayed, "mirrored": mirrored, "server": server}


@contextmanager
def _ledger_and_chain(home: Home, out: Out, server: str | None) -> Iterator[tuple[Ledger, EvmChain]]:
    """The ledger open for writing, or beside a running server for reading; with its chain."""
    with opened(home, out, write=server is None, chain=True) as ledger:
        if ledger.evm is None:
            raise Refused("couldn't relay: this ledger has no chain", code="read_only")
        yield ledger, ledger.evm


def _check(founding: Founding, ledger: Ledger, draft: Draft) -> None:
    """Refuse early what the contract would refuse anyway, with a message that counts in countries."""
    if draft.domain != founding.domain:
        raise Refused("couldn't relay the proposal: it was signed for another log, chain or registry", code="other_log")
    if draft.name is not None:
        check_text("name", draft.name["name"], at="name")
        committed = "0x" + name_commitment(bytes.fromhex(draft.name["salt"]), draft.name["name"]).hex()
        if committed != draft.body["nameHash"]:
            raise Refused("couldn't relay the proposal: its name is not the one signed for", code="name_mismatch")
    draft.check()
    standing = ledger.record.standing
    if draft.proposal is Proposal.RULES_RAISED and draft.body["version"] > standing.rules + 1:
        raise Refused(
            f"couldn't relay the proposal: the ledger goes by rules of version {standing.rules}, got a raise to "
            f"{draft.body['version']}, expected {standing.rules + 1}",
            code="rules_not_next",
        )
    signers = draft.signers()
    strangers = [signer for signer in signers if signer not in standing.authorities]
    if strangers:
        raise Refused(
            f"couldn't relay the proposal: {strangers[0]} is no authority of this ledger", code="no_authority"
        )
    countries = sorted({standing.authorities[signer] for signer in signers})
    if len(countries) < standing.threshold():
        raise Refused(
            f"couldn't relay the proposal: {len(countries)} countries approved ({', '.join(countries) or 'none'}), "
            f"{standing.threshold()} of {len(standing.countries())} are needed",
            code="not_approved",
        )


def _execute(evm: EvmChain, ledger: Ledger, draft: Draft, out: Out) -> dict[str, Any]:
    from ledger.chain.transactions import ChainRefused

    answer = {"proposal": draft.proposal.value, "body": dict(draft.body), "signers": draft.signers()}
    try:
        receipt = _executed(evm, draft, out)
    except ChainRefused as refusal:
        done = _done_before(evm, ledger, draft) if refusal.reason.name in _DONE else None
        if done is None:
            raise
        out.note(f"the registry has decided this already, in transaction {done.transaction}")
        return {**answer, "body": dict(done.body), "transaction": done.transaction, "block_number": done.block_number}
    return {**answer, "transaction": receipt.tx_hash, "block_number": receipt.block_number}


def _executed(evm: EvmChain, draft: Draft, out: Out) -> Receipt:
    """Execute a draft; one that is of this second waits until the chain's clock has reached it. Raises ChainRefused."""
    from ledger.chain.transactions import ChainRefused
    from ledger.services.record.append import now_ms

    for pause in CLOCK_PAUSES:
        try:
            return evm.execute(draft.proposal, draft.body, draft.signatures)
        except ChainRefused as refusal:
            times = [int(draft.body[name]) for name in ("issuedAt", "effectiveAt") if name in draft.body]
            if refusal.reason.name not in _AHEAD or max(times) > now_ms():
                raise
            out.note("the chain's clock is behind this computer's; the proposal is sent again in a moment")
            time.sleep(pause)
    return evm.execute(draft.proposal, draft.body, draft.signatures)


CLOCK_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before a proposal is sent again that the chain's clock had not reached."""
_AHEAD = {"RegistryIssuedInFuture", "RegistryEffectiveTimeOutOfRange"}
_DONE = {
    "RegistryAlreadyExecuted", "RegistryAlreadyAdmitted", "RegistryAlreadySuspended", "RegistryNotSuspended",
    "RegistryPrefixHeld", "RegistryPrefixNotHeld", "RegistryOperatorUnchanged", "RegistryRulesNotNext",
}  # fmt: skip
"""Refusals of a registry in which the proposal, or one of the same effect, was executed before."""
_HEADER = {"statementId", "issuedAt", "expiresAt"}


def _done_before(evm: EvmChain, ledger: Ledger, draft: Draft) -> Mirrored | None:
    """The newest decision about the same subject, if it has the effect that the draft asks for. Raises Unavailable."""
    about = [one for one in evm.proposals() if subject_of(one.body) == subject_of(draft.body)]
    if not about or about[-1].proposal is not draft.proposal:
        return None
    last = about[-1]
    return last if _effect(last.body) == _effect(draft.body) and _covers(ledger, last, draft) else None


def _effect(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a proposal does, without what differs from one attempt to the next."""
    return {name: value for name, value in body.items() if name not in _HEADER | {"nameHash", "effectiveAt"}}


def _covers(ledger: Ledger, last: Mirrored, draft: Draft) -> bool:
    """Whether an admission is under the same name, and a suspension holds from then on."""
    if draft.proposal is not Proposal.PARTICIPANT_ADMITTED:
        return int(last.body.get("effectiveAt", 0)) <= int(draft.body.get("effectiveAt", 0))
    name = ledger.participants.committed_name(last.body["participant"], last.body["nameHash"])
    return last.body == draft.body or (draft.name is not None and name == draft.name["name"])
