"""The log's storage, on SQLite and on PostgreSQL: one conformance suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ledger.ports import LogHead, NewEntry
from ledger.storage import schema
from ledger.storage.database import create_all, open_database, writing
from ledger.storage.log import LogStore
from ledger.storage.log_reader import CACHED_BUNDLES, EMPTY_HEAD, LogReader
from ledger.storage.log_rows import LogRows
from tests.ledger.growing import LOG_ID, Growing, entry, head_after
from verifier.errors import Malformed, NotFound, ProofInvalid, Refused, Stopped
from verifier.tree.merkle import (
    Frontier,
    inclusion_proof,
    leaf_hash,
    root_at,
    root_of,
    verify_inclusion,
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    create_all(engine)
    yield engine
    engine.dispose()


def test_empty(engine: Engine) -> None:
    log = LogStore(engine, LOG_ID)
    Growing(log).check(log)
    assert log.read_entries(0, 0) == []
    assert log.find_statement(bytes(32)) is None
    assert log.read_checkpoint(0) is log.latest_checkpoint() is None
    for call in (lambda: log.entry(0), lambda: log.tile(0, 0, 1), lambda: log.tile("entries", 0, 1)):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize(
    "batches",
    [
        [1],
        [1, 1, 1],
        [255, 1],
        [256],
        [257],
        [100, 156, 1],
        [250, 20, 300],
        [1000],
        [255, 257, 512, 3],
    ],
    ids=str,
)
def test_grows_and_reopens(engine: Engine, batches: list[int]) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    for count in batches:
        growing.grow(count)
        growing.check(growing.log)
    reopened = LogStore(engine, LOG_ID)
    growing.check(reopened)
    growing.log = reopened
    growing.grow(7)
    growing.check(LogReader(engine, LOG_ID))


def test_secrets_become_durable_with_their_entry_or_not_at_all(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(254)
    kept = select(schema.secret.c.name, schema.secret.c.sealed).order_by(schema.secret.c.name)

    def append(name: str, value: bytes) -> None:
        new = replace(entry(len(growing.entries)), secret=(name, value))
        growing.log.append(growing.log.head(), [new], head_after([*growing.entries, new]))
        growing.entries.append(new)

    def rows() -> list[tuple[str, bytes]]:
        with engine.connect() as connection:
            return [(name, bytes(sealed)) for name, sealed in connection.execute(kept)]

    with writing(engine) as connection:
        connection.execute(insert(schema.secret), {"name": "salt/a", "sealed": b"first"})
    append("salt/a", b"again")
    assert rows() == [("salt/a", b"first")], "a name keeps its value, and the entry goes in"
    with engine.begin() as connection:
        connection.execute(update(schema.open_entry).where(schema.open_entry.c.idx == 3).values(leaf=bytes(32)))
    with pytest.raises(ProofInvalid):
        append("salt/b", b"lost")
    assert rows() == [("salt/a", b"first")], "folding failed, and nothing is kept"
    with engine.begin() as connection:
        own = growing.entries[3].leaf
        connection.execute(update(schema.open_entry).where(schema.open_entry.c.idx == 3).values(leaf=own))
    append("salt/b", b"kept")
    assert rows() == [("salt/a", b"first"), ("salt/b", b"kept")]


def test_grows_past_a_full_level_one_tile(engine: Engine) -> None:
    """65,536 entries fill a tile of level 1 and start level 2; the steps around it go through every path."""
    growing = Growing(LogStore(engine, LOG_ID))
    for count in (40_000, 25_535):
        growing.grow(count)
    assert len(growing.entries) == 65_535
    growing.check(LogReader(engine, LOG_ID))
    for count in (1, 1, 600):
        growing.grow(count)
        growing.check(LogReader(engine, LOG_ID))


def test_every_size_keeps_its_proofs(engine: Engine) -> None:
    """A partial tile of an old size is the prefix of what is stored now."""
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(700)
    leaves = [each.leaf for each in growing.entries]
    for size in (1, 3, 255, 256, 257, 512, 699):
        hashes = growing.log.hashes(size)
        root = root_of(leaves[:size])
        assert root_at(size, hashes) == root
        proof = inclusion_proof(size // 2, size, hashes)
        verify_inclusion(leaves[size // 2], size // 2, size, proof, root)
    frontier = Frontier.at(700, growing.log.hashes())
    assert frontier.root() == growing.log.head().root


def test_reads_stay_inside_the_log(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(300)
    log = growing.log
    for start, end in [(0, 301), (300, 301), (299, 302), (1000, 1001)]:
        with pytest.raises(NotFound):
            log.read_entries(start, end)
    for level, n, width in [(0, 1, 45), ("entries", 1, 45), (0, 1, 256), (1, 0, 2), (2, 0, 1), ("entries", 2, 1)]:
        with pytest.raises(NotFound):
            log.tile(level, n, width)
    for start, end in [(-1, 1), (2, 1)]:
        with pytest.raises(Malformed):
            log.read_entries(start, end)
    for level, n, width in [(64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257), ("data", 0, 1)]:
        with pytest.raises(Malformed):
            log.tile(level, n, width)
    assert log.read_entries(250, 260) == [each.data for each in growing.entries[250:260]]
    assert log.hashes() is log.hashes(300)


def test_many_bundles_stay_bounded_in_memory(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(256 * (CACHED_BUNDLES + 4))
    growing.check(growing.log)
    assert len(growing.log._bundles) == CACHED_BUNDLES


def test_a_repeated_statement_changes_nothing(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(3)
    head = growing.log.head()
    known = growing.entries[1]
    other = entry(99)
    same_id = NewEntry(other.data, other.leaf, other.digest, known.statement_id)
    same_digest = NewEntry(other.data, other.leaf, known.digest, other.statement_id)
    for repeat in (known, same_id, same_digest):
        after = head_after([*growing.entries, repeat])
        with pytest.raises(Refused) as caught:
            growing.log.append(head, [repeat], after)
        assert caught.value.code == "statement_known"
        growing.check(growing.log)
    with pytest.raises(Refused):
        growing.log.append(head, [other, other], head_after([*growing.entries, other, other]))
    growing.grow(1)  # a refusal does not stop the writer
    growing.check(growing.log)


def test_rows_of_statements_are_read_together(engine: Engine) -> None:
    growing, rows = Growing(LogStore(engine, LOG_ID)), LogRows(engine)
    growing.grow(300)
    for asked in (growing.entries[:1], growing.entries[40:296], [growing.entries[299], entry(300)]):
        stored = [said for said in asked if said in growing.entries]
        found = rows.statements([said.digest for said in asked if said.digest is not None])
        assert found == {said.digest: (said.statement_id, growing.entries.index(said)) for said in stored}


def test_entries_without_statement(engine: Engine) -> None:
    log = LogStore(engine, LOG_ID)
    plain = [NewEntry(b"founded", leaf_hash(b"founded")), NewEntry(b"mirrored", leaf_hash(b"mirrored"))]
    log.append(EMPTY_HEAD, plain, head_after(plain))
    assert log.read_entries(0, 2) == [b"founded", b"mirrored"]


def test_requests_that_do_not_fit_together(engine: Engine) -> None:
    log = LogStore(engine, LOG_ID)
    one, huge = entry(0), NewEntry(b"x" * 65_536, leaf_hash(b"x" * 65_536))
    good = head_after([one])
    for entries, new in [
        ([], EMPTY_HEAD),
        ([one, entry(1)], good),
        ([huge], head_after([huge])),
        ([NewEntry(b"", leaf_hash(b""))], head_after([NewEntry(b"", leaf_hash(b""))])),
        ([one], LogHead(1, good.root, good.chain_head, -1)),
    ]:
        with pytest.raises(Malformed):
            log.append(EMPTY_HEAD, entries, new)
    largest = NewEntry(b"x" * 65_535, leaf_hash(b"x" * 65_535))
    log.append(EMPTY_HEAD, [largest], head_after([largest]))
    assert log.entry(0) == largest.data


@pytest.mark.parametrize("before", [0, 5, 255])
def test_the_second_writer_loses(engine: Engine, before: int) -> None:
    first, second = Growing(LogStore(engine, LOG_ID)), LogStore(engine, LOG_ID)
    if before:
        first.grow(before)
    head = second.head()
    first.grow(2)
    late = [entry(before, b"late"), entry(before + 1, b"late")]
    forked = head_after([*first.entries[:before], *late])
    for _ in range(2):  # and stays stopped
        with pytest.raises(Stopped) as caught:
            second.append(head, late, forked)
        assert caught.value.code == "lost_the_race"
    with pytest.raises(Stopped):
        second.save_checkpoint(forked.size, forked.root, b"note")
    first.check(LogReader(engine, LOG_ID))
    assert LogReader(engine, LOG_ID).find_statement(late[0].digest) is None


def test_same_size_other_root_loses(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(2)
    head = growing.log.head()
    other = LogHead(head.size, bytes(32), head.chain_head, head.recorded_at_ms)
    with pytest.raises(Stopped) as caught:
        growing.log.append(other, [entry(2)], head_after([*growing.entries, entry(2)]))
    assert caught.value.code == "lost_the_race"


@pytest.mark.parametrize("before", [0, 3])
def test_writers_at_the_same_instant(engine: Engine, before: int) -> None:
    """Eight writers with the same head: exactly one gets in, whatever the timing."""
    growing = Growing(LogStore(engine, LOG_ID))
    if before:
        growing.grow(before)
    start = threading.Barrier(8)
    won: list[int] = []
    other: list[BaseException] = []

    def write(who: int) -> None:
        log = LogStore(engine, LOG_ID)
        head, mine = log.head(), [entry(before, b"%d" % who)]
        start.wait()
        try:
            log.append(head, mine, head_after([*growing.entries, *mine]))
            won.append(who)
        except Stopped as error:
            if error.code != "lost_the_race":
                other.append(error)
        except BaseException as error:
            other.append(error)

    writers = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert other == []
    assert len(won) == 1
    growing.entries.append(entry(before, b"%d" % won[0]))
    growing.check(LogReader(engine, LOG_ID))


def test_readers_beside_the_writer(engine: Engine) -> None:
    """Whatever head a reader sees, all below it is there and leads to its root, also while bundles fold."""
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(250)
    done = threading.Event()
    failures: list[BaseException] = []
    checked: list[int] = []

    def read() -> None:
        log = LogReader(engine, LOG_ID)
        while not (done.is_set() and checked):
            try:
                head = log.head()
                start = max(0, head.size - 300)
                entries = log.read_entries(start, head.size)
                hashes = log.hashes(head.size)
                assert root_at(head.size, hashes) == head.root
                assert [leaf_hash(data) for data in entries] == [hashes(0, n) for n in range(start, head.size)]
                checked.append(head.size)
            except BaseException as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(60):
        growing.grow(1 + n * 7 % 40)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(set(checked)) > 1


def test_checkpoints(engine: Engine) -> None:
    log = LogStore(engine, LOG_ID)
    log.save_checkpoint(3, b"r" * 32, b"note 3")
    log.save_checkpoint(12, b"s" * 32, b"note 12")
    log.save_checkpoint(3, b"r" * 32, b"note 3 again")
    assert (log.read_checkpoint(3), log.read_checkpoint(12), log.read_checkpoint(4)) == (b"note 3", b"note 12", None)
    assert log.latest_checkpoint() == (12, b"note 12")
    with pytest.raises(Stopped) as caught:
        log.save_checkpoint(3, b"x" * 32, b"a fork")
    assert caught.value.code == "checkpoint_fork"
    assert LogReader(engine, LOG_ID).read_checkpoint(3) == b"note 3"


@pytest.mark.parametrize("size", [10, 255])
def test_a_flipped_bit_is_found_before_it_is_sealed(engine: Engine, size: int) -> None:
    """A stored entry that no longer hashes to its leaf stops reading tiles and folding."""
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(size)
    data = growing.entries[5].data
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE open_entry SET data = :data WHERE idx = 5"), {"data": bytes([data[0] ^ 1]) + data[1:]}
        )
    with pytest.raises(ProofInvalid) as caught:
        root_at(size, LogReader(engine, LOG_ID).hashes())
    assert caught.value.code == "leaf_differs"
    if size == 255:
        with pytest.raises(ProofInvalid) as caught:
            growing.grow(1)
        assert caught.value.code == "leaf_differs"
        assert growing.log.head().size == 255


def test_a_wrong_leaf_is_not_folded(engine: Engine) -> None:
    log = LogStore(engine, LOG_ID)
    entries = [*(entry(n) for n in range(255)), NewEntry(b"x", leaf_hash(b"y"))]
    with pytest.raises(ProofInvalid):
        log.append(EMPTY_HEAD, entries, head_after(entries))
    assert log.head() == EMPTY_HEAD


def test_a_missing_row_is_not_folded(engine: Engine) -> None:
    growing = Growing(LogStore(engine, LOG_ID))
    growing.grow(255)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM open_entry WHERE idx = 7"))
    with pytest.raises(ProofInvalid):
        growing.grow(1)
    with pytest.raises(NotFound):
        growing.log.read_entries(0, 10)


def test_hashes_are_32_bytes_in_the_database_too(engine: Engine) -> None:
    for column in ("log_id", "root", "chain_head"):
        values = {"log_id": bytes(32), "root": bytes(32), "chain_head": bytes(32), column: bytes(31)}
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(
                text("INSERT INTO log_head VALUES (:log_id, 0, :root, :chain_head, 0)"),
                values,
            )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.integers(1, 600), min_size=1, max_size=6), once=st.uuids())
def test_any_batches(engine: Engine, batches: list[int], once: object) -> None:
    with engine.begin() as connection:
        for table in ("log_head", "open_entry", "bundle", "tile", "statement"):
            connection.execute(text(f"DELETE FROM {table}"))
    growing = Growing(LogStore(engine, LOG_ID))
    for count in batches:
        growing.grow(count)
    growing.check(growing.log)
    growing.check(LogReader(engine, LOG_ID))
