"""Relaying: bringing approved proposals to the registry contract, and from there into the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli.options import anchor, opened
from api.cli.output import Out
from api.cli.proposal import Draft
from verifier.errors import Refused
from verifier.founding import Founding
from verifier.participant import name_commitment

if TYPE_CHECKING:
    from ledger.chain.evm import EvmChain
    from ledger.home import Home
    from ledger.wiring import Ledger


def relay(home: Home, drafts: Sequence[Draft], out: Out) -> dict[str, Any]:
    """Execute proposals in order and mirror them; names are kept beside the log.

    Raises Refused (`not_approved`, `other_log`, `chain_refused`), Unavailable.
    """
    server = home.server()
    with _ledger_and_chain(home, out, server) as (ledger, evm):
        for draft in drafts:
            _check(ledger.founding, ledger, draft)
        relayed = [_execute(evm, draft) for draft in drafts]
        for draft in drafts:
            if draft.name is not None:
                salt = bytes.fromhex(draft.name["salt"])
                ledger.participants.keep_name(draft.body["participant"], draft.name["name"], salt)
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
    """What the contract would refuse anyway, said before a transaction is made, and in countries."""
    if draft.domain != founding.domain:
        raise Refused("couldn't relay the proposal: it was signed for another log, chain or registry", code="other_log")
    if draft.name is not None:
        committed = "0x" + name_commitment(bytes.fromhex(draft.name["salt"]), draft.name["name"]).hex()
        if committed != draft.body["nameHash"]:
            raise Refused("couldn't relay the proposal: its name is not the one signed for", code="name_mismatch")
    standing = ledger.record.standing
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


def _execute(evm: EvmChain, draft: Draft) -> dict[str, Any]:
    receipt = evm.execute(draft.proposal, draft.body, draft.signatures)
    return {
        "proposal": draft.proposal.value,
        "body": dict(draft.body),
        "signers": draft.signers(),
        "transaction": receipt.tx_hash,
        "block_number": receipt.block_number,
    }
