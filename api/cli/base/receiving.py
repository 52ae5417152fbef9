"""Receipts and a server: taking a receipt in with a scan's answer, and looking up in the log whether it was kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from api.cli.base.known import check_pin, pins
from api.cli.base.receipt_folder import ReceiptFolder
from api.cli.base.remote import Remote
from api.question.place import parse_unlocode
from ledger.services.record.append import now_ms
from verifier import canonical
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Unavailable
from verifier.evidence.file import decode_evidence
from verifier.instant import parse_instant
from verifier.record.founding import Founding, log_id
from verifier.record.head import open_head
from verifier.scan.evidence import check_scan_evidence
from verifier.scan.evidence_file import encode_scan_evidence
from verifier.scan.receipt import ADMINISTRATION, ScanReceipt, parse_receipt, verify_receipt
from verifier.scan.search import Pace, ScanSearch
from verifier.scan.sent import Compared, SentScan, compare_promise, compare_scan
from verifier.tree.checked_tiles import CheckedTiles
from verifier.tree.seen_head import behind, contradiction
from verifier.tree.tiles import Level, tile_path

if TYPE_CHECKING:
    from ledger.home import Home


@dataclass(frozen=True, slots=True)
class Taken:
    """A receipt that is kept, what comparing it came to, and whether this token's officer was not known before."""

    receipt: ScanReceipt
    compared: Compared
    new_officer: str | None


def sent_scan(
    own: Mapping[str, str], given: str | bytes, where: Mapping[str, Any], answer: Mapping[str, Any]
) -> SentScan:
    """What the signed scan must contain: what was sent, as the format writes it, and what the answer said."""
    unlocode = parse_unlocode(where["unlocode"]) if where["unlocode"] else None
    country = where["country"] or (unlocode[:2] if unlocode else None)
    knows: dict[str, Any] = {
        **{name: own[name] for name in ("id", "device", "context")},
        "scanned_at": str(parse_instant(own["scanned_at"])),
        "unlocode": unlocode,
        "latitude": None if where["latitude"] is None else f"{where['latitude']:.5f}",
        "longitude": None if where["longitude"] is None else f"{where['longitude']:.5f}",
        "verdict": answer.get("verdict"),
        "reasons": [reason.get("code") for reason in answer.get("reasons") or ()],
        "log_size": str((answer.get("as_of") or {}).get("size")),
    }
    open_ = {}
    if country is not None:
        knows["country"] = country
    else:
        open_["country"] = "no place was sent, so it is that of the token"
    if isinstance(given, str):
        knows["code"] = given.replace("\0", "\ufffd")
    else:
        open_["code"] = "a photograph was sent"
    return SentScan(knows, open_, now_ms())


def take_receipt(home: Home, remote: Remote, answer: Mapping[str, Any], sent: SentScan, token: str) -> Taken:
    """Keep the receipt of an answer, and compare everything in it: with what was sent, and with the log.

    1. it is a receipt, and the ledger's key signed it; 2. it is kept beside what was sent: a contradiction is proof; 3.
    every field is compared, the officer with the one that this token had before; 4. the promise with the log. If the
    ledger's key cannot be fetched now, the receipt is kept all the same, and `open` says so. Otherwise a server could
    escape its promise by falling silent after an answer. Raises ProofInvalid or Malformed for an invalid receipt, which
    is kept too; NotFound (`receipt_none`), Refused (`pin_changed`).
    """
    if answer.get("receipt") is None:
        why = answer.get("receipt_why") or "nobody has promised to seal this scan"
        raise NotFound(f"the server gave no receipt: {why}", code="receipt_none")
    folder, scan_id = ReceiptFolder(home), str(sent.knows["id"])
    try:
        receipt = parse_receipt(answer["receipt"])  # 1
        founding = _founding(home, folder, remote, receipt)
        if not isinstance(founding, Founding):
            folder.keep(receipt, scan_id)
            folder.keep_sent(scan_id, sent)
            return Taken(receipt, Compared(open={"receipt": str(founding)}), None)
        verify_receipt(receipt, founding.log_id, founding.log_keys)
    except (Malformed, ProofInvalid):
        folder.keep_refused(scan_id, answer["receipt"])
        raise
    folder.keep(receipt, scan_id)  # 2
    officer = [receipt.fields["officer"], receipt.fields.get(ADMINISTRATION)]
    before = folder.officer(token, founding.log_id)
    if before is None:
        folder.keep_officer(token, founding.log_id, officer)
        names = dict.fromkeys(("officer", ADMINISTRATION), "no receipt for this token came before")
        sent = replace(sent, open={**sent.open, **names})
    else:
        sent = replace(sent, knows={**sent.knows, "officer": before[0], ADMINISTRATION: before[1]})
    pace, why = _pace(remote, founding)
    sent = replace(sent, log_at=pace.recorded_at if pace is not None else None)
    folder.keep_sent(scan_id, sent)
    compared = compare_scan(receipt, sent) + compare_promise(receipt, sent, pace, why)  # 3, 4
    return Taken(receipt, compared, None if before is not None else officer_name(officer))


def _founding(home: Home, folder: ReceiptFolder, remote: Remote, receipt: ScanReceipt) -> Founding | Unavailable:
    """The founding that a receipt is checked against, or why it is not available now."""
    pin = next((pin for origin, pin in pins(home).items() if log_id(origin) == receipt.log_id), None)
    kept = folder.founding(pin) if pin is not None else None
    try:
        return kept or founding_of(home, remote)
    except Unavailable as error:
        return error


def officer_name(officer: Sequence[str | None]) -> str:
    """Name and administration for people."""
    return f"{officer[0]} ({officer[1] or 'no country'})"


def _pace(remote: Remote, founding: Founding) -> tuple[Pace | None, str]:
    """How the published log seals, or why that can't be told."""
    try:
        return Lookup(remote, founding).pace(), ""
    except CarnetError as error:
        return None, f"the published log can't be read ({error})"


def founding_of(home: Home, remote: Remote, pin: str | None = None) -> Founding:
    """The founding of a server's ledger, trusted because of a pin: the given one, or the one this home knows."""
    about = remote.get("/v1/ledger")
    if pin is None:
        check_pin(home, about)
        pin = pins(home)[str(about["origin"])]
    folder = ReceiptFolder(home)
    return folder.founding(pin) or folder.keep_founding(
        pin, decode_evidence(remote.get_bytes("/v1/proofs/entries/0")).entry
    )


class Lookup:
    """Looks receipts up in one server's published log, and trusts only the pin."""

    def __init__(self, remote: Remote, founding: Founding) -> None:
        """Raises ProofInvalid for a head that none of the log's keys signed, Malformed, Unavailable."""
        self._remote, self._founding = remote, founding
        self.note = remote.get_bytes("/log/checkpoint")
        self.head = open_head(self.note, founding).checkpoint
        self._search = ScanSearch(self.note, self, self._leaves)

    def compare_head(self, folder: ReceiptFolder) -> Compared:
        """How this head contradicts the newest one that the home has seen; None if it does not.

        Raises ProofInvalid, Malformed, Unavailable.
        """
        pin = self._founding.pin.hex()
        before = folder.head(pin)
        if before is not None:
            seen = open_head(before, self._founding).checkpoint
            late = behind(seen, self.head)
            if late is not None:
                return Compared(odd=(late,))
            tree = CheckedTiles(self.tile, self.head.size, self.head.root)
            wrong = contradiction(seen, self.head, tree.hashes)
            if wrong is not None:
                path = folder.keep_head(pin, self.note, contradicts=True)
                return Compared(faults=(f"{wrong}; both heads are kept, the later one in {path}",))
        folder.keep_head(pin, self.note)
        return Compared(("head",))

    def pace(self) -> Pace | None:
        """How the log has sealed lately. Raises Malformed, Unavailable."""
        return self._search.pace()

    def evidence(self, receipt: ScanReceipt) -> bytes | None:
        """The checked file that shows what became of a receipt; None while the log shows nothing.

        If the leaves are not published, the server is asked for its own file. Raises ProofInvalid when the found
        evidence does not hold, Unavailable.
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
