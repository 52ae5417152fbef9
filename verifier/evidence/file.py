"""The format of evidence: a `.tlog-proof` of one entry whose `extra` carries everything else an answer rests on.

Canonical JSON with exactly these keys, every list and every value of bounded size. Reading a file checks its form and
nothing else: `verifier.evidence.evidence` says what it proves. `docs/spec/proof.md` describes the same for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.evidence.form import (
    bad,
    base64_of,
    data_of,
    hash_of,
    hashes_of,
    hex_of,
    list_of,
    number_of,
    object_of,
    text_of,
)
from verifier.evidence.index import (
    IndexPart,
    decode_index_part,
    decode_row_proof,
    encode_index_part,
    encode_row_proof,
)
from verifier.reading.label import LABEL_TEXT_LENGTH, decode_signature, encode_signature
from verifier.record.index import IndexProof
from verifier.record.statement import check_hex
from verifier.segment.view import (
    AbsenceProof,
    MembershipProof,
    decode_absence,
    decode_membership,
    encode_absence,
    encode_membership,
)
from verifier.tree.tlog_proof import MAX_PATH, TlogProof

SPEC = "carnet/evidence/3"
"""The version of this format, for logs whose rules give an index a row of all decisions."""
SPEC_2 = "carnet/evidence/2"
"""The version before, without `decisions`: files of older logs are written in it, and every verifier reads it."""
ENTRIES_MAX = 2_048
"""Entries in one file. Own limit; an answer rests on about six and on all decisions."""
ENTRIES_MAX_2 = 1_024
"""Entries in a file of the version before."""
_ENTRIES_MAX = {SPEC: ENTRIES_MAX, SPEC_2: ENTRIES_MAX_2}
_EXTRA_2 = {"spec", "entry", "entries", "unit", "index", "label", "anchor"}
_EXTRA = {SPEC: _EXTRA_2 | {"decisions"}, SPEC_2: _EXTRA_2}
_UNIT = {"gtin", "lot", "serial", "blind", "membership", "absence", "retired"}
_ANCHOR = {"transaction", "block_number", "block_hash", "size", "root", "previous_size", "path"}


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry: its index in the log, its bytes as stored, and its inclusion path (32-byte hashes)."""

    index: int
    data: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RetiredProof:
    """Whether the unit is in the segment that a retirement (entry `entry`) names: exactly one of the two is given."""

    entry: int
    membership: MembershipProof | None
    absence: AbsenceProof | None


@dataclass(frozen=True, slots=True)
class UnitProof:
    """A unit in, or not in, the batch that the file's own entry registers. `blind`: 32 bytes; one proof of the two."""

    gtin: str
    lot: str
    serial: str
    blind: bytes
    membership: MembershipProof | None
    absence: AbsenceProof | None
    retired: tuple[RetiredProof, ...] = ()


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """An accepted anchor and the way from it to the file's checkpoint: consistency hashes from `size` to there.

    `transaction` and `block_hash`: 0x and 64 lower hex; `root` and the hashes of `path` 32 bytes.
    """

    transaction: str
    block_number: int
    block_hash: str
    size: int
    root: bytes
    previous_size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A decoded file. `entry` are the bytes of entry `proof.index`; `entries` all others, by rising index.

    `decisions` is the row of all decisions in the index that `index` rests on; None where the file does not show that
    none was left out.
    """

    proof: TlogProof
    entry: bytes
    entries: tuple[ShownEntry, ...]
    unit: UnitProof | None = None
    index: IndexPart | None = None
    label: str | None = None
    anchor: AnchorProof | None = None
    decisions: IndexProof | None = None
    spec: str = SPEC

    def shown(self) -> tuple[ShownEntry, ...]:
        """Every entry of the file, its own among them, by rising index."""
        own = ShownEntry(self.proof.index, self.entry, self.proof.path)
        return tuple(sorted((*self.entries, own), key=lambda shown: shown.index))


def encode_evidence(file: EvidenceFile) -> bytes:
    """The file's bytes; `file.proof.extra` is made anew. Raises Malformed for what `decode_evidence` would refuse."""
    extra: dict[str, Any] = {
        "spec": file.spec,
        "entry": base64_of(file.entry),
        "entries": [
            {"index": shown.index, "data": base64_of(shown.data), "path": hex_of(shown.path)} for shown in file.entries
        ],
        "unit": _encode_unit(file.unit) if file.unit else None,
        "index": encode_index_part(file.index) if file.index else None,
        "label": file.label,
        "anchor": _encode_anchor(file.anchor) if file.anchor else None,
    }
    if "decisions" in _EXTRA[file.spec]:
        extra["decisions"] = encode_row_proof(file.decisions) if file.decisions else None
    proof = TlogProof(file.proof.index, file.proof.path, file.proof.checkpoint, canonical.encode(extra))
    raw = proof.encode()
    decode_evidence(raw)  # what is written can be read: a file that only its writer understands proves nothing
    return raw


def decode_evidence(raw: bytes) -> EvidenceFile:
    """Read a file; whatever decodes encodes to the same bytes. Nothing in it is believed yet.

    Raises Malformed (`evidence`, or the code of the part that is not in its form).
    """
    proof = TlogProof.decode(raw)
    if proof.extra is None:
        raise bad("a proof file without extra", "one with the entries that it rests on")
    value = canonical.decode(proof.extra)
    spec = value.get("spec") if isinstance(value, dict) else None
    if not isinstance(spec, str) or spec not in _EXTRA:
        raise bad(f"version {str(spec)[:40]!r}", f"{SPEC_2} or {SPEC}")
    extra = object_of("extra", value, _EXTRA[spec])
    entries = tuple(_decode_shown(value) for value in list_of("entries", extra["entries"], _ENTRIES_MAX[spec]))
    indexes = [shown.index for shown in entries]
    if indexes != sorted(set(indexes)) or proof.index in indexes:
        raise bad(f"entries {indexes[:20]}", "rising indexes without the file's own")
    decisions = extra.get("decisions")
    if decisions is not None and extra["index"] is None:
        raise bad("a row of decisions without an index", "the index that it hangs in")
    return EvidenceFile(
        proof=proof,
        entry=data_of(extra["entry"]),
        entries=entries,
        unit=None if extra["unit"] is None else _decode_unit(extra["unit"]),
        index=None if extra["index"] is None else decode_index_part(extra["index"]),
        label=None if extra["label"] is None else _decode_label(extra["label"]),
        anchor=None if extra["anchor"] is None else _decode_anchor(extra["anchor"]),
        decisions=None if decisions is None else decode_row_proof("decisions", decisions),
        spec=spec,
    )


def _encode_unit(unit: UnitProof) -> dict[str, Any]:
    return {
        "gtin": unit.gtin,
        "lot": unit.lot,
        "serial": unit.serial,
        "blind": unit.blind.hex(),
        "membership": _encode_in(unit.membership),
        "absence": encode_absence(unit.absence) if unit.absence else None,
        "retired": [
            {
                "entry": proof.entry,
                "membership": _encode_in(proof.membership),
                "absence": encode_absence(proof.absence) if proof.absence else None,
            }
            for proof in unit.retired
        ],
    }


def _decode_unit(value: object) -> UnitProof:
    fields = object_of("unit", value, _UNIT)
    blind = hash_of("blind", fields["blind"]).hex()
    membership, absence = _decode_in(fields, blind)
    return UnitProof(
        gtin=text_of("gtin", fields["gtin"], 14),
        lot=text_of("lot", fields["lot"], 20),
        serial=text_of("serial", fields["serial"], 20),
        blind=bytes.fromhex(blind),
        membership=membership,
        absence=absence,
        retired=tuple(_decode_retired(proof, blind) for proof in list_of("retired", fields["retired"], ENTRIES_MAX)),
    )


def _decode_retired(value: object, blind: str) -> RetiredProof:
    fields = object_of("retired", value, {"entry", "membership", "absence"})
    return RetiredProof(number_of("entry", fields["entry"]), *_decode_in(fields, blind))


def _encode_in(proof: MembershipProof | None) -> dict[str, Any] | None:
    """A membership proof without its blind, which stands once beside all proofs of the unit."""
    return {k: v for k, v in encode_membership(proof).items() if k != "blind"} if proof else None


def _decode_in(fields: Mapping[str, Any], blind: str) -> tuple[MembershipProof | None, AbsenceProof | None]:
    membership, absence = fields["membership"], fields["absence"]
    if (membership is None) == (absence is None):
        raise bad("both or none of membership and absence", "exactly one")
    if membership is not None:
        return decode_membership(
            {"blind": blind, **object_of("membership", membership, {"leaf", "keys", "path"})}
        ), None
    return None, decode_absence(absence)


def _encode_anchor(anchor: AnchorProof) -> dict[str, Any]:
    return {
        "transaction": anchor.transaction,
        "block_number": anchor.block_number,
        "block_hash": anchor.block_hash,
        "size": anchor.size,
        "root": "0x" + anchor.root.hex(),
        "previous_size": anchor.previous_size,
        "path": hex_of(anchor.path),
    }


def _decode_anchor(value: object) -> AnchorProof:
    fields = object_of("anchor", value, _ANCHOR)
    for name in ("transaction", "block_hash", "root"):
        check_hex(name, fields[name], 32)
    return AnchorProof(
        transaction=fields["transaction"],
        block_number=number_of("block_number", fields["block_number"]),
        block_hash=fields["block_hash"],
        size=number_of("size", fields["size"]),
        root=bytes.fromhex(fields["root"][2:]),
        previous_size=number_of("previous_size", fields["previous_size"]),
        path=hashes_of("path", fields["path"], MAX_PATH + 1),  # consistency takes one hash more than inclusion
    )


def _decode_shown(value: object) -> ShownEntry:
    fields = object_of("entries", value, {"index", "data", "path"})
    return ShownEntry(
        number_of("index", fields["index"]), data_of(fields["data"]), hashes_of("path", fields["path"], MAX_PATH + 1)
    )


def _decode_label(value: object) -> str:
    text = text_of("label", value, LABEL_TEXT_LENGTH)
    if encode_signature(decode_signature(text)) != text:  # print takes either case, a file has one spelling
        raise bad("a label signature in small letters", "capitals")
    return text
