"""The wiring of an audit: a home's storage opened without believing it, so that a damaged log can be looked at.

Opening a ledger folds its entries and stops at the first that does not hold; an audit has to go on.
"""

from __future__ import annotations

from contextlib import ExitStack

from ledger.chain.local import open_chain
from ledger.chain.reader import NodeReader
from ledger.home import Home
from ledger.keys.vault import FILE, Vault
from ledger.ports import Report, silent
from ledger.services.audit import audit_home
from ledger.storage.anchor import AnchorTable
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
from ledger.storage.log_rows import LogRows
from ledger.storage.migrate import require_current
from ledger.storage.seal import SealTable
from ledger.storage.secret import SecretTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from verifier.audit_report import AuditReport, Progress
from verifier.founding import log_id


def audit_ledger(
    home: Home,
    pin: bytes | None = None,
    *,
    chain: bool = True,
    report: Report = silent,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit everything in a home; the ledger may be open and grow meanwhile. Changes nothing.

    `pin`: SHA-256 of entry 0's bytes (32 bytes), None for the one that the home itself names. `chain`: also ask the
    ledger's chain. Raises NotFound (`not_founded`), Unavailable, Refused for another schema.
    """
    config = home.config()
    with ExitStack() as stack:
        reader = None
        if chain:
            reader = NodeReader(stack.enter_context(open_chain(home.path, home.chain_rpc, report=report)).rpc)
        engine = open_database(home.database_url)
        stack.callback(engine.dispose)
        require_current(engine)
        # A copy for an auditor comes without the keys; then nobody can look at the salts.
        secrets = SecretTable(engine, Vault.open(home.keys)) if (home.keys / FILE).exists() else None
        return audit_home(
            LogStore(engine, log_id(config.origin)),
            LogRows(engine),
            SegmentStore(home.segments),
            SignedHeadFile(home.signed_head),
            AnchorTable(engine),
            pin if pin is not None else bytes.fromhex(config.pin),
            secrets=secrets,
            seals=SealTable(engine),
            chain=reader,
            progress=progress,
        )
