"""The published folder: written once, durable, and readable in every width it ever had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.storage.published import PublishedFolder
from verifier.errors import Malformed, NotFound, ProofInvalid, Unavailable
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import EMPTY_ROOT
from verifier.tree.note_key import SigningKey
from verifier.tree.tiles import Tile, encode_bundle, tile_path

KEY = SigningKey("log.example/one", bytes(range(32)))
HASHES = [bytes([n]) * 32 for n in range(256)]
ENTRIES = [f"entry {n}".encode() for n in range(256)]


def note(size: int) -> bytes:
    return sign_checkpoint(Checkpoint(KEY.name, size, bytes([size]) * 32 if size else EMPTY_ROOT), KEY).format()


@pytest.fixture
def folder(tmp_path: Path) -> PublishedFolder:
    return PublishedFolder(tmp_path / "published")


def test_nothing_is_published_before_the_first_time(folder: PublishedFolder, tmp_path: Path) -> None:
    assert (folder.checkpoint(), folder.size()) == (None, 0)
    with pytest.raises(NotFound):
        folder.tile(Tile(0, 0, 5))
    assert not (tmp_path / "published").exists()


def test_a_checkpoint_is_replaced_and_read_back(folder: PublishedFolder) -> None:
    for size in (3, 7):
        folder.put_checkpoint(note(size))
        assert (folder.checkpoint(), folder.size()) == (note(size), size)


def test_a_damaged_checkpoint_is_no_size(folder: PublishedFolder, tmp_path: Path) -> None:
    folder.put_checkpoint(note(3))
    (tmp_path / "published/checkpoint").write_bytes(b"half a note")
    with pytest.raises(ProofInvalid, match="published checkpoint"):
        folder.size()


def test_the_same_bytes_again_are_fine_and_others_are_refused(folder: PublishedFolder) -> None:
    path = tile_path(0, 0, 2)
    folder.put([(path, b"".join(HASHES[:2]))])
    folder.put([(path, b"".join(HASHES[:2]))])
    with pytest.raises(ProofInvalid) as caught:
        folder.put([(path, b"".join(HASHES[1:3]))])
    assert caught.value.code == "published_differs"
    assert folder.tile(Tile(0, 0, 2)) == b"".join(HASHES[:2])


@pytest.mark.parametrize("width", [1, 2, 200, 255])
def test_a_partial_tile_stays_readable_when_it_has_grown(folder: PublishedFolder, tmp_path: Path, width: int) -> None:
    folder.put([(tile_path(0, 1, width), b"".join(HASHES[:width]))])
    folder.put([(tile_path("entries", 1, width), encode_bundle(ENTRIES[:width]))])
    folder.put([(tile_path(0, 1), b"".join(HASHES)), (tile_path("entries", 1), encode_bundle(ENTRIES))])
    assert not list((tmp_path / "published").rglob("*.p")), "partial tiles are gone"
    assert folder.tile(Tile(0, 1, width)) == b"".join(HASHES[:width])
    assert folder.tile(Tile("entries", 1, width)) == encode_bundle(ENTRIES[:width])
    with pytest.raises(NotFound):
        folder.tile(Tile(0, 2, width))


def test_a_size_that_was_signed_and_never_published_has_its_tiles_too(folder: PublishedFolder) -> None:
    for width in (3, 9):
        folder.put([(tile_path(0, 0, width), b"".join(HASHES[:width]))])
        folder.put([(tile_path("entries", 0, width), encode_bundle(ENTRIES[:width]))])
    for width in range(1, 10):
        assert folder.tile(Tile(0, 0, width)) == b"".join(HASHES[:width])
        assert folder.tile(Tile("entries", 0, width)) == encode_bundle(ENTRIES[:width])
    with pytest.raises(NotFound):
        folder.tile(Tile(0, 0, 10))


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/../../x", "/etc/x", "seal/01", "seal/", "tile/0/000.p/256"])
def test_only_names_that_readers_ask_for_are_written(folder: PublishedFolder, tmp_path: Path, path: str) -> None:
    with pytest.raises(Malformed):
        folder.put([(path, b"x")])
    assert not list(tmp_path.rglob("*x"))


def test_what_a_killed_write_leaves_behind_is_in_nobody_s_way(folder: PublishedFolder, tmp_path: Path) -> None:
    folder.put([(tile_path(0, 0, 1), HASHES[0])])
    (tmp_path / "published/tile/0/000.p/.2.new").write_bytes(b"half")
    folder.put([(tile_path(0, 0, 2), b"".join(HASHES[:2]))])
    assert folder.tile(Tile(0, 0, 2)) == b"".join(HASHES[:2])
    assert sorted(os.listdir(tmp_path / "published/tile/0/000.p")) == ["1", "2"]


def test_a_disk_that_says_no_is_no_answer(folder: PublishedFolder, tmp_path: Path) -> None:
    (tmp_path / "published").write_bytes(b"a file where the folder should be")
    with pytest.raises(Unavailable) as caught:
        folder.put_checkpoint(note(1))
    assert caught.value.code == "published"
