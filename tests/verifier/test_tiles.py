"""Tile paths, bundles, and trees read from tiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.log_example import ENTRIES, LEAVES
from verifier.errors import Malformed, ProofInvalid
from verifier.tree.checkpoint import open_checkpoint
from verifier.tree.merkle import (
    MemoryTree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from verifier.tree.note_key import VerifierKey
from verifier.tree.tiles import (
    Tile,
    TileHashes,
    decode_bundle,
    encode_bundle,
    parse_tile_path,
    tile_path,
    tiles_of,
    width_of,
)

SHARED_LOG = Path(__file__).parents[2] / ".." / "shared" / "data" / "tlog-tiles-log"
SHARED_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
needs_shared_log = pytest.mark.skipif(not SHARED_LOG.exists(), reason=f"{SHARED_LOG} is absent")


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
        (Tile("entries", 999, 255), "tile/entries/999.p/255"),
        (Tile(63, 7), "tile/63/007"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    assert tile_path(tile.level, tile.n, tile.width) == path
    assert parse_tile_path(path) == tile


@given(
    st.one_of(st.integers(0, 63), st.just("entries")),
    st.one_of(st.integers(0, 2**63 - 1), st.integers(0, 3000)),
    st.integers(1, 256),
)
def test_paths_round_trip(level: int, n: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, n, width)) == Tile(level, n, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/1234",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000\n",
        "tile/0/０００",
        "tile/entries/000/",
        "tile/data/000",
        "tile/0/" + "x999/" * 7 + "999",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(Malformed):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "n", "width"), [(64, 0, 1), (-1, 0, 1), ("data", 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_impossible_tiles_have_no_path(level: int, n: int, width: int) -> None:
    with pytest.raises(Malformed):
        tile_path(level, n, width)


def test_tiles_of_the_specification() -> None:
    """C2SP tlog-tiles, "Partial Tiles": the trees of 70,000 and of 256 leaves."""
    tiles = list(tiles_of(70_000))
    counts = {(t.level, t.width): sum(1 for u in tiles if (u.level, u.width) == (t.level, t.width)) for t in tiles}
    assert counts == {
        ("entries", 256): 273,
        ("entries", 112): 1,
        (0, 256): 273,
        (0, 112): 1,
        (1, 256): 1,
        (1, 17): 1,
        (2, 1): 1,
    }
    assert list(tiles_of(256)) == [Tile("entries", 0), Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_new_tiles_are_those_that_were_not_there(a: int, b: int) -> None:
    since, size = sorted((a, b))
    assert set(tiles_of(size, since)) == set(tiles_of(size)) - set(tiles_of(since))
    assert all(width_of(tile.level, tile.n, size) == tile.width for tile in tiles_of(size))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == entries
    for width in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(Malformed):
            decode_bundle(data, width)
    for broken in (data + b"\0", data + b"\0\0", data[:-1]):
        if broken != data:
            with pytest.raises(Malformed):
                decode_bundle(broken, len(entries))


def test_bundle_bytes_and_limits() -> None:
    assert encode_bundle(ENTRIES).hex() == "00036f6e65000374776f00057468726565"
    assert decode_bundle(encode_bundle([b"x" * 65_535]), 1) == [b"x" * 65_535]
    with pytest.raises(Malformed, match="got 65536 bytes"):
        encode_bundle([b"x" * 65_536])
    with pytest.raises(Malformed, match="got 257"):
        encode_bundle([b""] * 257)


def tiles_over(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """All tiles by the definition: tile(l, n)[i] is the root of its 256**l leaves."""
    stored: dict[tuple[int, int], bytes] = {}
    level, nodes = 0, leaves
    while nodes:
        for n in range(0, (len(nodes) + 255) // 256):
            stored[level, n] = b"".join(nodes[n * 256 : n * 256 + 256])
        nodes = [root_of(nodes[at : at + 256]) for at in range(0, len(nodes) - 255, 256)]
        level += 1
    return stored


@pytest.mark.parametrize("cached", [1, 64])
def test_tree_from_tiles_is_the_tree(cached: int) -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(256 * 256 + 300)]
    stored = tiles_over(leaves)
    tree = MemoryTree(leaves)
    for size in (1, 2, 255, 256, 257, 511, 65_536, 65_537, len(leaves)):
        asked: list[Tile] = []

        def fetch(level: int, n: int, width: int, asked: list[Tile] = asked) -> bytes:
            asked.append(Tile(level, n, width))
            return stored[level, n][: width * 32]

        hashes = TileHashes(fetch, size, cached)
        root = root_of(leaves[:size])
        assert root_at(size, hashes) == root
        for index in {0, size // 3, size - 1}:
            verify_inclusion(leaves[index], index, size, inclusion_proof(index, size, hashes), root)
        for old in {1, (size + 1) // 2, size}:
            proof = consistency_proof(old, size, hashes)
            assert proof == consistency_proof(old, size, tree)
        assert set(asked) <= set(tiles_of(size)), "asked for a tile that such a log does not have"


def test_tree_from_tiles_stays_in_its_size() -> None:
    stored = tiles_over([leaf_hash(b"%d" % n) for n in range(600)])
    hashes = TileHashes(lambda level, n, width: stored[level, n][: width * 32], 515)
    assert hashes(9, 0) == root_of([hashes(0, n) for n in range(512)])
    for level, index in [(0, 515), (1, 257), (9, 1), (8, 2), (10, 0), (-1, 0), (0, -1)]:
        with pytest.raises(IndexError):
            hashes(level, index)


@pytest.mark.parametrize("bytes_read", [b"", b"x" * 95, b"x" * 97, b"x" * 128])
def test_a_tile_of_another_length_is_refused(bytes_read: bytes) -> None:
    with pytest.raises(ProofInvalid, match=r"tile/0/000\.p/3: got \d+ bytes, expected 96"):
        TileHashes(lambda level, n, width: bytes_read, 3)(0, 0)


@needs_shared_log
def test_shared_log_recomputed() -> None:
    """Every checkpoint opened, every tile and bundle recomputed, every proof between them verified."""
    key = VerifierKey.parse(SHARED_KEY)
    heads = {}
    for path in SHARED_LOG.glob("checkpoint*"):
        opened = open_checkpoint(path.read_bytes(), key, own=False)
        heads[opened.checkpoint.size] = opened.checkpoint
        assert opened.opened.note.format() == path.read_bytes()
    assert sorted(heads) == list(range(16))

    newest = max(heads)
    entries = decode_bundle((SHARED_LOG / tile_path("entries", 0, newest)).read_bytes(), newest)
    leaves = [leaf_hash(entry) for entry in entries]
    files = {str(path.relative_to(SHARED_LOG)) for path in SHARED_LOG.glob("tile/**/*") if path.is_file()}
    for path_name in files:
        tile = parse_tile_path(path_name)
        expected = encode_bundle(entries[: tile.width]) if tile.level == "entries" else b"".join(leaves[: tile.width])
        assert (SHARED_LOG / path_name).read_bytes() == expected
    assert files == {tile_path(t.level, t.n, t.width) for size in heads for t in tiles_of(size)}

    def fetch(level: int, n: int, width: int) -> bytes:
        return (SHARED_LOG / tile_path(level, n, width)).read_bytes()

    for size, head in heads.items():
        hashes = TileHashes(fetch, size)
        assert root_at(size, hashes) == head.root
        for index in range(size):
            verify_inclusion(leaves[index], index, size, inclusion_proof(index, size, hashes), head.root)
        for old in range(1, size + 1):
            verify_consistency(old, heads[old].root, size, head.root, consistency_proof(old, size, hashes))


def test_example_leaves() -> None:
    tile = b"".join(LEAVES).hex()
    assert [tile[0:8], tile[64:72], tile[128:136]] == ["d0d7360a", "ab1ab7f0", "671f146c"]
