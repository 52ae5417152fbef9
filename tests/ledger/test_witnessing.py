"""Asking witnesses: real witness servers, and servers that answer as no witness should."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import insert
from witness_world import Server, policy, wait_for

from ledger.remote.witness import HttpWitness
from ledger.services.outward.publishing import Publisher
from ledger.services.outward.witnessed import WitnessedHead, with_cosignatures
from ledger.services.outward.witnessing import Cosigner, Witnessing, describe_witnesses
from ledger.storage import schema
from ledger.storage.cosignature import CosignatureTable
from ledger.storage.database import create_all, open_database, writing
from ledger.storage.log import LogStore
from ledger.storage.published import PublishedFolder
from ledger.storage.seal import SealTable
from tests.ledger.growing import LOG_ID, Growing
from verifier.record.record import Record
from verifier.tree.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from verifier.tree.note import Note, cosign_note
from verifier.tree.note_key import KeyType, SigningKey
from verifier.tree.policy import Policy

KEY = SigningKey("ledger.example/goods", bytes(range(32)))
RIVAL = SigningKey("rival.example/witness", bytes(range(32, 64)), KeyType.COSIGNATURE_V1)


class Scene:
    """A signed log, published and shown to witnesses."""

    def __init__(self, path: Path, text: str) -> None:
        self.policy = Policy.parse(text)
        self.engine = open_database(f"sqlite:///{path / 'ledger.db'}")
        create_all(self.engine)
        self.growing = Growing(LogStore(self.engine, LOG_ID))
        self.folder = PublishedFolder(path / "published")
        self.kept = CosignatureTable(self.engine)
        self.clock = time.time
        self.opened: list[Any] = []

    def grow(self, count: int) -> None:
        self.growing.grow(count)
        head = self.growing.log.head()
        note = sign_checkpoint(Checkpoint(KEY.name, head.size, head.root), KEY).format()
        self.growing.log.save_checkpoint(head.size, head.root, note)

    def open(self, **options: Any) -> Witnessing:
        """Start asking and publishing, as a server does."""
        log = self.growing.log
        self.witnessed = WitnessedHead(self.policy, self.kept)
        cosigners = [Cosigner(w.name, w.key, HttpWitness(w.url or "")) for w in self.policy.named]
        options = {"backoff": (0.1,), "clock": lambda: self.clock(), **options}
        self.witnessing = Witnessing(self.policy, cosigners, log, self.kept, self.witnessed, **options)
        self.publisher = Publisher(
            log,
            Record(lambda *_: None),
            self.folder,
            SealTable(self.engine),
            lambda size, note: with_cosignatures(note, self.witnessed.lines(size)),
            self.witnessing,
            interval=0.05,
        )
        self.witnessing.changed = self.publisher.nudge
        self.witnessing.start()
        self.publisher.start()
        self.opened += [self.publisher, self.witnessing]
        return self.witnessing

    def close(self) -> None:
        for part in self.opened:
            part.close()
        self.opened.clear()

    def published(self) -> tuple[int, set[str]]:
        """Size and cosigners of the published checkpoint; every signature in it is verified."""
        keys, note = self.policy.witnesses, self.folder.checkpoint()
        if note is None:
            return 0, set()
        opened = open_checkpoint(note, KEY.verifier, keys.values())
        assert all(signature.key in (KEY.verifier, *keys.values()) for signature in opened.opened.verified)
        assert len(opened.opened.verified) == len(opened.opened.note.signatures)
        cosigned = {name for name, key in keys.items() for made in opened.opened.verified if made.key == key}
        return opened.checkpoint.size, cosigned

    def w(self) -> int:
        self.witnessed.renew()
        current = self.witnessed.current()
        return current.size if current is not None else 0


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    made = [Server.make(tmp_path, name) for name in ("ke", "br", "nl")]
    for server in made:
        server.trust(KEY.verifier)
    yield made
    for server in made:
        server.stop()


@pytest.fixture
def scene(tmp_path: Path, servers: list[Server]) -> Iterator[Scene]:
    made = Scene(tmp_path, policy(*servers, quorum=2))
    yield made
    made.close()
    made.engine.dispose()


def test_every_published_checkpoint_carries_its_cosignatures(scene: Scene, servers: list[Server]) -> None:
    for server in servers:
        server.start()
    scene.open()
    size = 0
    for count in (1, 5, 300):
        scene.grow(count)
        size += count
        scene.publisher.nudge()
        wait_for(lambda size=size: scene.published() == (size, {"ke", "br", "nl"}))
        assert scene.w() == size
    assert scene.witnessing.troubles() == {}
    assert {server.last(KEY.name) for server in servers} == {size}


def test_two_of_three_are_enough_and_the_dead_one_is_named(scene: Scene, servers: list[Server]) -> None:
    for server in servers[:2]:
        server.start()
    scene.open()
    scene.grow(3)
    wait_for(lambda: scene.published() == (3, {"ke", "br"}))
    assert scene.w() == 3
    wait_for(lambda: set(scene.witnessing.troubles()) == {"nl"})
    assert scene.witnessing.troubles()["nl"].code == "witness_unavailable"
    servers[2].start()
    wait_for(lambda: scene.published() == (3, {"ke", "br", "nl"}))
    wait_for(lambda: not scene.witnessing.troubles())


def test_without_a_quorum_the_log_is_published_and_w_stays(scene: Scene, servers: list[Server]) -> None:
    for server in servers[:2]:
        server.start()
    scene.open()
    scene.grow(3)
    wait_for(lambda: scene.w() == 3)
    servers[1].stop()
    scene.grow(4)
    wait_for(lambda: scene.published() == (7, {"ke"}))
    assert scene.w() == 3, "one of two that are needed"
    servers[1].start()
    wait_for(lambda: scene.w() == 7)


def test_after_a_restart_it_goes_on_from_what_each_witness_remembers(scene: Scene, servers: list[Server]) -> None:
    for server in servers:
        server.start()
    scene.open()
    scene.grow(3)
    wait_for(lambda: scene.w() == 3 and len(scene.published()[1]) == 3)
    scene.close()
    scene.grow(260)
    with scene.engine.begin() as connection:  # one witness forgotten here: it says itself how far it is
        connection.exec_driver_sql("DELETE FROM cosignature WHERE name = 'br'")
    scene.open()
    wait_for(lambda: scene.published() == (263, {"ke", "br", "nl"}))
    assert scene.witnessing.troubles() == {}


def test_the_same_size_is_cosigned_again_before_it_is_too_old(scene: Scene, servers: list[Server]) -> None:
    for server in servers:
        server.start()
    scene.grow(3)
    scene.open(renew_seconds=1.0)
    wait_for(lambda: len(scene.published()[1]) == 3)
    first = scene.witnessed.current()
    assert first is not None
    wait_for(lambda: (w := scene.witnessed.current()) is not None and w.time > first.time)
    assert scene.w() == 3
    assert len(scene.kept.of_size(3)) == 3, "the newer one takes the place of the older"
    wait_for(lambda: min(c.time for c in scene.kept.of_size(3)) > first.time)
    wait_for(lambda: all(c.line.encode() in (scene.folder.checkpoint() or b"") for c in scene.kept.of_size(3)))


def test_a_witness_that_saw_more_than_this_log_has_is_an_alarm(
    scene: Scene, servers: list[Server], tmp_path: Path
) -> None:
    for server in servers:
        server.start()
    (tmp_path / "newer").mkdir()
    newer = Scene(tmp_path / "newer", policy(*servers, quorum=2))
    newer.grow(9)
    newer.open()
    wait_for(lambda: newer.w() == 9)
    newer.close()
    scene.grow(3)
    scene.open()
    wait_for(lambda: len(scene.witnessing.troubles()) == 3)
    assert {trouble.code for trouble in scene.witnessing.troubles().values()} == {"witness_ahead"}
    assert scene.w() == 0
    newer.engine.dispose()


def test_a_witness_that_was_shown_another_history_cosigns_nothing(
    scene: Scene, servers: list[Server], tmp_path: Path
) -> None:
    for server in servers:
        server.start()
    (tmp_path / "other").mkdir()
    other = Scene(tmp_path / "other", policy(*servers, quorum=2))
    other.growing.grow(3, b"another history")
    other.grow(1)
    other.open()
    wait_for(lambda: other.w() == 4)
    other.close()
    other.engine.dispose()
    scene.grow(9)
    scene.open()
    wait_for(lambda: len(scene.witnessing.troubles()) == 3)
    assert {trouble.code for trouble in scene.witnessing.troubles().values()} == {"witness_refused"}


def test_a_witness_that_does_not_know_the_log_is_named(scene: Scene, tmp_path: Path) -> None:
    stranger = Server.make(tmp_path, "us").start()
    text = policy(stranger, quorum=1)
    scene.policy = Policy.parse(text)
    scene.grow(1)
    scene.open()
    wait_for(lambda: scene.witnessing.troubles())
    assert scene.witnessing.troubles()["us"].code == "witness_unknown_log"
    (shown,) = describe_witnesses(scene.policy, scene.kept, scene.witnessing.troubles())
    assert shown["trouble"]["code"] == "witness_unknown_log"
    scene.close()
    stranger.stop()


# servers that answer as no witness should

Answer = Callable[[bytes], tuple[int, bytes]]


class Odd:
    """An HTTP server that gives one answer to every request."""

    def __init__(self, answer: Answer, delay: float = 0.0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                time.sleep(delay)
                status, said = answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                if status in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                try:
                    self.wfile.write(said)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def cosigned(body: bytes, key: SigningKey, at: int | None = None, text: str | None = None) -> bytes:
    """The lines that a witness with this key would answer."""
    note = Note.parse(body.partition(b"\n\n")[2])
    made = cosign_note(Note(text or note.text, note.signatures), key, int(time.time()) if at is None else at)
    return made.signatures[-1].format().encode() + b"\n"


def other_text(body: bytes) -> str:
    note = Note.parse(body.partition(b"\n\n")[2])
    return Checkpoint(KEY.name, 1, bytes(32)).encode() if note.text else ""


GOOD = RIVAL
STRANGER = SigningKey("somebody.example/else", bytes(32), KeyType.COSIGNATURE_V1)
NAMESAKE = SigningKey(RIVAL.name, bytes(32), KeyType.COSIGNATURE_V1)

ODD: dict[str, tuple[Answer, str]] = {
    "nothing at all": (lambda _: (200, b""), "cosignature"),
    "no signature line": (lambda _: (200, b"hello\n"), "cosignature"),
    "bytes that are no text": (lambda _: (200, b"\xff\xfe\n"), "cosignature"),
    "a line of somebody else": (lambda body: (200, cosigned(body, STRANGER)), "signature_missing"),
    "its name with another key": (lambda body: (200, cosigned(body, NAMESAKE)), "signature_missing"),
    "a cosignature of another text": (lambda b: (200, cosigned(b, GOOD, text=other_text(b))), "signature_invalid"),
    "an hour ahead": (lambda b: (200, cosigned(b, GOOD, int(time.time()) + 3_600)), "witness_clock"),
    "an hour behind": (lambda b: (200, cosigned(b, GOOD, int(time.time()) - 3_600)), "witness_clock"),
    "two megabytes": (lambda _: (200, b"x" * 2_000_000), "cosignature"),
    "a wrong size": (lambda _: (409, b"many\n"), "decimal"),
    "a size beyond ours": (lambda _: (409, b"99\n"), "witness_ahead"),
    "a size that goes back and forth": (lambda _: (409, b"1\n"), "witness_refused"),
    "an error": (lambda _: (500, b"oh\n"), "witness_unavailable"),
    "too many requests": (lambda _: (429, b"slow down\n"), "witness_unavailable"),
    "a refusal": (lambda _: (422, b"the proof is wrong\n"), "witness_refused"),
    "another place": (lambda _: (302, b""), "witness_refused"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_witness_should_answer_is_kept_by_nobody(tmp_path: Path, name: str) -> None:
    answer, code = ODD[name]
    odd = Odd(answer)
    scene = Scene(tmp_path, f"witness odd {RIVAL.verifier.format()} {odd.url}\nquorum odd\n")
    scene.grow(2)
    scene.open()
    wait_for(lambda: scene.witnessing.troubles())
    assert scene.witnessing.troubles()["odd"].code == code
    wait_for(lambda: scene.folder.size() == 2)
    assert scene.published() == (2, set())
    assert scene.kept.of_size(2) == []
    scene.close()
    odd.stop()
    scene.engine.dispose()


def test_lines_of_others_beside_its_own_are_ignored(tmp_path: Path) -> None:
    odd = Odd(lambda body: (200, cosigned(body, STRANGER) + cosigned(body, NAMESAKE) + cosigned(body, GOOD)))
    scene = Scene(tmp_path, f"witness odd {RIVAL.verifier.format()} {odd.url}\nquorum odd\n")
    scene.grow(2)
    scene.open()
    wait_for(lambda: scene.published() == (2, {"odd"}))
    scene.close()
    odd.stop()
    scene.engine.dispose()


def test_a_slow_witness_holds_up_nobody(scene: Scene, servers: list[Server]) -> None:
    slow = Odd(lambda body: (200, cosigned(body, GOOD)), delay=3.0)
    for server in servers[:2]:
        server.start()
    lines = [servers[0].line(), servers[1].line(), f"witness slow {RIVAL.verifier.format()} {slow.url}"]
    scene.policy = Policy.parse("\n".join([*lines, "group g 2 ke br slow", "quorum g\n"]))
    scene.open()
    for size in (1, 2, 3):
        scene.grow(1)
        began = time.monotonic()
        wait_for(lambda size=size: scene.w() >= size)
        assert time.monotonic() - began < 2.5, "the other two were enough"
    wait_for(lambda: any(c.name == "slow" for c in scene.kept.newest()))
    scene.close()
    slow.stop()


def test_a_page_of_cosignatures_may_end_inside_a_size(scene: Scene) -> None:
    rows = [
        {"size": size, "name": name, "time_s": 1_000 + size, "line": f"— {name} AAAAAAAA"}
        for size in range(1, 400)
        for name in ("br", "ke", "nl")
    ]
    with writing(scene.engine) as connection:
        connection.execute(insert(schema.cosignature), rows)
    found = list(scene.kept.newest())
    assert [c.size for c in found] == sorted((c.size for c in found), reverse=True)
    assert {(c.size, c.name) for c in found} == {(s, n) for s in range(1, 400) for n in ("br", "ke", "nl")}
    assert len(found) == 3 * 399
    scene.witnessed = WitnessedHead(scene.policy, scene.kept)
    assert scene.w() == 399
