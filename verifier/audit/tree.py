"""The tree of an audit: every hash derived anew from the entries and compared with every stored tile."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from verifier.audit.report import Findings
from verifier.errors import CarnetError
from verifier.tree.merkle import HASH_SIZE, Frontier, root_of
from verifier.tree.tiles import TILE_HEIGHT, TILE_WIDTH, TileFetch, tile_path, width_of


class TreeCheck:
    """Takes the leaves of a log in order; keeps the roots of the sizes that were asked for."""

    def __init__(self, size: int, fetch: TileFetch, wanted: Collection[int], findings: Findings) -> None:
        self._size, self._fetch, self._wanted, self._findings = size, fetch, wanted, findings
        self._frontier = Frontier()
        self._open: list[list[bytes]] = []
        self.roots: dict[int, bytes] = {}

    def add(self, n: int, leaves: Sequence[bytes]) -> None:
        """Take in the leaf hashes of bundle `n`, all of them, and compare the tiles that they complete."""
        for leaf in leaves:
            self._frontier.append(leaf)
            if self._frontier.size in self._wanted:
                self.roots[self._frontier.size] = self._frontier.root()
        self._compare(0, n, leaves)
        if len(leaves) == TILE_WIDTH:
            self._carry(1, root_of(leaves))

    def finish(self) -> bytes:
        """Compare the tiles that are not full; returns the root of all leaves."""
        for level, hashes in enumerate(self._open, start=1):
            if hashes:
                self._compare(level, (self._size >> TILE_HEIGHT * level) // TILE_WIDTH, hashes)
        return self._frontier.root()

    def stored_leaves(self, n: int, width: int) -> list[bytes] | None:
        """The leaf hashes that a stored tile gives for a bundle that can't be read, or None."""
        return self._stored(0, n, width)

    def _carry(self, level: int, node: bytes) -> None:
        if len(self._open) < level:
            self._open.append([])
        hashes = self._open[level - 1]
        hashes.append(node)
        if len(hashes) == TILE_WIDTH:
            # full with the last leaf, so its number follows from the count of leaves
            self._compare(level, (self._frontier.size >> TILE_HEIGHT * (level + 1)) - 1, hashes)
            self._carry(level + 1, root_of(hashes))
            hashes.clear()

    def _compare(self, level: int, n: int, hashes: Sequence[bytes]) -> None:
        self._findings.count("tiles")
        stored = self._stored(level, n, len(hashes))
        if stored is None:
            return
        for position, (got, expected) in enumerate(zip(stored, hashes, strict=True)):
            if got == expected:
                continue
            if level == 0:
                at, code = f"entry {n * TILE_WIDTH + position}", "leaf_differs"
            else:
                at, code = f"{tile_path(level, n, len(hashes))} hash {position}", "tile_differs"
            self._findings.add(
                at, code, f"couldn't match the tile: it has {got.hex()}, the entries give {expected.hex()}"
            )

    def _stored(self, level: int, n: int, width: int) -> list[bytes] | None:
        path = tile_path(level, n, width)
        try:
            data = self._fetch(level, n, width)
        except CarnetError as error:
            self._findings.refused(path, error)
            return None
        if len(data) != width * HASH_SIZE or width != width_of(level, n, self._size):
            self._findings.add(
                path, "tile_length", f"couldn't read the tile: got {len(data)} bytes, expected {width * HASH_SIZE}"
            )
            return None
        return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
