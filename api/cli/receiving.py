"""Receipts and a server: taking one in with the answer to a scan, and looking up what became of it in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from api.cli.known import check_pin, pins
from api.cli.receipt_folder import ReceiptFolder
from api.cli.remote import Remote
from verifier import canonical
from verifier.errors import CarnetError, NotFound, ProofInvalid
from verifier.evidence_file import decode_evidence
from verifier.founding import Founding, log_id
from verifier.scan_evidence import check_scan_evidence
from verifier.scan_evidence_file import encode_scan_evidence
from verifier.scan_receipt import ScanReceipt, parse_receipt, verify_receipt
from verifier.scan_search import ScanSearch
from verifier.tiles import Level, tile_path

if TYPE_CHECKING:
    from ledger.home import Home


def take_receipt(home: Home, remote: Remote, answer: Mapping[str, Any], sent: Mapping[str, Any]) -> ScanReceipt:
    """Check the receipt of an answer against what was sent and against the ledger's key, and keep it.

    Raises ProofInvalid, Malformed when it is worth nothing; NotFound (`receipt_none`) when there is none.
    """
    if answer.get("receipt") is None:
        why = answer.get("receipt_why") or "nobody has promised to seal this scan"
        raise NotFound(f"the server gave no receipt: {why}", code="receipt_none")
    receipt, folder = parse_receipt(answer["receipt"]), ReceiptFolder(home)
    scan = canonical.decode(receipt.scan)
    for name, value in sent.items():
        if scan[name] != value:
            raise ProofInvalid(
                f"couldn't use the receipt: its scan has {name} {scan[name]!r}, {value!r} was sent", code="receipt_scan"
            )
    pin = next((pin for origin, pin in pins(home).items() if log_id(origin) == receipt.log_id), None)
    founding = folder.founding(pin) if pin is not None else None
    if founding is None:
        founding = founding_of(home, remote)
    verify_receipt(receipt, founding.log_id, founding.log_keys)
    folder.keep(receipt)
    return receipt


def founding_of(home: Home, remote: Remote, pin: str | None = None) -> Founding:
    """The founding of a server's ledger, believed because of a pin: the one given, or the one this home knows."""
    about = remote.get("/v1/ledger")
    if pin is None:
        check_pin(home, about)
        pin = pins(home)[str(about["origin"])]
    folder = ReceiptFolder(home)
    return folder.founding(pin) or folder.keep_founding(
        pin, decode_evidence(remote.get_bytes("/v1/proofs/entries/0")).entry
    )


class Lookup:
    """Looks receipts up in one server's published log, believing nothing but through the pin."""

    def __init__(self, remote: Remote, founding: Founding) -> None:
        self._remote, self._founding = remote, founding
        self._search = ScanSearch(remote.get_bytes("/log/checkpoint"), self, self._leaves)

    def evidence(self, receipt: ScanReceipt) -> bytes | None:
        """The checked file that shows what became of a receipt; None while the log shows nothing.

        Where the leaves are not published, the server is asked for its own file. Raises ProofInvalid when what was
        found does not check, Unavailable.
        """
        try:
            found = self._search.evidence(receipt)
            raw = encode_scan_evidence(found) if found is not None else None
        except NotFound as withheld:
            raw = self._asked(receipt, withheld)
        if raw is None:
            return None
        report = check_scan_evidence(raw, pin=self._founding.pin)
        if report.failed is not None:
            raise ProofInvalid(f"couldn't believe what was found: {report.failed.words}", code="scan_evidence")
        return raw

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A published tile or bundle."""
        return self._remote.get_bytes(f"/log/{tile_path(level, n, width)}")

    def _leaves(self, number: int) -> bytes:
        return self._remote.get_bytes(f"/log/seal/{number}")

    def _asked(self, receipt: ScanReceipt, withheld: CarnetError) -> bytes:
        """The server's own file about this very receipt."""
        try:
            told = self._remote.get(f"/v1/scans/{receipt.id}/receipt")
        except CarnetError as error:
            raise withheld from error
        if told.get("evidence") is None or told["evidence"].get("receipt") != receipt.to_json():
            raise withheld
        return canonical.encode(json.loads(json.dumps(told["evidence"])))
