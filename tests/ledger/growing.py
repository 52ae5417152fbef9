"""A log that grows by batches and knows all that must be in it."""

from __future__ import annotations

from hashlib import sha256

from ledger.ports import LogHead, NewEntry
from ledger.storage.log import LogStore
from ledger.storage.log_reader import EMPTY_HEAD, LogReader
from verifier.tree.merkle import MemoryTree, leaf_hash, root_at, root_of
from verifier.tree.tiles import encode_bundle, tile_path, tiles_of

LOG_ID = sha256(b"ledger.example/goods").digest()


def entry(n: int, flavour: bytes = b"") -> NewEntry:
    data = b"entry %d %b" % (n, flavour) + b"." * (n % 50)
    return NewEntry(data, leaf_hash(data), sha256(b"digest" + data).digest(), sha256(b"id" + data).digest())


def head_after(entries: list[NewEntry]) -> LogHead:
    """What the head must be: computed from all entries, beside what storage keeps."""
    chain = bytes(32)
    for each in entries:
        chain = sha256(b"\x03" + chain + each.leaf).digest()
    return LogHead(len(entries), root_of([each.leaf for each in entries]), chain, 1000 + len(entries))


class Growing:
    """A log that grows by batches and knows all that must be in it."""

    def __init__(self, log: LogStore) -> None:
        self.log = log
        self.entries: list[NewEntry] = []

    def grow(self, count: int, flavour: bytes = b"") -> None:
        batch = [entry(len(self.entries) + n, flavour) for n in range(count)]
        expected = self.log.head()
        self.log.append(expected, batch, head_after([*self.entries, *batch]))
        self.entries += batch

    def check(self, log: LogReader) -> None:
        """Everything readable through `log` is what was appended."""
        size = len(self.entries)
        leaves = [each.leaf for each in self.entries]
        assert log.head() == (head_after(self.entries) if size else EMPTY_HEAD)
        assert log.read_entries(0, size) == [each.data for each in self.entries]
        assert root_at(size, log.hashes()) == root_of(leaves)
        tree = MemoryTree(leaves)
        for tile in tiles_of(size):
            first = tile.n * 256
            if tile.level == "entries":
                expected = encode_bundle([each.data for each in self.entries[first : first + tile.width]])
            else:
                expected = b"".join(tree(8 * tile.level, first + at) for at in range(tile.width))
            assert log.tile(tile.level, tile.n, tile.width) == expected, tile_path(tile.level, tile.n, tile.width)
        for n in {0, size // 2, size - 1} if size else ():
            said = self.entries[n]
            assert log.find_statement(said.digest) == n
            assert log.entry(n) == said.data
