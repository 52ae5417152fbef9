"""Look-ups are counted by addition, many subjects in one statement, on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Engine

from ledger.services.scans.scan import ScanInput, Scans, StoredScan
from ledger.storage.database import create_all, open_database
from ledger.storage.scan import ScanTable
from verifier.errors import Unavailable
from verifier.verdict.facts import Context

SUBJECTS = [bytes([number]) * 32 for number in range(40)]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    create_all(engine)
    yield engine
    engine.dispose()


def test_look_ups_add_up(engine: Engine) -> None:
    table = ScanTable(engine)
    table.add_lookups({SUBJECTS[0]: 2, SUBJECTS[1]: 1}, 1_000)
    table.add_lookups({SUBJECTS[1]: 5, SUBJECTS[2]: 1}, 2_000)
    assert [table.history(subject).lookups for subject in SUBJECTS[:4]] == [2, 6, 1, 0]


def test_counting_goes_on_after_the_database_was_away(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.services.scans.scan.FLUSH_SECONDS", 0.01)
    table, away = ScanTable(engine), threading.Event()
    add, tried = table.add_lookups, threading.Event()

    def failing(counts: Mapping[bytes, int], seen_at: int) -> None:
        if away.is_set():
            tried.set()
            raise Unavailable("couldn't use the database", code="database")
        add(counts, seen_at)

    monkeypatch.setattr(table, "add_lookups", failing)
    scans = Scans(table)
    away.set()
    scans.count_lookup(SUBJECTS[0])
    assert tried.wait(10)
    scans.count_lookup(SUBJECTS[0])
    away.clear()
    deadline = time.monotonic() + 10
    while table.history(SUBJECTS[0]).lookups != 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert table.history(SUBJECTS[0]).lookups == 2
    scans.close()


def test_a_code_with_a_nul_is_kept_and_found_again(engine: Engine) -> None:
    given = ScanInput("00000000-0000-4000-8000-00000000000a", "a\0b", 1_000, "gate", Context.IMPORT, "NL")
    scan = StoredScan(given.id, None, "officer", given, 2_000, "unreadable", None, bytes(32), b"{}", {"read": "a\0b"})
    table = ScanTable(engine)
    assert table.put(scan)
    assert not table.put(scan), "its id is taken"
    assert table.get(given.id) == scan


def test_two_writers_lose_none_and_wait_for_no_one_for_ever(engine: Engine) -> None:
    tables = [ScanTable(engine) for _ in range(2)]

    def count(table: ScanTable, subjects: list[bytes]) -> None:
        for at in range(20):
            table.add_lookups(dict.fromkeys(subjects, 1), at)

    threads = [
        threading.Thread(target=count, args=[table, subjects])
        for table, subjects in zip(tables, (SUBJECTS, SUBJECTS[::-1]), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {tables[0].history(subject).lookups for subject in SUBJECTS} == {40}
