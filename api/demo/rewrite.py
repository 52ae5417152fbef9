"""Rewrite history: an operator with its own keys and no guard forges its log, and then meets everybody else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.demo.forge import ForgedLog, forge, write_forged_home
from api.demo.readiness import ask
from api.demo.state import DemoState
from api.demo.story import CASES
from api.demo.witnesses import DemoWitness
from ledger.chain.operator import LedgerChain
from ledger.chain.transactions import Receipt
from ledger.opened import Ledger
from ledger.services.outward.anchoring import AnchorState
from ledger.wiring.reader import open_ledger
from verifier.errors import ProofInvalid, Refused, Unavailable
from verifier.evidence.file import decode_evidence
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion
from verifier.tree.note import Note
from verifier.tree.witness import format_request
from verifier.verdict.reason import shown_as

BASE = "https://carnet.example"
"""Host of the recalled label; hosts do not count in reading."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The chain's record of the attempt: the failed transaction and the contract's own error."""

    transaction: str
    block_number: int
    block_hash: str
    error: str
    arguments: dict[str, str]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The whole attempt. `head` is the head that the contract keeps; `failed` what two kinds of strangers see."""

    forged: ForgedLog
    head: Checkpoint
    forged_head: Checkpoint
    answer_before: str
    answer_after: str
    refusal: Refusal
    proof_fails: str
    heads_differ: str
    witnesses: dict[str, int]
    old_file: bytes
    forged_note: bytes


def rewrite(
    ledger: Ledger,
    state: DemoState,
    keep: Callable[[Path], None] = lambda _folder: None,
    witnesses: Sequence[DemoWitness] = (),
) -> Rewritten:
    """Try it on a copy, which is deleted afterwards (`keep` may look at the copy first).

    1. what somebody holds from before; 2. forge, sign, and let the copy answer; 3. anchor it; 4. show it to strangers.
    `witnesses` are among these. Raises NotFound (`no_recall`), Unavailable, Refused (`forgery_accepted`) if the
    contract took it.
    """
    ledger.anchor_now()
    head = ledger.signed()
    assert head is not None  # noqa: S101  (a founded log has one)
    forged = forge(ledger)
    old_file = ledger.proofs.for_entry(forged.at)  # 1
    with tempfile.TemporaryDirectory(prefix="carnet-forged-") as scratch:
        home = write_forged_home(ledger, forged, Path(scratch) / "home")  # 2
        with open_ledger(home) as copy:
            after = _recalled(copy, state)
            forged_note = copy.log.latest_checkpoint()
        keep(home.path)
    assert forged_note is not None  # noqa: S101  (it was signed a moment ago)
    forged_head = Checkpoint.decode(Note.parse(forged_note[1]).text)
    refusal = _anchor(ledger, forged, head)  # 3
    return Rewritten(
        forged,
        head,
        forged_head,
        _recalled(ledger, state),
        after,
        refusal,
        _proof_fails(old_file, forged),  # 4
        _heads_differ(head, forged_head, forged),
        {witness.name: witness.show(_request(ledger, forged, forged_note[1])) for witness in witnesses},
        old_file,
        forged_note[1],
    )


def _recalled(ledger: Ledger, state: DemoState) -> str:
    """What a ledger says about a label of the recalled lot."""
    case = next(case for case in CASES if case.slug == "recalled")
    judgement = ask(ledger, case, state.text("recalled", BASE)).judgement
    return shown_as(judgement.verdict, [reason.code for reason in judgement.reasons])


def _anchor(ledger: Ledger, forged: ForgedLog, head: Checkpoint) -> Refusal:
    """Send the forged head to the contract, with the best proof that can be made, and read what became of it."""
    chain, evm = ledger.chain, ledger.evm
    assert chain is not None  # noqa: S101  (the demo opens its chain)
    assert evm is not None  # noqa: S101
    size = len(forged.entries)
    proof = consistency_proof(head.size, size, forged.tree)
    transaction = _send(chain, head.size, size, forged.root, proof)
    state, _, _ = chain.locate(transaction)
    if state is not AnchorState.REVERTED:
        raise Refused(
            f"couldn't have the forgery refused: the contract took it, transaction {transaction} is {state}",
            code="forgery_accepted",
        )
    receipt, reason = evm.receipt(transaction), evm.revert_reason(transaction)
    if receipt is None or reason is None:
        raise Unavailable(f"couldn't read what became of {transaction}", code="chain_slow")
    return _refusal(receipt, reason.name, {key: str(value) for key, value in reason.arguments.items()})


def _send(chain: LedgerChain, previous: int, size: int, root: bytes, proof: Sequence[bytes]) -> str:
    """Send an anchor; returns its hash. A second try, because the true log may take the nonce for its own anchor."""
    raw, transaction, _ = chain.build(previous, size, root, proof)
    try:
        chain.send(raw)
    except Refused:
        raw, transaction, _ = chain.build(previous, size, root, proof)
        chain.send(raw)
    return transaction


def _refusal(receipt: Receipt, name: str, arguments: dict[str, str]) -> Refusal:
    return Refusal(receipt.tx_hash, receipt.block_number, receipt.block_hash, name, arguments)


def _proof_fails(old_file: bytes, forged: ForgedLog) -> str:
    """The check by somebody who kept the proof file of the replaced entry and looks for it in the new history."""
    old, size = decode_evidence(old_file), len(forged.entries)
    path = inclusion_proof(old.proof.index, size, forged.tree)
    try:
        verify_inclusion(leaf_hash(old.entry), old.proof.index, size, path, forged.root)
    except ProofInvalid as error:
        return str(error)
    raise Refused("couldn't tell the histories apart: the old proof fits the forged log", code="forgery_accepted")


def _request(ledger: Ledger, forged: ForgedLog, note: bytes) -> bytes:
    """The forged head with the best proof there is from what witnesses cosigned last, as a log asks them."""
    w = ledger.witnessed.current()
    old, size = (w.size if w is not None else 0), len(forged.entries)
    return format_request(old, consistency_proof(old, size, forged.tree) if 0 < old < size else (), note)


def _heads_differ(head: Checkpoint, forged_head: Checkpoint, forged: ForgedLog) -> str:
    """The check by somebody who kept yesterday's signed checkpoint and asks how the new one extends it."""
    proof = consistency_proof(head.size, forged_head.size, forged.tree)
    try:
        verify_consistency(head.size, head.root, forged_head.size, forged_head.root, proof)
    except ProofInvalid as error:
        return str(error)
    raise Refused("couldn't tell the histories apart: the new head extends the old one", code="forgery_accepted")
