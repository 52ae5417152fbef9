"""The witness server: a real process, asked over HTTP as any log would, at once and while it is killed."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from cli_world import Cli
from witness_process import HTTP, WitnessProcess

from api.witness.app import create_app
from ledger.home import Home, Settings
from ledger.wiring.witness import create_witness, open_witness
from tests.listening import listening
from tests.scale import scaled
from tests.sim import Sim
from tests.verifier.signed_log import SignedLog
from verifier.tree.checkpoint import Checkpoint
from verifier.tree.merkle import EMPTY_ROOT
from verifier.tree.note import Note, open_note
from verifier.tree.note_key import VerifierKey
from verifier.tree.tiles import encode_bundle, tile_path
from verifier.tree.witness import MAX_REQUEST, format_request, origin_hash

LOG, FORKED, OTHER = SignedLog(), SignedLog(fork=40), SignedLog("log.example/two")
CLIENTS = 8


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessProcess]:
    """One process for this module; each test has a log of its own."""
    made = WitnessProcess.make(tmp_path_factory.mktemp("witness") / "w")
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def log(witness: WitnessProcess, request: pytest.FixtureRequest) -> SignedLog:
    """A log that the witness trusts and has seen nothing of."""
    made = SignedLog(f"log.example/{request.node.name}")
    Cli(witness.home).yes("witness", "trust", made.key.verifier.format())
    return made


@pytest.fixture
def forked(log: SignedLog) -> SignedLog:
    """Another history of that log, which parts from it at 40."""
    return SignedLog(log.origin, fork=40)


def monitored(witness: WitnessProcess, origin: str) -> httpx.Response:
    return HTTP.get(f"{witness.url}/{origin_hash(origin)}/checkpoint")


def size_in(note: str) -> int:
    return Checkpoint.decode(Note.parse(note.encode()).text).size


def cosigned_at(key: VerifierKey, note: bytes, answer: bytes) -> int:
    """The time of the cosignature in an answer; it must be the witness's, over this checkpoint."""
    (found,) = open_note(note + answer, [key]).verified
    assert found.time is not None
    return found.time


def test_the_protocol_from_the_first_request_to_the_monitor(
    witness: WitnessProcess, log: SignedLog, forked: SignedLog
) -> None:
    """Every status over the wire, with the media types and bodies that clients rely on."""
    assert monitored(witness, log.origin).status_code == 404
    first = witness.ask(log.request(0, 50))
    assert first.status_code == 200
    assert abs(cosigned_at(witness.key, log.note(50), first.content) - time.time()) < 60
    plain = "text/plain; charset=utf-8"
    for raw, status, media_type, body in (
        (b"old 50\n", 400, plain, None),
        (format_request(51, (), log.note(50)), 400, plain, None),
        (b"old 50\n!\n\n" + log.note(60), 400, plain, None),
        (format_request(50, (), log.note(60).replace(b"\n60\n", b"\n61\n")), 403, plain, None),
        (SignedLog("log.example/unknown").request(0, 5), 404, plain, None),
        (log.request(0, 60), 409, "text/x.tlog.size", b"50\n"),
        (forked.request(50, 50), 409, "text/x.tlog.size", b"50\n"),
        (forked.request(50, 60), 422, plain, None),
        (log.request(50, 60), 200, plain, None),
        (log.request(60, 60), 200, plain, None),
    ):
        answer = witness.ask(raw)
        assert (answer.status_code, answer.headers["content-type"]) == (status, media_type), answer.text
        assert body is None or answer.content == body
        assert answer.text.endswith("\n")
    shown = monitored(witness, log.origin)
    assert (shown.status_code, shown.headers["content-type"]) == (200, plain)
    assert len(open_note(shown.content, [log.key.verifier, witness.key]).verified) == 2
    assert size_in(shown.text) == 60
    for path in (f"{origin_hash(log.origin).upper()}/checkpoint", "checkpoint", f"{'0' * 64}/checkpoint"):
        assert HTTP.get(f"{witness.url}/{path}").status_code == 404
    about = HTTP.get(witness.url).json()
    assert (about["name"], about["vkey"]) == ("customs.example/witness", witness.key.format())
    assert {log["origin"]: log["size"] for log in about["logs"]}[log.origin] == 60
    assert HTTP.get(f"{witness.url}/add-checkpoint").status_code == 405


def test_what_it_cosigned_is_read_as_a_log_is(witness: WitnessProcess, log: SignedLog) -> None:
    """HEAD, conditions and pages of other sites, as below /log/."""
    assert witness.ask(log.request(0, 5)).status_code == 200
    address = f"{witness.url}/{origin_hash(log.origin)}/checkpoint"
    got, head = HTTP.get(address), HTTP.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["content-type"] == "text/plain; charset=utf-8"
    assert HTTP.get(address, headers={"If-None-Match": got.headers["etag"]}).status_code == 304
    assert HTTP.get(address, headers={"If-Match": '"other"'}).status_code == 412


def test_it_reads_no_more_than_a_request_can_have(witness: WitnessProcess, log: SignedLog) -> None:
    assert witness.ask(b"x" * MAX_REQUEST).status_code == 400
    assert witness.ask(b"x" * (MAX_REQUEST + 1)).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * MAX_REQUEST

    with suppress(httpx.WriteError):  # it may have answered and hung up while there was more to come
        assert HTTP.post(f"{witness.url}/add-checkpoint", content=endless()).status_code == 413
    assert witness.ask(log.request(0, 5)).status_code == 200


def test_it_has_the_same_door_as_a_ledger(witness: WitnessProcess) -> None:
    assert HTTP.get(witness.url, headers={"X-Large": "a" * 40_000}).status_code == 431


def test_an_address_that_asks_too_often_waits(tmp_path: Path) -> None:
    home = Home(tmp_path / "w", Settings())
    create_witness(home, "customs.example/witness")
    with open_witness(home) as made, listening(create_app(made.sign(), "20/minute")) as url:
        answers = [HTTP.post(f"{url}/add-checkpoint", content=b"") for _ in range(25)]
    assert [answer.status_code for answer in answers] == [400] * 20 + [429] * 5
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def test_trust_reaches_a_running_server(witness: WitnessProcess) -> None:
    new = SignedLog("log.example/new")
    assert witness.ask(new.request(0, 5)).status_code == 404
    assert Cli(witness.home).yes("witness", "trust", new.key.verifier.format())["trusted"]
    assert witness.ask(new.request(0, 5)).status_code == 200
    assert Cli(witness.home).yes("witness", "trust", new.key.verifier.format())["trusted"] == []


def test_a_clock_that_went_back_gets_no_cosignature(witness: WitnessProcess, log: SignedLog) -> None:
    """The memory says that it cosigned an hour from now, as after a clock was set back."""
    witness.ask(log.request(0, 50))
    shift(witness, 3600)
    answer = witness.ask(log.request(50, 60))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "clock" not in answer.text  # what is wrong with the witness is for its own log
    assert '"code": "clock"' in (witness.home / "witness.log").read_text()
    assert witness.ask(log.request(0, 60)).content == b"50\n"
    shift(witness, -3600)
    assert witness.ask(log.request(50, 60)).status_code == 200


def shift(witness: WitnessProcess, seconds: int) -> None:
    with sqlite3.connect(witness.home / "witness.db") as connection:
        connection.execute("UPDATE cosigned SET time_s = time_s + ?", [seconds])
    connection.close()


def test_an_empty_log_can_be_cosigned(witness: WitnessProcess, log: SignedLog) -> None:
    assert log.root(0) == EMPTY_ROOT
    assert witness.ask(log.request(0, 0)).status_code == 200
    assert witness.ask(log.request(0, 9)).status_code == 200


def test_at_once_at_n_and_n_plus_k_it_never_goes_back(
    witness: WitnessProcess, log: SignedLog, record_property: Callable[[str, object], None]
) -> None:
    """200 requests in flight to two processes on one home; a monitor looks on and sees sizes only rise."""
    second = WitnessProcess(witness.home)
    second.start()
    try:
        answers, watched, took = asyncio.run(_race([witness.url, second.url], log))
    finally:
        second.stop()
    granted = [(old, size) for old, size, status in answers if status == 200]
    assert {status for _, _, status in answers} == {200, 409}
    assert watched == sorted(watched)
    moves = sorted({step for step in granted if step[0] < step[1]})
    assert len(moves) == sum(1 for old, size in granted if old < size)  # no step was granted twice
    path = [0, *(size for _, size in moves)]
    assert [old for old, _ in moves] == path[:-1]  # each starts where the one before it ended
    assert size_in(monitored(witness, log.origin).text) == path[-1]
    record_property(
        "said",
        f"witness: {len(answers)} requests, 200 at a time, to two processes on one home in {took:.1f} s: "
        f"{len(granted)} cosigned, {len(watched)} looks at the monitor, none saw it go back",
    )


async def _race(urls: list[str], log: SignedLog) -> tuple[list[tuple[int, int, int]], list[int], float]:
    """200 clients: each asks for N or N + K from what it was told last, three times over."""
    answers: list[tuple[int, int, int]] = []
    watched: list[int] = []
    limits = httpx.Limits(max_keepalive_connections=0)  # a kept one may be closed by the server while it is taken up
    async with httpx.AsyncClient(timeout=60, limits=limits, verify=False) as http:
        done = asyncio.Event()

        async def client(number: int) -> None:
            old = 0
            for attempt in range(3):
                size = min(log.size, old + (1 if number % 2 else 8) * (attempt + 1))
                url = f"{urls[number % len(urls)]}/add-checkpoint"
                answer = await http.post(url, content=log.request(old, size))
                answers.append((old, size, answer.status_code))
                old = size if answer.status_code == 200 else int(answer.content)

        async def monitor() -> None:
            while not done.is_set():
                shown = await http.get(f"{urls[0]}/{origin_hash(log.origin)}/checkpoint")
                watched.append(size_in(shown.text) if shown.status_code == 200 else 0)

        watcher = asyncio.create_task(monitor())
        started = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(200)))
        took = time.perf_counter() - started
        done.set()
        await watcher
    return answers, watched, took


# killed


@dataclass
class Memory:
    """What clients were given: per log, the heads that were cosigned and when, in the order of their answers."""

    given: dict[str, list[tuple[int, bytes, int]]] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    unanswered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Liar(threading.Thread):
    """Asks a witness to cosign one of a log's two histories, as far and as fast as it can."""

    def __init__(self, url: str, key: VerifierKey, log: SignedLog, memory: Memory, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._url, self._key, self._log, self._memory, self._stopping = url, key, log, memory, stop

    def run(self) -> None:
        chance, old = random.Random(), 0
        with httpx.Client(base_url=self._url, timeout=10, verify=False) as http:
            while not self._stopping.is_set():
                size = min(self._log.size, old + chance.choice((0, 1, 2)))
                try:
                    answer = http.post("/add-checkpoint", content=self._log.request(old, size))
                except httpx.TransportError:
                    with self._memory.lock:
                        self._memory.unanswered += 1
                    time.sleep(0.01)
                    continue
                old = self._take(answer, old, size)

    def _take(self, answer: httpx.Response, old: int, size: int) -> int:
        match answer.status_code:
            case 200:
                at = cosigned_at(self._key, self._log.note(size), answer.content)
                with self._memory.lock:
                    self._memory.given.setdefault(self._log.origin, []).append((size, self._log.root(size), at))
                return size
            case 409:
                return min(int(answer.content), self._log.size)
            case 422:
                return old
            case other:
                with self._memory.lock:
                    self._memory.odd.append(f"{other} {answer.text}")
                return old


@pytest.mark.parametrize("kills", [3, *scaled(10, 30)])
def test_killed_at_any_instant_it_never_contradicts_itself(
    tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """Each round a log shows two histories to eight clients; the witness is killed with their requests in flight."""
    logs = [(SignedLog(f"log.example/{n}", 1024), SignedLog(f"log.example/{n}", 1024, fork=6)) for n in range(kills)]
    witness = WitnessProcess.make(tmp_path / "w", *(log.key.verifier for log, _ in logs))
    key, memory = witness.key, Memory()
    for pair in logs:
        witness.start()
        check_all(witness, logs, memory)
        stop = threading.Event()
        clients = [Liar(witness.url, key, pair[number % 2], memory, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(random.uniform(0.2, 1.2))
        witness.kill()
        stop.set()
        for client in clients:
            client.join(30)
    witness.start()
    check_all(witness, logs, memory)
    assert witness.stop() == 0
    assert not memory.odd
    given = sum(map(len, memory.given.values()))
    assert given > kills
    assert memory.unanswered >= kills
    found = Cli(witness.home)("witness", "evidence", "--json")
    assert (found.code, {each["origin"] for each in found.json["conflicts"]} <= {log.origin for log, _ in logs}) == (
        1,
        True,
    )
    record_property(
        "said",
        f"witness: {kills} kills, {given} cosignatures held, {memory.unanswered} unanswered requests, "
        f"{len(found.json['conflicts'])} sizes with two signed roots kept as evidence",
    )


def check_all(witness: WitnessProcess, logs: list[tuple[SignedLog, SignedLog]], memory: Memory) -> None:
    """Everything given is of one history a log, no larger than what the witness remembers, and in order of time."""
    for log, forked in logs:
        given = memory.given.get(log.origin, [])
        histories = [one for one in (log, forked) if all(one.root(size) == root for size, root, _ in given)]
        assert histories, f"{log.origin}: two histories were cosigned"
        by_size: dict[int, list[int]] = {}
        for size, _, at in given:
            by_size.setdefault(size, []).append(at)
        ordered = [by_size[size] for size in sorted(by_size)]
        assert all(max(one) <= min(other) for one, other in pairwise(ordered))
        if not given:
            continue
        shown = monitored(witness, log.origin)
        size = size_in(shown.text)
        assert size >= max(size for size, _, _ in given)
        assert any(Checkpoint.decode(Note.parse(shown.content).text).root == one.root(size) for one in histories)


# the command line


def test_one_command_makes_a_witness_and_says_its_key(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "w")
    made = cli.yes("witness", "init", "--name", "customs.example/witness", "--log", LOG.key.verifier.format())
    assert VerifierKey.parse(made["vkey"]).type == 4
    assert made["trusted"] == [LOG.key.verifier.format()]
    shown = cli.yes("witness", "show")
    assert (shown["vkey"], [log["origin"] for log in shown["logs"]]) == (made["vkey"], [LOG.origin])
    assert shown["logs"][0] | {"conflicts": 0, "unproved": 0, "size": None} == shown["logs"][0]
    assert cli.no("witness", "init", "--name", "customs.example/witness", code=2)["code"] == "witness_exists"
    assert "customs.example/witness" in cli("witness", "show").out
    (key,) = cli.yes("key", "list")["keys"]
    assert (key["name"], key["type"]) == ("witness", "ed25519")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--name", "two words"), "key_name"),
        (("--name", "a+b"), "key_name"),
        (("--name", "w.example", "--log", "nonsense"), "log_source"),
        (
            ("--name", "w.example", "--log", "w.example+27ab1102+BOtYq5GBw5Bzdaj3kl2u4ddbIj3el0UCtSx0QHIaCpSF"),
            "log_source",
        ),
        (("--name", "w.example", "--log", LOG.key.verifier.format(), "--pin", "ab" * 32), "log_source"),
    ],
)
def test_unsound_witnesses_are_not_made(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    assert Cli(tmp_path / "w").no("witness", "init", *words, code=2)["code"] == code
    assert not (tmp_path / "w" / "witness.json").exists()


def test_where_there_is_no_witness_every_command_says_how_to_make_one(tmp_path: Path) -> None:
    for words in (("show",), ("evidence",), ("trust", LOG.key.verifier.format()), ("serve", "--port", "0")):
        error = Cli(tmp_path / "w").no("witness", *words, code=2)
        assert error["code"] == "no_witness"
        assert "carnet witness init" in error["message"]


def test_log_keys_from_files(tmp_path: Path) -> None:
    cli, one, two = Cli(tmp_path / "w"), LOG.key.verifier.format(), OTHER.key.verifier.format()
    cli.yes("witness", "init", "--name", "customs.example/witness")
    for text in (f"{one}\n{two}\n", json.dumps({"log_keys": [one, two]}), f"log {one}\nlog {two}\nquorum none\n"):
        (tmp_path / "file").write_text(text)
        cli.yes("witness", "trust", tmp_path / "file")
        assert {log["origin"] for log in cli.yes("witness", "show")["logs"]} == {LOG.origin, OTHER.origin}
    for bad in ("", "{}", "[]", '{"log_keys": []}', "quorum none\n", "\xff"):
        (tmp_path / "file").write_bytes(bad.encode("latin-1"))
        assert cli.no("witness", "trust", tmp_path / "file", code=2)["code"] == "log_source"


class Quiet(SimpleHTTPRequestHandler):
    """Files over HTTP, and not a word about it."""

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path, Sim]]:
    """A published log of a few entries, served as plain files: its address, its folder, and the ledger."""
    sim, folder = Sim.found(), tmp_path / "site"
    sim.admit("acme")
    bundle = folder / "log" / tile_path("entries", 0, len(sim.entries))
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(encode_bundle(sim.entries))
    (folder / "log" / "checkpoint").write_bytes(sim.notes[len(sim.entries)])
    (folder / "log" / "index.html").write_text(json.dumps({"log_keys": sim.founding.body()["log_keys"]}))
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder, sim
        server.shutdown()


def test_log_keys_from_the_ledger_itself(tmp_path: Path, published: tuple[str, Path, Sim]) -> None:
    """With the pin they come out of entry 0; without it they are the server's word, and that is said."""
    url, folder, sim = published
    cli, pin = Cli(tmp_path / "w"), sim.pin.hex()
    made = cli("witness", "init", "--name", "customs.example/witness", "--log", url, "--pin", pin, "--json")
    assert (made.json["trusted"], made.err) == ([sim.log_key.verifier.format()], "")
    other = Cli(tmp_path / "other")
    unproven = other("witness", "init", "--name", "customs.example/other", "--log", f"{url}/log", "--json")
    assert unproven.json["trusted"] == made.json["trusted"]
    assert "compare them" in unproven.err
    assert cli.no("witness", "trust", url, "--pin", "ab" * 32)["code"] == "pin"
    (folder / "entry0").write_bytes(sim.entries[0])
    assert cli.yes("witness", "trust", folder / "entry0", "--pin", pin)["trusted"] == []
    assert cli.no("witness", "trust", folder / "entry0", "--pin", "ab" * 32)["code"] == "pin"
    assert cli.no("witness", "trust", "http://127.0.0.1:9", code=3)["code"] == "server"


def test_evidence_leaves_as_a_file_once(tmp_path: Path) -> None:
    cli, file = Cli(tmp_path / "w"), tmp_path / "evidence.json"
    cli.yes("witness", "init", "--name", "customs.example/witness", "--log", LOG.key.verifier.format())
    assert cli("witness", "evidence").code == 0
    with open_witness(Home(cli.home, Settings())) as made:
        assert made.sign().add_checkpoint(LOG.request(0, 50)).status == 200
        assert made.sign().add_checkpoint(FORKED.request(50, 50)).status == 409
    told = cli("witness", "evidence", "--out", file)
    assert (told.code, "two histories" in told.out) == (1, True)
    kept = json.loads(file.read_text())
    assert kept == cli("witness", "evidence", "--json").json
    (conflict,) = kept["conflicts"]
    for head in conflict["heads"]:  # whoever holds the file needs only the log's key
        opened = open_note(head["note"].encode(), [VerifierKey.parse(key) for key in conflict["log_keys"]])
        assert size_in(opened.note.format().decode()) == conflict["size"]
    assert len({head["root"] for head in conflict["heads"]}) == 2
    assert cli.no("witness", "evidence", "--out", file)["code"] == "file_exists"
    assert cli.yes("witness", "show")["logs"][0]["conflicts"] == 1
