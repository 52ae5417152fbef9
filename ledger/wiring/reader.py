"""The wiring of a ledger as it is read; `ledger.wiring.writer` adds what writes.

`open_ledger` opens a founded ledger; founding one is another command, in `ledger.wiring.founding`. An opened ledger is
a context: what was started (writer, threads, a local chain) ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from ledger.home import Home, LedgerConfig
from ledger.keys.store import KeyStore
from ledger.keys.vault import Vault
from ledger.opened import Ledger
from ledger.ports import Report, silent
from ledger.services.outward.anchoring import Anchoring
from ledger.services.outward.index_seal import Indexes
from ledger.services.outward.witnessed import WitnessedHead
from ledger.services.proofs.proof import Proofs
from ledger.services.record.batch import Batches
from ledger.services.record.clock import Clock
from ledger.services.record.folding import Folds
from ledger.services.record.opening import check_signed
from ledger.services.record.participant import Freshness, Participants
from ledger.services.scans.scan import Scans
from ledger.services.scans.token import Tokens
from ledger.services.scans.verification import AsOf, Verification
from ledger.storage.anchor import AnchorTable
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import open_database
from ledger.storage.fold import FoldFile
from ledger.storage.log import LogStore
from ledger.storage.migrate import require_current, upgrade
from ledger.storage.published import PublishedFolder
from ledger.storage.scan import ScanTable
from ledger.storage.secret import DetailTable, SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from ledger.storage.token import TokenTable
from ledger.wiring.writer import ANCHOR_SECONDS, wire_upkeep, wire_writer
from verifier.errors import Refused, Unavailable
from verifier.record.founding import log_id
from verifier.record.record import Record
from verifier.record.rules import KNOWN, Rules
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import Frontier
from verifier.tree.note import Note

if TYPE_CHECKING:  # what speaks to a chain takes a second to load, and most commands need none
    from ledger.chain.operator import LedgerChain
    from ledger.keys.account import LocalAccount


@contextmanager
def open_ledger(
    home: Home,
    *,
    write: bool = False,
    chain: bool = False,
    report: Report = silent,
    chain_down: Report | None = None,
    known: Rules = KNOWN,
) -> Iterator[Ledger]:
    """Open a founded ledger, for reading, or as its one writer.

    `chain` also opens the chain (and starts a local one if none is configured). When that cannot be reached,
    `chain_down` is told why, and upkeep opens it as soon as it is there; without it that is an error. Raises NotFound
    (`not_founded`), Refused (`writer_busy`), Stopped, ProofInvalid, Unavailable, RulesUnknown for a home whose ledger
    went beyond the rules that are known here.
    """
    config = home.config()
    if write and config.mirror_of is not None:
        raise Refused(
            f"couldn't write: this home is a mirror of {config.mirror_of}; `carnet mirror` follows it", code="mirror"
        )
    with ExitStack() as stack:
        if write:
            stack.enter_context(home.writer())
            for part in home.close_to_others():
                report(f"other users could reach {part}: mended")
        engine = open_database(home.database_url)
        stack.callback(engine.dispose)
        (upgrade if write else require_current)(engine)
        ledger, frontier, folds = _reader(home, config, engine, known, report)
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
            wire_writer(ledger, config, frontier, folds, stack, report)
            if chain:
                wire_upkeep(ledger, connect, stack)
        yield ledger


def _connect(ledger: Ledger, config: LedgerConfig, stack: ExitStack, report: Report) -> tuple[LedgerChain, Anchoring]:
    """The chain and what anchors on it, opened the first time. Raises as `open_chain`."""
    if ledger.chain is None or ledger.anchoring is None:
        from ledger.chain.local import open_chain
        from ledger.chain.operator import LedgerChain

        home, key = ledger.home, _operator_key(ledger.home, config)
        ledger.evm = stack.enter_context(open_chain(home.path, home.chain_rpc, report=report))
        ledger.chain = LedgerChain(ledger.evm, ledger.founding, key)
        ledger.anchoring = Anchoring(ledger.log, ledger.chain, ledger.anchors)
    return ledger.chain, ledger.anchoring


def _reader(
    home: Home, config: LedgerConfig, engine: Engine, known: Rules, report: Report
) -> tuple[Ledger, Frontier, Folds]:
    log, vault = LogStore(engine, log_id(config.origin)), Vault.open(home.keys)
    segments, signed_head = SegmentStore(home.segments), SignedHeadFile(home.signed_head)
    # A mirror looks at every batch when it starts, so it reads every entry anyway.
    kept = FoldFile(home.fold, vault, log_id(config.origin)) if config.mirror_of is None else None
    folds = Folds(log, kept, segments.open, config.pin, known)
    record, frontier = folds.open(signed_head, report)
    check_signed(log, record, signed_head)
    secrets, details, anchors = SecretTable(engine, vault), DetailTable(engine), AnchorTable(engine)
    clock = Clock()
    participants, freshness = Participants(record, details), Freshness(details, clock.best)
    batches = Batches(record, log, segments, secrets, participants, freshness)
    scans = Scans(ScanTable(engine), clock.best)
    cosignatures = CosignatureTable(engine)
    witnessed = WitnessedHead(record.founding.policy, cosignatures)
    tip = _tip(log, record, anchors, witnessed, clock)
    verification = Verification(record, segments, batches, scans, tip, lambda: freshness.stale)
    ledger = Ledger(
        home, record, log, segments, secrets, details, anchors, participants, batches, scans, verification, freshness,
        Tokens(TokenTable(engine), clock.best), Proofs(record, log, segments, batches.salt, anchors, witnessed),
        Indexes(record, participants), engine, signed_head, PublishedFolder(home.published),
        cosignatures, witnessed, clock,
    )  # fmt: skip
    return ledger, frontier, folds


def _tip(
    log: LogStore, record: Record, anchors: AnchorTable, witnessed: WitnessedHead, clock: Clock
) -> Callable[[], AsOf]:
    """What answers rest on; the parts that cost a read are read again only when the log has grown or anchored."""
    kept: dict[str, Any] = {}

    def tip() -> AsOf:
        if kept.get("size") != record.size:
            newest = log.latest_checkpoint()
            checkpoint = Checkpoint.decode(Note.parse(newest[1]).text) if newest else None
            # While a group is being integrated, its head is signed and covers more than the record holds: whoever
            # judges an answer again at the size it names would miss in it what it could not know. So the one before
            # stays: what counts already beside it is allowed for.
            if checkpoint is None or checkpoint.size <= record.size or "size" not in kept:
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
            w.size, w.time * 1000, w.names, True, w.fresh(clock.best() / 1000),
        )  # fmt: skip

    return tip


def _operator_key(home: Home, config: LedgerConfig) -> LocalAccount | None:
    from ledger.keys.account import Account

    keys = KeyStore(home.keys)
    if config.operator_key not in keys:
        return None
    account: LocalAccount = Account.from_key(keys.load_evm(config.operator_key).secret)
    return account
