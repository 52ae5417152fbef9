"""Tiles that are trusted only if hashes lead from them to a root: how bytes of a stranger's server become a tree.

The tiles on the right edge give the root together; every full tile is one hash of the tile above it. So each tile and
bundle is checked on its own, in any order, and a wrong one is named when it is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from verifier.errors import Malformed, NotFound, ProofInvalid
from verifier.tree.merkle import HASH_SIZE, leaf_hash, root_at, root_of
from verifier.tree.tiles import TILE_HEIGHT, TILE_WIDTH, Level, TileHashes, decode_bundle, tile_path, width_of

CACHED_TILES = 256
"""Checked tiles kept in memory: 2 MiB, and the tiles above 16 million entries."""

Fetch = Callable[[Level, int, int], bytes]
"""(level or "entries", n, width) -> the bytes said to be that tile or bundle."""


class CheckedTiles:
    """The tree (size, root) of a log, read through `fetch`. May be shared by threads. Safe against any bytes."""

    def __init__(self, fetch: Fetch, size: int, root: bytes) -> None:
        """Reads the right edge. Raises ProofInvalid (`tile_length`, `root_differs`), and what `fetch` raises."""
        self._fetch, self.size, self.root = fetch, size, root
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._edge = self._read_edge()
        self.hashes = TileHashes(self.tile, size)

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The checked bytes of a tile of this tree. Raises ProofInvalid (`tile_differs`, `tile_length`)."""
        if width != width_of(level, n, self.size):
            raise ProofInvalid(f"couldn't read {tile_path(level, n, width)}: this tree has none", code="tile_length")
        return b"".join(self._hashes(level, n))

    def bundle(self, n: int) -> list[bytes]:
        """The checked entries of bundle `n`. Raises ProofInvalid (`leaf_differs`), Malformed (`bundle_length`)."""
        width = width_of("entries", n, self.size)
        entries = decode_bundle(self._fetch("entries", n, width), width)
        for at, (entry, leaf) in enumerate(zip(entries, self._hashes(0, n), strict=True)):
            if leaf_hash(entry) != leaf:
                raise ProofInvalid(
                    f"couldn't believe entry {n * TILE_WIDTH + at}: its bytes do not give the leaf that is signed",
                    code="leaf_differs",
                )
        return entries

    def holds(self, level: Level, n: int, data: bytes) -> bool:
        """Whether these bytes are that tile or bundle of this tree."""
        try:
            width = width_of(level, n, self.size)
            if level != "entries":
                return data == b"".join(self._hashes(level, n, data))
            leaves = self._hashes(0, n)
            return [leaf_hash(entry) for entry in decode_bundle(data, width)] == leaves
        except (ProofInvalid, Malformed, NotFound):
            return False

    def _read_edge(self) -> dict[int, list[bytes]]:
        edge: dict[int, list[bytes]] = {}
        level = 0
        while count := self.size >> TILE_HEIGHT * level:
            if width := count % TILE_WIDTH:
                n = count // TILE_WIDTH
                edge[level] = _split(self._fetch(level, n, width), level, n, width)
            level += 1
        hashes = TileHashes(lambda at, _n, _width: b"".join(edge[at]), self.size)
        if root_at(self.size, hashes) != self.root:
            raise ProofInvalid(
                f"couldn't believe the tiles of {self.size} entries: they do not give the root that is signed",
                code="root_differs",
            )
        return edge

    def _hashes(self, level: int, n: int, data: bytes | None = None) -> list[bytes]:
        """The checked hashes of a tile; `data`: its bytes, if the caller has them already."""
        width = width_of(level, n, self.size)
        if width < TILE_WIDTH:
            return self._edge[level]
        with self._lock:
            if (kept := self._kept.get((level, n))) is not None:
                self._kept.move_to_end((level, n))
                return kept
        hashes = _split(self._fetch(level, n, width) if data is None else data, level, n, width)
        above = self._hashes(level + 1, n // TILE_WIDTH)[n % TILE_WIDTH]
        if root_of(hashes) != above:
            raise ProofInvalid(
                f"couldn't believe {tile_path(level, n, width)}: its hashes do not give the one above it",
                code="tile_differs",
            )
        with self._lock:
            self._kept[level, n] = hashes
            if len(self._kept) > CACHED_TILES:
                self._kept.popitem(last=False)
        return hashes


def _split(data: bytes, level: int, n: int, width: int) -> list[bytes]:
    if len(data) != width * HASH_SIZE:
        raise ProofInvalid(
            f"couldn't read {tile_path(level, n, width)}: got {len(data)} bytes, expected {width * HASH_SIZE}",
            code="tile_length",
        )
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
