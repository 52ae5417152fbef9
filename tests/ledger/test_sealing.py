"""Sealing on both databases: exactly once, whatever fails or is cut short, and no promise is lost."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EMFILE
from pathlib import Path
from typing import Any

import pytest
from seal_world import Desk, Open, founded, scan_of
from sqlalchemy import Engine, delete, event, insert, select, text, update
from sqlalchemy.exc import OperationalError

from ledger.services.audit.home import audit_home
from ledger.storage import schema
from ledger.storage.anchor import AnchorTable
from ledger.storage.database import open_database
from ledger.storage.log import LogStore
from ledger.storage.log_rows import LogRows
from ledger.storage.scan import ScanTable
from ledger.storage.seal import SealTable
from ledger.storage.segment import SegmentStore
from ledger.storage.signed_head import SignedHeadFile
from verifier.errors import CarnetError, NotFound, ProofInvalid, Refused, Stopped, Unavailable
from verifier.record.seal import padded_leaves, split_leaves
from verifier.record.statement import Kind


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk.found(engine, tmp_path / "home")


def pad(found: list[bytes]) -> bytes:
    return padded_leaves(found, secrets.token_bytes)


def rows(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [int(number) for (number,) in connection.execute(select(schema.seal.c.number).order_by("number"))]


def test_scans_are_promised_sealed_and_proved(desk: Desk) -> None:
    with desk.open() as opened:
        first = [desk.scan(opened, f"A{n}") for n in range(20)]
        assert {receipt.seal for receipt in first} == {0}
        with pytest.raises(NotFound) as pending:
            opened.proofs.evidence(first[0])
        assert pending.value.code == "seal_pending"
        opened.seals.round()
        assert desk.scan(opened, "B").seal == 1
        opened.seals.round()
        opened.seals.round()
        assert [one.seal.leaves for one in opened.record.seals] == [32, 16, 16], "the empty one is sealed as well"
        assert desk.scan(opened, "C").seal == 3
        opened.seals.round()
        desk.check(opened)


def test_the_same_scan_has_the_same_receipt_for_ever(desk: Desk) -> None:
    with desk.open() as opened:
        receipt = desk.scan(opened, "A")
        assert opened.scans.put(scan_of("A", opened.seals.deadline())) is None, "its id is taken"
        for _ in range(2):
            kept = opened.scans.get("scan-A")
            assert kept is not None
            assert kept.response == {"shown_as": "x"}
            assert opened.seals.receipt(kept) == receipt
            opened.seals.round()
    with desk.open(grace=1) as opened:
        kept = opened.scans.get("scan-A")
        assert kept is not None
        assert opened.seals.receipt(kept) == receipt, "also from a process with another cadence"


def test_scans_without_a_promise_stay_without(desk: Desk) -> None:
    with desk.open() as opened:
        kept = opened.scans.put(scan_of("OLD", None))
        assert kept is not None
        assert kept.seal is None
        assert opened.seals.receipt(kept) is None
        assert opened.table.waiting() == 0
        opened.seals.settle()
        assert opened.record.seals == [], "where nothing waits, nothing is sealed"
        desk.scan(opened, "NEW")
        opened.seals.round()
        leaves = opened.table.leaves(0)
        assert leaves is not None
        assert kept.leaf not in split_leaves(leaves)
        desk.check(opened)
        opened.sequencer.close()
        assert opened.seals.deadline() is None, "a writer that has stopped promises nothing"


def test_a_ledger_that_is_closed_owes_nothing(desk: Desk) -> None:
    with desk.open() as opened:
        opened.seals.start()
        desk.scan(opened, "A")
        opened.seals.close()
        assert opened.seals.trouble is None
        assert opened.table.waiting() == 0
        desk.check(opened)


def test_the_cadence_seals_by_itself(desk: Desk) -> None:
    with desk.open() as opened:
        opened.seals._every = 0.05
        opened.seals.start()
        until = time.monotonic() + 20
        while len(opened.record.seals) < 3:
            assert time.monotonic() < until, opened.seals.trouble
            desk.scan(opened, f"S{time.monotonic_ns()}")
        opened.seals.close()
        desk.check(opened)


def test_the_cadence_outlives_a_lack_of_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.open() as opened:
        lack, real = [OSError(EMFILE, "files"), MemoryError()], opened.seals.round

        def round_() -> None:
            if lack:
                raise lack.pop()
            real()

        monkeypatch.setattr(opened.seals, "round", round_)
        opened.seals._every = 0.02
        opened.seals.start()
        until = time.monotonic() + 20
        while not opened.record.seals:
            assert time.monotonic() < until
            time.sleep(0.01)
        opened.seals.close()
        assert opened.seals.trouble is None


# what fails × what the next start finds


class Cut(BaseException):
    """The process ends here: nothing below it runs."""


@contextmanager
def cut_before(of: object, name: str) -> Iterator[None]:
    """End the process when this method is called."""

    def call(*_: Any, **__: Any) -> None:
        raise Cut

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(of, name, call)
        yield


@contextmanager
def cut_after(of: object, name: str) -> Iterator[None]:
    """End the process when this method has done its work."""
    real = getattr(of, name)

    def call(*args: Any, **named: Any) -> None:
        real(*args, **named)
        raise Cut

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(of, name, call)
        yield


CUTS: dict[str, tuple[Callable[[Open], Any], int, int]] = {
    # where it stops → rows of seals, entries of seals that the next start finds
    "before the seal is closed": (lambda o: cut_before(o.table, "close"), 0, 0),
    "after its row, before its entry": (lambda o: cut_after(o.table, "close"), 1, 0),
    "before its entry is submitted": (lambda o: cut_before(o.sequencer, "submit"), 1, 0),
    "after its entry, before anybody was told": (lambda o: cut_after(o.sequencer, "submit"), 1, 1),
}


@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("again", [False, True])
def test_a_round_cut_short_anywhere_is_finished_by_the_next_start(desk: Desk, where: str, again: bool) -> None:
    cut, rows_found, entries_found = CUTS[where]
    with desk.open() as opened:
        desk.scan(opened, "A")
        desk.keep(opened, "UNHEARD")  # committed, and the process ended before its receipt was signed
        with cut(opened), pytest.raises(Cut):
            opened.seals.round()
    with desk.open() as opened:
        assert (len(rows(desk.engine)), len(opened.record.seals)) == (rows_found, entries_found)
        closed = opened.table.leaves(0)
        if again:  # the start that is to finish it may be cut short at the same place
            with cut(opened), suppress(Cut):
                opened.seals.resume()
    with desk.open() as opened:
        opened.seals.resume()
        opened.seals.resume()
        assert len(opened.record.seals) == len(rows(desk.engine)) == 1
        assert closed in (None, opened.table.leaves(0)), "a row that was closed is submitted as it stands"
        kept = opened.scans.get("scan-UNHEARD")
        assert kept is not None
        receipt = opened.seals.receipt(kept)
        assert receipt is not None
        desk.receipts["UNHEARD"] = receipt
        desk.scan(opened, "B")
        opened.seals.round()
        desk.check(opened)


def lost(*_: Any) -> None:
    raise OperationalError("a statement", {}, RuntimeError("disk full"))


@contextmanager
def failing_commit(engine: Engine, persist: bool) -> Iterator[None]:
    """The commit reports a failure, and has happened or not."""

    def fail(connection: Any) -> None:
        if persist:
            connection.connection.dbapi_connection.commit()
        lost()

    event.listen(engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(engine, "commit", fail)


@pytest.mark.parametrize("persisted", [False, True])
def test_a_scan_whose_commit_fails_is_promised_only_when_it_is_sent_again(desk: Desk, persisted: bool) -> None:
    with desk.open() as opened:
        with failing_commit(desk.engine, persisted), pytest.raises(Stopped):
            desk.keep(opened, "A")
        kept = opened.scans.get("scan-A")
        assert (kept is not None) == persisted
        if kept is None:
            desk.scan(opened, "A")
        else:
            receipt = opened.seals.receipt(kept)
            assert receipt is not None
            desk.receipts["A"] = receipt
        opened.seals.round()
        desk.check(opened)


@pytest.mark.parametrize("persisted", [False, True])
def test_a_seal_whose_commit_fails_is_closed_once(desk: Desk, persisted: bool) -> None:
    with desk.open() as opened:
        desk.scan(opened, "A")
        with failing_commit(desk.engine, persisted), pytest.raises(Stopped):
            opened.table.close(0, pad)
        assert rows(desk.engine) == ([0] if persisted else [])
        row = opened.table.leaves(0)
        desk.scan(opened, "B")
        opened.seals.resume()
        assert row in (None, opened.table.leaves(0))
        assert len(opened.record.seals) == (2 if persisted else 1)
        desk.check(opened)


@pytest.mark.parametrize("persisted", [False, True])
def test_an_entry_whose_commit_fails_stops_the_writer_and_stands_once(desk: Desk, persisted: bool) -> None:
    with desk.open() as opened:
        desk.scan(opened, "A")
        row = opened.table.close(0, pad)
        with failing_commit(desk.engine, persisted), pytest.raises(CarnetError):
            opened.seals.resume()
        assert opened.seals.deadline() is None
        with pytest.raises(CarnetError):
            opened.seals.round()
    with desk.open() as opened:
        assert len(opened.record.seals) == (1 if persisted else 0)
        opened.seals.resume()
        assert opened.table.leaves(0) == row
        desk.check(opened)


def test_trouble_is_remembered_and_the_next_round_goes_on(desk: Desk) -> None:
    with desk.open() as opened:
        desk.scan(opened, "A")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(opened.table, "close", lambda *_: lost_database())
            opened.seals.settle()
        assert opened.seals.trouble is not None
        assert opened.seals.trouble.code == "database"
        opened.seals.settle()
        assert opened.seals.trouble is None
        desk.check(opened)


def lost_database() -> None:
    raise Unavailable("couldn't use the database: gone", code="database")


def test_a_number_that_is_not_open_is_never_closed(desk: Desk) -> None:
    table = SealTable(desk.engine)
    for number in (1, -1):
        with pytest.raises(Refused) as refused:
            table.close(number, lambda _: bytes(512))
        assert refused.value.code == "seal_gap"
    assert rows(desk.engine) == []


def test_nothing_is_promised_under_a_number_that_was_sealed_before(desk: Desk, engine: Engine) -> None:
    """The row of the newest seal is lost: scans are kept, and get no receipt that could not be honoured."""
    with desk.open() as opened:
        desk.scan(opened, "A")
        opened.seals.round()
        with engine.begin() as connection:
            connection.execute(delete(schema.seal))
        kept = desk.keep(opened, "B")
        assert opened.seals.receipt(kept) is None
        with pytest.raises(Refused) as refused:
            opened.seals.round()
        assert refused.value.code == "seal_gap"


def test_a_seal_that_is_closed_while_a_scan_asks_takes_no_promise_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.open() as opened:
        real = SealTable.open_number

        def closed_meanwhile(table: SealTable) -> int:
            number = real(table)
            monkeypatch.setattr(SealTable, "open_number", real)
            opened.seals.round()
            return number

        monkeypatch.setattr(SealTable, "open_number", closed_meanwhile)
        assert opened.seals.deadline() is not None


def test_scans_race_with_seals_and_none_slips_past(desk: Desk) -> None:
    """Eight threads keep scans while another closes seals; every scan is in the seal that its row names."""
    stop, refusals = threading.Event(), []

    def keep(worker: int) -> None:
        table, number = ScanTable(desk.engine), 0
        while not stop.is_set():
            number += 1
            try:
                table.put(scan_of(f"W{worker}-{number}", 1))
            except CarnetError as error:
                refusals.append(error)

    threads = [threading.Thread(target=keep, args=[worker]) for worker in range(8)]
    table = SealTable(desk.engine)
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            table.close(number, pad)
            time.sleep(0.02)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    table.close(12, pad)
    assert refusals == []
    promised = list(table.promised())
    assert len(promised) > 50
    assert [one.seal for one in promised] == sorted(one.seal for one in promised)
    for one in promised:
        leaves = table.leaves(one.seal)
        assert leaves is not None
        assert one.leaf in split_leaves(leaves), one
    assert len({one.seal for one in promised}) > 3


def test_nothing_more_is_signed_about_a_scan_that_its_seal_does_not_hold(desk: Desk) -> None:
    with desk.open() as opened:
        desk.scan(opened, "A")
        opened.seals.round()
        with desk.engine.begin() as connection:
            connection.execute(update(schema.scan).values(salt=bytes(32)))
        kept = opened.scans.get("scan-A")
        assert kept is not None
        with pytest.raises(ProofInvalid) as refused:
            opened.seals.receipt(kept)
        assert refused.value.code == "scan_unsealed"


# the keeper's audit


def audit(desk: Desk) -> set[tuple[str, str]]:
    report = audit_home(
        LogStore(desk.engine, founded().founding.log_id),
        LogRows(desk.engine),
        SegmentStore(desk.folder / "segments"),
        SignedHeadFile(desk.folder / "signed_head"),
        AnchorTable(desk.engine),
        founded().pin,
        seals=SealTable(desk.engine),
    )
    return {(finding.at, finding.code) for finding in report.findings}


def run(desk: Desk, statement: Any) -> None:
    with desk.engine.begin() as connection:
        connection.execute(statement)


SCAN_A = schema.scan.c.id == "scan-A"
DAMAGE: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "a salt": (update(schema.scan).where(SCAN_A).values(salt=bytes(32)), {("scan scan-A", "seal_scan")}),
    "a body": (update(schema.scan).where(SCAN_A).values(body=b"{}"), {("scan scan-A", "seal_scan")}),
    "the number of its seal": (update(schema.scan).where(SCAN_A).values(seal=1), {("scan scan-A", "seal_scan")}),
    "an answer": (update(schema.scan).where(SCAN_A).values(response="{"), {("scan scan-A", "scan_row")}),
    "an answer without its deadline": (
        update(schema.scan).where(SCAN_A).values(response="{}"),
        {("scan scan-A", "scan_row")},
    ),
    "an answer that is no text": (
        update(schema.scan).where(SCAN_A).values(response=text("CAST(x'7bfffe7d' AS TEXT)")),
        {("scan scan-A", "scan_row")},
    ),
    "a name that is no text": (
        update(schema.scan).where(SCAN_A).values(id=text("CAST(x'7363616eff1b' AS TEXT)")),
        set(),
    ),
    "a deadline before its seal": (
        update(schema.scan).where(SCAN_A).values(response='{"seal_deadline_ms": 5}'),
        {("scan scan-A", "seal_late")},
    ),
    "a deadline that has passed": (
        update(schema.scan).where(SCAN_A).values(response='{"seal_deadline_ms": 5}', seal=9),
        {("scan scan-A", "seal_overdue")},
    ),
    "leaves": (
        update(schema.seal).where(schema.seal.c.number == 0).values(leaves=bytes(range(32)) * 16),
        {("seal 0 of entry 2", "seal_unsorted"), ("scan scan-A", "seal_scan")},
    ),
    "missing leaves": (
        delete(schema.seal).where(schema.seal.c.number == 0),
        {("seal 0 of entry 2", "seal_missing"), ("scan scan-A", "seal_scan")},
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_to_scans_and_seals_is_named(desk: Desk, what: str) -> None:
    with desk.open() as opened:
        desk.scan(opened, "A")
        opened.seals.round()
        desk.scan(opened, "B")
        opened.seals.round()
        desk.scan(opened, "WAITING")
    sound = audit(desk)
    if "no text" in what and desk.engine.dialect.name != "sqlite":
        return  # PostgreSQL keeps no such text
    damage, expected = DAMAGE[what]
    run(desk, damage)
    assert audit(desk) - sound == expected
    assert not {code for _, code in sound if code.startswith(("seal", "scan"))}


def test_a_row_that_stands_for_no_promise_is_no_finding(desk: Desk) -> None:
    with desk.open() as opened:
        opened.scans.put(scan_of("OLD", None))
        opened.seals.round()
    assert not {code for _, code in audit(desk) if code.startswith(("seal", "scan"))}
    run(desk, insert(schema.seal).values(number=1, leaves=bytes(512)))  # closed, its entry still on its way
    assert not {code for _, code in audit(desk) if code.startswith(("seal", "scan"))}
    assert Kind.SCANS_SEALED.value == "scans_sealed"


def test_a_row_that_is_no_text_is_named_and_none_of_its_bytes_shown(desk: Desk) -> None:
    if desk.engine.dialect.name != "sqlite":
        return  # PostgreSQL keeps no such text
    with desk.open() as opened:
        for name in "ABC":
            desk.scan(opened, name)
        opened.seals.round()
        run(desk, update(schema.scan).where(SCAN_A).values(response=text("CAST(x'7bff1b5d' AS TEXT)")))
        found = {one.id: (one.deadline is None, one.flaw) for one in opened.table.promised()}
        assert found == {
            "scan-A": (True, "its answer is no UTF-8"),
            "scan-B": (False, None),
            "scan-C": (False, None),
        }
        with pytest.raises(Unavailable) as refused:
            opened.scans.get("scan-A")
    assert "UTF-8" in str(refused.value)
    assert not set(str(refused.value)) & {"\udcff", "\x1b", "{"}
