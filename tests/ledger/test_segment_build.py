"""The fast builder: the same bytes as the slow way, for any number of processes, or a clear refusal."""

from __future__ import annotations

import hmac
import json
import random
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ledger.services.units.segment as service
from ledger.services.units.segment import build, build_from_keys
from ledger.services.units.segment_worker import KeyWorker
from verifier.errors import Malformed, Unavailable
from verifier.segment.view import SegmentView, check_segment

SHARED = json.loads((Path(__file__).parents[1] / "vectors" / "segment.json").read_text())
SALT = bytes.fromhex(SHARED["salt"])
GTIN, LOT = SHARED["gtin"], SHARED["lot"]


def many(n: int) -> list[str]:
    serials = [f"{number:06d}" for number in range(n)]
    random.Random(7).shuffle(serials)
    return serials


def key_of(serial: str) -> bytes:
    blind = hmac.digest(SALT, f"carnet/blind/v1{GTIN}\x1d{LOT}\x1d{serial}".encode(), "sha256")
    return sha256(b"\x02" + blind + serial.encode()).digest()


def folder_is_empty(folder: Path) -> bool:
    return list(folder.iterdir()) == []


@pytest.mark.parametrize("case", SHARED["segments"], ids=lambda case: case["n"])
def test_vector_byte_for_byte(case, tmp_path):
    built = build(GTIN, LOT, case["serials"], SALT, tmp_path / "a.seg")
    assert (built.n, built.root.hex(), built.path) == (case["n"], case["root"], tmp_path / "a.seg")
    assert sha256(built.path.read_bytes()).hexdigest() == case["file_sha256"]
    assert built.path.read_bytes()[:128].hex() == case["header"]


@given(serials=st.sets(st.text("AB01", min_size=1, max_size=20), min_size=1, max_size=200))
@settings(max_examples=40, deadline=None)
def test_the_file_holds_exactly_the_keys_of_the_serials(tmp_path_factory, serials):
    out = tmp_path_factory.mktemp("segment") / "a.seg"
    built = build(GTIN, LOT, sorted(serials), SALT, out)
    check_segment(out.read_bytes(), len(serials), built.root)
    assert list(SegmentView(out.read_bytes(), n=built.n, root=built.root)) == sorted(map(key_of, serials))


def test_one_process_two_processes_and_many_buckets_give_the_same_bytes(tmp_path, monkeypatch):
    serials = many(150_001)
    plain = build(GTIN, LOT, serials, SALT, tmp_path / "1.seg", processes=1)
    helped = build(GTIN, LOT, serials[::-1], SALT, tmp_path / "2.seg", processes=2)
    monkeypatch.setattr(service, "_BUCKET", 10_007)  # 16 buckets, none of them ends with a leaf
    spread = build(GTIN, LOT, serials, SALT, tmp_path / "3.seg", processes=3)
    assert plain.root == helped.root == spread.root
    contents = {path.read_bytes() for path in (plain.path, helped.path, spread.path)}
    assert len(contents) == 1
    check_segment(contents.pop(), 150_001, plain.root)


def test_a_bucket_may_stay_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "_BUCKET", 1)
    built = build(GTIN, LOT, many(200), SALT, tmp_path / "a.seg")  # 256 buckets for 200 keys
    check_segment(built.path.read_bytes(), 200, built.root)


def test_keys_that_share_their_first_bytes_are_sorted_on_all_of_them(tmp_path):
    keys = [bytes(8) + bytes([a]) * 8 + bytes([b]) * 16 for a in (0, 255, 3) for b in (9, 0, 200)]
    keys += [b"\xff" * 31 + bytes([a]) for a in (0, 255, 7)]
    built = build_from_keys(keys, len(keys), tmp_path / "a.seg")
    assert list(SegmentView(built.path.read_bytes(), n=built.n, root=built.root)) == sorted(keys)


@pytest.mark.parametrize(("n", "processes"), [(4, 1), (40_000, 1), (120_000, 2)])
def test_a_duplicate_is_named_with_both_places_and_leaves_nothing_behind(tmp_path, n, processes):
    serials = many(n)
    serials[n - 2] = serials[1]
    serials.append("LAST")
    with pytest.raises(Malformed) as caught:
        build(GTIN, LOT, serials, SALT, tmp_path / "a.seg", processes=processes)
    assert caught.value.code == "serial_duplicate"
    assert caught.value.at == str(n - 1)
    assert f"serial {serials[1]!r} stands at 2 and again at {n - 1}" in str(caught.value)
    assert folder_is_empty(tmp_path)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("serial", ["", "x" * 21, "a b", "a\x1db", "naïve", "\ud800"])
def test_a_bad_serial_is_refused_in_any_process_and_leaves_nothing_behind(tmp_path, monkeypatch, processes, serial):
    serials = [*many(100_000), serial]
    with pytest.raises(Malformed) as caught:
        build(GTIN, LOT, serials, SALT, tmp_path / "a.seg", processes=processes)
    assert caught.value.code == "serial"
    assert folder_is_empty(tmp_path)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("salt", "gtin", "lot", "code"),
    [(SALT[1:], GTIN, LOT, "salt"), (SALT, GTIN[1:], LOT, "gtin"), (SALT, GTIN, "a\x1db", "lot")],
)
def test_a_bad_batch_is_refused_before_any_work(tmp_path, processes, salt, gtin, lot, code):
    with pytest.raises(Malformed) as caught:
        build(gtin, lot, many(100_001), salt, tmp_path / "a.seg", processes=processes)
    assert caught.value.code == code
    assert folder_is_empty(tmp_path)


def test_no_units_are_refused(tmp_path):
    for call in (lambda out: build(GTIN, LOT, [], SALT, out), lambda out: build_from_keys([], 0, out)):
        with pytest.raises(Malformed) as caught:
            call(tmp_path / "a.seg")
        assert caught.value.code == "segment_empty"
    assert folder_is_empty(tmp_path)


def test_a_file_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "a.seg").write_text("mine")
    with pytest.raises(FileExistsError):
        build(GTIN, LOT, ["S1"], SALT, tmp_path / "a.seg")
    assert (tmp_path / "a.seg").read_text() == "mine"


@pytest.mark.parametrize(
    ("keys", "n", "code"),
    [
        ([b"a" * 32, b"b" * 32, b"a" * 32], 3, "key_duplicate"),
        ([b"a" * 32], 2, "segment_count"),
        ([b"a" * 32, b"b" * 32], 1, "segment_count"),
        ([b"a" * 31], 1, "key"),
    ],
)
def test_keys_that_make_no_segment_are_refused(tmp_path, keys, n, code):
    with pytest.raises(Malformed) as caught:
        build_from_keys(keys, n, tmp_path / "a.seg")
    assert caught.value.code == code
    assert folder_is_empty(tmp_path)


def test_progress_goes_up_to_the_end(tmp_path):
    seen: list[tuple[int, int]] = []
    build(GTIN, LOT, many(70_000), SALT, tmp_path / "a.seg", progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {140_000}
    done = [step for step, _ in seen]
    assert done == sorted(done)
    assert done[-1] == 140_000
    assert len(done) > 3


def test_a_helper_that_dies_is_an_error_and_not_a_wrong_key():
    worker = KeyWorker(SALT, GTIN, LOT)
    try:
        assert worker.derive(["S0000"]) == key_of("S0000")
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(Unavailable) as caught:
            worker.derive(["S0000"])
        assert caught.value.code == "key_worker"
    finally:
        worker.close()


def test_the_salt_is_not_in_the_process_list():
    worker = KeyWorker(SALT, GTIN, LOT)
    try:
        worker.derive(["S0000"])
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{worker._process.pid}/{name}").read_bytes()
            assert SALT not in shown
            assert SALT.hex().encode() not in shown
    finally:
        worker.close()


def test_a_helper_ends_when_its_parent_is_killed():
    code = (
        "import os, sys; from ledger.services.units.segment_worker import KeyWorker; "
        "worker = KeyWorker(bytes(32), '09520123456788', 'L'); worker.derive(['S']); "
        "print(worker._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9
    deadline = time.monotonic() + 30
    while runs(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status  # dead, but not yet reaped by init
