"""Evidence of a fork: two heads that one log signed and that cannot both be true, `carnet/fork/1`.

Whoever holds such a file needs nothing else to convict the log's key: entry 0, compared with the pin, names the keys;
two notes are signed by them; and either one size has two roots, or one place in the log has two leaves. No server, no
witness and no clock is believed. `docs/spec/mirror.md` describes the file for other programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier import canonical
from verifier.errors import CarnetError, Malformed, ProofInvalid, RulesUnknown
from verifier.evidence.explain import Report, Step
from verifier.record.founding import Founding, open_founding
from verifier.record.head import claimed_head, open_head
from verifier.record.statement import check_hex
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import HASH_SIZE, HashReader, inclusion_proof, verify_inclusion
from verifier.tree.note import MAX_NOTE_SIZE
from verifier.tree.tlog_proof import MAX_PATH

SPEC = "carnet/fork/1"
"""The version of this format."""
MAX_FORK_SIZE = 4_000_000
"""Bytes of a file: own limit, for entry 0 and two notes at their largest."""

STEPS: Mapping[str, str] = {
    "file": "the file is in its format",
    "founding": "entry 0 is the one this verifier was told of",
    "signatures": "both heads are signed by a log key of entry 0",
    "contradiction": "the two heads cannot both be true",
}
"""What each step of a check is about, in the order in which they run."""

NOT_SHOWN = (
    "Which of the two histories is the right one: the log signed both.",
    "Who used the log's key: the file shows that it was used.",
)
"""What no such file can show."""


@dataclass(frozen=True, slots=True)
class ForkedLeaf:
    """One place in the log with two leaves: index, and for each head its leaf (32 bytes) and inclusion path."""

    index: int
    leaves: tuple[bytes, bytes]
    paths: tuple[tuple[bytes, ...], tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Fork:
    """A decoded file: entry 0's bytes, two signed notes' bytes, and a leaf unless their sizes are equal."""

    founding: bytes
    heads: tuple[bytes, bytes]
    leaf: ForkedLeaf | None = None

    def encode(self) -> bytes:
        """The file's bytes. Raises Malformed where entry 0 or a note is no UTF-8."""
        try:
            value = {
                "spec": SPEC,
                "founding": self.founding.decode(),
                "heads": [head.decode() for head in self.heads],
                "leaf": _encode_leaf(self.leaf) if self.leaf else None,
            }
        except UnicodeDecodeError as error:
            raise _bad("bytes that are not UTF-8") from error
        return canonical.encode(value)

    @classmethod
    def decode(cls, raw: bytes) -> Fork:
        """The counterpart of `encode`. Raises Malformed (`fork`, `not_json`, `not_canonical`)."""
        if len(raw) > MAX_FORK_SIZE:
            raise _bad(f"{len(raw)} bytes, expected at most {MAX_FORK_SIZE}")
        value = canonical.decode(raw)
        if not isinstance(value, dict) or set(value) != {"spec", "founding", "heads", "leaf"} or value["spec"] != SPEC:
            raise _bad(f"another object, expected {SPEC} with founding, heads and leaf")
        heads = value["heads"]
        if not isinstance(heads, list) or len(heads) != 2:
            raise _bad("other heads, expected two notes")
        first, second = (_text(head) for head in heads)
        leaf = _decode_leaf(value["leaf"]) if value["leaf"] is not None else None
        return cls(_text(value["founding"]), (first, second), leaf)


def check_fork(raw: bytes, pin: bytes) -> Report:
    """Check a file step by step; stops at the first step that fails. Never raises for anything the file holds.

    `pin`: SHA-256 of entry 0's bytes (32 bytes), told out of band.
    """
    return _Check(raw, pin).run()


def prove_fork(
    founding: bytes, head: bytes, tree: HashReader, other_head: bytes, other_tree: HashReader
) -> Fork | None:
    """The evidence that two signed heads contradict each other, or None when the smaller one is a part of the larger.

    Args:
        founding: entry 0's bytes.
        head, other_head: the signed notes, in any order of size.
        tree, other_tree: the tree under each; one that is not the tree of its head gives a file that fails its check.

    Raises Malformed for a note that is no checkpoint, and whatever the readers raise.
    """
    one, other = claimed_head(head), claimed_head(other_head)
    if one.size == other.size:
        return Fork(founding, (head, other_head)) if one.root != other.root else None
    index = first_difference(tree, other_tree, min(one.size, other.size))
    if index is None:
        return None
    paths = inclusion_proof(index, one.size, tree), inclusion_proof(index, other.size, other_tree)
    return Fork(founding, (head, other_head), ForkedLeaf(index, (tree(0, index), other_tree(0, index)), paths))


def first_difference(one: HashReader, other: HashReader, size: int) -> int | None:
    """The first of the first `size` leaves in which two trees differ, or None; reads about 2·log2(size) hashes."""
    start = 0
    while start < size:
        level = (size - start).bit_length() - 1
        if one(level, start >> level) != other(level, start >> level):
            while level:
                level -= 1
                left = start >> level
                if one(level, left) == other(level, left):
                    start += 1 << level
            return start
        start += 1 << level
    return None


class _Check:
    """One run. Steps set what later steps use; each returns its words or raises."""

    def __init__(self, raw: bytes, pin: bytes) -> None:
        self._raw, self._pin = raw, pin
        self._fork: Fork
        self._founding: Founding
        self._heads: tuple[Checkpoint, Checkpoint]

    def run(self) -> Report:
        steps: list[Step] = []
        checks = (self._file, self._found, self._signed, self._contradict)
        for (name, about), check in zip(STEPS.items(), checks, strict=True):
            if any(step.ok is False for step in steps):
                steps.append(Step(name, None, "not reached", about))
                continue
            try:
                steps.append(Step(name, True, check(), about))
            except RulesUnknown as error:
                steps.append(Step(name, None, str(error), about))
                return Report(tuple(steps), unproved=name, paused=str(error))
            except CarnetError as error:
                steps.append(Step(name, False, str(error), about))
        return Report(tuple(steps), self._shows(), NOT_SHOWN) if steps[-1].ok else Report(tuple(steps))

    def _file(self) -> str:
        self._fork = Fork.decode(self._raw)
        return "entry 0, two heads" + (f", and two leaves at {self._fork.leaf.index}" if self._fork.leaf else "")

    def _found(self) -> str:
        self._founding = open_founding(self._fork.founding, self._pin)
        return f"{self._founding.origin}, with {len(self._founding.log_keys)} log keys"

    def _signed(self) -> str:
        # Extension lines are refused elsewhere; a head that has some was signed all the same.
        first, second = (open_head(note, self._founding, own=False).checkpoint for note in self._fork.heads)
        self._heads = first, second
        return f"sizes {first.size} and {second.size}"

    def _contradict(self) -> str:
        first, second = self._heads
        leaf = self._fork.leaf
        if leaf is None:
            if first.size != second.size:
                raise ProofInvalid(
                    f"couldn't find a contradiction: the heads have sizes {first.size} and {second.size}, and no "
                    "leaves are shown",
                    code="no_fork",
                )
            if first.root == second.root:
                raise ProofInvalid("couldn't find a contradiction: both heads have the same root", code="no_fork")
            return f"size {first.size} has the roots {first.root.hex()} and {second.root.hex()}"
        if leaf.leaves[0] == leaf.leaves[1]:
            raise ProofInvalid(f"couldn't find a contradiction: one leaf at {leaf.index}", code="no_fork")
        for head, hash_, path in zip(self._heads, leaf.leaves, leaf.paths, strict=True):
            verify_inclusion(hash_, leaf.index, head.size, path, head.root)
        one, other = (value.hex() for value in leaf.leaves)
        return f"entry {leaf.index} has the leaf {one} under one head and {other} under the other"

    def _shows(self) -> dict[str, Any]:
        leaf, origin = self._fork.leaf, self._founding.origin
        return {
            "fork": {
                "origin": origin,
                "heads": [{"size": head.size, "root": "0x" + head.root.hex()} for head in self._heads],
                "index": leaf.index if leaf else None,
                "leaves": ["0x" + value.hex() for value in leaf.leaves] if leaf else None,
                "words": f"The log {origin} has signed two histories that cannot both be true.",
            }
        }


def _encode_leaf(leaf: ForkedLeaf) -> dict[str, Any]:
    return {
        "index": leaf.index,
        "leaves": [value.hex() for value in leaf.leaves],
        "paths": [[node.hex() for node in path] for path in leaf.paths],
    }


def _decode_leaf(value: Any) -> ForkedLeaf:
    if not isinstance(value, dict) or set(value) != {"index", "leaves", "paths"}:
        raise _bad("another leaf, expected index, leaves and paths")
    index, leaves, paths = value["index"], value["leaves"], value["paths"]
    if type(index) is not int or index < 0:
        raise _bad("another index, expected a number")
    if not isinstance(leaves, list) or not isinstance(paths, list) or len(leaves) != 2 or len(paths) != 2:
        raise _bad("other leaves or paths, expected two of each")
    first, second = (_hash(leaf) for leaf in leaves)
    path, other = (_path(path) for path in paths)
    return ForkedLeaf(index, (first, second), (path, other))


def _path(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PATH:
        raise _bad(f"another path, expected at most {MAX_PATH} hashes")
    return tuple(_hash(node) for node in value)


def _hash(value: Any) -> bytes:
    text = value if isinstance(value, str) else ""
    check_hex("hash", "0x" + text, HASH_SIZE)
    return bytes.fromhex(text)


def _text(value: Any) -> bytes:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NOTE_SIZE:
        raise _bad("another value, expected text")
    return value.encode()


def _bad(got: str) -> Malformed:
    return Malformed(f"couldn't read the evidence of a fork: got {got}", code="fork")
