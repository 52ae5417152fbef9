"""An opened ledger as a value: its services, for routes and commands. `ledger.wiring.reader` opens one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from ledger.home import Home
from ledger.services.copies.mirroring import Mirroring
from ledger.services.outward.anchoring import Anchoring
from ledger.services.outward.index_seal import IndexCadence, Indexes
from ledger.services.outward.publishing import Publisher
from ledger.services.outward.upkeep import Upkeep
from ledger.services.outward.witnessed import WitnessedHead
from ledger.services.outward.witnessing import Witnessing
from ledger.services.proofs.proof import Proofs
from ledger.services.record.append import Sequencer
from ledger.services.record.batch import Batches
from ledger.services.record.checkers import Checkers
from ledger.services.record.clock import Clock
from ledger.services.record.folding import Folding
from ledger.services.record.intake import Intake
from ledger.services.record.participant import Freshness, Mirror, Participants
from ledger.services.scans.scan import Scans
from ledger.services.scans.seal import Seals
from ledger.services.scans.seal_proof import SealProofs
from ledger.services.scans.token import Tokens
from ledger.services.scans.verification import Verification
from ledger.storage.anchor import AnchorTable
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.log import LogStore
from ledger.storage.published import PublishedFolder
from ledger.storage.secret import DetailTable, SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from verifier.errors import Refused
from verifier.record.founding import Founding
from verifier.record.record import Record
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.note import Note

if TYPE_CHECKING:  # what speaks to a chain takes a second to load, and most commands need none
    from ledger.chain.evm import EvmChain
    from ledger.chain.operator import LedgerChain


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
    clock: Clock
    sequencer: Sequencer | None = None
    intake: Intake | None = None
    checkers: Checkers | None = None
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
    folding: Folding | None = None
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
        """Begin what a running server does by itself: publish, ask witnesses, seal, mirror, anchor, fold."""
        self.publish()
        for part in (self.seals, self.upkeep, self.index_cadence, self.folding):
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
