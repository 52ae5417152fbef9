"""The receipts that an officer's home holds: one file a scan, and beside it the evidence once there is some.

receipts/<scan id>.json            the receipt as it came, in canonical JSON
receipts/<scan id>.sent.json       what this device sent and was told, to compare the receipt with
receipts/<scan id>.refused.json    an invalid receipt, as it came with an answer
receipts/officers                  under which name scans of a token were kept, by the token's hash
receipts/<scan id>.evidence.json   that the promise was kept or broken, for `carnet verify`
receipts/head-<pin>                the newest head that this home has seen of a ledger
receipts/head-<pin>.contradicted   a head that contradicts it, as it was shown
receipts/founding-<pin>            entry 0 of a ledger, kept to check signatures without asking again
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger.home import Home
from ledger.keys.file import make_folder, write_file
from verifier import canonical
from verifier.errors import Malformed, ProofInvalid
from verifier.record.entry import decode_entry
from verifier.record.founding import Founding, parse_founding
from verifier.scan.receipt import ScanReceipt, parse_receipt
from verifier.scan.sent import SentScan

_ID = re.compile(r"[0-9A-Za-z-]{1,80}")
_EVIDENCE, _SENT, _REFUSED = ".evidence.json", ".sent.json", ".refused.json"
_OFFICERS = "officers"


class ReceiptFolder:
    """The folder of one home. Files are durable when a method returns."""

    def __init__(self, home: Home) -> None:
        self._folder = home.receipts

    def keep(self, receipt: ScanReceipt, scan_id: str | None = None) -> Path:
        """Keep a receipt, by the id that was sent; again is fine. Raises Malformed (`scan_id`), Unavailable."""
        make_folder(self._folder)
        path = self._file(scan_id or receipt.id, ".json")
        # If we stop before this returns, the server has promised and we forgot: the same scan sent again brings it.
        write_file(path, canonical.encode(receipt.to_json()))
        return path

    def keep_sent(self, scan_id: str, sent: SentScan) -> Path:
        """Keep what was sent and told about a scan."""
        make_folder(self._folder)
        path = self._file(scan_id, _SENT)
        write_file(path, sent.encode())
        return path

    def sent(self, scan_id: str) -> SentScan | None:
        """What was sent and told about a scan, if it is kept. Raises Malformed naming the file."""
        path = self._file(scan_id, _SENT)
        try:
            return SentScan.decode(path.read_bytes()) if path.exists() else None
        except Malformed as error:
            raise Malformed(f"couldn't read {path}: {error}", code=error.code) from error

    def keep_refused(self, scan_id: str, given: object) -> Path:
        """Keep an invalid receipt, as it was given."""
        make_folder(self._folder)
        path = self._file(scan_id, _REFUSED)
        write_file(path, json.dumps(given).encode())
        return path

    def refused(self) -> Iterator[tuple[str, Path]]:
        """The ids of scans whose receipts were invalid, and the files of these."""
        for path in sorted(self._folder.glob(f"*{_REFUSED}")):
            yield path.name.removesuffix(_REFUSED), path

    def all(self) -> Iterator[tuple[str, ScanReceipt | Malformed]]:
        """Every receipt by the id that was sent; for a file that can't be read, an error that names it."""
        for path in sorted(self._folder.glob("*.json")):
            scan_id = path.name.removesuffix(".json")
            if _ID.fullmatch(scan_id):
                try:
                    yield scan_id, parse_receipt(canonical.decode(path.read_bytes()))
                except (Malformed, ProofInvalid) as error:
                    yield scan_id, Malformed(f"couldn't read {path}: {error}", code=error.code)

    def officer(self, token: str, origin: bytes) -> list[str | None] | None:
        """Name and administration under which a log kept scans of this token before; None for the first time."""
        known = self._officers().get(_token_id(token, origin))
        return known if isinstance(known, list) and len(known) == 2 else None

    def keep_officer(self, token: str, origin: bytes, officer: list[str | None]) -> None:
        """Remember name and administration. The token itself is not kept."""
        make_folder(self._folder)
        known = {**self._officers(), _token_id(token, origin): officer}
        write_file(self._folder / _OFFICERS, json.dumps(known, indent=1).encode())

    def _officers(self) -> dict[str, Any]:
        try:
            value = json.loads((self._folder / _OFFICERS).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Malformed(f"couldn't read {self._folder / _OFFICERS}: it is no JSON", code="officers") from error
        return value if isinstance(value, dict) else {}

    def evidence(self, scan_id: str) -> bytes | None:
        """The evidence that shows whether a receipt's promise was kept, if there is any."""
        path = self._file(scan_id, _EVIDENCE)
        return path.read_bytes() if path.exists() else None

    def evidence_file(self, scan_id: str) -> Path:
        """Where the evidence about a receipt is, or will be."""
        return self._file(scan_id, _EVIDENCE)

    def keep_evidence(self, scan_id: str, raw: bytes) -> Path:
        """Keep the evidence about a receipt."""
        path = self._file(scan_id, _EVIDENCE)
        write_file(path, raw)
        return path

    def head(self, pin: str) -> bytes | None:
        """The newest signed head seen of a ledger, verbatim."""
        path = self._folder / f"head-{pin}"
        return path.read_bytes() if path.exists() else None

    def keep_head(self, pin: str, note: bytes, *, contradicts: bool = False) -> Path:
        """Keep the newest head seen, or beside it one that contradicts it."""
        make_folder(self._folder)
        path = self._folder / (f"head-{pin}.contradicted" if contradicts else f"head-{pin}")
        write_file(path, note)
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


def _token_id(token: str, origin: bytes) -> str:
    """A name for a token at a log that does not reveal the token: 128 bits of a hash over 256 random ones."""
    return hashlib.sha256(b"carnet/officer/v1\n" + origin + token.encode(errors="surrogateescape")).hexdigest()[:32]
