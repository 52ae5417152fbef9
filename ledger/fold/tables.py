"""All that a record knows after some entries, as values that can be written down: tables, and a few numbers beside.

`encode` and `decode` are a pair. One record has one encoding, whichever folds it came from, so two are compared by
their bytes (docs/spec/fold.md).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.fold.stored_tree import ROW
from ledger.fold.table import Buffer, Table

VERSION = 1
"""The version of this encoding. A fold of another one is not read: it is written anew."""

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Tables:
    """Every table. A subject is the key of an index row: of a product, or of a product with a lot.

    order: index -> batch · batches: batch -> index · changes: batch ‖ index of a later entry about it · targets: leaf
    of a recall or report -> batch · lots: subject -> batch · gtins: subject ‖ index -> batch · statements:
    statementId -> index · fronts: subject -> entries and first hash of the tree over their leaves · edges: subject ‖
    number -> the further hashes · rows: of the oldest index that is kept whole · puts: number of a later one ‖ subject
    -> row that it has new · roots: segments · index_seals: size -> entry, time, changes, products, root ·
    confirmations: size ‖ account -> entry, time.
    """

    order: Table
    batches: Table
    changes: Table
    targets: Table
    lots: Table
    gtins: Table
    statements: Table
    fronts: Table
    edges: Table
    rows: Table
    puts: Table
    roots: Table
    index_seals: Table
    confirmations: Table


WIDTHS = {
    "order": (8, 32), "batches": (32, 8), "changes": (40, 0), "targets": (32, 32), "lots": (32, 32), "gtins": (40, 32),
    "statements": (32, 8), "fronts": (32, 40), "edges": (33, 32), "rows": ROW, "puts": (40, ROW[1]), "roots": (32, 0),
    "index_seals": (8, 64), "confirmations": (28, 16),
}  # fmt: skip
"""Bytes of key and value in each table."""
EMPTY = Tables(**{name: Table(*width) for name, width in WIDTHS.items()})
"""The tables of a record that has seen no batch yet."""


@dataclass(frozen=True, slots=True)
class View:
    """A sealed index that is kept whole: of the first `size` entries, which speak of `gtins` products."""

    size: int
    gtins: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class State:
    """A record after `size` entries, whose tree has the root `root` and whose chain the head `head` (32 bytes each).

    `standing`: what `taking.standing_digest` gives of it, 32 bytes; `decisions`: the entries that it comes from;
    `views`: oldest first; `hashes`: the upper hashes of the oldest one's tree; `seals`: as `Seals.encode` gives them.
    """

    size: int
    root: bytes
    head: bytes
    recorded_at: int
    pin: bytes
    standing: bytes
    decisions: tuple[int, ...]
    views: tuple[View, ...]
    gtins: int
    changes: int
    hashes: Buffer
    seals: Buffer
    tables: Tables

    def encode(self) -> list[Buffer]:
        """The bytes, in parts: length (u32) of a JSON header, the header, hashes, seals and tables."""
        parts = [self.hashes, self.seals, *(getattr(self.tables, name).data for name in WIDTHS)]
        header = {
            "version": VERSION,
            "size": self.size,
            "root": self.root.hex(),
            "head": self.head.hex(),
            "recorded_at": self.recorded_at,
            "pin": self.pin.hex(),
            "standing": self.standing.hex(),
            "decisions": list(self.decisions),
            "views": [[view.size, view.gtins, view.confirmed] for view in self.views],
            "gtins": self.gtins,
            "changes": self.changes,
            "lengths": [len(part) for part in parts],
        }
        text = json.dumps(header, sort_keys=True).encode()
        return [_LENGTH.pack(len(text)), text, *parts]


def decode(data: Buffer) -> State:
    """The counterpart of `State.encode`, of authentic bytes; nothing is copied.

    Raises ValueError (also KeyError, TypeError) for another version, or what is no such encoding.
    """
    whole = memoryview(data)
    (length,) = _LENGTH.unpack_from(whole)
    header = json.loads(bytes(whole[_LENGTH.size : _LENGTH.size + length]))
    if header["version"] != VERSION:
        raise ValueError(f"got version {header['version']}, expected {VERSION}")
    hashes, seals, *tables = _parts(whole[_LENGTH.size + length :], header["lengths"])
    named = zip(WIDTHS.items(), tables, strict=True)
    root, head, pin, standing = (bytes.fromhex(header[name]) for name in ("root", "head", "pin", "standing"))
    return State(
        header["size"], root, head, header["recorded_at"], pin, standing, tuple(header["decisions"]),
        tuple(View(*view) for view in header["views"]), header["gtins"], header["changes"], hashes, seals,
        Tables(**{name: Table(*width, part) for (name, width), part in named}),
    )  # fmt: skip


def _parts(data: memoryview, lengths: Sequence[int]) -> list[memoryview]:
    parts, at = [], 0
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    if at != len(data):
        raise ValueError(f"got {len(data)} bytes of tables, expected {at}")
    return parts
