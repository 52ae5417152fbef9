"""The second reading of GS1 codes, against examples out of GS1's own text, written by hand."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from gs1_oracle import AI_CARRIERS, Kind, expect
from gs1_oracle_checks import CHECKS, ROWS, check_digit, check_pair
from gs1_text_faults import COMMON_FAULTS, FAULTS
from gs1_texts import texts

G = "09520123456788"
LINK = f"https://id.gs1.org/01/{G}"

RIGHT = {
    "9520123456788": {"01": G},
    "952 0123 456788": {"01": G},
    G: {"01": G},
    "02345673": {"01": "00000002345673"},
    "416000336108": {"01": "00416000336108"},
    f"01{G}10ABC\x1d21XYZ": {"01": G, "10": "ABC", "21": "XYZ"},
    f"21XYZ\x1d01{G}": {"21": "XYZ", "01": G},
    f"01{G}\x1d17250100\x1d21X": {"01": G, "17": "250100", "21": "X"},
    f"01{G}21X\x1d7007250101250131": {"01": G, "21": "X", "7007": "250101250131"},
    f"01{G}3103000189": {"01": G, "3103": "000189"},
    f"01{G}423004372\x1d10A": {"01": G, "423": "004372", "10": "A"},
    f"]C101{G}21X": {"01": G, "21": "X"},
    "]E09520123456788": {"01": G},
    "]E402345673": {"01": "00000002345673"},
    f"]I1{G}": {"01": G},
    "]E3952012345678812345": {"01": G},
    f"]Q1{LINK}/21/X": {"01": G, "21": "X"},
    f"(99)A(01){G}(21)X": {"99": "A", "01": G, "21": "X"},
    f"(01){G}(21)A\\(1)": {"01": G, "21": "A(1)"},
    f"{LINK}/22/V/10/L/21/S?17=180426": {"01": G, "22": "V", "10": "L", "21": "S", "17": "180426"},
    f"HTTPS://EXAMPLE.COM/01/{G}": {"01": G},
    f"http://a/01/00/faux/01/{G}/21/a+b": {"01": G, "21": "a+b"},
    f"https://[2001:db8::1]:8443/01/{G}/": {"01": G},
    f"{LINK}/21/A%2fb?linkType=all&x#frag": {"01": G, "21": "A/b"},
    f"{LINK}?&&99=ABC&&": {"01": G, "99": "ABC"},
    f"{LINK}/235/XYZ?10=ABC": {"01": G, "235": "XYZ", "10": "ABC"},
    f"https://a/8004/9520614141234567?01={G}": {"8004": "9520614141234567", "01": G},
}

WRONG = {
    "9520123456789": "csum",
    "952 0123 4567": "length",
    "]E0952012345678": "length",
    "]C110950600013436": "needs of 10",
    "]d221123450": "needs of 21",
    f"]d101{G}": "no fnc1",
    f"01{G}10A\x1d\x1d21B": "separator",
    f"\x1d01{G}": "separator",
    f"01{G}21A\x1d21B": "repeated ai",
    f"01{G}21A\x1d235B": "excluded by 21",
    f"01{G}37\x0112": "charset in 37",
    f"01{G}10É": "charset in 10",
    f"01{G}17250230": "yymmd0 in 17",
    f"01{G}7006250100": "yymmdd in 7006",
    f"01{G}70032501012460": "hhmi in 7003",
    f"01{G}422999": "iso3166 in 422",
    f"01{G}4230043": "length in 423",
    f"01{G}14250101": "unknown ai",
    f"01{G}3922100": "needs of 3922",
    f"(01){G}(21)": "empty in 21",
    f"(01){G} (21)X": "length in 01",
    f"{LINK}/21/S/10/L": "qualifiers",
    f"{LINK}/22/V/235/T": "qualifiers",
    f"{LINK}?21=S": "21 in the query",
    f"{LINK}?10=L": "10 in the query",
    f"{LINK}?999=x": "unknown ai",
    f"{LINK}?99=": "empty in 99",
    f"{LINK}?99": "empty in 99",
    f"{LINK}?=x": "unknown ai",
    f"{LINK}?99=A&99=A": "repeated key",
    f"{LINK}?99=A+B": "charset in 99",
    f"{LINK}/21/%zz": "escape",
    f"{LINK}/21/a{{b": "characters",
    f"Https://a/01/{G}": "scheme",
    "https://a/01/9520123456788": "length in 01",
    f"https://a/01//{G}": "no key",
    f"{LINK}//": "no key",
}


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_code_is_read_with_all_its_fields(text: str) -> None:
    told = expect(text)
    assert (told.kind, dict(told.ais)) == (Kind.CODE, RIGHT[text])
    assert (told.gtin, told.lot, told.serial) == tuple(RIGHT[text].get(ai) for ai in ("01", "10", "21"))


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_code_is_refused_by_the_rule_it_breaks(text: str) -> None:
    told = expect(text)
    assert (told.kind, told.why) == (Kind.INVALID, WRONG[text])


@pytest.mark.parametrize(
    "text", ["00006141411234567890", "(8003)09520123456788A", "https://a/414/9520123456788/254/32a"]
)
def test_a_right_code_that_names_no_product_is_foreign(text: str) -> None:
    assert (expect(text).kind, expect(text).why) == (Kind.FOREIGN, "no product")


@pytest.mark.parametrize("text", ["hello", "https://example.com/about", "]E112", "]e1ABC"])
def test_what_has_no_form_of_gs1_is_foreign(text: str) -> None:
    assert expect(text).kind is Kind.FOREIGN


@pytest.mark.parametrize("carrier", sorted(AI_CARRIERS))
def test_an_identifier_counts_the_same_in_the_text_and_beside_it(carrier: str) -> None:
    body = f"01{G}21X"
    assert expect(carrier + body) == expect(body, carrier) == expect(carrier + body, carrier) == expect(body)
    assert expect(f"]d1{body}", carrier).why == "identifiers differ"


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2L"),
        ("iban", "GB82WEST12345698765432", "GB83WEST12345698765432"),
        ("pieceoftotal", "0102", "0201"),
        ("posinseqslash", "2/3", "3/2"),
        ("latitude", "1800000000", "1800000001"),
        ("yymmd0", "240229", "230229"),
        ("yyyymmdd", "20000229", "19000229"),
        ("packagetype", "PX", "QZ"),
        ("couponcode", "106141416543213150110120", "10614141654321315011012"),
        ("couponposoffer", "001234561234560123456", "001234561234560123"),
    ],
)
def test_a_check_knows_right_from_wrong(check: str, right: str, wrong: str) -> None:
    assert CHECKS[check](right)
    assert not CHECKS[check](wrong)


def test_check_characters_are_those_of_the_general_specifications() -> None:
    assert check_digit("629104150021") == "3"
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"


def test_no_application_identifier_begins_another() -> None:
    assert not [ai for ai in ROWS for size in (2, 3) if size < len(ai) and ai[:size] in ROWS]


def test_the_texts_are_the_same_for_a_seed_and_right_without_a_fault() -> None:
    made = list(texts(1, 150))
    assert made == list(texts(1, 150))
    told = [(text, expect(text.text, text.symbology)) for text in made if text.faults == 0]
    assert not [(text, answer) for text, answer in told if answer.kind is Kind.INVALID or not answer.ais]


def test_the_texts_hold_every_kind_of_fault_and_form() -> None:
    made = list(texts(2, 500))
    notes = Counter(name for text in made for name in [*FAULTS, *COMMON_FAULTS] if f", {name}" in text.made)
    assert set(notes) == {*FAULTS, *COMMON_FAULTS}
    forms = Counter(re.split(r",| [0-9]", text.made)[0] for text in made)
    assert {"bare", "element string", "link", "brackets"} <= set(forms)
