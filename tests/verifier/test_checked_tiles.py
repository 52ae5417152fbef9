"""Tiles of a stranger: what leads to the root is taken, every changed hash and entry is refused where it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import CarnetError, ProofInvalid
from verifier.tree.checked_tiles import CheckedTiles
from verifier.tree.merkle import MemoryTree, inclusion_proof, leaf_hash, root_at, verify_inclusion
from verifier.tree.tiles import TILE_WIDTH, Level, encode_bundle, tiles_of, width_of

MOST = 66_000
ENTRIES = [b"entry %d" % number for number in range(MOST)]
TREE = MemoryTree([leaf_hash(entry) for entry in ENTRIES])
SIZES = [1, 2, 255, 256, 257, 300, 512, 65_535, 65_536, 65_537, MOST]


class Store:
    """The tiles of a tree, some of them changed."""

    def __init__(self) -> None:
        self.changed: dict[tuple[Level, int], bytes] = {}

    def __call__(self, level: Level, n: int, width: int) -> bytes:
        if (level, n) in self.changed:
            return self.changed[level, n]
        start = n * TILE_WIDTH
        if level == "entries":
            return encode_bundle(ENTRIES[start : start + width])
        return b"".join(TREE(8 * level, at) for at in range(start, start + width))


@pytest.mark.parametrize("size", SIZES)
def test_a_sound_tree_is_read(size: int) -> None:
    tiles = CheckedTiles(Store(), size, root_at(size, TREE))
    for index in {0, size // 2, size - 1}:
        path = inclusion_proof(index, size, tiles.hashes)
        verify_inclusion(leaf_hash(ENTRIES[index]), index, size, path, tiles.root)
        n, at = divmod(index, TILE_WIDTH)
        assert tiles.bundle(n)[at] == ENTRIES[index]
    with pytest.raises(ProofInvalid):
        tiles.tile(0, 999, 1)


@pytest.mark.parametrize("size", [300, 65_537, MOST])
def test_another_root_is_refused_at_once(size: int) -> None:
    with pytest.raises(ProofInvalid, match="do not give the root"):
        CheckedTiles(Store(), size, bytes(32))
    with pytest.raises(ProofInvalid):
        CheckedTiles(Store(), size, root_at(size - 1, TREE))


@given(st.sampled_from([300, 512, 65_537, MOST]), st.data())
def test_any_changed_hash_is_refused_where_it_is_read(size: int, data: st.DataObject) -> None:
    every = [tile for tile in tiles_of(size) if tile.level != "entries"]
    tile = data.draw(st.sampled_from(every))
    store, sound = Store(), Store()
    raw = bytearray(store(tile.level, tile.n, tile.width))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    store.changed[tile.level, tile.n] = bytes(raw)
    if tile.width < TILE_WIDTH:
        with pytest.raises(ProofInvalid):
            CheckedTiles(store, size, root_at(size, TREE))
        return
    tiles = CheckedTiles(store, size, root_at(size, TREE))
    assert isinstance(tile.level, int)
    with pytest.raises(ProofInvalid):
        tiles.tile(tile.level, tile.n, tile.width)
    assert not tiles.holds(tile.level, tile.n, bytes(raw))
    assert tiles.holds(tile.level, tile.n, sound(tile.level, tile.n, tile.width))


@given(st.sampled_from([300, 65_537]), st.data())
def test_any_changed_entry_is_refused(size: int, data: st.DataObject) -> None:
    store = Store()
    n = data.draw(st.integers(0, (size - 1) // TILE_WIDTH))
    width = width_of("entries", n, size)
    raw = bytearray(store("entries", n, width))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    tiles = CheckedTiles(store, size, root_at(size, TREE))
    assert tiles.holds("entries", n, store("entries", n, width))
    assert not tiles.holds("entries", n, bytes(raw))
    store.changed["entries", n] = bytes(raw)
    with pytest.raises(CarnetError):
        tiles.bundle(n)


@pytest.mark.parametrize("length", [0, 31, 255 * 32, 257 * 32])
def test_a_tile_of_another_length_is_refused(length: int) -> None:
    store = Store()
    tiles = CheckedTiles(store, MOST, root_at(MOST, TREE))
    store.changed[0, 3] = bytes(length)
    with pytest.raises(ProofInvalid, match="bytes"):
        tiles.tile(0, 3, 256)
