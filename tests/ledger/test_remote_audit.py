"""The audit of a log that others publish, over real HTTP and from a copied folder, with only the pin."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ledger.remote import http as http_module
from ledger.remote.cache import FileCache
from ledger.remote.http import ATTEMPTS, HttpFiles, log_url
from ledger.wiring.audit import audit_folder, audit_url
from tests.listening import listening
from tests.log_server import PublishedLog, serving
from tests.sim import Sim
from verifier.audit.report import AuditReport, Former
from verifier.errors import Malformed, NotFound, ProofInvalid, Unavailable
from verifier.record.batch import RetireReason
from verifier.tree.tiles import tile_path

SIZE = 600
"""Entries: two full bundles and a partial one."""


@cache
def story() -> Sim:
    """A log with a hidden salt, retired units as a segment, and more entries than two bundles."""
    sim = Sim.found(checked=False)
    maker = sim.maker("aurora", "9521234")
    batch = sim.register_batch(maker, units=100)
    sim.retire(maker, batch, RetireReason.SOLD, batch.serials[:70])
    while sim.size() < SIZE:
        sim.undo(maker, sim.recall(maker, batch))
    return sim


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PublishedLog]:
    with serving(PublishedLog(deepcopy(story()), tmp_path / "published")) as made:
        yield made


def found(report: AuditReport) -> set[tuple[str, str]]:
    return {(finding.at, finding.code) for finding in report.findings}


def test_a_sound_log_passes_with_only_the_pin(log: PublishedLog, tmp_path: Path) -> None:
    report = audit_url(log.url, log.sim.pin)
    assert report.ok, report.findings
    assert (report.size, report.root) == (log.sim.size(), log.sim.root())
    assert {name: report.counts[name] for name in ("entries", "tiles", "segments", "checkpoints")} == {
        "entries": log.sim.size(), "tiles": 4, "segments": 2, "checkpoints": 1,
    }  # fmt: skip
    assert max(log.asked.values()) == 1, log.asked
    folder = audit_folder(tmp_path / "published", log.sim.pin)
    assert found(folder) == set()
    assert folder.counts == report.counts


def test_segments_beside_a_copied_folder_are_found_as_a_home_keeps_them(tmp_path: Path) -> None:
    PublishedLog(story(), tmp_path / "published")
    (tmp_path / "segments").mkdir()
    for path in (tmp_path / "published" / "segment").iterdir():
        path.rename(tmp_path / "segments" / f"{path.name}.seg")
    assert audit_folder(tmp_path / "published", story().pin).ok
    shutil.rmtree(tmp_path / "segments")
    assert {code for _, code in found(audit_folder(tmp_path / "published", story().pin))} == {"segment_not_found"}
    with pytest.raises(NotFound):
        audit_folder(tmp_path, story().pin)


def test_what_was_fetched_is_not_fetched_again(log: PublishedLog, tmp_path: Path) -> None:
    assert audit_url(log.url, log.sim.pin, cache=tmp_path / "cache").ok
    log.asked.clear()
    report = audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    assert report.ok
    assert dict(log.asked) == {"checkpoint": 1}
    assert "files came from" in report.notes[-1]
    assert audit_url(log.url, log.sim.pin).ok
    assert len(log.asked) > 1


def test_a_cache_that_lost_a_bit_accuses_nobody(log: PublishedLog, tmp_path: Path) -> None:
    cache_folder = tmp_path / "cache"
    audit_url(log.url, log.sim.pin, cache=cache_folder)
    files = [path for path in cache_folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) >= 9
    for path in files:
        path.chmod(0o644)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(bytes(raw))
    report = audit_url(log.url, log.sim.pin, cache=cache_folder)
    assert report.ok, report.findings
    log.asked.clear()
    assert audit_url(log.url, log.sim.pin, cache=cache_folder).ok
    assert dict(log.asked) == {"checkpoint": 1}


def test_a_log_that_grew_costs_what_is_new(log: PublishedLog, tmp_path: Path) -> None:
    audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    log.sim.append(*_next(log.sim))
    log.publish()
    log.asked.clear()
    report = audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    assert report.ok
    assert report.counts["checkpoints"] == 2
    assert "tile/entries/000" not in log.asked


@pytest.mark.parametrize(
    ("path", "at", "where", "code"),
    [
        ("tile/0/001", 32 * 9 + 4, "entry 265", "leaf_differs"),
        ("tile/1/000.p/2", 40, "tile/1/000.p/2 hash 1", "tile_differs"),
        ("tile/entries/000", 200, "entry 0", "pin"),
        ("checkpoint", 40, f"checkpoint {SIZE}", "signature_invalid"),
    ],
)
def test_an_altered_file_is_named(log: PublishedLog, tmp_path: Path, path: str, at: int, where: str, code: str) -> None:
    raw = bytearray((log.folder / path).read_bytes())
    raw[at] ^= 1
    log.lie[path] = bytes(raw)
    report = audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    assert (where, code) in found(report), found(report)
    (log.folder / path).write_bytes(bytes(raw))
    assert (where, code) in found(audit_folder(log.folder, log.sim.pin))
    log.lie.clear()
    (log.folder / path).write_bytes(bytes(raw[:at]) + bytes([raw[at] ^ 1]) + bytes(raw[at + 1 :]))
    assert audit_url(log.url, log.sim.pin, cache=tmp_path / "cache").ok, "a lie is not kept"


def test_missing_files_are_named_and_larger_ones_not_read(log: PublishedLog) -> None:
    log.lie = {"tile/1/000.p/2": None}
    assert found(audit_url(log.url, log.sim.pin)) == {("tile/1/000.p/2", "tile_missing")}
    log.lie = {"tile/0/001": bytes(256 * 32 + 1)}
    assert found(audit_url(log.url, log.sim.pin)) == {("tile/0/001", "file_size")}
    root = next(iter(log.sim.segments))
    log.lie = {f"segment/{root.hex()}": (log.folder / "segment" / root.hex()).read_bytes() + b"x"}
    places = found(audit_url(log.url, log.sim.pin))
    assert f"segment {root.hex()} of entry 4" in {place for place, _ in places}
    assert {code for _, code in places} >= {"file_size"}
    log.lie = {"checkpoint": None}
    with pytest.raises(NotFound) as caught:
        audit_url(log.url, log.sim.pin)
    assert caught.value.code == "not_published"


def test_a_segment_with_another_count_or_another_key_is_named(log: PublishedLog) -> None:
    root = next(iter(log.sim.segments))
    whole = (log.folder / "segment" / root.hex()).read_bytes()
    changed = bytearray(whole)
    changed[130] ^= 1
    for raw in (whole[:-32], bytes(changed)):
        log.lie = {f"segment/{root.hex()}": raw}
        places = found(audit_url(log.url, log.sim.pin))
        named = {code for place, code in places if place.startswith(f"segment {root.hex()}")}
        assert named & {"segment_count", "segment_root", "segment_unsorted"}, places


def test_a_partial_tile_that_is_gone_is_cut_from_the_full_one(log: PublishedLog) -> None:
    """C2SP tlog-tiles lets a log drop partial tiles once the full one is there."""
    whole = log.sim
    while whole.size() < 768:
        whole.append(*_next(whole))
    note = (log.folder / "checkpoint").read_bytes()
    log.publish()
    log.lie["checkpoint"] = note  # a reader that came a moment earlier
    assert not (log.folder / "tile/entries/002.p").exists()
    for path in ("tile/entries/002.p/88", "tile/0/002.p/88"):
        log.lie[path] = None
    report = audit_url(log.url, whole.pin)
    assert found(report) == set()
    assert report.size == SIZE


def test_no_answer_is_no_finding(log: PublishedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "PAUSE", 0.001)
    log.status["tile/entries/001"] = [503] * ATTEMPTS
    with pytest.raises(Unavailable, match="answered 503"):
        audit_url(log.url, log.sim.pin)
    log.status["tile/entries/001"] = [500, 502, 429]
    assert audit_url(log.url, log.sim.pin).ok
    with pytest.raises(Unavailable):
        audit_url("http://127.0.0.1:1", log.sim.pin)


def test_another_log_than_the_pinned_one_is_said(log: PublishedLog, tmp_path: Path) -> None:
    report = audit_url(log.url, bytes(32), cache=tmp_path / "cache")
    assert ("entry 0", "pin") in found(report)
    assert not list((tmp_path / "cache").rglob("tile"))


def test_a_rewritten_history_is_caught_by_the_kept_head_and_by_the_former_report(
    log: PublishedLog, tmp_path: Path
) -> None:
    before = audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    forged = deepcopy(log.sim)
    forged.forge(3, lambda entry: {**entry, "recorded_at": entry["recorded_at"].replace("000Z", "001Z")})
    log.publish_anew(forged)
    again = audit_url(log.url, log.sim.pin, cache=tmp_path / "cache")
    assert (f"checkpoint {before.size}", "root_differs") in found(again)
    stranger = audit_url(log.url, log.sim.pin, former=Former.from_json(before.to_json()))
    assert (f"the first {before.size} entries", "since_differs") in found(stranger)


def test_an_answer_is_bounded_in_every_way() -> None:
    def endless(_request: Request) -> Response:
        return StreamingResponse(iter(lambda: b"x" * 1000, None), media_type="application/octet-stream")

    def away(_request: Request) -> Response:
        return RedirectResponse("https://elsewhere.example/")

    def packed(_request: Request) -> Response:
        return Response(b"x", headers={"Content-Encoding": "gzip"})

    routes = [Route("/log/endless", endless), Route("/log/away", away), Route("/log/packed", packed)]
    with listening(Starlette(routes=routes)) as url, HttpFiles(url, sleep=lambda _s: None) as files:
        with pytest.raises(ProofInvalid, match="more than 5000 bytes"):
            files.read("endless", 5_000)
        with pytest.raises(Unavailable, match="sends readers on to https://elsewhere"):
            files.read("away", 100)
        with pytest.raises(Unavailable):
            files.read("packed", 100)
        with pytest.raises(NotFound):
            files.read("nothing", 100)


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def drip(_request: Request) -> Response:
        def pieces() -> Iterator[bytes]:
            while True:
                time.sleep(0.02)
                yield b"x"

        return StreamingResponse(pieces(), media_type="application/octet-stream")

    monkeypatch.setattr(http_module, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(http_module, "ATTEMPTS", 2)
    app = Starlette(routes=[Route("/log/drip", drip)])
    with (
        listening(app) as url,
        HttpFiles(url, sleep=lambda _s: None) as files,
        pytest.raises(Unavailable, match="too slowly"),
    ):
        files.read("drip", 1_000)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example/log/"), ("https://a.example/", "https://a.example/log/"),
        ("https://a.example/x/log", "https://a.example/x/log/"), ("http://127.0.0.1:5/log/", "http://127.0.0.1:5/log/"),
        ("http://localhost:5", "http://localhost:5/log/"), ("http://[::1]:5", "http://[::1]:5/log/"),
    ],
)  # fmt: skip
def test_addresses_are_understood(url: str, expected: str) -> None:
    assert log_url(url) == expected


@pytest.mark.parametrize("url", ["http://a.example", "http://10.0.0.1/log", "ftp://a.example", "https://", "x"])
def test_addresses_that_anybody_could_answer_are_refused(url: str) -> None:
    with pytest.raises(Malformed):
        log_url(url)


def test_waits_are_taken_from_the_server_within_bounds() -> None:
    def wait(after: str) -> float | None:
        return http_module._retry_after(httpx.Response(503, headers={"Retry-After": after}))

    assert (wait("3"), wait("9999"), wait("soon"), wait("")) == (3.0, http_module.PAUSE_MAX, None, None)


def test_the_cache_gives_only_what_was_kept(tmp_path: Path) -> None:
    kept = FileCache(tmp_path, bytes(32))
    path = tile_path("entries", 1234067, 8)
    assert kept.read(path) is None
    kept.write(path, b"content")
    assert kept.read(path) == b"content"
    raw = (kept.folder / path).read_bytes()
    assert raw == hashlib.sha256(b"content").digest() + b"content"
    (kept.folder / path).write_bytes(raw[:-1])
    assert kept.read(path) is None
    assert not (kept.folder / path).exists()
    kept.keep_head(5, b"note")
    assert list(kept.heads()) == [b"note"]


def _next(sim: Sim) -> tuple:  # type: ignore[type-arg]
    from tests.sim import actor
    from verifier.record.statement import Kind

    batch = next(iter(sim.record.batches.values()))
    maker = actor("aurora")
    current = batch.recall.current
    if current is not None:
        statement = sim.statement(
            maker, Kind.UNDONE, {**sim.header(), "target": "0x" + current.leaf.hex(), "reason": "x"}
        )
    else:
        body = {
            "batch": "0x" + batch.id.hex(),
            "reason": "x",
            "noticeUrl": "",
            "supersedes": "0x" + batch.recall.head.hex(),
        }
        statement = sim.statement(maker, Kind.BATCH_RECALLED, {**sim.header(), **body})
    return statement.kind, statement.body, statement.actor, statement.signature
