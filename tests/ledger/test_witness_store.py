"""A witness's memory: what it cosigned is never taken back, by any order of requests, threads, processes or clocks."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.home import Home, Settings
from ledger.services.outward.witness import Witness, evidence, list_logs, trust
from ledger.storage import witness as storage
from ledger.storage.database import open_database
from ledger.storage.witness import WitnessDatabase
from ledger.wiring.witness import create_witness, open_witness
from tests.verifier.log_example import WITNESS
from tests.verifier.signed_log import SignedLog
from tests.verifier.test_ed25519 import NEUTRAL, vkey
from verifier.errors import Malformed, NotFound, Refused, Unavailable
from verifier.tree.note import open_note
from verifier.tree.note_key import KeyType, SigningKey
from verifier.tree.witness import Head, format_request, origin_hash

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000
LOG, FORKED, OTHER = SignedLog(), SignedLog(fork=40), SignedLog("log.example/two")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> WitnessDatabase:
    made = WitnessDatabase(tmp_path / "witness.db")
    assert len(trust(made, WITNESS.verifier, [LOG.key.verifier, OTHER.key.verifier])) == 2
    return made


def time_of(witness_note: bytes) -> int:
    (found,) = open_note(witness_note, [WITNESS.verifier]).verified
    assert found.time is not None
    return found.time


def head_in(path: Path, origin: str = LOG.origin) -> Head | None:
    """The head as another process would find it."""
    with open_database(f"sqlite:///{path}").connect() as connection:
        row = connection.execute(select(storage.cosigned).where(storage.cosigned.c.origin == origin)).first()
    return Head(row.size, row.root) if row else None


def test_each_log_has_a_head_of_its_own_that_outlives_the_process(store: WitnessDatabase, tmp_path: Path) -> None:
    witness = Witness(store, WITNESS, Clock())
    assert witness.add_checkpoint(LOG.request(0, 10)).status == 200
    assert witness.add_checkpoint(OTHER.request(0, 77)).status == 200
    assert witness.add_checkpoint(LOG.request(10, 90)).status == 200
    store.close()
    again = Witness(WitnessDatabase(tmp_path / "witness.db"), WITNESS, Clock())
    told = again.add_checkpoint(LOG.request(10, 100))
    assert (told.status, told.body) == (409, b"90\n")
    assert again.add_checkpoint(OTHER.request(77, 78)).status == 200
    note = again.checkpoint(origin_hash(LOG.origin))
    assert note is not None
    assert note.startswith(f"{LOG.origin}\n90\n".encode())
    opened = open_note(note, [LOG.key.verifier, WITNESS.verifier])
    assert len(opened.verified) == len(opened.note.signatures) == 2
    assert again.checkpoint("00" * 32) is None


def test_the_same_size_is_cosigned_again_with_a_newer_time(store: WitnessDatabase) -> None:
    clock = Clock()
    witness = Witness(store, WITNESS, clock)
    witness.add_checkpoint(LOG.request(0, 50))
    for later in (0, 1_800, 3_600):
        clock.now = NOW + later
        assert witness.add_checkpoint(LOG.request(50, 50)).status == 200
        note = witness.checkpoint(origin_hash(LOG.origin))
        assert note is not None
        assert time_of(note) == NOW + later
    assert len(store.seen(LOG.origin)) == 1
    assert list_logs(store)[0]["cosigned_at"] == "2026-09-21T15:13:20.000Z"


def test_time_never_goes_back_in_cosignatures(store: WitnessDatabase, tmp_path: Path) -> None:
    """Neither for the log that was cosigned last nor for another one, neither now nor after a restart."""
    clock = Clock()
    witness = Witness(store, WITNESS, clock)
    assert witness.add_checkpoint(LOG.request(0, 50)).status == 200
    clock.now = NOW - 1
    for _ in range(2):
        for raw in (LOG.request(50, 50), LOG.request(50, 51), OTHER.request(0, 1)):
            with pytest.raises(Unavailable) as caught:
                witness.add_checkpoint(raw)
            assert caught.value.code == "clock"
        # What needs no cosignature is answered all the same, and evidence kept.
        assert witness.add_checkpoint(FORKED.request(50, 60)).status == 422
        witness = Witness(WitnessDatabase(tmp_path / "witness.db"), WITNESS, clock)
    assert head_in(tmp_path / "witness.db") == Head(50, LOG.root(50))
    assert head_in(tmp_path / "witness.db", OTHER.origin) is None
    clock.now = NOW
    assert witness.add_checkpoint(LOG.request(50, 51)).status == 200


def test_what_contradicts_is_kept_with_its_bytes(store: WitnessDatabase) -> None:
    witness = Witness(store, WITNESS, Clock())
    for raw, status in (
        (LOG.request(0, 50), 200),
        (FORKED.request(50, 50), 409),  # the same size, another root
        (FORKED.request(50, 60), 422),  # a larger one that does not extend it
        (FORKED.request(40, 45), 409),  # a smaller one that nobody can judge yet
        (LOG.request(0, 70), 409),  # honest, and asked from the wrong size
        (LOG.request(50, 60), 200),  # and now 60 is contradicted as well
    ):
        assert witness.add_checkpoint(raw).status == status
    found = evidence(store, WITNESS.verifier)
    assert [(each["size"], len(each["heads"])) for each in found["conflicts"]] == [(50, 2), (60, 2)]
    assert [each["size"] for each in found["unproved"]] == [45, 70]
    for each in found["conflicts"]:
        assert each["log_keys"] == [LOG.key.verifier.format()]
        notes = {head["note"].encode(): head["cosigned"] for head in each["heads"]}
        assert notes == {LOG.note(each["size"]): True, FORKED.note(each["size"]): False}
    assert witness.add_checkpoint(LOG.request(60, 70)).status == 200
    assert [each["size"] for each in evidence(store, WITNESS.verifier)["unproved"]] == [45]


def test_nothing_is_kept_of_what_the_log_did_not_sign(store: WitnessDatabase) -> None:
    witness = Witness(store, WITNESS, Clock())
    forged = SignedLog()
    forged.key = SigningKey(LOG.origin, b"\x09" * 32)
    assert witness.add_checkpoint(forged.request(0, 50)).status == 403
    assert witness.add_checkpoint(SignedLog("log.example/unknown").request(0, 5)).status == 404
    assert not store.seen(LOG.origin)


def test_a_key_that_signs_without_end_fills_no_disk(store: WitnessDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit, heads that prove nothing are not kept; a contradiction is, and so is what is cosigned."""
    monkeypatch.setattr(storage, "MAX_UNPROVED", 5)
    witness = Witness(store, WITNESS, Clock())
    witness.add_checkpoint(LOG.request(0, 50))
    for size in range(60, 90):
        witness.add_checkpoint(FORKED.request(50, size))
    assert [seen.head.size for seen in store.seen(LOG.origin)] == [50, 60, 61, 62, 63, 64]
    witness.add_checkpoint(FORKED.request(50, 50))
    third = SignedLog(fork=45)
    witness.add_checkpoint(third.request(50, 50))  # a third root proves no more than the second
    witness.add_checkpoint(LOG.request(50, 95))
    sizes = [seen.head.size for seen in store.seen(LOG.origin)]
    assert sizes == [50, 50, 60, 61, 62, 63, 64, 95]
    assert [each["size"] for each in evidence(store, WITNESS.verifier)["conflicts"]] == [50]


def test_only_log_keys_are_trusted_and_not_ones_own(store: WitnessDatabase) -> None:
    own = SigningKey("log.example/own", WITNESS.seed).verifier
    for keys in ([own], [SignedLog("log.example/new").key.verifier, WITNESS.verifier]):
        with pytest.raises(Malformed) as caught:
            trust(store, WITNESS.verifier, keys)
        assert caught.value.code == "log_key"
    assert [key.name for key in store.trusted()] == [LOG.origin, OTHER.origin]
    assert trust(store, WITNESS.verifier, [LOG.key.verifier]) == []


def test_a_note_key_is_no_witness(store: WitnessDatabase) -> None:
    with pytest.raises(Malformed):
        Witness(store, LOG.key)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 128), st.integers(0, 128), st.integers(-2, 2)), max_size=30))
def test_no_order_of_requests_gets_a_contradiction_cosigned(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int, int, int]]
) -> None:
    clock, store = Clock(), WitnessDatabase(tmp_path_factory.mktemp("witness") / "witness.db")
    trust(store, WITNESS.verifier, [LOG.key.verifier])
    witness = Witness(store, WITNESS, clock)
    heads, times = [Head(0, LOG.root(0))], [0]
    for forked, old, size, later in steps:
        clock.now += later
        log = FORKED if forked else LOG
        try:
            answer = witness.add_checkpoint(log.request(min(old, size) if old % 3 else heads[-1].size, size))
        except Unavailable:
            assert clock.now < times[-1]
            continue
        if answer.status == 200:
            heads.append(Head(size, log.root(size)))
            times.append(time_of(log.note(size) + answer.body))
    assert times == sorted(times)
    assert [head.size for head in heads] == sorted(head.size for head in heads)
    assert any(all(head.root == log.root(head.size) for head in heads) for log in (LOG, FORKED))
    store.close()


def race(path: Path, seed: int, rounds: int) -> list[tuple[int, int]]:
    """Ask for steps forward from whatever the size is, and from before it; returns (from, to) of what was granted."""
    witness = Witness(WitnessDatabase(path), WITNESS, Clock())
    chance, granted, size = random.Random(seed), [], 0
    for _ in range(rounds):
        old = max(0, size - chance.choice((0, 0, 1, 2)))
        to = min(LOG.size, old + chance.choice((0, 1, 2)))
        answer = witness.add_checkpoint(LOG.request(old, to))
        if answer.status == 200:
            granted.append((old, to))
            size = to
        else:
            assert answer.status == 409
            size = int(answer.body)
    return granted


def check_chain(granted: list[tuple[int, int]], last: int) -> None:
    """Steps that go somewhere form one path: whoever started from a size found it to be the newest."""
    moves = sorted(step for step in granted if step[0] < step[1])
    assert [(0, moves[0][1]), moves[-1][1]] == [moves[0], last]
    assert all(one[1] == other[0] for one, other in pairwise(moves))


def test_threads_that_race_never_take_it_back(store: WitnessDatabase, tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        raced = pool.map(lambda seed: race(tmp_path / "witness.db", seed, 25), range(16))
        granted = [step for steps in raced for step in steps]
    head = head_in(tmp_path / "witness.db")
    assert head is not None
    check_chain(granted, head.size)


RACER = """
import json, sys
from pathlib import Path
from tests.ledger.test_witness_store import race
print(json.dumps(race(Path(sys.argv[1]), int(sys.argv[2]), 150)))
"""


def test_processes_that_race_never_take_it_back(store: WitnessDatabase, tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "witness.db"), str(seed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    said = [racer.communicate(timeout=120)[0] for racer in racers]
    granted = [(old, to) for text in said for old, to in json.loads(text)]
    head = head_in(tmp_path / "witness.db")
    assert head is not None
    check_chain(granted, head.size)


# its home


def test_a_home_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", Settings())
    vkey = create_witness(home, "customs.example/witness")
    with open_witness(home) as witness:
        assert witness.key == vkey
        assert witness.sign().about() == {"name": vkey.name, "vkey": vkey.format(), "logs": []}
    with pytest.raises(Refused) as caught:
        create_witness(home, "customs.example/other")
    assert caught.value.code == "witness_exists"


def test_it_does_not_live_with_a_ledger(tmp_path: Path) -> None:
    home = Home(tmp_path, Settings())
    home.config_file.write_text("{}")
    with pytest.raises(Refused) as caught:
        create_witness(home, "customs.example/witness")
    assert caught.value.code == "founded"


def test_making_one_goes_on_where_it_stopped(tmp_path: Path) -> None:
    home = Home(tmp_path, Settings())
    vkey = create_witness(home, "customs.example/witness")
    (tmp_path / "witness.json").unlink()
    assert create_witness(home, "customs.example/witness") == vkey


def test_without_its_memory_it_does_not_start(tmp_path: Path) -> None:
    home = Home(tmp_path, Settings())
    with pytest.raises(NotFound), open_witness(home):
        pass
    create_witness(home, "customs.example/witness")
    (tmp_path / "witness.db").unlink()
    with pytest.raises(Unavailable, match="new name and key") as caught, open_witness(home):
        pass
    assert caught.value.code == "witness_memory"
    assert not (tmp_path / "witness.db").exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "carnet-witness/2", "vkey": "x"}', '{"format": "carnet-witness/1"}']
)
def test_a_damaged_home_is_refused(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path, Settings())
    create_witness(home, "customs.example/witness")
    (tmp_path / "witness.json").write_text(text)
    with pytest.raises(Malformed), open_witness(home):
        pass


def test_a_key_that_was_exchanged_is_not_used(tmp_path: Path) -> None:
    one, other = Home(tmp_path / "one", Settings()), Home(tmp_path / "other", Settings())
    create_witness(one, "customs.example/witness")
    create_witness(other, "customs.example/witness")
    (one.keys / "witness.json").write_bytes((other.keys / "witness.json").read_bytes())
    with open_witness(one) as witness, pytest.raises(Malformed):
        witness.sign()


def test_a_newer_memory_is_refused(tmp_path: Path) -> None:
    WitnessDatabase(tmp_path / "witness.db").close()
    connection = sqlite3.connect(tmp_path / "witness.db")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(Refused) as caught:
        WitnessDatabase(tmp_path / "witness.db")
    assert caught.value.code == "schema_newer"


def test_what_cannot_be_written_is_not_cosigned(store: WitnessDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the middle of the transaction: no answer, and the head is the one before."""
    witness = Witness(store, WITNESS, Clock())
    witness.add_checkpoint(LOG.request(0, 50))

    def fail(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(storage, "_replace", fail)
    with pytest.raises(OSError, match="disk"):
        witness.add_checkpoint(LOG.request(50, 60))
    monkeypatch.undo()
    assert witness.add_checkpoint(format_request(0, (), LOG.note(60))).body == b"50\n"
    assert [seen.head.size for seen in store.seen(LOG.origin)] == [50, 60]


def test_a_key_that_the_rule_refuses_today_opens_nothing_and_stops_no_other_log(tmp_path: Path) -> None:
    path = tmp_path / "witness.db"
    made = WitnessDatabase(path)
    trust(made, WITNESS.verifier, [LOG.key.verifier])
    small = vkey("old.example", KeyType.ED25519, NEUTRAL)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO trusted_key VALUES (?, 'old.example', 1)", (small,))
    assert [key.name for key in made.trusted()] == [LOG.origin]
    assert (made.keys("old.example"), made.unusable()) == ([], [small])
    assert Witness(made, WITNESS).add_checkpoint(format_request(0, [], LOG.note(1))).status == 200
