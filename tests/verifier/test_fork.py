"""The evidence of a fork: what convicts the log's key, and what does not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim import ORIGIN, Sim, secret
from verifier import canonical
from verifier.errors import CarnetError
from verifier.evidence.explain import explain
from verifier.evidence.fork import Fork, ForkedLeaf, check_fork, first_difference, prove_fork
from verifier.tree.checkpoint import Checkpoint, sign_checkpoint
from verifier.tree.merkle import MemoryTree, leaf_hash
from verifier.tree.note_key import SigningKey

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]


@cache
def sim() -> Sim:
    found = Sim.found(checked=False)
    maker = found.maker("aurora", "9521234")
    batch = found.register_batch(maker)
    for _ in range(3):
        found.undo(maker, found.recall(maker, batch))
    return found


@cache
def other() -> Sim:
    """The same log as its operator rewrote it: entry 3 changed, everything after it made to fit, all signed anew."""
    from copy import deepcopy

    changed = deepcopy(sim())
    changed.forge(3, lambda entry: {**entry, "recorded_at": entry["recorded_at"].replace("000Z", "001Z")})
    return changed


def fork(one_size: int, other_size: int) -> Fork:
    founding = sim().entries[0]
    trees = [MemoryTree([leaf_hash(raw) for raw in s.entries]) for s in (sim(), other())]
    found = prove_fork(founding, sim().notes[one_size], trees[0], other().notes[other_size], trees[1])
    assert found is not None
    return found


@pytest.mark.parametrize(("one", "two", "index"), [(8, 8, None), (9, 5, 3), (4, 11, 3), (4, 5, 3)])
def test_two_histories_under_one_key_are_proved(one: int, two: int, index: int | None) -> None:
    raw = fork(one, two).encode()
    assert Fork.decode(raw).encode() == raw
    report = check_fork(raw, sim().pin)
    assert report.ok, explain(report)
    assert report.shows["fork"]["index"] == index
    assert [head["size"] for head in report.shows["fork"]["heads"]] == [one, two]
    assert "has signed two histories" in "\n".join(explain(report))
    assert report.to_json()["ok"] is True
    assert report.failed is None


def test_two_heads_of_one_history_are_no_fork() -> None:
    founding, tree = sim().entries[0], sim().tree()
    assert prove_fork(founding, sim().notes[9], tree, sim().notes[5], tree) is None
    assert prove_fork(founding, sim().notes[9], tree, sim().notes[9], tree) is None
    for heads in ((9, 9), (9, 5)):
        file = Fork(founding, (sim().notes[heads[0]], sim().notes[heads[1]]))
        report = check_fork(file.encode(), sim().pin)
        assert report.failed is not None
        assert report.failed.step == "contradiction"
        assert report.shows == {}
        assert "proves nothing: it fails at 'contradiction'" in "\n".join(explain(report))


def test_heads_that_fork_above_the_smaller_one_are_no_fork() -> None:
    """Entry 3 is the first that differs: heads of 2 and 9 entries agree on everything both speak of."""
    founding = sim().entries[0]
    assert prove_fork(founding, sim().notes[2], sim().tree(), other().notes[9], other().tree()) is None


def test_a_head_that_the_log_did_not_sign_is_no_fork() -> None:
    good = fork(8, 8)
    stranger = SigningKey(ORIGIN, secret("stranger"))
    forged = sign_checkpoint(Checkpoint(ORIGIN, 8, secret("root")), stranger).format()
    text = good.heads[1].partition(b"\n\n")[0] + b"\n"
    elsewhere = sign_checkpoint(
        Checkpoint("other.example/log", 8, secret("root")), SigningKey("other.example/log", secret("log"))
    )
    unsigned = text + b"\n" + good.heads[0].partition(b"\n\n")[2]
    for head in (forged, unsigned, elsewhere.format(), text, b"x"):
        for heads in ((good.heads[0], head), (head, good.heads[0])):
            report = check_fork(replace(good, heads=heads).encode(), sim().pin)
            assert report.failed is not None
            assert report.failed.step == "signatures"


def test_another_founding_or_another_pin_is_no_fork() -> None:
    good = fork(8, 8)
    report = check_fork(good.encode(), bytes(32))
    assert report.failed is not None
    assert report.failed.step == "founding"
    report = check_fork(replace(good, founding=other().entries[4]).encode(), sim().pin)
    assert report.failed is not None
    assert report.failed.step == "founding"


def test_leaves_that_are_not_in_their_trees_are_no_fork() -> None:
    good = fork(9, 5)
    leaf = good.leaf
    assert leaf is not None
    same = replace(leaf, leaves=(leaf.leaves[0], leaf.leaves[0]), paths=(leaf.paths[0], leaf.paths[0]))
    swapped = replace(leaf, leaves=(leaf.leaves[1], leaf.leaves[0]))
    moved = replace(leaf, index=4)
    beyond = replace(leaf, index=7)
    cut = replace(leaf, paths=(leaf.paths[0], leaf.paths[1][:-1]))
    for bad in (same, swapped, moved, beyond, cut):
        report = check_fork(replace(good, leaf=bad).encode(), sim().pin)
        assert report.failed is not None
        assert report.failed.step == "contradiction"


@given(st.integers(0, 10_000_000), st.integers(0, 7))
@settings(max_examples=300)
def test_no_flipped_bit_makes_another_fork(at: int, bit: int) -> None:
    """A damaged file fails, or still proves exactly the same: then the bit lay where nothing is claimed."""
    for heads in ((8, 8), (9, 5)):
        good = fork(*heads).encode()
        damaged = bytearray(good)
        damaged[at % len(good)] ^= 1 << bit
        report = check_fork(bytes(damaged), sim().pin)
        assert not report.ok or report.shows == check_fork(good, sim().pin).shows


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_whatever_comes_is_no_fork_and_no_crash(raw: bytes) -> None:
    assert not check_fork(raw, sim().pin).ok


@pytest.mark.parametrize(
    "change",
    [
        {"spec": "carnet/fork/2"}, {"heads": []}, {"heads": ["a"]}, {"heads": [1, 2]}, {"founding": 1}, {"leaf": []},
        {"leaf": {"index": -1, "leaves": [], "paths": []}}, {"leaf": {"index": 1, "leaves": ["00"], "paths": [[]]}},
        {"leaf": {"index": 1, "leaves": ["00", "00"], "paths": [[], []]}}, {"more": 1}, {"founding": ""},
        {"leaf": {"index": 1, "leaves": ["00" * 32] * 2, "paths": [["00" * 32] * 64, []]}},
    ],
)  # fmt: skip
def test_a_file_of_another_form_fails_at_its_form(change: dict[str, object]) -> None:
    value = canonical.decode(fork(9, 5).encode()) | change
    report = check_fork(canonical.encode(value), sim().pin)
    assert report.failed is not None
    assert report.failed.step == "file"
    assert report.to_json()["failed"] == "file"


def test_a_file_too_large_is_not_read() -> None:
    report = check_fork(b" " * 4_000_001, sim().pin)
    assert report.failed is not None
    assert "at most 4000000" in report.failed.words


def test_bytes_that_are_no_text_make_no_file() -> None:
    with pytest.raises(CarnetError):
        Fork(b"\xff", (b"a", b"b")).encode()


@given(st.integers(1, 70), st.integers(0, 69), st.data())
def test_the_first_difference_is_found(size: int, changed: int, data: st.DataObject) -> None:
    more = data.draw(st.sets(st.integers(changed, 69)))
    leaves = [leaf_hash(b"x") if at == changed or at in more else leaf for at, leaf in enumerate(LEAVES)]
    found = first_difference(MemoryTree(LEAVES), MemoryTree(leaves), size)
    assert found == (changed if changed < size else None)
    assert ForkedLeaf(0, (b"", b""), ((), ())).index == 0
