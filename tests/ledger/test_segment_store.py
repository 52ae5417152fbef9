"""The segment store: nothing unchecked is ever visible, nothing needed is ever removed."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from ledger.services.scans.verification import PUBLIC_BATCH_LIMIT
from ledger.services.units.segment import SegmentBuilt, build
from ledger.storage.segment import MAX_OPEN, SegmentStore, most_open
from ledger.storage.segment_folder import SegmentFolder
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Unavailable
from verifier.segment.view import SegmentHeader, encode_header

GTIN, SALT = "09520123456788", bytes(32)
DAY = 86_400.0


def make(folder: Path, n: int = 40, lot: str = "A") -> SegmentBuilt:
    return build(GTIN, lot, [f"S{number}" for number in range(n)], SALT, folder / f"{lot}{n}.seg")


@pytest.fixture
def store(tmp_path):
    return SegmentStore(tmp_path / "store", free_floor=0)


@pytest.fixture
def built(tmp_path):
    return make(tmp_path)


def visible(tmp_path: Path) -> list[str]:
    """Every file of the store but its lock, remains of uploads included."""
    folder = tmp_path / "store"
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    )


def age(store: SegmentStore, root: bytes, seconds: float) -> None:
    path = store._folder.file(root)
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.mark.parametrize("how", ["path", "stream", "move", "pieces"])
def test_what_is_put_can_be_opened_and_is_read_only(store, built, tmp_path, how):
    content = built.path.read_bytes()
    match how:
        case "path":
            stored = store.put(built.root, built.path, built.n)
        case "stream":
            stored = store.put(built.root, io.BytesIO(content), built.n)
        case "move":
            stored = store.put(built.root, built.path, built.n, move=True)
        case "pieces":
            with store.receive(built.root) as upload:
                for at in range(0, len(content), 37):
                    upload.write(content[at : at + 37])
                stored = upload.commit()
    assert (stored.n, stored.root, stored.size, stored.created) == (built.n, built.root, len(content), True)
    assert built.path.exists() == (how != "move")
    assert visible(tmp_path) == [f"{built.root.hex()}.seg"]
    file = tmp_path / "store" / f"{built.root.hex()}.seg"
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o444
    assert store.has(built.root)
    assert len(store.open(built.root, built.n)) == built.n
    assert store.claim(built.root) == SegmentHeader(built.n, built.root)
    store.check(built.root, built.n)


@pytest.mark.parametrize("move", [False, True])
def test_putting_it_again_changes_nothing(store, built, tmp_path, move):
    store.put(built.root, built.path)
    before = (tmp_path / "store" / f"{built.root.hex()}.seg").stat().st_ino
    again = store.put(built.root, built.path, built.n, move=move)
    assert (again.created, again.n) == (False, built.n)
    assert (tmp_path / "store" / f"{built.root.hex()}.seg").stat().st_ino == before
    assert built.path.exists() != move
    assert visible(tmp_path) == [f"{built.root.hex()}.seg"]
    with pytest.raises(ProofInvalid) as caught:
        store.put(built.root, io.BytesIO(b""), built.n + 1)
    assert caught.value.code == "segment_count"


def test_two_uploads_of_one_segment_both_succeed(store, built):
    content = built.path.read_bytes()
    with store.receive(built.root) as first, store.receive(built.root) as second:
        first.write(content)
        second.write(content)
        assert first.commit().root == second.commit().root == built.root
    store.check(built.root, built.n)


def damaged(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def swapped(content: bytes) -> bytes:
    return content[:128] + content[160:192] + content[128:160] + content[192:]


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize(
    ("alter", "code"),
    [
        (lambda content: content[:-1], "segment_count"),
        (lambda content: content + b"\0", "segment_count"),
        (lambda content: b"", "segment_header"),
        (lambda content: content[:100], "segment_header"),
        (lambda content: content[:128], "segment_count"),
        (lambda content: damaged(content, 0), "segment_header"),
        (lambda content: damaged(content, 70), "segment_root"),
        (lambda content: damaged(content, len(content) - 1), "segment_root"),
        (lambda content: damaged(content, 159), "segment_root"),
        (swapped, "segment_unsorted"),
        (lambda content: content[:160] + content[128:160] + content[192:], "segment_duplicate"),
    ],
)
def test_a_file_that_is_not_the_segment_is_refused_and_never_seen(store, built, tmp_path, alter, code, move):
    wrong = tmp_path / "wrong.seg"
    wrong.write_bytes(alter(built.path.read_bytes()))
    with pytest.raises(ProofInvalid) as caught:
        store.put(built.root, wrong, move=move)
    assert caught.value.code == code
    assert visible(tmp_path) == []
    assert not store.has(built.root)
    assert wrong.exists()


def test_a_segment_under_another_root_or_count_is_refused(store, built, tmp_path):
    other = make(tmp_path, 41)
    for root, n, code in ((other.root, None, "segment_root"), (built.root, 41, "segment_count")):
        with pytest.raises(ProofInvalid) as caught:
            store.put(root, built.path, n)
        assert caught.value.code == code
    # a header that lies about the root, in front of the keys of another
    lying = encode_header(SegmentHeader(40, other.root)) + built.path.read_bytes()[128:]
    with pytest.raises(ProofInvalid) as caught:
        store.put(other.root, io.BytesIO(lying))
    assert caught.value.code == "segment_root"
    assert visible(tmp_path) == []


def test_a_wrong_upload_is_refused_after_its_header(store, built, tmp_path):
    with store.receive(bytes(32)) as upload:
        upload.write(built.path.read_bytes()[:127])
        with pytest.raises(ProofInvalid) as caught:
            upload.write(built.path.read_bytes()[127:128])
    assert caught.value.code == "segment_root"
    assert visible(tmp_path) == []


def test_an_upload_that_is_dropped_leaves_nothing(store, built, tmp_path):
    with store.receive(built.root) as upload:
        upload.write(built.path.read_bytes())
    assert visible(tmp_path) == []
    assert not store.has(built.root)


def test_limits_are_looked_at_before_the_body(tmp_path, built):
    small = SegmentStore(tmp_path / "store", max_units=39, free_floor=0)
    with pytest.raises(Refused) as refused, small.receive(built.root) as upload:
        upload.write(built.path.read_bytes()[:128])
    assert refused.value.code == "segment_too_large"
    full = SegmentStore(tmp_path / "store", free_floor=2**62)
    for move in (False, True):
        with pytest.raises(Unavailable) as unavailable:
            full.put(built.root, built.path, move=move)
        assert unavailable.value.code == "disk_floor"
    assert visible(tmp_path) == []
    assert built.path.exists()


def test_the_floor_is_looked_at_again_while_bytes_come_in(tmp_path, built, monkeypatch):
    monkeypatch.setattr("ledger.storage.segment_upload._FLOOR_EVERY", 256)
    usage = namedtuple("usage", "free")
    free = [10_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(free[0]))
    store = SegmentStore(tmp_path / "store", free_floor=5_000)
    content = built.path.read_bytes()
    with store.receive(built.root) as upload:
        upload.write(content[:400])
        free[0] = 5_500  # somebody else fills the disk
        with pytest.raises(Unavailable) as caught:
            upload.write(content[400:700])
    assert caught.value.code == "disk_floor"
    assert visible(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "rename", "fchmod"])
@pytest.mark.parametrize("move", [False, True])
def test_a_failing_disk_is_unavailable_and_a_second_try_succeeds(store, built, tmp_path, monkeypatch, call, move):
    with monkeypatch.context() as patch:
        patch.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(Unavailable) as caught:
            store.put(built.root, built.path, move=move)
    assert caught.value.code == "disk_floor"
    assert visible(tmp_path) == []
    assert store.put(built.root, built.path, move=move).created


def test_a_move_from_another_file_system_copies(store, built, tmp_path, monkeypatch):
    real = os.rename

    def rename(source, target):
        if Path(source) == built.path:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    assert store.put(built.root, built.path, move=True).created
    assert not built.path.exists()
    store.check(built.root, built.n)


def test_a_source_that_is_not_there_is_unavailable(store, tmp_path):
    with pytest.raises(Unavailable):
        store.put(bytes(32), tmp_path / "none.seg")


def test_opening_what_is_not_here_says_so(store, built):
    for call in (lambda: store.open(built.root, built.n), lambda: store.claim(built.root)):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.code == "segment_not_found"
    assert not store.hold(built.root)
    with pytest.raises(Malformed):
        store.has(b"../../etc/passwd")


def test_opening_with_another_count_than_stored_is_refused(store, built):
    store.put(built.root, built.path)
    for n in (39, 41):
        with pytest.raises(ProofInvalid):
            store.open(built.root, n)


def test_a_stored_file_that_rotted_is_found_by_check(store, built, tmp_path):
    store.put(built.root, built.path)
    file = tmp_path / "store" / f"{built.root.hex()}.seg"
    file.chmod(0o644)
    file.write_bytes(damaged(built.path.read_bytes(), 500))
    with pytest.raises(ProofInvalid):
        store.check(built.root, built.n)
    file.write_bytes(b"")
    with pytest.raises(ProofInvalid):
        store.check(built.root, built.n)


def test_only_so_many_stay_open_and_all_can_be_used(tmp_path):
    store = SegmentStore(tmp_path / "store", free_floor=0, max_open=3)
    segments = [make(tmp_path, 5 + number) for number in range(10)]
    for segment in segments:
        store.put(segment.root, segment.path)
    before = len(os.listdir("/proc/self/fd"))
    views = {}
    for _ in range(2):
        for segment in segments:
            view = store.open(segment.root, segment.n)
            assert len(list(view)) == segment.n
            assert store.open(segment.root, segment.n) is view
    assert len(os.listdir("/proc/self/fd")) - before <= 3 + 1
    views = [store.open(segment.root, segment.n) for segment in segments]  # pushed out, but still held here
    assert [len(list(view)) for view in views] == [segment.n for segment in segments]


@pytest.mark.parametrize(
    ("soft", "most"), [(1_024, 512), (1, 1), (1_048_576, MAX_OPEN), (resource.RLIM_INFINITY, MAX_OPEN)]
)
def test_as_many_stay_open_as_one_look_up_needs_and_descriptors_allow(monkeypatch, soft, most):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, resource.RLIM_INFINITY))
    assert most_open() == most
    assert MAX_OPEN > PUBLIC_BATCH_LIMIT


def test_the_sweep_takes_old_segments_that_nothing_names(store, tmp_path):
    old, needed, young = (make(tmp_path, 20 + number) for number in range(3))
    for segment in (old, needed, young):
        store.put(segment.root, segment.path)
    for segment in (old, needed):
        age(store, segment.root, DAY + 60)
    view = store.open(old.root, old.n)
    asked = []

    def is_referenced(root: bytes) -> bool:
        asked.append(root)
        return root == needed.root

    assert store.sweep(is_referenced) == [old.root]
    assert set(asked) == {old.root, needed.root}
    assert [store.has(segment.root) for segment in (old, needed, young)] == [False, True, True]
    with pytest.raises(NotFound):
        store.open(old.root, old.n)
    assert len(list(view)) == old.n  # whoever reads it goes on reading
    assert store.sweep(lambda _: False, now=time.time() + 2 * DAY) != []
    assert visible(tmp_path) == []


def test_holding_or_putting_again_saves_from_the_sweep(store, built):
    store.put(built.root, built.path)
    age(store, built.root, DAY + 60)
    assert store.hold(built.root)
    assert store.sweep(lambda _: False) == []
    age(store, built.root, DAY + 60)
    store.put(built.root, built.path)
    assert store.sweep(lambda _: False) == []
    age(store, built.root, DAY + 60)

    def registered_meanwhile(_: bytes) -> bool:
        store.hold(built.root)  # between the look at its age and its removal
        return False

    assert store.sweep(registered_meanwhile) == []
    assert store.has(built.root)


def test_the_sweep_takes_old_remains_and_leaves_what_is_not_ours(store, built, tmp_path):
    incoming = tmp_path / "store" / "incoming"
    (incoming / "upload-old").write_bytes(b"half")
    (incoming / "build-old").mkdir()
    (incoming / "build-old" / "new.seg").write_bytes(b"half")
    for name in ("upload-old", "build-old"):
        os.utime(incoming / name, (1, 1))
    (incoming / "upload-young").write_bytes(b"half")
    for name in ("notes.seg", "ab.seg", "AB" * 32 + ".seg", "README"):
        (tmp_path / "store" / name).write_bytes(b"mine")
        os.utime(tmp_path / "store" / name, (1, 1))
    assert store.sweep(lambda _: False) == []
    assert visible(tmp_path) == sorted(["AB" * 32 + ".seg", "README", "ab.seg", "notes.seg", "incoming/upload-young"])


def test_scratch_is_on_the_same_file_system_and_cleaned_up(store, tmp_path):
    with store.scratch() as path:
        segment = build(GTIN, "B", ["S1", "S2"], SALT, path)
        store.put(segment.root, path, move=True)
    with store.scratch() as path:
        build(GTIN, "C", ["S1", "S2"], SALT, path)
    assert visible(tmp_path) == [f"{segment.root.hex()}.seg"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_at_any_durable_step_leaves_the_whole_segment_or_none(store, built, tmp_path, call, nth):
    """The process is killed right after the step; then the folder is opened anew."""
    code = f"""
import os, signal
from pathlib import Path
from ledger.services.scans.verification import PUBLIC_BATCH_LIMIT
from ledger.storage.segment import MAX_OPEN, SegmentStore, most_open
real, calls = os.{call}, []
def deadly(*args):
    real(*args)
    calls.append(1)
    if len(calls) == {nth}:
        os.kill(os.getpid(), signal.SIGKILL)
os.{call} = deadly
store = SegmentStore(Path({str(tmp_path / "store")!r}), free_floor=0)
store.put(bytes.fromhex({built.root.hex()!r}), Path({str(built.path)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode == (0 if (call, nth) == ("rename", 2) else -9)
    again = SegmentStore(tmp_path / "store", free_floor=0)
    if again.has(built.root):
        again.check(built.root, built.n)
    else:
        assert again.put(built.root, built.path).created
    again.sweep(lambda root: root == built.root, now=time.time() + 2 * DAY)
    assert visible(tmp_path) == [f"{built.root.hex()}.seg"]


def test_the_folder_says_why_it_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        SegmentStore(tmp_path / "file")
    assert caught.value.code == "segment_store"
    with pytest.raises(Unavailable):
        SegmentFolder(tmp_path / "gone").check_floor(1)
