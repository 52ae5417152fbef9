"""Reading the stored log: head, entries, tiles, statements and checkpoints. Cheap enough for an async route."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlalchemy import Engine, bindparam, select

from ledger.ports import LogHead
from ledger.storage import schema
from ledger.storage.database import Query
from verifier.errors import Malformed, NotFound, ProofInvalid
from verifier.tree.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash
from verifier.tree.tiles import (
    TILE_WIDTH,
    Level,
    TileHashes,
    decode_bundle,
    encode_bundle,
    tile_path,
)

CACHED_BUNDLES = 8  # full bundles kept decoded; at most 16 MiB each, 256 KiB with entries of 1 KiB
EMPTY_HEAD = LogHead(0, EMPTY_ROOT, bytes(HASH_SIZE), 0)
"""A log without entries. docs/spec/entry.md: the chain head before entry 0 is zero."""


class LogReader:
    """One log as it is stored. Any number of readers, in any thread, beside one writer.

    `log_id`: SHA-256 of the origin. Every method raises Unavailable when the database gives no answer.
    """

    def __init__(self, engine: Engine, log_id: bytes) -> None:
        self._engine = engine
        self._log_id = log_id
        self._lock = threading.Lock()
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()
        self._hashes: TileHashes | None = None
        head, entry, tile = schema.log_head.c, schema.open_entry.c, schema.tile.c
        self._head = Query(
            engine,
            select(head.size, head.root, head.chain_head, head.recorded_at_ms).where(head.log_id == log_id),
        )
        self._open = Query(
            engine,
            select(entry.idx, entry.data, entry.leaf)
            .where(entry.idx >= bindparam("start"), entry.idx < bindparam("end"))
            .order_by(entry.idx),
        )
        self._bundle = Query(engine, select(schema.bundle.c.data).where(schema.bundle.c.n == bindparam("n")))
        self._tile = Query(
            engine, select(tile.hashes).where(tile.level == bindparam("level"), tile.n == bindparam("n"))
        )
        said = schema.statement.c
        self._digest = Query(engine, select(said.idx).where(said.digest == bindparam("digest")))
        signed = schema.checkpoint.c
        self._signed = Query(engine, select(signed.note).where(signed.size == bindparam("size")))
        self._newest = Query(engine, select(signed.size, signed.note).order_by(signed.size.desc()).limit(1))

    def head(self) -> LogHead:
        """The stored head; size 0 with the empty root before the first entry."""
        row = self._head.first()
        return LogHead(*row) if row else EMPTY_HEAD

    def entry(self, index: int) -> bytes:
        """The stored bytes of entry `index`. Raises NotFound (`entry_missing`) beyond the end."""
        return self.read_entries(index, index + 1)[0]

    def read_entries(self, start: int, end: int) -> list[bytes]:
        """The stored bytes of entries start … end − 1.

        All of them are read at once: the caller pages.

        Raises:
            Malformed: unless 0 <= start <= end.
            NotFound: the log ends before `end` (`entry_missing`).
        """
        if not 0 <= start <= end:
            raise Malformed(f"couldn't read entries: got {start} … {end}, expected 0 <= start <= end", code="range")
        entries: list[bytes] = []
        while start < end:
            n, first = divmod(start, TILE_WIDTH)
            last = min(TILE_WIDTH, first + end - start)
            entries += self._entries_of(n, last)[first:last]
            start += last - first
        return entries

    def tile(self, level: Level, n: int, width: int = TILE_WIDTH) -> bytes:
        """The published bytes of a tile or, for level "entries", of a bundle.

        A width below what is stored gives the prefix, so each partial tile stays readable for ever.

        Raises:
            Malformed: level, n or width out of range.
            NotFound: the log does not reach that far (`tile_missing`).
            ProofInvalid: an open entry does not hash to its stored leaf (`leaf_differs`).
        """
        path = tile_path(level, n, width)
        if level == "entries":
            return encode_bundle(self._entries_of(n, width)[:width])
        hashes = self._stored_tile(level, n)
        if hashes is None and level == 0:
            rows = self._rows(n, width)
            # The writer folds rows into a tile in one transaction: it may have done so between our two reads.
            hashes = _checked_leaves(rows) if len(rows) == width else self._stored_tile(level, n)
        if hashes is None or len(hashes) < width * HASH_SIZE:
            raise NotFound(f"couldn't find {path}: the log ends before", code="tile_missing")
        return hashes[: width * HASH_SIZE]

    def hashes(self, size: int | None = None) -> TileHashes:
        """Subtree hashes of the tree of `size` entries (default: the head's), read back from storage.

        Kept while the same size is asked for, so its tiles are read and hashed once.
        """
        if size is None:
            size = self.head().size
        hashes = self._hashes
        if hashes is None or hashes.size != size:
            hashes = self._hashes = TileHashes(self.tile, size)
        return hashes

    def find_statement(self, digest: bytes) -> int | None:
        """The index of the entry with this statement digest (32 bytes), or None."""
        row = self._digest.first(digest=digest)
        return int(row[0]) if row else None

    def read_checkpoint(self, size: int) -> bytes | None:
        """The signed note of exactly `size` entries, or None."""
        row = self._signed.first(size=size)
        return bytes(row[0]) if row else None

    def latest_checkpoint(self) -> tuple[int, bytes] | None:
        """Size and note of the newest signed checkpoint, or None."""
        row = self._newest.first()
        return (int(row[0]), bytes(row[1])) if row else None

    def _entries_of(self, n: int, width: int) -> list[bytes]:
        """At least the first `width` entries of bundle `n`."""
        entries = self._full_bundle(n)
        if entries is None:
            rows = self._rows(n, width)
            # As in `tile`: what left the rows since our first look lies in the bundle now.
            entries = [data for _, data, _ in rows] if len(rows) == width else self._full_bundle(n)
        if entries is None:
            raise NotFound(
                f"couldn't find entry {n * TILE_WIDTH + width - 1}: the log ends before", code="entry_missing"
            )
        return entries

    def _full_bundle(self, n: int) -> list[bytes] | None:
        with self._lock:
            entries = self._bundles.get(n)
        if entries is not None:
            return entries
        row = self._bundle.first(n=n)
        if row is None:
            return None
        entries = decode_bundle(bytes(row[0]), TILE_WIDTH)
        with self._lock:
            self._bundles[n] = entries
            if len(self._bundles) > CACHED_BUNDLES:
                self._bundles.popitem(last=False)
        return entries

    def _rows(self, n: int, width: int) -> list[tuple[int, bytes, bytes]]:
        start = n * TILE_WIDTH
        return [(idx, bytes(data), bytes(leaf)) for idx, data, leaf in self._open.all(start=start, end=start + width)]

    def _stored_tile(self, level: int, n: int) -> bytes | None:
        row = self._tile.first(level=level, n=n)
        return bytes(row[0]) if row else None


def _checked_leaves(rows: list[tuple[int, bytes, bytes]]) -> bytes:
    """Leaf hashes computed anew from the entries: one flipped bit in a stored leaf would end the log."""
    for idx, data, leaf in rows:
        if leaf_hash(data) != leaf:
            raise ProofInvalid(f"couldn't read entry {idx}: it does not hash to its stored leaf", code="leaf_differs")
    return b"".join(leaf for _, _, leaf in rows)
