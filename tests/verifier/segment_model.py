"""Segments made the slow and obvious way, without the code under test; also writes the shared vectors.

`python tests/verifier/segment_model.py` writes `tests/vectors/segment.json`.
"""

from __future__ import annotations

import hmac
import json
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "vectors" / "segment.json"
SALT = bytes(range(32))
GTIN, LOT = "09520123456788", "LOT-7/A"


def serials_of(n: int) -> list[str]:
    return [f"S{number:04d}" for number in range(n)]


def naive_blind(salt: bytes, gtin: str, lot: str, serial: str) -> bytes:
    message = f"carnet/blind/v1{gtin}\x1d{lot}\x1d{serial}".encode("ascii")
    return hmac.new(salt, message, "sha256").digest()


def naive_key(serial: str, salt: bytes = SALT, gtin: str = GTIN, lot: str = LOT) -> bytes:
    return sha256(b"\x02" + naive_blind(salt, gtin, lot, serial) + serial.encode("ascii")).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = largest_power_below(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def tree_path(leaves: list[bytes], index: int) -> list[bytes]:
    """RFC 6962 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    split = largest_power_below(len(leaves))
    if index < split:
        return [*tree_path(leaves[:split], index), tree_hash(leaves[split:])]
    return [*tree_path(leaves[split:], index - split), tree_hash(leaves[:split])]


def largest_power_below(n: int) -> int:
    power = 1
    while power * 2 < n:
        power *= 2
    return power


@dataclass
class NaiveSegment:
    """A segment over `keys` as given: sort them first to get a true one."""

    keys: list[bytes]

    @classmethod
    def of(cls, serials: list[str]) -> NaiveSegment:
        return cls(sorted(map(naive_key, serials)))

    @property
    def n(self) -> int:
        return len(self.keys)

    @property
    def leaves(self) -> list[list[bytes]]:
        return [self.keys[at : at + 16] for at in range(0, len(self.keys), 16)]

    @property
    def leaf_hashes(self) -> list[bytes]:
        return [sha256(b"\x00" + b"".join(leaf)).digest() for leaf in self.leaves]

    @property
    def root(self) -> bytes:
        return tree_hash(self.leaf_hashes)

    def header(self) -> bytes:
        """As the table in docs/spec/segment.md."""
        body, level, count = b"", 128 + 32 * self.n, len(self.leaves)
        end = level
        while count:
            end += 32 * count
            count //= 2
        body += b"carnet/segment\r\n" + (1).to_bytes(4, "big") + (16).to_bytes(4, "big")
        body += b"".join(number.to_bytes(8, "big") for number in (self.n, 128, level, end))
        return body + bytes(8) + self.root + bytes(32)

    def file(self) -> bytes:
        parts, level = [self.header(), *self.keys], self.leaf_hashes
        while level:
            parts += level
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        return b"".join(parts)

    def leaf_json(self, leaf: int) -> dict[str, Any]:
        path = tree_path(self.leaf_hashes, leaf)
        return {
            "leaf": leaf,
            "keys": [key.hex() for key in self.leaves[leaf]],
            "path": [node.hex() for node in path],
        }

    def membership_json(self, serial: str) -> dict[str, Any]:
        leaf = self.keys.index(naive_key(serial)) // 16
        return {"blind": naive_blind(SALT, GTIN, LOT, serial).hex(), **self.leaf_json(leaf)}

    def absence_json(self, key: bytes) -> dict[str, Any]:
        below = sum(other < key for other in self.keys)
        wanted = sorted({max(below - 1, 0) // 16, min(below, self.n - 1) // 16})
        return {"leaves": [self.leaf_json(leaf) for leaf in wanted]}


LOWEST, HIGHEST = bytes(32), b"\xff" * 32


def after(key: bytes) -> bytes:
    return (int.from_bytes(key, "big") + 1).to_bytes(32, "big")


def vectors() -> dict[str, Any]:
    return {
        "about": "segments of Carnet, docs/spec/segment.md; `code` is null where the proof holds",
        "salt": SALT.hex(),
        "salt_commitment": sha256(b"\x05" + SALT).hexdigest(),
        "gtin": GTIN,
        "lot": LOT,
        "segments": [_segment_vector(n) for n in (1, 16, 17, 100)],
        "membership": list(_membership_vectors()),
        "absence": list(_absence_vectors()),
    }


def _segment_vector(n: int) -> dict[str, Any]:
    segment = NaiveSegment.of(serials_of(n))
    return {
        "n": n,
        "serials": serials_of(n),
        "keys": [key.hex() for key in segment.keys],
        "root": segment.root.hex(),
        "header": segment.header().hex(),
        "file_sha256": sha256(segment.file()).hexdigest(),
    }


def _membership_vectors() -> Any:
    def case(name: str, code: str | None, proof: dict[str, Any], *, serial: str = "S0003", n: int = 100) -> Any:
        return {"name": name, "n": n, "root": segment.root.hex(), "serial": serial, "proof": proof, "code": code}

    for n in (1, 16, 17):
        segment = NaiveSegment.of(serials_of(n))
        yield case(f"{n} units", None, segment.membership_json("S0000"), serial="S0000", n=n)
    segment = NaiveSegment.of(serials_of(100))
    good = segment.membership_json("S0003")
    yield case("100 units", None, good)
    yield case("another serial", "membership_key", good, serial="S0004")
    yield case("another blind", "membership_key", {**good, "blind": bytes(32).hex()})
    yield case("another leaf", "membership_key", {**good, **segment.leaf_json((good["leaf"] + 1) % 7)})
    yield case("leaf number of a neighbour", "root_mismatch", {**good, "leaf": good["leaf"] ^ 1})
    yield case("leaf number past the end", "leaf_index", {**good, "leaf": 7})
    yield case("unit count that ends before the leaf", "leaf_index", good, n=16 * good["leaf"])
    yield case("unit count of a deeper tree", "proof_length", good, n=1000)
    yield case("a key missing", "leaf_keys", {**good, "keys": good["keys"][1:]})
    yield case("keys in another order", "leaf_order", {**good, "keys": good["keys"][::-1]})
    yield case("a path hash missing", "proof_length", {**good, "path": good["path"][:-1]})
    yield case("a path hash too many", "proof_length", {**good, "path": [*good["path"], good["path"][0]]})
    yield case("path hashes swapped", "root_mismatch", {**good, "path": good["path"][::-1]})


def _absence_vectors() -> Any:
    def case(name: str, code: str | None, key: bytes, proof: dict[str, Any], *, n: int = 100) -> Any:
        return {"name": name, "n": n, "root": segment.root.hex(), "key": key.hex(), "proof": proof, "code": code}

    for n in (1, 16, 17, 100):
        segment = NaiveSegment.of(serials_of(n))
        yield case(f"below the first of {n}", None, LOWEST, segment.absence_json(LOWEST), n=n)
        yield case(f"above the last of {n}", None, HIGHEST, segment.absence_json(HIGHEST), n=n)
    inside, between = after(segment.keys[20]), after(segment.keys[31])
    yield case("inside one leaf", None, inside, segment.absence_json(inside))
    yield case("between two leaves", None, between, segment.absence_json(between))

    def leaves(*numbers: int) -> dict[str, Any]:
        return {"leaves": [segment.leaf_json(number) for number in numbers]}

    yield case("the key is there", "absence_present", segment.keys[20], leaves(1))
    yield case("the key is the last of its leaf", "absence_present", segment.keys[31], leaves(1, 2))
    yield case("only the left neighbour", "absence_gap", between, leaves(1))
    yield case("only the right neighbour", "absence_gap", between, leaves(2))
    yield case("another leaf", "absence_gap", inside, leaves(3))
    yield case("a leaf left out between two", "absence_gap", segment.keys[40], leaves(1, 3))
    yield case("a leaf too many", "absence_gap", inside, leaves(1, 2))
    yield case("leaves in the wrong order", "absence_gap", between, leaves(2, 1))
    yield case("the same leaf twice", "absence_gap", inside, leaves(1, 1))
    yield case("last leaf passed off as a full one", "leaf_keys", HIGHEST, leaves(6), n=112)
    shifted = deepcopy(leaves(6))
    shifted["leaves"][0]["leaf"] = 0
    yield case("last leaf passed off as the first", "leaf_keys", LOWEST, shifted)
    altered = deepcopy(leaves(1))
    altered["leaves"][0]["keys"][5] = after(bytes.fromhex(altered["leaves"][0]["keys"][5])).hex()
    yield case("a key altered", "root_mismatch", inside, altered)


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n")
