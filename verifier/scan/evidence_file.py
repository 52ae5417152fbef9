"""The format of scan evidence: a receipt, the entries of the log that keep or break its promise, and their proofs.

Canonical JSON with exactly these keys. Reading a file checks only its form; `verifier.scan.evidence` says what it
proves. `docs/spec/seal.md` describes the same for other programs.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import Malformed
from verifier.evidence.file import ShownEntry
from verifier.record.entry import ENTRY_LIMIT
from verifier.record.seal import LEAVES_MAX, SealAbsence, SealMembership, SealNeighbour
from verifier.record.statement import check_hex
from verifier.scan.receipt import ScanReceipt, parse_receipt
from verifier.tree.merkle import HASH_SIZE
from verifier.tree.note_key import decode_base64
from verifier.tree.tlog_proof import MAX_PATH

SPEC = "carnet/scan-evidence/1"
"""The version of this format."""
FILE_MAX = 16_000_000
"""Bytes of one file, as for other evidence. Own limit."""
ENTRIES_MAX = 1_024
"""Entries in one file. Own limit. A kept promise takes two; an overdue one takes all entries since the last seal."""

_KEYS = {"spec", "receipt", "checkpoint", "entries", "membership", "absence"}
_NUMBER_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class ScanEvidence:
    """A decoded file. `checkpoint`: a signed note, verbatim; `entries` by rising index; `place`: where the leaf is.

    `place` is None when the seal came late or never, since the promise is then broken anyway.
    """

    receipt: ScanReceipt
    checkpoint: bytes
    entries: tuple[ShownEntry, ...]
    place: SealMembership | SealAbsence | None


def encode_scan_evidence(file: ScanEvidence) -> bytes:
    """The file's bytes. Raises Malformed for what `decode_scan_evidence` would refuse."""
    place = file.place
    raw = canonical.encode(
        {
            "spec": SPEC,
            "receipt": file.receipt.to_json(),
            "checkpoint": file.checkpoint.decode(),
            "entries": [
                {
                    "index": shown.index,
                    "data": base64.b64encode(shown.data).decode(),
                    "path": [node.hex() for node in shown.path],
                }
                for shown in file.entries
            ],
            "membership": _encode_place(place) if isinstance(place, SealMembership) else None,
            "absence": [{"leaf": one.leaf.hex(), **_encode_place(one.place)} for one in place.neighbours]
            if isinstance(place, SealAbsence)
            else None,
        }
    )
    decode_scan_evidence(raw)  # whatever is written can be read: a file that only its writer understands proves nothing
    return raw


def decode_scan_evidence(raw: bytes) -> ScanEvidence:
    """Read a file; whatever decodes encodes to the same bytes. Nothing in it is trusted yet.

    Raises Malformed (`scan_evidence`, or the code of the part that is not in its form), ProofInvalid (`receipt_leaf`).
    """
    if len(raw) > FILE_MAX:
        raise _bad(f"{len(raw)} bytes", f"at most {FILE_MAX}")
    value = canonical.decode(raw)
    if not isinstance(value, dict) or set(value) != _KEYS or value["spec"] != SPEC:
        raise _bad("something else", f"a {SPEC} object of {sorted(_KEYS)}")
    if not isinstance(value["checkpoint"], str):
        raise _bad("a checkpoint that is no text", "a signed note")
    entries = tuple(_decode_entry(one) for one in _list("entries", value["entries"], ENTRIES_MAX))
    indexes = [shown.index for shown in entries]
    if indexes != sorted(set(indexes)):
        raise _bad(f"entries {indexes[:20]}", "rising indexes")
    membership, absence = value["membership"], value["absence"]
    if membership is not None and absence is not None:
        raise _bad("both membership and absence", "one of them, or none")
    place: SealMembership | SealAbsence | None = None
    if membership is not None:
        place = _decode_place(_fields("membership", membership, {"position", "path"}))
    elif absence is not None:
        place = SealAbsence(tuple(_decode_neighbour(one) for one in _list("absence", absence, 2)))
    return ScanEvidence(parse_receipt(value["receipt"]), value["checkpoint"].encode(), entries, place)


def _encode_place(place: SealMembership) -> dict[str, Any]:
    return {"position": place.position, "path": [node.hex() for node in place.path]}


def _decode_place(fields: dict[str, Any]) -> SealMembership:
    position = _number("position", fields["position"], LEAVES_MAX - 1)
    return SealMembership(position, _path(fields["path"]))


def _decode_neighbour(value: object) -> SealNeighbour:
    fields = _fields("absence", value, {"leaf", "position", "path"})
    return SealNeighbour(_hash("leaf", fields["leaf"]), _decode_place(fields))


def _decode_entry(value: object) -> ShownEntry:
    fields = _fields("entries", value, {"index", "data", "path"})
    if not isinstance(fields["data"], str):
        raise _bad("an entry that is no text", "base64")
    data = decode_base64(fields["data"], "an entry of scan evidence")
    if not 1 <= len(data) <= ENTRY_LIMIT:
        raise _bad(f"an entry of {len(data)} bytes", f"1 to {ENTRY_LIMIT}")
    return ShownEntry(_number("index", fields["index"], _NUMBER_MAX), data, _path(fields["path"]))


def _path(value: object) -> tuple[bytes, ...]:
    return tuple(_hash("path", node) for node in _list("path", value, MAX_PATH))


def _hash(name: str, value: object) -> bytes:
    text = f"0x{value}"
    check_hex(name, text, HASH_SIZE)
    return bytes.fromhex(text[2:])


def _fields(name: str, value: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != keys:
        raise _bad(f"{name} with other keys", f"exactly {sorted(keys)}")
    return value


def _list(name: str, value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _bad(f"{name} that is no list or a longer one", f"a list of at most {most}")
    return value


def _number(name: str, value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _bad(f"{name} {str(value)[:40]!r}", f"a whole number of 0 to {most}")
    return value


def _bad(got: str, expected: str) -> Malformed:
    return Malformed(f"couldn't read the scan evidence: got {got}, expected {expected}", code="scan_evidence")
