"""Doubts about serial files: what spreadsheets and people do to values, and files that are something else."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ledger.services.record.doubt_name import ABOUT, DoubtName
from ledger.services.units.serial import SYMBOLS
from ledger.services.units.serial_cell import dates_of, read_gtin
from ledger.services.units.serial_doubt import ROWS_KEPT, doubts_of_file, doubts_of_values
from ledger.services.units.serial_file import SerialFile, Target, read_serial_csv
from verifier.errors import Malformed
from verifier.reading.gs1 import parse_gtin

GTIN = "09506000134352"
TARGET = Target(GTIN, "L1", "2031-01-31")


def read(text: str | bytes, target: Target = TARGET) -> SerialFile:
    return read_serial_csv(io.BytesIO(text.encode() if isinstance(text, str) else text), target)


def doubted(*values: str) -> dict[str, list[tuple[int | None, str, str]]]:
    """The doubts about a column of values: name to row, value and what it may have been."""
    quoted = ('"' + value.replace('"', '""') + '"' for value in values)
    found = doubts_of_file(read("serial\n" + "\n".join(quoted)), GTIN, "2031-01-31")
    return {doubt.name.value: [(one.row, one.value, one.perhaps) for one in doubt.values] for doubt in found}


@pytest.mark.parametrize(
    ("value", "name", "perhaps"),
    [
        ("1,000,123", "grouped", "1000123"),
        ("1.234.567,00", "grouped", "1234567"),
        ("1'234'567", "grouped", "1234567"),
        ("12,34,567", "grouped", "1234567"),
        ("1234567.00", "decimal", "1234567"),
        ("1234567,5", "decimal", "1234567"),
        ("1-Jun", "date", "a serial such as"),
        ("01.06.2031", "date", "a serial such as"),
        ("6/1/31", "date", "a serial such as"),
        ("2031-06-01", "date", "a serial such as"),
        ("Okt-31", "date", "a serial such as"),
        ("12:30", "date", "a serial such as"),
        ("NULL", "no_value", "no serial"),
        ("n/a", "no_value", "no serial"),
        ("<null>", "no_value", "no serial"),
        ("None", "no_value", "no serial"),
        ("--", "no_value", "no serial"),
        ("TRUE", "truth_value", "no serial"),
        ("wahr", "truth_value", "no serial"),
        ("=A1&B1", "formula", "what the formula gives"),
        ("'000123", "text_mark", "000123"),
        ('"AB1"', "quoted", "AB1"),
        ("(21)AB1", "element", "AB1"),
        ("(10)L1(21)AB1", "element", "AB1"),
        ("http://a.b/21/AB1", "link", "AB1"),
        ("Serial", "heading", "no serial"),
        ("Total", "heading", "no serial"),
    ],
)
def test_a_value_that_was_something_else_is_named_with_its_row(value: str, name: str, perhaps: str) -> None:
    others = [f"{'Q' * max(1, len(value) - 1)}{digit}" for digit in "123"]
    [(row, shown, before)] = doubted(*others, value)[name]
    assert (row, shown) == (5, value)
    assert before.startswith(perhaps)
    [doubt] = doubts_of_values(GTIN, value, "", "2031-01-01")  # a lot is asked about as a serial is
    assert (doubt.name, doubt.cell) == (name, "lot")


@pytest.mark.parametrize(
    "values",
    [
        ("AB-501", "AB-502", "AB-503"),
        ("A8", "A9", "A10", "A11"),
        ("12E5", "2E7X", "3E12"),
        ("20310601", "20310602", "20310603"),
        ("13-20-30", "1.2.3", "1-2", "99.99.99.99"),
        ("000123", "000124", "000125"),
        ("123456789012345670", "123456789012345671"),
        ("4006381333931", "4006381333932"),
        ("AbC1", "aBd1", "Abe1"),
        ("L/1", "C%3", "D.4", "(X", "A=1", "x'1'y"),
    ],
)
def test_serials_that_are_meant_as_they_stand_are_not_doubted(values: tuple[str, ...]) -> None:
    assert doubted(*values) == {}


@pytest.mark.parametrize(
    ("values", "name", "found"),
    [
        (("123", "22", "000124"), "lost_zeros", [(2, "123", "000123"), (3, "22", "000022")]),
        (("00A1", "00B1", "00C1", "123"), "lost_zeros", [(5, "123", "0123")]),
        (("1234567890123450", "1234567890123460"), "rounded", None),
        (("A0001", "A0002", "A003"), "odd_length", [(4, "A003", "a serial of 5 characters")]),
        (("AB1", "ab1", "aB1", "XY2"), "two_cases", [(3, "ab1", "AB1"), (4, "aB1", "AB1")]),
        ((GTIN[1:], "4006381333932"), "gtin", [(2, GTIN[1:], "no serial at all")]),
        (("4006381333931", "5901234123457"), "gtin", None),
        (("96385074",), "gtin", None),
    ],
)
def test_what_shows_in_the_whole_column_only(
    values: tuple[str, ...], name: str, found: list[tuple[int, str, str]] | None
) -> None:
    doubts = doubted(*values)
    assert set(doubts) == {name}
    assert found is None or doubts[name] == found


def test_expiry_dates_of_the_file_and_of_the_past() -> None:
    file = read("serial,best before\nA1,310131\nA2,2031-01-31\nA3,31.01.2031\nA4,47879\n")
    assert (file.serials, file.bad) == (["A1", "A2", "A3", "A4"], [])
    wrong = read("serial;exp\nA1;310131\nA2;31.12.2031\nA3;soon\nA4;9,5E+4\n")
    assert [(bad.row, bad.code) for bad in wrong.bad] == [
        (3, "expiry_mismatch"),
        (4, "expiry_form"),
        (5, "expiry_form"),
    ]
    unsaid = doubts_of_file(read("serial;exp\nA1;310131\n", Target(GTIN, "L1", "")), GTIN, "")
    assert [(one.name, one.values[0].perhaps) for one in unsaid] == [("expiry_unsaid", "2031-01-31")]
    assert [one.name for one in doubts_of_values(GTIN, "L1", "2031-01-30", "2031-01-31")] == ["expired"]
    assert doubts_of_values(GTIN, "L1", "2031-01-31", "2031-01-31") == []
    assert [one.name for one in doubts_of_values(GTIN, GTIN[1:], "", "2031-01-31")] == ["gtin"]


def test_days_are_read_in_every_order_that_their_form_allows() -> None:
    assert dates_of("02/03/2031") == {"2031-02-03", "2031-03-02"}
    assert dates_of("310200") == {"2031-02-28"}
    assert dates_of("31-Mär-2031") == dates_of("Mär") == frozenset()
    assert dates_of("31-Mrt-2031") == {"2031-03-31"}
    assert dates_of("2031-01-31 00:00:00") == {"2031-01-31"}
    assert dates_of("99") == frozenset()


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (f'="{GTIN}"', "text_formula"),
        (f'="{GTIN[1:]}"', "text_formula"),
        ("950 60001 34352", "grouped"),
        ("9 506000 134352", "grouped"),
        ("9.506.000.134.352", "grouped"),
        ("9,506,000,134,352.00", "grouped"),
        ("9506000134352.0", "grouped"),
        ("9-506000-134352", "grouped"),
        (GTIN[1:], None),
    ],
)
def test_gtins_as_spreadsheets_and_people_write_them(cell: str, code: str | None) -> None:
    assert read_gtin(cell) == (GTIN, code)
    file = read(f'serial\tgtin\nA1\t"{cell.replace(chr(34), chr(34) * 2)}"\n')
    assert (file.serials, [one.code for one in file.read]) == (["A1"], [code] if code else [])


def test_a_rounded_number_has_one_reason_in_every_column() -> None:
    file = read("serial;gtin;lot\nA1;9,50600E+12;L1\n9,5E+12;;L1\nA3;;1,0E+05\n", Target(GTIN, "L1"))
    assert [(bad.row, bad.code) for bad in file.bad] == [(row, "spreadsheet_notation") for row in (2, 3, 4)]
    assert all("rounded; its digits are lost" in bad.message for bad in file.bad)
    [bad] = read("serial;lot\nA1;12\n", Target(GTIN, "0012")).bad
    assert bad.message.endswith("a spreadsheet took the leading zeros away")


@pytest.mark.parametrize(
    "control", ["\x00", "\x01", "\t", "\x0b", "\x0c", "\x1a", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f"]
)
@pytest.mark.parametrize("text", ["{}AB91", "AB{}91777", "AB91{}"])
@pytest.mark.parametrize("table", [False, True])
def test_a_control_character_is_never_part_of_a_good_row(control: str, text: str, table: bool) -> None:
    value = text.format(control)
    rows = [f'L1;"{value}"', "L1;AB92"] if table else [f'"{value}"', "AB92"]
    file = read("\n".join(["lot;serial" if table else "serial", *rows]))
    stripped = control == "\t" and text != "AB{}91777"  # a tab beside a value is a blank like another
    assert file.serials == (["AB91", "AB92"] if stripped else ["AB92"])
    assert [bad.code for bad in file.bad] == ([] if stripped else ["charset"])


@pytest.mark.parametrize("control", ["\x1c", "\x1d", "\x1e", "\x1f"])
def test_cells_beside_the_serial_keep_their_control_characters_too(control: str) -> None:
    assert [bad.code for bad in read(f"serial;lot\nA1;L1{control}\n").bad] == ["lot_mismatch"]
    assert [bad.code for bad in read(f"serial;gtin\nA1;{GTIN}{control}\n").bad] == ["charset"]
    assert [bad.code for bad in read(f"serial\n{control}\n").bad] == ["charset"]  # no blank line


@pytest.mark.parametrize(
    ("text", "serials"),
    [
        ("sep=;\nserial;note\nA1;x,y\nA2;z\n", ["A1", "A2"]),
        ("SEP=,\r\nserial,note\r\nA1,x;y\r\n", ["A1"]),
        ('"sep=|"\nserial|x\nA1|1\nA2|2\n', ["A1", "A2"]),
        ("sep=\t\nserial\tx\nA1\t2\n", ["A1"]),
        ("sep=;\nA1\nA2\n", ["A1", "A2"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_first_line_that_names_the_separator_is_used_and_skipped(
    text: str, serials: list[str], encoding: str
) -> None:
    file = read(text.encode(encoding))
    assert (file.serials, file.bad) == (serials, [])
    assert (
        next(iter(file.row_numbers().values()))
        == text.splitlines().index(next(s for s in text.splitlines() if "A1" in s)) + 1
    )


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def image(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"@context": [], "type": "EPCISDocument", "epcisBody": {}}', "an EPCIS document (JSON)"),
        (b'\xef\xbb\xbf\n[\n {"eventList": "epcis"}]', "an EPCIS document (JSON)"),
        (
            b'<?xml version="1.0"?>\n<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2">',
            "EPCIS document (XML)",
        ),
        ('<?xml version="1.0"?><epcis:EPCISDocument>'.encode("utf-16"), "an EPCIS document (XML)"),
        (b'{"serials": ["A1"]}', "JSON"),
        (b'["A1", "A2"]', "JSON"),
        (b"<serials><s>A1</s></serials>", "XML"),
        (b"<!DOCTYPE html><html><table>", "a web page"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "a spreadsheet (XLSX)"),
        (zipped("a.csv"), "ZIP"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"{\\rtf1 A1}", "a document (RTF)"),
        (image("PNG"), "an image (PNG)"),
        (image("JPEG"), "an image (JPEG)"),
        (image("TIFF"), "an image (TIFF)"),
        (gzip.compress(b"A1\n", mtime=0), "compressed (GZIP)"),
        ("serial\nA1\nA2\n".encode("utf-16-le"), "full of zero bytes"),
    ],
    # a ZIP holds the hour it was made: no name may hold its bytes, or no two workers find the same tests
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_a_file_of_another_kind_is_called_by_its_name(data: bytes, kind: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(data)
    assert caught.value.code == "not_csv"
    assert kind in str(caught.value)
    assert "expected text with one serial a row" in str(caught.value)


@pytest.mark.parametrize(
    "serials", [["<A1", "<A2"], ["<1>", "<2>"], ["PK1", "PK2"], ["BZh1", "BZh2"], ["%PD1", "%PD2"]]
)
def test_a_serial_that_begins_like_another_kind_of_file_is_a_serial(serials: list[str]) -> None:
    assert read("\n".join(serials)).serials == serials


def test_only_the_first_rows_of_a_doubt_are_kept_and_all_are_counted() -> None:
    [doubt] = doubts_of_file(read("serial\n" + "\n".join(f"=A{n:04}" for n in range(2_500))), GTIN, "")
    assert (doubt.count, len(doubt.values), doubt.values[-1].row) == (2_500, ROWS_KEPT, ROWS_KEPT + 1)


def test_every_doubt_is_in_the_table() -> None:
    assert set(ABOUT) == set(DoubtName)


@given(st.lists(st.text(SYMBOLS, min_size=12, max_size=12).filter(lambda text: not text.isdigit()), max_size=40))
def test_serials_made_here_are_never_doubted(serials: list[str]) -> None:
    file = SerialFile(list(dict.fromkeys(serials)))
    assert doubts_of_file(file, GTIN, "") == []


@given(st.from_regex(r"[0-9]{7}|[0-9]{11,13}", fullmatch=True), st.sampled_from([" ", "-", "."]), st.integers(1, 4))
def test_a_gtin_in_groups_is_the_gtin(digits: str, mark: str, size: int) -> None:
    weights = [3 if at % 2 == 0 else 1 for at in range(len(digits))][:: -1 if len(digits) % 2 == 0 else 1]
    check = -sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 10
    gtin = f"{digits}{check}"
    grouped = mark.join([gtin[0], *(gtin[at : at + size + 2] for at in range(1, len(gtin), size + 2))])
    if mark == "." and len(grouped.rsplit(".", 1)[1]) < 3:
        grouped = gtin[0] + mark + gtin[1:]  # zeros behind a last point would be decimals
    assert read_gtin(grouped) == (parse_gtin(gtin), "grouped")
