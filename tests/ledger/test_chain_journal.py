"""The journal survives being cut off anywhere and is shared by several writers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.journal import Genesis, Journal
from verifier.errors import ProofInvalid, Stopped

GENESIS = Genesis(31337, "2026-11-23T22:26:00Z", "0x" + "11" * 32)


def fresh(path: Path) -> Journal:
    journal = Journal(path)
    with journal.locked():
        pass
    return journal


def begun(folder: Path) -> tuple[Path, Journal]:
    path = folder / "journal.jsonl"
    journal = fresh(path)
    with journal.locked():
        journal.begin(GENESIS)
    return path, journal


outcomes = st.sampled_from(["mined", "dropped"])


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.integers(0, 2**40), outcomes), max_size=8))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    path, journal = begun(tmp_path_factory.mktemp("journal"))
    for height, (raw, timestamp, outcome) in enumerate(steps, start=1):
        with journal.locked():
            entry = journal.intend(raw, timestamp)
            if outcome == "mined":
                journal.mined(entry, height, f"0x{height:064x}")
            else:
                journal.drop(entry, "nonce too low")
    again = fresh(path)
    assert (again.genesis, again.entries, again.tip) == (GENESIS, journal.entries, journal.tip)
    assert [entry.raw for entry in again.entries] == [raw for raw, _, _ in steps]


def test_cut_off_at_any_byte_it_reads_the_whole_lines(tmp_path: Path) -> None:
    path, journal = begun(tmp_path)
    with journal.locked():
        journal.mined(journal.intend(b"\x01\x02", 100), 1, "0x" + "22" * 32)
        journal.intend(b"\x03", 101)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        cut = fresh(path)
        complete = whole[:length].count(b"\n")
        assert (cut.genesis is not None, len(cut.entries), cut.tip is not None) == (
            complete > 0,
            max(0, complete - 1) - (complete > 2),
            complete > 2,
        )
        assert path.read_bytes() == whole[: whole[:length].rfind(b"\n") + 1]


def test_goes_on_after_a_cut(tmp_path: Path) -> None:
    path, journal = begun(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"n":1,"raw":"0x')
    with journal.locked():
        journal.mined(journal.intend(b"\x05", 7), 1, "0x" + "33" * 32)
    assert [entry.raw for entry in fresh(path).entries] == [b"\x05"]


def test_second_writer_sees_what_the_first_wrote(tmp_path: Path) -> None:
    path, first = begun(tmp_path)
    second = fresh(path)
    with first.locked():
        first.mined(first.intend(b"\x01", 1), 1, "0x" + "01" * 32)
    with second.locked():
        assert [entry.raw for entry in second.entries] == [b"\x01"]
        second.mined(second.intend(b"\x02", 2), 2, "0x" + "02" * 32)
    with first.locked():
        assert first.tip == second.tip


def test_threads_take_turns(tmp_path: Path) -> None:
    path, _ = begun(tmp_path)

    def write() -> None:
        journal = Journal(path)
        for _ in range(25):
            with journal.locked():
                entry = journal.intend(b"\x01", 1)
                journal.mined(entry, entry.number, f"0x{entry.number:064x}")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.block_number for entry in fresh(path).entries] == list(range(1, 101))


def test_refuses_a_second_intention_before_the_outcome_of_the_first(tmp_path: Path) -> None:
    _, journal = begun(tmp_path)
    with journal.locked():
        journal.intend(b"\x01", 1)
        with pytest.raises(Stopped) as caught:
            journal.intend(b"\x02", 2)
    assert caught.value.code == "journal_pending"


@pytest.mark.parametrize("damage", [b"no json\n", b'{"n":7,"raw":"0x01","timestamp":1}\n', b'{"journal":2}\n', b"[]\n"])
def test_damage_inside_is_an_alarm(tmp_path: Path, damage: bytes) -> None:
    path, _ = begun(tmp_path)
    path.write_bytes(path.read_bytes() + damage + b'{"n":1,"dropped":"x"}\n')
    with pytest.raises(ProofInvalid) as caught:
        fresh(path)
    assert caught.value.code == "journal_damaged"
