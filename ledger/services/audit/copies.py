"""Second copies in a home that others rely on: cosignature rows, and the published log as files.

Neither is evidence by itself. But answers rest on the rows and mirrors on the files, so a wrong one must be found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ledger.ports import Cosignature
from verifier.audit.report import Findings
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid
from verifier.record.founding import Founding
from verifier.record.head import claimed_head, open_head
from verifier.record.seal import check_leaves
from verifier.record.sealed import Sealed
from verifier.tree.note import Note, NoteSignature
from verifier.tree.tiles import Level, Tile, tile_path, tiles_of


class AuditCosignatures(Protocol):
    """What an audit reads of cosignatures."""

    def newest(self) -> Iterable[Cosignature]:
        """Every row, larger sizes first."""
        ...


class AuditPublished(Protocol):
    """What an audit reads of the published log."""

    def checkpoint(self) -> bytes | None:
        """The published note, or None before the first."""
        ...

    def tile(self, tile: Tile) -> bytes:
        """A published tile or bundle. Raises NotFound."""
        ...

    def seal(self, number: int) -> bytes:
        """The published leaves of a seal. Raises NotFound."""
        ...


class StoredTiles(Protocol):
    """The tiles that the files are copies of."""

    def tile(self, level: Level, n: int, width: int) -> bytes:
        """A stored tile or bundle."""
        ...


def with_rows(notes: Iterable[bytes], rows: Iterable[Cosignature]) -> Iterator[bytes]:
    """Each note with the lines kept for its size; `check_rows` handles rows that are no line."""
    lines: dict[int, list[NoteSignature]] = {}
    for row in rows:
        try:
            lines.setdefault(row.size, []).append(NoteSignature.parse(row.line))
        except Malformed:
            continue
    for raw in notes:
        try:
            note, size = Note.parse(raw), claimed_head(raw).size
        except Malformed:
            yield raw
            continue
        yield Note(note.text, (*note.signatures, *lines.get(size, ()))).format()


def check_rows(rows: Iterable[Cosignature], sizes: set[int], founding: Founding, findings: Findings) -> None:
    """Each row belongs to a kept checkpoint, and names the same witness and time as its line."""
    witnesses = founding.policy.witnesses if founding.policy is not None else {}
    for row in rows:
        key, at = witnesses.get(row.name), f"cosignature row {row.name} at {row.size}"
        try:
            line = NoteSignature.parse(row.line)
        except Malformed as error:
            findings.add(at, "cosignature_row", str(error))
            continue
        whose = key is not None and (line.name, line.key_id) == (key.name, key.key_id)
        when = int.from_bytes(line.signature[:8])  # C2SP tlog-cosignature, "Format"
        if not whose or when != row.time or row.size not in sizes:
            words = (
                f"couldn't match the row: its line is by {line.name} at {when}, the row says {row.name} at {row.time}"
            )
            findings.add(at, "cosignature_row", words)


def check_published(
    published: AuditPublished, stored: StoredTiles, seals: Iterable[Sealed], founding: Founding, findings: Findings
) -> None:
    """Every file that a reader of the published checkpoint asks for is the copy of what is stored."""
    note = published.checkpoint()
    if note is None:
        findings.notes.append("nothing is published yet")
        return
    try:
        head = open_head(note, founding)
    except CarnetError as error:
        findings.refused("published checkpoint", error)
        return
    for line in head.cosigned:
        if line.error is not None:
            findings.add("published checkpoint", "cosignature_invalid", str(line.error))
    known = {(key.name, key.key_id) for key in founding.log_keys}
    known |= {(key.name, key.key_id) for key in (founding.policy.witnesses.values() if founding.policy else ())}
    for stray in Note.parse(note).signatures:
        if (stray.name, stray.key_id) not in known:
            words = f"couldn't tell who signed: {stray.name} is no witness of the policy"
            findings.add("published checkpoint", "cosignature_unknown", words)
    size = head.checkpoint.size
    for tile in tiles_of(size):
        path = f"published/{tile_path(tile.level, tile.n, tile.width)}"
        findings.count("published files")
        try:
            copy = published.tile(tile)
        except CarnetError as error:
            findings.refused(path, error)
            continue
        try:
            original = stored.tile(tile.level, tile.n, tile.width)
        except (NotFound, ProofInvalid, Malformed):
            continue  # the damage in storage is already reported
        if copy != original:
            findings.add(path, "published_differs", "couldn't match the file: it is not what is stored")
    for sealed in seals:
        if sealed.index < size:
            _check_seal(published, sealed, findings)


def _check_seal(published: AuditPublished, sealed: Sealed, findings: Findings) -> None:
    findings.count("published files")
    try:
        check_leaves(sealed.seal, published.seal(sealed.seal.number))
    except CarnetError as error:
        findings.refused(f"published/seal/{sealed.seal.number}", error)
