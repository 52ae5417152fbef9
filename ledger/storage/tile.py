"""Tiles as they grow: when a bundle is full its level-0 tile is stored and its root carried upwards."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from ledger.storage import schema
from verifier.tree.merkle import HASH_SIZE, root_of
from verifier.tree.tiles import TILE_WIDTH

_READ = select(schema.tile.c.hashes).where(
    schema.tile.c.level == bindparam("at_level"), schema.tile.c.n == bindparam("at_n")
)
_GROW = (
    update(schema.tile)
    .where(schema.tile.c.level == bindparam("at_level"), schema.tile.c.n == bindparam("at_n"))
    .values(width=bindparam("width"), hashes=bindparam("hashes"))
)


class TileWriter:
    """Collects the tiles that one transaction changes and writes each of them once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytearray] = {}
        self._stored: set[tuple[int, int]] = set()

    def add_full(self, n: int, leaves: Sequence[bytes]) -> None:
        """Take in the 256 leaf hashes of bundle `n`; a level above changes only when the one below fills up."""
        self._tiles[0, n] = bytearray(b"".join(leaves))
        level, index, root = 1, n, root_of(leaves)
        while True:
            hashes = self._tile(level, index // TILE_WIDTH)
            hashes += root
            if len(hashes) < TILE_WIDTH * HASH_SIZE:
                return
            root = root_of([bytes(hashes[at : at + HASH_SIZE]) for at in range(0, len(hashes), HASH_SIZE)])
            level, index = level + 1, index // TILE_WIDTH

    def write(self) -> None:
        """Insert the new tiles and replace those that grew."""
        new, grown = [], []
        for (level, n), hashes in self._tiles.items():
            value = {"width": len(hashes) // HASH_SIZE, "hashes": bytes(hashes)}
            if (level, n) in self._stored:
                grown.append({"at_level": level, "at_n": n, **value})
            else:
                new.append({"level": level, "n": n, **value})
        if new:
            self._connection.execute(insert(schema.tile), new)
        if grown:
            self._connection.execute(_GROW, grown)

    def _tile(self, level: int, n: int) -> bytearray:
        tile = self._tiles.get((level, n))
        if tile is None:
            stored = self._connection.execute(_READ, {"at_level": level, "at_n": n}).scalar()
            if stored is not None:
                self._stored.add((level, n))
            tile = self._tiles[level, n] = bytearray(stored or b"")
        return tile
