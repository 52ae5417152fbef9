"""Scan receipts: the operator's signed promise that a scan will be in a numbered seal before a deadline.

The holder of a receipt can prove to anybody with the pin whether it was kept: `verifier.scan.evidence`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import Malformed, ProofInvalid
from verifier.instant import format_instant, parse_instant
from verifier.record.statement import check_hex
from verifier.tree.merkle import HASH_SIZE
from verifier.tree.note_key import ED25519_SIGNATURE_SIZE, SigningKey, VerifierKey, decode_base64, verify_ed25519

SPEC = "carnet/scan-receipt/2"
"""The version of this format: the scan says under which administration its officer scanned."""
SPEC_1 = "carnet/scan-receipt/1"
"""The version before, whose scans name only an officer. It is still read, but no longer written."""
SCAN_LIMIT = 65_535
"""Bytes of a canonical scan. Own limit; the longest code has 4,296 characters."""
SEAL_MAX = 2**53 - 1
"""The largest number of a seal. Own limit; one seal a second never reaches it."""
DEADLINE_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which RFC 3339 has no text."""

# What is signed holds NUL bytes, because a deadline before the year 10000 leaves the two highest bytes of its u64 zero.
# No note text may hold one, so a receipt is never a checkpoint or a cosigned note, whatever the origin is called.
_DOMAIN = b"carnet/scan/v1\n"
_LEAF = b"\x00\x04"
_KEYS = {"spec", "log_id", "scan", "salt", "leaf", "seal", "deadline", "signature"}
_SCAN_TEXTS = {"id", "code", "scanned_at", "device", "officer", "context", "verdict", "log_size"}
_SCAN_OPTIONAL = {"country", "unlocode", "latitude", "longitude"}
_SCAN_LISTS = {"reasons"}
ADMINISTRATION = "administration"
"""The key that version 2 adds to a scan: the country (alpha-2) whose token the officer held, or null."""
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScanReceipt:
    """A promise: the scan with these canonical bytes and salt (32 bytes) is a leaf of seal `seal`.

    `log_id`: SHA-256 of the origin; `deadline` in milliseconds: the instant by which the seal's entry must be recorded;
    `signature`: 64 bytes of Ed25519 by a log key.
    """

    log_id: bytes
    scan: bytes
    salt: bytes
    seal: int
    deadline: int
    signature: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf that the seal commits to."""
        return scan_leaf(self.salt, self.scan)

    @property
    def id(self) -> str:
        """The id that the device gave the scan."""
        return str(self.fields["id"])

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the signed scan, by name."""
        return dict(canonical.decode(self.scan))

    def to_json(self) -> dict[str, Any]:
        """The receipt as JSON; `parse_receipt` reads it."""
        scan = self.fields
        return {
            "spec": SPEC if ADMINISTRATION in scan else SPEC_1,
            "log_id": "0x" + self.log_id.hex(),
            "scan": scan,
            "salt": "0x" + self.salt.hex(),
            "leaf": "0x" + self.leaf.hex(),
            "seal": str(self.seal),
            "deadline": format_instant(self.deadline),
            "signature": base64.b64encode(self.signature).decode(),
        }


def scan_leaf(salt: bytes, scan: bytes) -> bytes:
    """SHA-256(0x00, 0x04, salt, canonical scan): 32 bytes."""
    return hashlib.sha256(_LEAF + salt + scan).digest()


def receipt_message(log_id: bytes, leaf: bytes, seal: int, deadline: int) -> bytes:
    """The 95 bytes that are signed. Raises Malformed (`receipt`) for numbers that a receipt can't carry."""
    if not 0 <= seal <= SEAL_MAX:
        raise _bad(f"seal {seal}", f"0 … {SEAL_MAX}")
    if not 0 <= deadline <= DEADLINE_MAX:
        raise _bad(f"deadline {deadline}", f"0 … {DEADLINE_MAX}")
    return _DOMAIN + log_id + leaf + seal.to_bytes(8, "big") + deadline.to_bytes(8, "big")


def sign_receipt(key: SigningKey, log_id: bytes, scan: bytes, salt: bytes, seal: int, deadline: int) -> ScanReceipt:
    """Promise a kept scan its place. The same arguments give the same bytes, since Ed25519 is deterministic."""
    message = receipt_message(log_id, scan_leaf(salt, scan), seal, deadline)
    return ScanReceipt(log_id, scan, salt, seal, deadline, key.sign_bytes(message))


def parse_receipt(value: object) -> ScanReceipt:
    """Read a receipt from JSON. So far it is only checked that the leaf is the scan's.

    Raises Malformed (`receipt`, `hex`, `instant`, `base64`), ProofInvalid (`receipt_leaf`).
    """
    if not isinstance(value, dict) or set(value) != _KEYS or value["spec"] not in (SPEC, SPEC_1):
        raise _bad("something else", f"a {SPEC} object of {sorted(_KEYS)}")
    for name in ("log_id", "salt", "leaf"):
        check_hex(name, value[name], HASH_SIZE)
    if not isinstance(value["seal"], str) or not _DECIMAL.fullmatch(value["seal"]):
        raise _bad(f"seal {str(value['seal'])[:40]!r}", "decimal text")
    if not isinstance(value["signature"], str):
        raise _bad("a signature that is no text", "base64")
    signature = decode_base64(value["signature"], "the signature of a receipt")
    if len(signature) != ED25519_SIGNATURE_SIZE:
        raise _bad(f"a signature of {len(signature)} bytes", str(ED25519_SIGNATURE_SIZE))
    scan = encode_scan(value["scan"])
    if (ADMINISTRATION in value["scan"]) != (value["spec"] == SPEC):
        raise _bad(f"a scan of another version than {value['spec']}", f"one {ADMINISTRATION!r} in {SPEC} alone")
    receipt = ScanReceipt(
        log_id=bytes.fromhex(value["log_id"][2:]),
        scan=scan,
        salt=bytes.fromhex(value["salt"][2:]),
        seal=int(value["seal"]),
        deadline=parse_instant(value["deadline"]),
        signature=signature,
    )
    if value["leaf"] != "0x" + receipt.leaf.hex():
        raise ProofInvalid(
            f"couldn't use the receipt: scan and salt give leaf {receipt.leaf.hex()}, it says {value['leaf'][2:]}",
            code="receipt_leaf",
        )
    return receipt


def encode_scan(value: object) -> bytes:
    """The canonical bytes of a scan of either version. Raises Malformed (`receipt`) for the wrong fields."""
    if not isinstance(value, Mapping) or set(value) - {ADMINISTRATION} != _SCAN_TEXTS | _SCAN_OPTIONAL | _SCAN_LISTS:
        raise _bad("a scan with other fields", "exactly those of a scan")
    texts = all(isinstance(value[name], str) for name in _SCAN_TEXTS)
    may_be_null = (*_SCAN_OPTIONAL, *({ADMINISTRATION} & set(value)))
    optional = all(value[name] is None or isinstance(value[name], str) for name in may_be_null)
    reasons = value["reasons"]
    if not (texts and optional and isinstance(reasons, list) and all(isinstance(one, str) for one in reasons)):
        raise _bad("a scan with a field of another type", "texts")
    raw = canonical.encode(dict(value))
    if len(raw) > SCAN_LIMIT:
        raise _bad(f"a scan of {len(raw)} bytes", f"at most {SCAN_LIMIT}")
    return raw


def verify_receipt(receipt: ScanReceipt, log_id: bytes, keys: Iterable[VerifierKey]) -> None:
    """Check that one of a ledger's log keys signed the promise, for that ledger.

    Raises ProofInvalid (`receipt_log`, `signature_invalid`).
    """
    if receipt.log_id != log_id:
        raise ProofInvalid(
            f"couldn't use the receipt: it is of log {receipt.log_id.hex()}, this is {log_id.hex()}", code="receipt_log"
        )
    message = receipt_message(receipt.log_id, receipt.leaf, receipt.seal, receipt.deadline)
    refusal = ProofInvalid("couldn't verify the receipt: there is no log key", code="signature_invalid")
    for key in keys:
        try:
            verify_ed25519(key.public, message, receipt.signature, "the receipt")
        except ProofInvalid as error:
            refusal = error
        else:
            return
    raise refusal


def _bad(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't read the receipt: got {got}, expected {expected}", code="receipt")
