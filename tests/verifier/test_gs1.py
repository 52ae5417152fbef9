"""Identifiers, prefixes, offices, and the round trips of Digital Links and element strings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_messages import GS1Message
from hypothesis import assume, given
from hypothesis import strategies as st

from verifier.errors import Malformed
from verifier.reading.digital_link import format_digital_link, parse_digital_link, parse_digital_link_path
from verifier.reading.element_string import GS, format_element_string, parse_bracketed, parse_element_string
from verifier.reading.gs1 import CSET82, Carrier, gs1_office, parse_gtin, parse_lot, parse_serial, prefix_matches

GTIN = "09506000134352"
BASE = "https://id.example"
VALUES = st.text(CSET82, min_size=1, max_size=20)
LINKABLE = VALUES.filter(lambda value: value not in (".", ".."))
GTINS = st.from_regex(r"\A[0-9]{13}\Z").map(lambda digits: digits + str(gs1_standard_check_digit(digits)))


def code_of(call: object, *arguments: object) -> str:
    with pytest.raises(Malformed) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_character_set_82_has_82_characters() -> None:
    assert len(CSET82) == len(set(CSET82)) == 82


@pytest.mark.parametrize(
    ("typed", "padded"),
    [
        ("09506000134352", "09506000134352"),
        ("9506000134352", "09506000134352"),
        ("614141123452", "00614141123452"),
        ("95200002", "00000095200002"),
    ],
)
def test_typed_gtins_are_padded(typed: str, padded: str) -> None:
    assert parse_gtin(typed) == padded


@pytest.mark.parametrize("length", [0, 1, 7, 9, 10, 11, 15, 16, 30])
def test_gtins_of_other_lengths_are_refused(length: int) -> None:
    assert code_of(parse_gtin, "9" * length) == ("gtin_length" if length else "charset")


def test_a_gtin_of_11_digits_is_asked_for_its_leading_zero() -> None:
    with pytest.raises(Malformed, match=r"got 11 digits .* was a leading zero lost\?"):
        parse_gtin("61414112345")


@pytest.mark.parametrize(
    "text", ["950600013435X", "9506000134352 ", "９５０６０００１３４３５２", "-950600013435", "9506000134352\n"]
)
def test_gtins_hold_digits_only(text: str) -> None:
    assert code_of(parse_gtin, text) == "charset"


@given(GTINS, st.integers(0, 13), st.integers(1, 9))
def test_any_one_wrong_digit_is_found(gtin: str, place: int, by: int) -> None:
    wrong = gtin[:place] + str((int(gtin[place]) + by) % 10) + gtin[place + 1 :]
    assert parse_gtin(gtin) == gtin
    assert code_of(parse_gtin, wrong) == "check_digit"


@given(st.text(CSET82, max_size=40))
def test_lots_and_serials_have_1_to_20_characters(text: str) -> None:
    if 1 <= len(text) <= 20:
        assert parse_lot(text) == text
        assert parse_serial(text) == text
    else:
        assert (code_of(parse_lot, text), code_of(parse_serial, text)) == ("lot_length", "serial_length")


@given(st.text(min_size=1, max_size=20).filter(lambda text: not set(text) <= set(CSET82)))
def test_lots_and_serials_hold_set_82_only(text: str) -> None:
    assert code_of(parse_lot, text) == code_of(parse_serial, text) == "charset"


def test_prefixes_are_matched_from_the_second_digit() -> None:
    assert prefix_matches("9506000", GTIN)
    assert prefix_matches("9506000", "19506000134359")  # the same product in a case
    assert not prefix_matches("0950600", GTIN)
    assert not prefix_matches("9506001", GTIN)
    # a GTIN-8 belongs to its GS1-8 prefix only
    assert prefix_matches("00000952", parse_gtin("95200002"))
    assert not prefix_matches("952", parse_gtin("95200002"))


@pytest.mark.parametrize(
    ("gtin", "office"),
    [
        ("04006381333931", "GS1 Germany"),
        ("14006381333938", "GS1 Germany"),
        ("00614141123452", "GS1 US"),
        ("08710398500519", "GS1 Netherlands"),
        ("00000030056640", "GS1 France"),
        ("09506000134352", "GS1 Global Office"),
        ("01400000000000", None),
    ],
)
def test_the_office_of_a_prefix_is_named(gtin: str, office: str | None) -> None:
    assert gs1_office(gtin) == office


def test_ranges_that_no_company_can_hold_say_so() -> None:
    assert "demonstrations" in str(gs1_office("09521234543213"))
    assert "demonstrations" in str(gs1_office("00000095200002"))
    for gtin in ("00212345678903", "02012345678902", "00412345678901"):
        assert "restricted circulation" in str(gs1_office(gtin))


@given(gtin=GTINS, lot=st.none() | LINKABLE, serial=st.none() | LINKABLE, signature=st.none() | VALUES)
def test_links_round_trip(gtin: str, lot: str | None, serial: str | None, signature: str | None) -> None:
    link = format_digital_link(BASE + "/goods/", gtin, lot, serial, signature)
    code = parse_digital_link(link, Carrier.QR)
    assert (code.gtin, code.lot, code.serial, code.signature) == (gtin, lot, serial, signature)
    parts = urlsplit(link)
    assert parse_digital_link_path(parts.path.encode(), parts.query.encode(), Carrier.QR) == code
    assert link.isascii()
    assert not set(link) & set('"<> ')


@given(gtin=GTINS, lot=LINKABLE, serial=LINKABLE)
def test_another_reader_reads_our_links_alike(gtin: str, lot: str, serial: str) -> None:
    theirs = GS1DigitalLinkURI.parse(format_digital_link(BASE, gtin, lot, serial)).element_strings
    assert [element.value for element in theirs] == [gtin, lot, serial]


@given(gtin=GTINS, lot=st.none() | VALUES, serial=st.none() | VALUES, date=st.sampled_from([None, "280131", "281200"]))
def test_element_strings_round_trip(gtin: str, lot: str | None, serial: str | None, date: str | None) -> None:
    text = format_element_string(gtin, lot, serial, {"17": date} if date else None)
    code = parse_element_string(text)
    assert code is not None
    assert (code.gtin, code.lot, code.serial, code.extra.get("17")) == (gtin, lot, serial, date)
    assert text.count(GS) == (lot is not None and serial is not None)
    theirs = GS1Message.parse(text).element_strings
    assert {element.ai.ai: element.value for element in theirs} == {
        ai: value for ai, value in (("01", gtin), ("17", date), ("10", lot), ("21", serial)) if value is not None
    }


@given(gtin=GTINS, lot=VALUES, serial=VALUES)
def test_brackets_round_trip_unless_a_value_holds_an_ai_in_brackets(gtin: str, lot: str, serial: str) -> None:
    assume(not re.search(r"\(\d{2,4}\)", lot + serial))
    code = parse_bracketed(f"(01){gtin}(10){lot}(21){serial}")
    assert code is not None
    assert (code.gtin, code.lot, code.serial) == (gtin, lot, serial)


def test_fields_of_full_length_still_need_their_separator() -> None:
    """A reader that cuts at 20 characters would take the rest for a field of its own."""
    text = f"01{GTIN}21{'A' * 20}10LOT7"
    assert code_of(parse_element_string, text) == "serial_length"


@pytest.mark.parametrize("value", [".", ".."])
def test_values_that_browsers_would_drop_from_a_path_are_not_written(value: str) -> None:
    assert code_of(format_digital_link, BASE, GTIN, value, "A") == "dot_segment"
    assert code_of(format_digital_link, BASE, GTIN, "A", value) == "dot_segment"


@pytest.mark.parametrize(
    "base",
    ["", "id.example", "ftp://id.example", "https://", "https://id.example?x=1", "https://id.example/#a", "https://a@b",
     "https://id.example/a b", "javascript:alert(1)//https://a"],
)  # fmt: skip
def test_base_urls_are_a_scheme_a_host_and_perhaps_a_stem(base: str) -> None:
    assert code_of(format_digital_link, base, GTIN, "A", "B") == "base_url"


def test_only_what_can_be_read_is_written() -> None:
    assert code_of(format_digital_link, BASE, "9506000134352", "A", "B") == "gtin_length"
    assert code_of(format_digital_link, BASE, GTIN, "A", "B" * 21) == "serial_length"
    assert code_of(format_digital_link, BASE, GTIN, "", "B") == "lot_length"
    assert code_of(format_element_string, GTIN, "A B") == "charset"


def test_a_path_keeps_its_escapes_until_values_are_apart() -> None:
    code = parse_digital_link_path(b"/shop/01/09506000134352/10/L%2FT%252F/21/%3F", b"s=abc")
    assert (code.lot, code.serial, code.signature) == ("L/T%2F", "?", "abc")
