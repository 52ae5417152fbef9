"""The wiring: the one module that names concrete adapters.

`found_ledger` makes a ledger in a home, `open_ledger` opens one; they are two commands on purpose. An opened ledger is
a context: what was started (writer, threads, a local chain) ends with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from sqlalchemy import Engine

from ledger.chain.evm import EvmChain
from ledger.chain.local import open_chain
from ledger.chain.operator import LedgerChain
from ledger.home import Home, LedgerConfig, WitnessAddress
from ledger.keys.store import KeyStore
from ledger.keys.vault import Vault
from ledger.ports import Report, silent
from ledger.services.anchoring import Anchoring
from ledger.services.append import Sequencer
from ledger.services.batch import Batches
from ledger.services.checkpoint import Signer
from ledger.services.founding import Approve, FoundingPlan, append_founding, set_up_contracts
from ledger.services.highest import Seen, ask
from ledger.services.index_seal import IndexCadence, Indexes
from ledger.services.mirroring import Mirroring
from ledger.services.opening import check_signed, fold, resume
from ledger.services.participant import Freshness, Mirror, Participants
from ledger.services.proof import Proofs
from ledger.services.publishing import Publisher
from ledger.services.scan import Scans
from ledger.services.seal import Seals
from ledger.services.seal_proof import SealProofs
from ledger.services.token import Tokens
from ledger.services.upkeep import Upkeep
from ledger.services.verification import AsOf, Verification
from ledger.services.witnessed import WitnessedHead, with_cosignatures
from ledger.services.witnessing import Cosigner, Witnessing
from ledger.storage.anchor import AnchorTable
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
from ledger.storage.migrate import require_current, upgrade
from ledger.storage.published import PublishedFolder
from ledger.storage.scan import ScanTable
from ledger.storage.seal import SealTable
from ledger.storage.secret import DetailTable, SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.storage.token import TokenTable
from ledger.witness_http import HttpWitness
from verifier.checkpoint import Checkpoint
from verifier.errors import Refused, Unavailable
from verifier.founding import NO_WITNESSES, Founding, log_id
from verifier.merkle import Frontier
from verifier.note import Note
from verifier.note_key import SigningKey
from verifier.policy import Policy
from verifier.record import Record

LOG_KEY = "log"
"""Name of the Ed25519 key that signs checkpoints, in the home's key store."""
ANCHOR_SECONDS = 5.0
"""How often a running server reads the registry and anchors what is new."""


@dataclass(slots=True)
class Ledger:
    """An opened ledger: its services, for routes and commands. `chain` and what needs it are None when not opened."""

    home: Home
    record: Record
    log: LogStore
    segments: SegmentStore
    secrets: SecretTable
    details: DetailTable
    anchors: AnchorTable
    participants: Participants
    batches: Batches
    scans: Scans
    verification: Verification
    freshness: Freshness
    tokens: Tokens
    proofs: Proofs
    indexes: Indexes
    engine: Engine
    signed_head: SignedHeadFile
    published: PublishedFolder
    cosignatures: CosignatureTable
    witnessed: WitnessedHead
    sequencer: Sequencer | None = None
    evm: EvmChain | None = None
    chain: LedgerChain | None = None
    anchoring: Anchoring | None = None
    mirror: Mirror | None = None
    upkeep: Upkeep | None = None
    index_cadence: IndexCadence | None = None
    publisher: Publisher | None = None
    seals: Seals | None = None
    seal_proofs: SealProofs | None = None
    witnessing: Witnessing | None = None
    following: Mirroring | None = None

    @property
    def founding(self) -> Founding:
        """Entry 0."""
        return self.record.founding

    def signed(self) -> Checkpoint | None:
        """The newest signed checkpoint."""
        newest = self.log.latest_checkpoint()
        return Checkpoint.decode(Note.parse(newest[1]).text) if newest is not None else None

    def start(self) -> None:
        """Begin what a running server does by itself: publish, ask witnesses, seal, mirror the registry, anchor."""
        self.publish()
        for part in (self.seals, self.upkeep, self.index_cadence):
            if part is not None:
                part.start()

    def publish(self) -> None:
        """Begin to publish what is signed and to show it to witnesses; `start` does so too."""
        for part in (self.witnessing, self.publisher):
            if part is not None:
                part.start()

    def anchor_now(self) -> dict[str, Any]:
        """Read the registry, anchor the newest signed head, and say where it stands. Raises Refused, Unavailable."""
        if self.upkeep is not None:
            self.upkeep.round()
        if self.anchoring is None:
            raise Refused("couldn't anchor: this ledger was opened without its chain", code="read_only")
        return self.anchoring.status()


def found_ledger(
    home: Home,
    plan: FoundingPlan,
    approve: Approve,
    base_url: str,
    report: Report,
    *,
    operator_key: str = "operator",
    witnesses: tuple[WitnessAddress, ...] = (),
) -> Founding:
    """Found a ledger in an empty home whose keys `log` and `operator_key` exist.

    1. contracts; 2. database and entry 0; 3. `ledger.json` with the pin; 4. the mirror and the first anchor.
    Raises Refused (`founded`), Unavailable, Malformed.
    """
    if home.founded:
        raise Refused(f"couldn't found a ledger in {home.path}: there is one already", code="founded")
    _check_unknown(plan, witnesses)
    home.create()
    Vault.create(home.keys)
    with home.writer(), open_chain(home.path, home.chain_rpc, report=report) as evm:
        founding = set_up_contracts(evm, plan, approve, report)  # 1
        engine = open_database(home.database_url)
        upgrade(engine)
        log = LogStore(engine, founding.log_id)
        if log.head().size:
            raise Refused("couldn't found a ledger: the database holds a log of this origin already", code="founded")
        signer = Signer(log, SignedHeadFile(home.signed_head), _log_key(home, plan.origin))
        record = Record(SegmentStore(home.segments).open)
        sequencer = Sequencer(log, record, Frontier(), signer)
        append_founding(sequencer, founding)  # 2
        sequencer.close()
        engine.dispose()
        # If we stop before this line, a home without ledger.json remains: found again in an empty folder.
        config = _config(home, record.founding, base_url, operator_key)
        home.save_config(replace(config, witnesses=witnesses))  # 3
    with open_ledger(home, write=True, chain=True) as ledger:
        try:
            ledger.anchor_now()  # 4
        except Refused as refusal:
            # The ledger stands: where authorities keep their keys elsewhere, the operator is named later.
            report(f"not anchored yet: {refusal}")
    report(f"entry 0 has the digest {record.founding.pin.hex()}: tell it to everybody who will verify")
    return record.founding


@contextmanager
def open_ledger(
    home: Home,
    *,
    write: bool = False,
    chain: bool = False,
    report: Report = silent,
    chain_down: Report | None = None,
) -> Iterator[Ledger]:
    """Open a founded ledger, for reading, or as its one writer.

    `chain` also opens the chain (and starts a local one if none is configured). When that cannot be reached,
    `chain_down` is told why, and upkeep opens it as soon as it is there; without it that is an error. Raises NotFound
    (`not_founded`), Refused (`writer_busy`), Stopped, ProofInvalid, Unavailable.
    """
    config = home.config()
    if write and config.mirror_of is not None:
        raise Refused(
            f"couldn't write: this home is a mirror of {config.mirror_of}; `carnet mirror` follows it", code="mirror"
        )
    with ExitStack() as stack:
        if write:
            stack.enter_context(home.writer())
        engine = open_database(home.database_url)
        stack.callback(engine.dispose)
        (upgrade if write else require_current)(engine)
        ledger, frontier = _reader(home, config, engine)
        stack.callback(ledger.scans.close)
        # A place of its own, closed after upkeep, whenever upkeep opens the chain.
        connect = partial(_connect, ledger, config, stack.enter_context(ExitStack()), report)
        if chain:
            try:
                connect()
            except Unavailable as error:
                if chain_down is None:
                    raise
                chain_down(f"{error}; going on without the chain, which is tried every {ANCHOR_SECONDS:.0f} seconds")
        if write:
            _writer(ledger, config, frontier, stack, report)
            if chain:
                _upkeep(ledger, connect, stack)
        yield ledger


def _connect(ledger: Ledger, config: LedgerConfig, stack: ExitStack, report: Report) -> tuple[LedgerChain, Anchoring]:
    """The chain and what anchors on it, opened the first time. Raises as `open_chain`."""
    if ledger.chain is None or ledger.anchoring is None:
        home, key = ledger.home, _operator_key(ledger.home, config)
        ledger.evm = stack.enter_context(open_chain(home.path, home.chain_rpc, report=report))
        ledger.chain = LedgerChain(ledger.evm, ledger.founding, key)
        ledger.anchoring = Anchoring(ledger.log, ledger.chain, ledger.anchors)
    return ledger.chain, ledger.anchoring


def _reader(home: Home, config: LedgerConfig, engine: Engine) -> tuple[Ledger, Frontier]:
    log = LogStore(engine, log_id(config.origin))
    segments = SegmentStore(home.segments)
    record = Record(segments.open)
    frontier = fold(log, record, config.pin, SignedHeadFile(home.signed_head))
    check_signed(log, record, SignedHeadFile(home.signed_head))
    secrets, details, anchors = SecretTable(engine, Vault.open(home.keys)), DetailTable(engine), AnchorTable(engine)
    participants, freshness = Participants(record, details), Freshness(details)
    batches = Batches(record, log, segments, secrets, participants, freshness)
    scans = Scans(ScanTable(engine))
    cosignatures = CosignatureTable(engine)
    witnessed = WitnessedHead(record.founding.policy, cosignatures)
    tip = _tip(log, record, anchors, witnessed)
    verification = Verification(record, segments, batches, scans, tip, lambda: freshness.stale)
    ledger = Ledger(
        home, record, log, segments, secrets, details, anchors, participants, batches, scans, verification, freshness,
        Tokens(TokenTable(engine)), Proofs(record, log, segments, batches.salt, anchors, witnessed),
        Indexes(record, participants), engine, SignedHeadFile(home.signed_head), PublishedFolder(home.published),
        cosignatures, witnessed,
    )  # fmt: skip
    return ledger, frontier


def _check_unknown(plan: FoundingPlan, addresses: Sequence[WitnessAddress]) -> None:
    """A key that has signed a log of this origin before would show two histories. Raises Refused (`founded`)."""
    policy = Policy.parse(plan.witness_policy) if plan.witness_policy != NO_WITNESSES else None
    asked = cosigners(policy, addresses)
    seen = ask((plan.log_key,), {c.name: c.witness for c in asked}, None, lambda: None)
    for cosigner in asked:
        cosigner.witness.close()
    for head in seen.heads:
        raise Refused(
            f"couldn't found a ledger: {head.holder} has cosigned {head.size} entries under this origin and key",
            code="founded",
        )


def _writer(ledger: Ledger, config: LedgerConfig, frontier: Frontier, stack: ExitStack, report: Report) -> None:
    signer = Signer(ledger.log, ledger.signed_head, _log_key(ledger.home, config.origin))
    resume(ledger.log, ledger.signed_head, signer, _highest(ledger, config, report), ledger.founding.policy)
    ledger.sequencer = Sequencer(ledger.log, ledger.record, frontier, signer)
    publisher = _publisher(ledger, config, stack)
    ledger.sequencer.after_commit = publisher.nudge
    stack.callback(ledger.sequencer.close)
    ledger.batches.use(ledger.sequencer)
    _sealing(ledger, config, ledger.sequencer, stack)
    ledger.indexes.use(ledger.sequencer)
    ledger.index_cadence = IndexCadence(ledger.indexes)
    stack.callback(ledger.index_cadence.close)


def _upkeep(ledger: Ledger, connect: Callable[[], tuple[LedgerChain, Anchoring]], stack: ExitStack) -> None:
    """Upkeep, and what mirrors the registry as soon as the chain is there."""
    sequencer = ledger.sequencer
    assert sequencer is not None  # noqa: S101  (only a writer keeps a ledger up)

    def reached() -> tuple[Mirror, Anchoring]:
        chain, anchoring = connect()
        if ledger.mirror is None:
            ledger.mirror = Mirror(ledger.record, chain, sequencer, ledger.freshness)
        return ledger.mirror, anchoring

    if ledger.chain is not None:
        reached()
    sweep = partial(ledger.segments.sweep, ledger.record.segment_roots.__contains__)
    ledger.upkeep = Upkeep(reached, ledger.signed, ANCHOR_SECONDS, sweep)
    stack.callback(ledger.upkeep.close)


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
    key = _log_key(ledger.home, config.origin)
    ledger.seals = Seals(table, ledger.record, sequencer, key, every=every)
    ledger.seal_proofs = SealProofs(ledger.record, ledger.log, table, ledger.published.checkpoint)
    stack.callback(ledger.seals.close)
    ledger.seals.settle()
    ledger.scans.use(ledger.seals)


def _publisher(ledger: Ledger, config: LedgerConfig, stack: ExitStack) -> Publisher:
    """The publisher, and whoever asks the witnesses when entry 0 names some that can be reached."""
    policy, witnessed = ledger.founding.policy, ledger.witnessed
    if policy is not None:
        ledger.witnessing = Witnessing(
            policy, cosigners(policy, config.witnesses), ledger.log, ledger.cosignatures, witnessed
        )
        stack.callback(ledger.witnessing.close)
    publisher = ledger.publisher = Publisher(
        ledger.log, ledger.record, ledger.published, SealTable(ledger.engine),
        lambda size, note: with_cosignatures(note, witnessed.lines(size)), ledger.witnessing,
        interval=ledger.home.settings.publish_seconds,
    )  # fmt: skip
    if ledger.witnessing is not None:
        ledger.witnessing.changed = publisher.nudge
    stack.callback(publisher.close)
    return publisher


def cosigners(policy: Policy | None, addresses: Sequence[WitnessAddress]) -> list[Cosigner]:
    """The witnesses of a policy that can be asked: their addresses are configuration, else the policy's own."""
    known = {address.name: address.url for address in addresses}
    found = ((w, known.get(w.name, w.url)) for w in (policy.named if policy is not None else ()))
    return [Cosigner(witness.name, witness.key, HttpWitness(url)) for witness, url in found if url is not None]


def _tip(log: LogStore, record: Record, anchors: AnchorTable, witnessed: WitnessedHead) -> Callable[[], AsOf]:
    """What answers rest on; the parts that cost a read are read again only when the log has grown or anchored."""
    kept: dict[str, Any] = {}

    def tip() -> AsOf:
        if kept.get("size") != record.size:
            newest = log.latest_checkpoint()
            checkpoint = Checkpoint.decode(Note.parse(newest[1]).text) if newest else None
            kept["checkpoint"] = checkpoint
            kept["size"] = checkpoint.size if checkpoint is not None else -1
        checkpoint = kept["checkpoint"]
        size, root = (checkpoint.size, checkpoint.root) if checkpoint else (0, bytes(32))
        if witnessed.policy is None:
            return AsOf(size, root, record.recorded_at, anchors.final_size())
        w = witnessed.current()
        if w is None:
            return AsOf(size, root, record.recorded_at, anchors.final_size(), has_witnesses=True, fresh=False)
        return AsOf(
            size, root, record.recorded_at, anchors.final_size(),
            w.size, w.time * 1000, w.names, True, w.fresh(time.time()),
        )  # fmt: skip

    return tip


def _log_key(home: Home, origin: str) -> SigningKey:
    return KeyStore(home.keys).load_ed25519(home.config().log_key if home.founded else LOG_KEY).note_key(origin)


def _operator_key(home: Home, config: LedgerConfig) -> LocalAccount | None:
    keys = KeyStore(home.keys)
    if config.operator_key not in keys:
        return None
    account: LocalAccount = Account.from_key(keys.load_evm(config.operator_key).secret)
    return account


def _config(home: Home, founding: Founding, base_url: str, operator_key: str) -> LedgerConfig:
    settings = home.settings
    return LedgerConfig(
        origin=founding.origin,
        base_url=base_url,
        pin=founding.pin.hex(),
        chain_id=founding.chain_id,
        registry=founding.registry,
        anchor=founding.anchor,
        database=settings.database.get_secret_value() if settings.database else None,
        chain_rpc=settings.chain_rpc.get_secret_value() if settings.chain_rpc else None,
        log_key=LOG_KEY,
        operator_key=operator_key,
    )
