"""The published log as tiles and entry bundles: paths, bytes, and trees read from them (C2SP tlog-tiles).

A tile holds up to 256 hashes of one level; level 0 are leaf hashes, and a hash of level l + 1 is the root of
a full tile of level l. A bundle holds the entries of one level-0 tile.
"""

from __future__ import annotations

import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from verifier.errors import Malformed, ProofInvalid
from verifier.tree.merkle import HASH_SIZE, MAX_TREE_SIZE, next_level

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_LEVEL = 63  # C2SP tlog-tiles, "Merkle Tree"
MAX_ENTRY_SIZE = 65_535  # bytes; C2SP tlog-tiles, "Log entries": a u16 length

Level = int | Literal["entries"]
TileFetch = Callable[[int, int, int], bytes]
"""(level, n, width) -> the bytes of that tile, exactly 32 * width of them."""

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<n>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """The name of one tile or bundle: level 0 … 63 or "entries", number n >= 0, width 1 … 256 (256 is full)."""

    level: Level
    n: int
    width: int = TILE_WIDTH


def tile_path(level: Level, n: int, width: int = TILE_WIDTH) -> str:
    """Path below the log's prefix: ("entries", 1234067, 8) -> "tile/entries/x001/x234/067.p/8".

    Raises:
        Malformed: level, n or width out of range.
    """
    ok = (level == "entries" or (isinstance(level, int) and 0 <= level <= MAX_LEVEL)) and 1 <= width <= TILE_WIDTH
    if not ok or not 0 <= n <= MAX_TREE_SIZE:
        raise Malformed(
            f"couldn't name a tile: got level {level}, number {n}, width {width}, "
            f"expected level 0 … {MAX_LEVEL} or entries, number >= 0, width 1 … {TILE_WIDTH}",
            code="tile_path",
        )
    number = f"{n % 1000:03d}"
    while n := n // 1000:
        number = f"x{n % 1000:03d}/{number}"
    return f"tile/{level}/{number}" + (f".p/{width}" if width < TILE_WIDTH else "")


def parse_tile_path(path: str) -> Tile:
    """The counterpart of `tile_path`; each tile has exactly one path.

    Raises:
        Malformed: anything `tile_path` would not write.
    """
    found = _PATH.fullmatch(path)
    if found:
        level: Level = "entries" if found["level"] == "entries" else int(found["level"])
        tile = Tile(level, int(re.sub("[x/]", "", found["n"])), int(found["width"] or TILE_WIDTH))
        full_as_partial = found["width"] is not None and tile.width >= TILE_WIDTH
        # writing it again catches what the pattern lets through: x000/001, level 64, over 2**63
        if not full_as_partial and _writes(tile) == path:
            return tile
    raise Malformed(
        f"couldn't read a tile path: got {path[:80]!r}, expected tile/<level>/<x000/000>[.p/<width>]", code="tile_path"
    )


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Every tile and bundle that a tree of `size` leaves has and one of `since` leaves had not.

    Bundles come first, then levels from the leaves up; in each level full ones before the partial one.
    """
    yield from _row("entries", size, since)
    for level in range(MAX_LEVEL + 1):
        if not size >> TILE_HEIGHT * level:
            return
        yield from _row(level, size >> TILE_HEIGHT * level, since >> TILE_HEIGHT * level)


def width_of(level: Level, n: int, size: int) -> int:
    """Width of tile (level, n) in a tree of `size` leaves: 0 (not there) … 256."""
    hashes = size >> (0 if level == "entries" else TILE_HEIGHT * level)
    return max(0, min(TILE_WIDTH, hashes - n * TILE_WIDTH))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """u16 big-endian length ‖ entry, for each of 1 … 256 entries.

    Raises:
        Malformed: an entry over 65,535 bytes, or more than 256 entries.
    """
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise Malformed(
                f"couldn't bundle an entry: got {len(entry)} bytes, expected at most {MAX_ENTRY_SIZE}",
                code="entry_size",
            )
    if len(entries) > TILE_WIDTH:
        raise Malformed(
            f"couldn't bundle entries: got {len(entries)}, expected at most {TILE_WIDTH}", code="bundle_width"
        )
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The counterpart of `encode_bundle`: exactly `width` entries and no byte more.

    Raises:
        Malformed: cut short, or bytes left over.
    """
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(data) and len(entries) < width:
        start = at + 2
        at = start + int.from_bytes(data[at:start])
        if at > len(data):
            break
        entries.append(data[start:at])
    if at != len(data) or len(entries) != width:
        raise Malformed(
            f"couldn't read a bundle: got {len(entries)} whole entries in {len(data)} bytes, expected {width} "
            "and no byte left over",
            code="bundle_length",
        )
    return entries


class TileHashes:
    """A `HashReader` over the tiles of a tree of `size` leaves, with a small cache of decoded tiles.

    It asks only for tiles such a tree has, at the width they have in it, and may be shared by threads. It checks
    lengths, not truth: a value computed from it counts only once it leads to a signed root.
    """

    __slots__ = ("_cache", "_cached_tiles", "_fetch", "_lock", "size")

    def __init__(self, fetch: TileFetch, size: int, cached_tiles: int = 64) -> None:
        self._fetch = fetch
        self.size = size
        self._cached_tiles = cached_tiles
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree of 2**level leaves at `index`.

        Raises:
            IndexError: the tree has no such complete subtree.
            ProofInvalid: a tile has another length than it must have (`tile_length`).
        """
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise IndexError(f"no complete subtree at level {level}, index {index} in {self.size} leaves")
        tile_level, inside = divmod(level, TILE_HEIGHT)
        tile, at = divmod(index, TILE_WIDTH >> inside)
        return self._rows(tile_level, tile)[inside][at]

    def _rows(self, level: int, n: int) -> list[list[bytes]]:
        """The hashes of a tile and the rows of parents above them, up to height 7."""
        with self._lock:
            rows = self._cache.get((level, n))
            if rows is not None:
                self._cache.move_to_end((level, n))
                return rows
        width = width_of(level, n, self.size)
        data = self._fetch(level, n, width)
        if len(data) != width * HASH_SIZE:
            raise ProofInvalid(
                f"couldn't read {tile_path(level, n, width)}: got {len(data)} bytes, expected {width * HASH_SIZE}",
                code="tile_length",
            )
        rows = [[data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]]
        for _ in range(TILE_HEIGHT - 1):
            rows.append(next_level(rows[-1][: len(rows[-1]) & ~1]))
        with self._lock:
            self._cache[level, n] = rows
            if len(self._cache) > self._cached_tiles:
                self._cache.popitem(last=False)
        return rows


def _writes(tile: Tile) -> str:
    try:
        return tile_path(tile.level, tile.n, tile.width)
    except Malformed:
        return ""


def _row(level: Level, hashes: int, before: int) -> Iterator[Tile]:
    full, partial = divmod(hashes, TILE_WIDTH)
    for n in range(before // TILE_WIDTH, full):
        yield Tile(level, n)
    if partial and hashes != before:
        yield Tile(level, full, partial)
