"""The wiring of a writer: the signer, the sequencer, and what a running server does by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from ledger.home import Home, LedgerConfig, WitnessAddress
from ledger.keys.store import KeyStore
from ledger.ports import Report
from ledger.remote.witness import HttpWitness
from ledger.services.outward.anchoring import Anchoring
from ledger.services.outward.index_seal import IndexCadence
from ledger.services.outward.publishing import Publisher
from ledger.services.outward.upkeep import Upkeep
from ledger.services.outward.witnessed import with_cosignatures
from ledger.services.outward.witnessing import Cosigner, Witnessing
from ledger.services.record.append import Receipt, Sequencer, Submission
from ledger.services.record.checkers import Checkers
from ledger.services.record.checkpoint import Signer
from ledger.services.record.folding import Folding, Folds
from ledger.services.record.highest import Seen, ask
from ledger.services.record.intake import Intake
from ledger.services.record.lines import Line
from ledger.services.record.opening import resume
from ledger.services.record.participant import Mirror
from ledger.services.scans.seal import Seals
from ledger.services.scans.seal_proof import SealProofs
from ledger.storage.seal import SealTable
from verifier.tree.merkle import Frontier
from verifier.tree.note_key import SigningKey
from verifier.tree.policy import Policy

if TYPE_CHECKING:
    from ledger.chain.operator import LedgerChain
    from ledger.opened import Ledger

LOG_KEY = "log"
"""Name of the Ed25519 key that signs checkpoints, in the home's key store."""
ANCHOR_SECONDS = 5.0
"""How often a running server reads the registry and anchors what is new."""


def wire_writer(
    ledger: Ledger, config: LedgerConfig, frontier: Frontier, folds: Folds, stack: ExitStack, report: Report
) -> None:
    """Make an opened ledger its log's one writer. Raises Stopped, ProofInvalid as `opening.resume`."""
    signer = Signer(ledger.log, ledger.signed_head, log_key(ledger.home, config.origin))
    resume(ledger.log, ledger.signed_head, signer, _highest(ledger, config, report), ledger.founding.policy)
    ledger.folding = Folding(folds, lambda: ledger.record.size, report)
    ledger.folding.take(ledger.record, frontier.root())  # now nobody else holds the record, and all of it is signed
    stack.callback(ledger.folding.close)
    ledger.sequencer = Sequencer(ledger.log, ledger.record, frontier, signer, clock=ledger.clock.now)
    ledger.sequencer.report = report
    publisher = _publisher(ledger, config, stack)
    ledger.sequencer.after_commit = publisher.nudge
    stack.callback(ledger.sequencer.close)
    _taking_many(ledger, ledger.sequencer, stack)
    ledger.batches.use(ledger.sequencer)
    _sealing(ledger, config, ledger.sequencer, stack)
    ledger.indexes.use(ledger.sequencer)
    ledger.index_cadence = IndexCadence(ledger.indexes)
    stack.callback(ledger.index_cadence.close)


def wire_upkeep(ledger: Ledger, connect: Callable[[], tuple[LedgerChain, Anchoring]], stack: ExitStack) -> None:
    """Upkeep, and what mirrors the registry as soon as the chain is there."""
    sequencer = ledger.sequencer
    assert sequencer is not None  # noqa: S101  (only a writer keeps a ledger up)

    def reached() -> tuple[Mirror, Anchoring]:
        chain, anchoring = connect()
        if ledger.evm is not None and ledger.home.chain_rpc is not None:  # the local chain has our own clock
            ledger.clock.heard("the chain", ledger.evm.latest_time(), binding=False)
        if ledger.mirror is None:
            ledger.mirror = Mirror(ledger.record, chain, sequencer, ledger.freshness)
        return ledger.mirror, anchoring

    if ledger.chain is not None:
        reached()
    sweep = partial(ledger.segments.sweep, ledger.record.segment_roots.__contains__)

    def publish() -> None:
        if ledger.publisher is not None and ledger.published.checkpoint() is not None:
            ledger.publisher.round()

    ledger.upkeep = Upkeep(reached, ledger.signed, ANCHOR_SECONDS, sweep, publish, ledger.tokens.forget)
    stack.callback(ledger.upkeep.close)


def cosigners(policy: Policy | None, addresses: Sequence[WitnessAddress]) -> list[Cosigner]:
    """The witnesses of a policy that can be asked: their addresses are configuration, else the policy's own."""
    known = {address.name: address.url for address in addresses}
    found = ((w, known.get(w.name, w.url)) for w in (policy.named if policy is not None else ()))
    return [Cosigner(witness.name, witness.key, HttpWitness(url)) for witness, url in found if url is not None]


def log_key(home: Home, origin: str) -> SigningKey:
    """The key that signs checkpoints of this origin."""
    return KeyStore(home.keys).load_ed25519(home.config().log_key if home.founded else LOG_KEY).note_key(origin)


def _highest(ledger: Ledger, config: LedgerConfig, report: Report) -> Seen:
    """What others hold of this log; who was not reached is reported, since a start with signed_head goes on."""
    asked = cosigners(ledger.founding.policy, config.witnesses)
    seen = ask(
        ledger.founding.log_keys,
        {cosigner.name: cosigner.witness for cosigner in asked},
        ledger.chain.anchored if ledger.chain is not None else None,
        ledger.published.checkpoint,
    )
    for cosigner in asked:
        cosigner.witness.close()
    for who, why in seen.silent.items():
        report(f"{who} could not say how far this log was signed: {why}")
    return seen


def _sealing(ledger: Ledger, config: LedgerConfig, sequencer: Sequencer, stack: ExitStack) -> None:
    table, every = SealTable(ledger.engine), ledger.home.settings.seal_seconds
    key = log_key(ledger.home, config.origin)
    ledger.seals = Seals(table, ledger.record, sequencer, key, every=every, clock=ledger.clock.best)
    ledger.seal_proofs = SealProofs(ledger.record, ledger.log, table, ledger.published.checkpoint)
    stack.callback(ledger.seals.close)
    ledger.seals.settle()
    ledger.scans.use(ledger.seals)


def _taking_many(ledger: Ledger, sequencer: Sequencer, stack: ExitStack) -> None:
    """Who checks many statements, and who makes them ready for the sequencer; closed before it, in this order."""

    def submitting(line: Line) -> Submission | Receipt:
        made = ledger.batches.submission(line)
        if isinstance(made, Submission):
            ledger.indexes.check_independent(line.statement)
        return made

    ledger.intake = Intake(sequencer, ledger.batches.staging, submitting)
    stack.callback(ledger.intake.close)
    ledger.checkers = Checkers(ledger.founding.domain)
    stack.callback(ledger.checkers.close)


def _publisher(ledger: Ledger, config: LedgerConfig, stack: ExitStack) -> Publisher:
    """The publisher, and whoever asks the witnesses when entry 0 names some that can be reached."""
    policy, witnessed = ledger.founding.policy, ledger.witnessed
    if policy is not None:
        ledger.witnessing = Witnessing(
            policy,
            cosigners(policy, config.witnesses),
            ledger.log,
            ledger.cosignatures,
            witnessed,
            clock=lambda: ledger.clock.best() / 1000,
        )
        stack.callback(ledger.witnessing.close)
    publisher = ledger.publisher = Publisher(
        ledger.log, ledger.record, ledger.published, SealTable(ledger.engine),
        lambda size, note: with_cosignatures(note, witnessed.lines(size)), ledger.witnessing,
        interval=ledger.home.settings.publish_seconds,
    )  # fmt: skip
    if ledger.witnessing is not None:
        ledger.witnessing.changed, ledger.witnessing.heard = publisher.nudge, ledger.clock.heard
    stack.callback(publisher.close)
    return publisher
