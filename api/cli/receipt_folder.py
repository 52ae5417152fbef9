"""The receipts that an officer's home holds: one file a scan, and beside it the evidence once there is some.

receipts/<scan id>.json            the receipt as it came, in canonical JSON
receipts/<scan id>.evidence.json   that the promise was kept or broken, for `carnet verify`
receipts/founding-<pin>            entry 0 of a ledger, kept to check signatures without asking again
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from ledger.home import Home
from ledger.keys.file import make_folder, write_file
from verifier import canonical
from verifier.entry import decode_entry
from verifier.errors import Malformed, ProofInvalid
from verifier.founding import Founding, parse_founding
from verifier.scan_receipt import ScanReceipt, parse_receipt

_ID = re.compile(r"[0-9A-Za-z-]{1,80}")
_EVIDENCE = ".evidence.json"


class ReceiptFolder:
    """The folder of one home. Files are durable when a method returns."""

    def __init__(self, home: Home) -> None:
        self._folder = home.receipts

    def keep(self, receipt: ScanReceipt) -> Path:
        """Keep a receipt; the same one again is fine. Raises Malformed (`scan_id`), Unavailable."""
        make_folder(self._folder)
        path = self._file(receipt.id, ".json")
        # If we stop before this returns, the server has promised and we forgot: the same scan sent again brings it.
        write_file(path, canonical.encode(receipt.to_json()))
        return path

    def all(self) -> Iterator[ScanReceipt]:
        """Every receipt, by name. Raises Malformed naming the file."""
        for path in sorted(self._folder.glob("*.json")):
            if not path.name.endswith(_EVIDENCE):
                try:
                    yield parse_receipt(canonical.decode(path.read_bytes()))
                except (Malformed, ProofInvalid) as error:
                    raise Malformed(f"couldn't read {path}: {error}", code=error.code) from error

    def evidence(self, scan_id: str) -> bytes | None:
        """What became of a receipt, if it is known."""
        path = self._file(scan_id, _EVIDENCE)
        return path.read_bytes() if path.exists() else None

    def evidence_file(self, scan_id: str) -> Path:
        """Where the evidence about a receipt is, or will be."""
        return self._file(scan_id, _EVIDENCE)

    def keep_evidence(self, scan_id: str, raw: bytes) -> Path:
        """Keep what became of a receipt."""
        path = self._file(scan_id, _EVIDENCE)
        write_file(path, raw)
        return path

    def founding(self, pin: str) -> Founding | None:
        """Entry 0 of a ledger, if it is kept and is what the pin (64 hex) says."""
        path = self._folder / f"founding-{pin}"
        raw = path.read_bytes() if path.exists() else b""
        return parse_founding(decode_entry(raw)) if hashlib.sha256(raw).hexdigest() == pin else None

    def keep_founding(self, pin: str, raw: bytes) -> Founding:
        """Keep entry 0's bytes. Raises ProofInvalid (`pin`) when they are another ledger's."""
        if hashlib.sha256(raw).hexdigest() != pin:
            raise ProofInvalid("couldn't trust the server: its entry 0 is not the one that was pinned", code="pin")
        founding = parse_founding(decode_entry(raw))
        make_folder(self._folder)
        write_file(self._folder / f"founding-{pin}", raw)
        return founding

    def _file(self, scan_id: str, ending: str) -> Path:
        if not _ID.fullmatch(scan_id):
            raise Malformed(f"couldn't keep the receipt of scan {scan_id[:40]!r}: no id of a scan", code="scan_id")
        return self._folder / f"{scan_id}{ending}"
