"""The published log over HTTP: what C2SP readers ask for, from files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ledger_world import World, gtin
from served import PREFIX, Stage, client

from api.routes.log import PATHS, description
from ledger.wiring.reader import open_ledger
from verifier.segment.view import check_segment
from verifier.tree.checkpoint import open_checkpoint
from verifier.tree.merkle import leaf_hash, root_at
from verifier.tree.note_key import VerifierKey
from verifier.tree.tiles import TileHashes, decode_bundle, tile_path, tiles_of

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A ledger of its own whose log is published and does not grow."""
    made = World.found(tmp_path_factory.mktemp("log") / "home")
    with made.open() as ledger:
        maker = made.maker(ledger, "Aurora", PREFIX)
        made.register(ledger, maker, gtin(PREFIX, 1), "L1", units=40)
        assert ledger.publisher is not None
        ledger.publisher.round()
    return made


@pytest.fixture(scope="module")
def log(world: World) -> Iterator[httpx.Client]:
    """A client of a server over it, opened for reading."""
    with open_ledger(world.home) as ledger, client(ledger, public_only=True) as http:
        yield http


def test_a_stranger_finds_the_way_with_the_vkey_alone(log: httpx.Client, world: World) -> None:
    about = log.get("/log/").json()
    assert about["founding_pin"] == world.home.config().pin
    assert about["paths"] == PATHS
    key = VerifierKey.parse(about["log_keys"][0])
    response = log.get("/log/checkpoint")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    head = open_checkpoint(response.content, key).checkpoint
    hashes = TileHashes(lambda level, n, width: log.get(f"/log/{tile_path(level, n, width)}").content, head.size)
    assert root_at(head.size, hashes) == head.root
    bundle = log.get(f"/log/{tile_path('entries', 0, head.size)}")
    leaves = [leaf_hash(entry) for entry in decode_bundle(bundle.content, head.size)]
    assert leaves == [hashes(0, index) for index in range(head.size)]


def test_every_file_is_immutable_and_has_a_tag(log: httpx.Client, world: World) -> None:
    with open_ledger(world.home) as ledger:
        size = ledger.published.size()
    for tile in tiles_of(size):
        response = log.get(f"/log/{tile_path(tile.level, tile.n, tile.width)}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = log.get(response.url.path, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_segment_of_a_batch_is_the_signed_one(log: httpx.Client, world: World, tmp_path: Path) -> None:
    with open_ledger(world.home) as ledger:
        batch = next(iter(ledger.record.batches.values()))
    response = log.get(f"/log/segment/{batch.segment_root.hex()}")
    assert response.headers["cache-control"].endswith("immutable")
    check_segment(response.content, batch.unit_count, batch.segment_root)


def test_a_segment_that_no_entry_names_is_not_published(stage: Stage, http: httpx.Client) -> None:
    made = stage.world.prepare(stage.ledger, stage.maker, gtin(PREFIX, 9), "NEVER", ["A1", "B2"])
    root = made.statement.body["segmentRoot"][2:]
    assert stage.ledger.segments.has(bytes.fromhex(root))
    response = http.get(f"/log/segment/{root}")
    assert (response.status_code, response.json()["code"]) == (404, "segment_unpublished")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("tile/0/001", 404, "tile_missing"),
        ("tile/0/000.p/255", 404, "tile_missing"),
        ("tile/1/000.p/1", 404, "tile_missing"),
        ("tile/entries/x999/999", 404, "tile_missing"),
        ("tile/0/000.p/256", 400, "tile_path"),
        ("tile/0/000.p/0", 400, "tile_path"),
        ("tile/64/000", 400, "tile_path"),
        ("tile/00/000", 400, "tile_path"),
        ("tile/0/x000/000", 400, "tile_path"),
        ("tile/0/0", 400, "tile_path"),
        ("tile/entries/", 400, "tile_path"),
        ("tile/0/..%2f..%2f..%2fledger.json", 400, "tile_path"),
        ("tile/..%2f..%2fledger.json", 400, "tile_path"),
        ("tile/%2fetc%2fpasswd", 400, "tile_path"),
        ("tile/0/000%00", 400, "tile_path"),
        ("tile/0/٠٠٠", 400, "tile_path"),
        ("seal/0", 404, "seal_missing"),
        ("seal/00", 400, "decimal"),
        ("seal/-1", 400, "decimal"),
        ("seal/99999999999999999999", 400, "decimal"),
        ("seal/..%2f..%2fledger.json", 404, "route"),
        ("segment/" + "00" * 32, 404, "segment_unpublished"),
        ("segment/" + "AB" * 32, 400, "malformed"),
        ("segment/..%2fledger.json", 404, "route"),
        ("nothing", 404, "route"),
    ],
)
def test_what_is_not_published_is_one_clear_problem(log: httpx.Client, path: str, status: int, code: str) -> None:
    response = log.get(f"/log/{path}", headers={"Accept": "text/html"})
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers.get("cache-control") != "public, max-age=31536000, immutable"


def test_the_log_is_read_while_the_database_is_gone(world: World, tmp_path: Path) -> None:
    with open_ledger(world.home) as ledger, client(ledger) as http:
        tile = f"/log/{tile_path(0, 0, ledger.published.size())}"
        answers = {path: http.get(path) for path in ("/log/", "/log/checkpoint", tile)}
        before = {path: answer.raise_for_status().content for path, answer in answers.items()}
        database, aside = world.home.path / "ledger.db", tmp_path / "aside.db"
        ledger.engine.dispose()
        database.rename(aside)
        database.mkdir()  # whoever opens it now gets an error
        try:
            assert http.get("/readyz").json()["parts"]["database"] == "database"
            assert http.get("/v1/ledger").status_code == 503
            assert {path: http.get(path).content for path in before} == before
        finally:
            database.rmdir()
            aside.rename(database)


def test_before_the_first_publication_there_is_no_checkpoint(world: World, tmp_path: Path) -> None:
    published, aside = world.home.published, tmp_path / "published"
    published.rename(aside)
    try:
        with open_ledger(world.home) as ledger, client(ledger) as http:
            response = http.get("/log/checkpoint")
            assert (response.status_code, response.json()["code"]) == (404, "checkpoint_missing")
    finally:
        aside.rename(published)


def test_the_description_names_what_entry_0_fixed(world: World) -> None:
    with open_ledger(world.home) as ledger:
        about = description(ledger.founding)
    assert about["witness_policy"] == "none"
    assert about["contracts"] == {"registry": ledger.founding.registry, "anchor": ledger.founding.anchor}
