"""The wiring of audits: of a home's storage, opened without trusting it, and of a log that others publish.

Opening a ledger folds its entries and stops at the first that does not hold; an audit must continue.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.home import Home
from ledger.keys.vault import FILE, Vault
from ledger.ports import Report, silent
from ledger.remote.cache import FileCache
from ledger.remote.files import FolderFiles
from ledger.remote.http import HttpFiles
from ledger.remote.segments import RemoteSegments
from ledger.remote.source import PublishedSource
from ledger.services.audit.home import audit_home
from ledger.services.record.append import now_ms
from ledger.storage.anchor import AnchorTable
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import open_database
from ledger.storage.fold import FoldFile
from ledger.storage.log import LogStore
from ledger.storage.log_rows import LogRows
from ledger.storage.migrate import require_current
from ledger.storage.published import PublishedFolder
from ledger.storage.seal import SealTable
from ledger.storage.secret import SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from verifier.audit.audit import audit
from verifier.audit.report import AuditReport, Former, Progress
from verifier.record.founding import log_id

if TYPE_CHECKING:
    from ledger.chain.reader import NodeReader


def audit_ledger(
    home: Home,
    pin: bytes | None = None,
    *,
    chain: bool = True,
    report: Report = silent,
    progress: Progress | None = None,
    former: Former | None = None,
) -> AuditReport:
    """Audit everything in a home; the ledger may be open and grow meanwhile. Changes nothing.

    `pin`: SHA-256 of entry 0's bytes (32 bytes), None for the one that the home itself names. `chain`: also ask the
    ledger's chain. Raises NotFound (`not_founded`), Unavailable, Refused for another schema.
    """
    config = home.config()
    with ExitStack() as stack:
        reader = None
        if chain and config.mirror_of is None:  # a mirror has no chain of its own, and must not start one
            from ledger.chain.local import open_chain
            from ledger.chain.reader import NodeReader

            reader = NodeReader(stack.enter_context(open_chain(home.path, home.chain_rpc, report=report)).rpc)
        engine = open_database(home.database_url)
        stack.callback(engine.dispose)
        require_current(engine)
        # A copy for an auditor comes without the keys; then nobody can look at the salts.
        # A mirror has only the salts that it was given, so missing ones are no fault.
        kept = (home.keys / FILE).exists() and config.mirror_of is None
        vault = Vault.open(home.keys) if kept else None
        return audit_home(
            LogStore(engine, log_id(config.origin)),
            LogRows(engine),
            SegmentStore(home.segments),
            SignedHeadFile(home.signed_head),
            AnchorTable(engine),
            pin if pin is not None else bytes.fromhex(config.pin),
            secrets=SecretTable(engine, vault) if vault is not None else None,
            seals=SealTable(engine),
            cosignatures=CosignatureTable(engine),
            published=PublishedFolder(home.published),
            chain=reader,
            progress=progress,
            former=former,
            fold=FoldFile(home.fold, vault, log_id(config.origin)) if vault is not None else None,
        )


def audit_url(
    url: str,
    pin: bytes,
    *,
    cache: Path | None = None,
    chain_rpc: str | None = None,
    former: Former | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit a log that a server publishes, trusting only the pin (SHA-256 of entry 0's bytes).

    `cache`: the folder that keeps the log's files for the next audit; without it none are kept. `chain_rpc`: a node of
    the ledger's chain that the auditor trusts. Raises Malformed (`url`), NotFound (`not_published`), Refused
    (`other_log`), Unavailable.
    """
    with ExitStack() as stack:
        folder = cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="carnet-audit-")))
        files = stack.enter_context(HttpFiles(url))
        kept = FileCache(folder, pin)
        segments = RemoteSegments(files, kept.folder / "segments")
        source = stack.enter_context(PublishedSource(files, segments.open, pin, cache=kept))
        report = audit(
            source, pin, chain=_node(chain_rpc), seals=source.seal, progress=progress, former=former, now=now_ms(),
            served=True,
        )  # fmt: skip
        if source.kept:
            note = f"{source.kept} files came from {kept.folder}, {source.fetched} from {files.name}"
            report = replace(report, notes=(*report.notes, note))
        return report


def audit_folder(
    folder: Path,
    pin: bytes,
    *,
    chain_rpc: str | None = None,
    former: Former | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """The same for a copied folder of published files. Raises NotFound (`not_published`), Refused, Unavailable."""
    files = FolderFiles(folder)
    with PublishedSource(files, files.segment, pin, looks=()) as source:
        return audit(
            source, pin, chain=_node(chain_rpc), seals=source.seal, progress=progress, former=former, served=True
        )


def _node(chain_rpc: str | None) -> NodeReader | None:
    if chain_rpc is None:
        return None
    from ledger.chain.reader import NodeReader
    from ledger.chain.rpc import Rpc

    return NodeReader(Rpc(chain_rpc))
