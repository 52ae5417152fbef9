"""Serials made here, and serial files as makers write them."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.services.units import serial_file
from ledger.services.units.serial import SYMBOLS, generate, space_bits
from ledger.services.units.serial_file import BAD_ROWS_KEPT, SerialFile, Target, read_serial_csv
from verifier.errors import Malformed, NotFound
from verifier.reading.gs1 import CSET82

GTIN = "09506000134352"


def read(text: str | bytes, gtin: str | None = None, lot: str | None = None) -> SerialFile:
    return read_serial_csv(io.BytesIO(text.encode() if isinstance(text, str) else text), Target(gtin, lot))


def reasons(found: SerialFile) -> list[tuple[int, str]]:
    return [(bad.row, bad.code) for bad in found.bad]


def test_serials_are_different_of_the_right_length_and_without_look_alikes() -> None:
    serials = generate(100_000)
    assert len(set(serials)) == 100_000
    assert {len(serial) for serial in serials} == {20}
    assert set("".join(serials)) == set(SYMBOLS)
    assert len(SYMBOLS) == 31
    assert not set(SYMBOLS) & set("01OIL")


def test_symbols_are_drawn_evenly() -> None:
    """Chi-squared over 31 symbols and 2 million draws: beyond 80 once in about 10^5 runs if they are even."""
    drawn = Counter("".join(generate(100_000)))
    expected = 2_000_000 / 31
    assert sum((drawn[symbol] - expected) ** 2 / expected for symbol in SYMBOLS) < 80


@pytest.mark.parametrize(("length", "bits"), [(20, 99), (13, 64), (12, 59), (1, 4)])
def test_the_space_is_counted_in_whole_bits(length: int, bits: int) -> None:
    assert space_bits(length) == bits
    assert 2**bits <= 31**length < 2 ** (bits + 1)


def test_a_small_space_is_given_out_by_half_at_most() -> None:
    assert len(set(generate(480, length=2))) == 480
    for count, length, code in ((481, 2, "serial_space"), (0, 20, "serial_space"), (1, 21, "serial_length")):
        with pytest.raises(Malformed) as caught:
            generate(count, length)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "A1\nB2\nC3\n",
        "A1\nB2\nC3",
        "A1\r\nB2\r\nC3\r\n",
        "A1\rB2\rC3\r",
        "\n\nA1\n\nB2\n  \nC3\n\n",
        "serial\nA1\nB2\nC3\n",
        "Serial Number\nA1\nB2\nC3\n",
        "SN;Date\nA1;x\nB2;y\nC3;z\n",
        "Date,serial_no\nx,A1\ny,B2\nz,C3\n",
        "Datum\tSeriennummer\n1\tA1\n2\tB2\n3\tC3\n",
        '"serial","note"\n"A1","a, b"\n"B2",""\n"C3","x"\n',
        "Numéro de série,x\nA1,1\nB2,2\nC3,3\n",
        "(01);(21)\n9506000134352;A1\n9506000134352;B2\n9506000134352;C3\n",
        "\ufeffserial\nA1\nB2\nC3\n",
        " A1 \n  B2\nC3\n",
        "serial;gtin;lot\nA1;;\nB2;9506000134352;L1\nC3;09506000134352;L1\n;;\n",
    ],
)
def test_files_as_makers_write_them(text: str) -> None:
    found = read(text, GTIN, "L1")
    assert (found.serials, found.bad) == (["A1", "B2", "C3"], [])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Barcode\nAB-501\nAB-502\n", ["Barcode", "--no-header"]),
        ("Barcode\r\n", ["Barcode"]),
        ("gtin\n9506000134352\n", ["gtin", "--column"]),
        ("GTIN,Colour,Barcode\n9506000134352,red,AB-501\n", ["GTIN", "Colour", "Barcode", "Seriennummer", "--column"]),
        ("Serial,SN\nA1,B1\n", ["Serial", "SN", "--column"]),
        ("A1;x\nB2;y\nC3;z\n", ["A1", "--column", "--no-header"]),
    ],
)
def test_which_column_holds_the_serials_is_asked_and_not_guessed(text: str, named: list[str]) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert caught.value.code == "columns"
    assert all(name in str(caught.value) for name in named)


@pytest.mark.parametrize(
    ("text", "column", "headed", "serials", "name"),
    [
        ("Barcode\nAB-501\nAB-502\n", "Barcode", True, ["AB-501", "AB-502"], "Barcode"),
        ("Barcode\nAB-501\nAB-502\n", None, False, ["Barcode", "AB-501", "AB-502"], "1"),
        ("GTIN,Colour,Barcode\n9506000134352,red,A1\n", "barcode", True, ["A1"], "Barcode"),
        ("GTIN,Colour,Barcode\n9506000134352,red,A1\n", "3", True, ["A1"], "Barcode"),
        ("Serial,SN\nA1,B1\n", "SN", True, ["B1"], "SN"),
        ("x;A1\ny;B2\n", "2", False, ["A1", "B2"], "2"),
        ("ABC\nDEF\nG1\n", None, True, ["ABC", "DEF", "G1"], "1"),
        ("Größe;Serial\n5;A1\n", None, True, ["A1"], "Serial"),
    ],
)
def test_the_column_can_be_named(text: str, column: str | None, headed: bool, serials: list[str], name: str) -> None:
    found = read_serial_csv(io.BytesIO(text.encode()), Target(GTIN), column=column, headed=headed)
    assert (found.serials, found.column, found.bad) == (serials, name, [])


@pytest.mark.parametrize(("column", "headed"), [("Lot", True), ("3", True), ("0", False), ("a", False)])
def test_a_column_that_is_not_there_is_said(column: str, headed: bool) -> None:
    with pytest.raises(Malformed) as caught:
        read_serial_csv(io.BytesIO(b"a;b\nA1;B1\n"), column=column, headed=headed)
    assert caught.value.code == "columns"
    assert repr(column) in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_files_in_other_encodings(encoding: str) -> None:
    found = read("Größe;Serial\n5 µm;A1\n7 µm;B2\n".encode(encoding))
    assert found.serials == ["A1", "B2"]
    assert found.header == ("Größe", "Serial")


def test_bad_rows_are_named_by_line_value_and_reason() -> None:
    text = """serial;gtin;lot
A1;;

ABCDEFGHIJKLMNOPQRSTU;;
A 2;;
4.0123E+12;;
A1;;
;;L1
A3;950600013435;
A4;4006381333931;
A5;;L2
Ä6;;
A7;9506000134352;L1
4,01E+12;;
""".replace("\n", "\r\n")
    found = read(text, GTIN, "L1")
    assert found.serials == ["A1", "A7"]
    assert reasons(found) == [
        (4, "serial_length"),
        (5, "charset"),
        (6, "spreadsheet_notation"),
        (7, "duplicate"),
        (8, "empty"),
        (9, "check_digit"),
        (10, "gtin_mismatch"),
        (11, "lot_mismatch"),
        (12, "charset"),
        (14, "spreadsheet_notation"),
    ]
    assert (found.rows, found.bad_count, found.reasons["duplicate"]) == (12, 10, 1)
    assert "row 7: A1 stands in row 2 already" in found.bad[3].message
    assert "got 21 characters" in found.bad[0].message
    assert found.bad[6].expected == GTIN


def test_a_gtin_without_its_leading_zero_is_asked_for() -> None:
    found = read("serial,gtin\nA1,61414112345\n", "00614141123452")
    assert reasons(found) == [(2, "gtin_length")]
    assert "leading zero lost?" in found.bad[0].message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n \n", "empty_file"),
        (b"serial\n", "empty_file"),
        (b"PK\x03\x04rest of an xlsx", "not_csv"),
        (b"\xd0\xcf\x11\xe0rest of an xls", "not_csv"),
        (b"A1,x\nB2\nC3,y,z\n", "columns"),
        (b"serial\n" + b"A" * 200_000, "not_csv"),
        (b"A" * 200_000, "not_csv"),
    ],
)
def test_files_that_are_no_serial_file(text: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert caught.value.code == code


def test_punctuation_of_a_serial_is_no_delimiter_where_a_header_says_so() -> None:
    assert read("serial\nA,1\nB;2\nC3\n").serials == ["A,1", "B;2", "C3"]


def test_a_quotation_mark_that_never_closes_does_not_swallow_rows_unseen() -> None:
    found = read('serial\nA1\n"B2\nC3\nD4\n')
    assert found.serials == ["A1"]
    assert reasons(found) == [(3, "quote")]


def test_bad_rows_are_counted_beyond_those_kept() -> None:
    found = read("serial\n" + "A B\n" * 2_500)
    assert (len(found.bad), found.bad_count, found.serials) == (BAD_ROWS_KEPT, 2_500, [])


def test_a_file_on_disk_and_progress(tmp_path: Path) -> None:
    serials = generate(25_000)
    path = tmp_path / "serials.csv"
    path.write_text("serial\n" + "\n".join(serials))
    heard: list[int] = []
    assert read_serial_csv(path, progress=heard.append).serials == serials
    assert heard[-1] == 25_000
    assert heard == sorted(heard)
    assert len(heard) >= 3
    with pytest.raises(NotFound):
        read_serial_csv(tmp_path / "nothing.csv")


def test_the_callers_stream_stays_open() -> None:
    stream = io.BytesIO(b"A1\n")
    read_serial_csv(stream)
    assert not stream.closed


@given(st.lists(st.text(CSET82.replace('"', ""), min_size=1, max_size=20), min_size=1, max_size=50))
def test_every_row_is_either_good_or_named(values: list[str]) -> None:
    found = read("serial\r\n" + "\r\n".join(values))
    assert len(found.serials) + found.bad_count == found.rows == len(values)
    wrong = {bad.value for bad in found.bad}
    assert set(found.serials) | wrong == set(values)
    assert set(found.reasons) <= {"duplicate", "spreadsheet_notation"}


ROWS = st.sampled_from(
    ["A1", "B2", "C3", "D4", "E5", " F6", "", "A 1", "1E+5", "1.5e-3", "A" * 21, 'Q"7', '"R8"', "S9\x1f", "Ä1", "T1,x"]
)


@given(st.lists(st.text("ABC123-+E", min_size=1, max_size=4) | ROWS, max_size=30), st.integers(1, 7), st.data())
def test_blocks_and_single_rows_are_read_alike(values: list[str], size: int, data: st.DataObject) -> None:
    """The quick way is taken only where it gives what looking at each row gives."""
    ends = [data.draw(st.sampled_from(["\n", "\r\n", "\r"])) for _ in values]
    more = data.draw(st.sampled_from(["", ";9506000134352;L1", ";9506000134352 ;", ";4006381333931;L1", ";;L2"]))
    header = "serial;gtin;lot\n" if more else data.draw(st.sampled_from(["serial\n", ""]))
    text = header + "".join(value + more + end for value, end in zip(values, ends, strict=True))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(serial_file, "_BLOCK", size)
        quick = outcome(text)
        patched.setattr(serial_file.SoundRows, "take", lambda *_: False)
        assert quick == outcome(text)


def outcome(text: str) -> object:
    """What reading a file comes to."""
    try:
        return read(text, GTIN, "L1")
    except Malformed as error:
        return error.code, str(error)


@given(st.binary(max_size=300))
def test_no_file_makes_reading_fail(data: bytes) -> None:
    try:
        found = read(data, GTIN, "L1")
    except Malformed:
        return
    assert len(found.serials) + found.bad_count == found.rows
