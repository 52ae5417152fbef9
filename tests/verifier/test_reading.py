"""Reading: the shared vectors, the repairs, and that no input whatever makes it fail."""

from __future__ import annotations

import base64
import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.reading.code_text import Foreign
from verifier.reading.digital_link import format_digital_link
from verifier.reading.element_string import GS, format_element_string
from verifier.reading.gs1 import CSET82, Carrier, UnitCode
from verifier.reading.keyboard import Layout, layouts
from verifier.reading.keyboard_table import ROWS, US
from verifier.reading.reading import NotGs1, ReadCode, Unreadable, read
from verifier.reading.repair import MOST_REPAIRS, RepairName, find_repairs

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "reading.json").read_text(encoding="utf-8"))["cases"]
GTIN = "09506000134352"
VALUES = st.text(CSET82, min_size=1, max_size=20)
LOOK_ALIKE_FREE = st.text("23456789ABCDEFGHJKMNPQRSTUVWXYZ", min_size=1, max_size=20)
GENERATED = st.text("23456789ABCDEFGHJKMNPQRSTUVWXYZ", min_size=20, max_size=20)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in VECTORS])
def test_a_text_reads_as_its_vector_says(case: dict[str, Any]) -> None:
    reading = read(case["text"], symbology=case.get("symbology"), machine_read=case.get("machine_read", False))
    match reading:
        case ReadCode():
            assert case["reading"] == "code"
            wanted = {"signature": None, "extra": {}} | case["code"]
            assert {name: getattr(reading.code, name) for name in wanted} == wanted
            assert list(reading.suspects) == case.get("suspects", [])
        case NotGs1():
            assert (case["reading"], case["why"]) == ("not_gs1", reading.why)
        case Unreadable():
            assert (case["reading"], case["why"]) == ("unreadable", reading.why)
    offered = [] if isinstance(reading, NotGs1) else [(r.name, r.code) for r in reading.repairs]
    for name, wanted in case.get("repairs", {}).items():
        assert (name, *wanted) in [(n, code.gtin, code.lot, code.serial) for n, code in offered]
    if "repairs" not in case and isinstance(reading, ReadCode):
        assert offered == []
    if "if_absent" in case:
        later = {repair.name.value: repair.code for repair in find_repairs(case["text"])}
        assert {n: [code.gtin, code.lot, code.serial] for n, code in later.items()} == case["if_absent"]


@example("01" + "10" * 100)
@example("0109506000134352" + "21" + "1021" * 15)
@example("(01)" * 200)
@example("]d2")
@given(st.one_of(st.text(max_size=100), st.binary(max_size=100), st.text("01]d2C(/)%?=&:tpsh.\x1d ", max_size=60)))
def test_reading_never_fails_and_offers_few_repairs(text: str | bytes) -> None:
    reading = read(text)
    assert isinstance(reading, NotGs1) or len(reading.repairs) <= MOST_REPAIRS


@given(st.text(max_size=60))
def test_bytes_and_text_read_alike(text: str) -> None:
    assert read(text.encode("utf-8", errors="replace")) == read(text.encode("utf-8", errors="replace").decode())


@given(lot=st.none() | st.text("ABCDEFGHJKMNPQRSTUVWXYZ", min_size=1, max_size=20), serial=GENERATED)
def test_generated_serials_are_never_suspected(lot: str | None, serial: str) -> None:
    """They fill their field, and without 0 and 1 no common AI can appear in them: no code made here is suspected."""
    reading = read(format_element_string(GTIN, lot, serial))
    assert isinstance(reading, ReadCode)
    assert reading.suspects == ()


@given(lot=VALUES, serial=VALUES)
def test_a_lost_separator_is_detected_and_the_true_code_is_offered(lot: str, serial: str) -> None:
    lost = format_element_string(GTIN, lot, serial).replace(GS, "")
    reading = read(lost)
    codes = [(repair.code.lot, repair.code.serial) for repair in find_repairs(lost)]
    if isinstance(reading, ReadCode):
        assert RepairName.SEPARATOR_LOST in reading.suspects
    assert (lot, serial) in codes or len(codes) == MOST_REPAIRS


@given(lot=VALUES, serial=VALUES, stand_in=st.sampled_from(["|", "~", "^]", "{GS}", "\\x1d", "␝"]))
def test_a_replaced_separator_is_undone(lot: str, serial: str, stand_in: str) -> None:
    reading = read(format_element_string(GTIN, lot, serial).replace(GS, stand_in))
    assert isinstance(reading, Unreadable)
    assert (lot, serial) in [(repair.code.lot, repair.code.serial) for repair in reading.repairs]


def typed(text: str, name: str) -> str:
    """What a computer sees when a US scanner types a text under a layout.

    The mark of a dead key melts with the next letter; where it cannot, it is shown by itself.
    """
    seen, mark = "", ""
    for one in text:
        key = dict(zip(US, ROWS[name], strict=True)).get(one, one)
        if "\u0300" <= key <= "\u036f":
            seen, mark = seen + ALONE.get(mark, ""), key
            continue
        melted = unicodedata.normalize("NFC", key + mark) if mark else key
        seen, mark = seen + (melted if len(melted) == 1 else ALONE[mark] + key), ""
    return seen + ALONE.get(mark, "")


ALONE = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328", "`´^~¯˘˙¨˚˝ˇ¸˛", strict=True)
)
LINK = f"https://id.example/01/{GTIN}/10/DF-7/21/GHK3?s=GHKL"


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_a_link_typed_under_any_layout_is_a_fault_with_its_repair(layout: Layout) -> None:
    """Also where a decoder is said to have read it: a wedge scanner is a machine, and the keys are still in between."""
    seen = typed(LINK, layout.name)
    reading = read(seen, machine_read=True)
    if seen == LINK:  # nothing of the link is on keys that this layout moves
        assert isinstance(reading, ReadCode)
    elif not set(LINK) <= set(layout.seen.values()) | set(DEAD[layout.name]):
        assert layout.undo(seen) is None  # two of its keys give one sign: which was meant would be a guess
    else:
        assert isinstance(reading, Unreadable)
        assert any(
            layout.name in repair.explanation and (repair.code.lot, repair.code.serial) == ("DF-7", "GHK3")
            for repair in reading.repairs
        )


DEAD = {name: [one for one, key in zip(US, keys, strict=True) if key in ALONE] for name, keys in ROWS.items()}


@given(data=st.data())
@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
def test_a_layout_undoes_what_it_did(layout: Layout, data: st.DataObject) -> None:
    meant = [one for one in CSET82 if one in layout.seen.values() and one not in DEAD[layout.name]]
    serial = data.draw(st.text(meant, min_size=1, max_size=20))
    assert layout.undo(typed(serial, layout.name)) == serial


def test_an_accent_that_melted_with_the_next_letter_is_taken_apart() -> None:
    german = next(layout for layout in layouts() if layout.name == "German")
    assert [german.undo(text) for text in ("_sÁB", "_s´´B", "_sÀ", "Â")] == ["?s=AB", "?s==B", "?s+A", "`A"]


@given(serial=VALUES)
@pytest.mark.parametrize("before", [f"https://id.example/01/{GTIN}/21/", "urn:epc:id:sgtin:9506000.013435."])
def test_caps_lock_is_undone_where_the_form_shows_it(before: str, serial: str) -> None:
    text = before + quote(serial, safe="")
    repairs = [repair.code.serial for repair in find_repairs(text.swapcase()) if repair.name is RepairName.CASE]
    assert repairs == ([serial] if serial.swapcase() != serial else [])


@given(lot=st.none() | VALUES, serial=LOOK_ALIKE_FREE)
def test_letters_alone_speak_for_no_fault(lot: str | None, serial: str) -> None:
    """A code in its form shows nothing of caps lock or of a layout, save Y and Z where nothing else moves."""
    for text in (
        format_digital_link("https://id.example", GTIN, None, serial),
        format_element_string(GTIN, lot, serial),
    ):
        found = {repair.name: repair for repair in find_repairs(text)}
        assert RepairName.CASE not in found
        if RepairName.KEYBOARD_LAYOUT in found:
            assert found[RepairName.KEYBOARD_LAYOUT].text == text.translate(str.maketrans("yzYZ", "zyZY"))
            assert "possible" in found[RepairName.KEYBOARD_LAYOUT].explanation


def test_no_repair_completes_or_guesses_a_character() -> None:
    """O for 0, l for 1 and a missing character are not faults of a device."""
    for text in ("https://id.example/01/O9506000134352/21/ABC", "0109506000l3435221ABC", "950600013435"):
        reading = read(text)
        assert isinstance(reading, Unreadable | NotGs1)
        assert isinstance(reading, NotGs1) or reading.repairs == ()


def test_the_carrier_is_kept_in_code_and_repairs() -> None:
    reading = read(f"01{GTIN}21ABC12310LOT7", carrier=Carrier.DATAMATRIX, symbology="]d2")
    assert isinstance(reading, ReadCode)
    codes: list[UnitCode] = [reading.code, *(repair.code for repair in reading.repairs)]
    assert {code.carrier for code in codes} == {Carrier.DATAMATRIX}


def test_the_page_on_codes_names_every_answer_and_repair() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "codes.md").read_text(encoding="utf-8")
    words = {case["why"] for case in VECTORS if "why" in case} | {name.value for name in RepairName}
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []
    for text in ("9506000134352", "urn:epc:id:sgtin:9506000.013435.ABC", "(01)09506000134352(10)LOT7(21)ABC"):
        assert text in page
        assert isinstance(read(text), ReadCode)


HOSTS = ("ledger.example:8000", "id.example")


@pytest.mark.parametrize("cut", range(1, len("https://ledger.example:8000/01/0")))
@pytest.mark.parametrize("machine_read", [True, False])
def test_a_link_cut_at_its_front_or_end_is_no_foreign_code(cut: int, *, machine_read: bool) -> None:
    """Wherever it is cut before its GTIN is whole: it was not read, typed or not."""
    link = f"https://ledger.example:8000/01/{GTIN}/10/LOT7/21/ABC?s=QRSTUVWX2345"
    assert isinstance(read(link[cut:], machine_read=machine_read, hosts=HOSTS), Unreadable)
    if cut > len("https://led"):
        assert isinstance(read(link[:cut], machine_read=machine_read, hosts=HOSTS), Unreadable)


def test_an_address_of_a_known_host_is_no_foreign_code() -> None:
    for text in ("https://id.example/about", "see id.example/about", "https://LEDGER.example:8000/"):
        known, unknown = (read(text, machine_read=True, hosts=hosts) for hosts in (HOSTS, ()))
        assert (getattr(known, "why", None), type(unknown)) == ("fragment", NotGs1)
    assert isinstance(read("https://example.com/id.example", machine_read=True, hosts=HOSTS), NotGs1)


HOSTILE = {
    "lots of nothing but AIs": f"01{GTIN}" + "10" * 1_000,
    "fields that all may be cut": f"01{GTIN}21" + "A24093B10" * 7,
    "dates in a row": f"01{GTIN}21" + "A17250101" * 6,
    "many fields with faults": f"01{GTIN}" + "".join(f"\x1d{ai}A93B10C21D" for ai in range(91, 100)),
    "every sign a separator": f"01{GTIN}" + "".join(chr(0x4E00 + each) for each in range(1_900)),
    "spelled separators": f"01{GTIN}" + "<GS>" * 500,
    "escapes": f"https://a/01/{GTIN}/21/" + "%25" * 600,
    "a path of keys": "01/" * 680,
    "brackets": "(01)" * 500,
    "letters of a layout": "реезыЖ" * 340,
    "schemes": "https://" * 256,
    "accents": "é" * 2_048,
    "signs that stand for eighteen": "\ufdfa" * 1_728,
    "wide digits and signs that nobody sees": "１\u200b" * 1_024,
    "a text that many forms make of itself": "（" * 2_047,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_many_steps(name: str) -> None:
    """Calls are counted, not seconds: 100,000 take about 15 ms on one core of 2024."""
    text, calls = HOSTILE[name][:2_048], 0
    read(text)  # tables are made once

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        reading = read(text)
    finally:
        sys.setprofile(None)
    assert calls < 100_000
    assert isinstance(reading, NotGs1) or len(reading.repairs) <= MOST_REPAIRS


def other_digits(text: str, zero: int) -> str:
    return "".join(chr(zero + int(one)) if one.isdigit() else one for one in text)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, tuple[RepairName, Callable[[str], str]]] = {
    "base64": (RepairName.ENCODED, b64),
    "base64 for addresses": (
        RepairName.ENCODED,
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    ),
    "base64 in lines": (RepairName.ENCODED, lambda text: b64(text)[:20] + "\r\n" + b64(text)[20:]),
    "hex": (RepairName.ENCODED, lambda text: text.encode().hex()),
    "hex with blanks": (RepairName.ENCODED, lambda text: text.encode().hex(" ").upper()),
    "hex of a program": (RepairName.ENCODED, lambda text: "".join(f"\\x{ord(one):02x}" for one in text)),
    "hex of UTF-16": (RepairName.ENCODED, lambda text: text.encode("utf-16-le").hex()),
    "quoted printable": (RepairName.ENCODED, lambda text: "".join(f"={ord(one):02X}" for one in text)),
    "base32": (RepairName.ENCODED, lambda text: base64.b32encode(text.encode()).decode()),
    "HTML": (RepairName.ENCODED, lambda text: "".join(f"&#{ord(one)};" for one in text)),
    "tripled": (RepairName.DOUBLED, lambda text: "".join(one * 3 for one in text)),
    "commas": (RepairName.SPACED, ",".join),
    "two blanks": (RepairName.SPACED, "  ".join),
    "unseen": (RepairName.SPACED, lambda text: text[:5] + "\u2060" + text[5:30] + "\u200d" + text[30:]),
    "doubled": (RepairName.DOUBLED, lambda text: "".join(one * 2 for one in text)),
    "spaced": (RepairName.SPACED, " ".join),
    "spaced wide": (RepairName.SPACED, "\u3000".join),
    "Arabic-Indic": (RepairName.DIGITS, lambda text: other_digits(text, 0x660)),
    "Persian": (RepairName.DIGITS, lambda text: "\u200f" + other_digits(text, 0x6F0)),
    "Devanagari": (RepairName.DIGITS, lambda text: other_digits(text, 0x966)),
    "full width": (RepairName.BRACKETS, lambda text: other_digits(text, 0xFF10)),
}
WRITTEN = [
    f"https://id.example/01/{GTIN}/10/LOT7/21/KYZ2479?s=QRST",
    f"01{GTIN}10LOT7{GS}21KYZ2479",
    f"(01){GTIN}(10)LOT7(21)KYZ2479",
]


@pytest.mark.parametrize("machine_read", [True, False])
@pytest.mark.parametrize("text", WRITTEN)
@pytest.mark.parametrize("form", FORMS)
def test_a_code_in_another_form_is_a_named_fault_with_its_repair(form: str, text: str, *, machine_read: bool) -> None:
    """Every character of it was written otherwise, and all of that can be undone."""
    name, write = FORMS[form]
    reading = read(write(text), machine_read=machine_read)
    assert isinstance(reading, Unreadable), reading
    first = reading.repairs[0]
    assert (first.name, first.code.lot, first.code.serial) == (name, "LOT7", "KYZ2479")


@given(lot=VALUES, serial=VALUES, form=st.sampled_from(sorted(FORMS)))
def test_whatever_a_code_holds_it_is_no_other_thing_in_another_form(lot: str, serial: str, form: str) -> None:
    _, write = FORMS[form]
    reading = read(write(f"01{GTIN}10{lot}{GS}21{serial}"), machine_read=True)
    assert isinstance(reading, Unreadable), reading
    assert (lot, serial) in [(repair.code.lot, repair.code.serial) for repair in reading.repairs]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "full width"])
@pytest.mark.parametrize(
    "text", ["/10/LOT7/21/KYZ2479?s=QRSTUVWX2345", f"01{GTIN[:-1]}321KYZ2479", "id.example/about it"]
)
def test_a_piece_of_a_code_in_another_form_is_a_fragment(form: str, text: str) -> None:
    reading = read(FORMS[form][1](text), machine_read=True, hosts=("id.example",))
    assert isinstance(reading, Unreadable), reading
    assert reading.repairs == ()


@pytest.mark.parametrize(
    "text",
    [
        b64("https://shop.example/article/55"),
        "https://l.example/l?u=" + b64("https://shop.example/article/55"),
        b64("a text of somebody else"),
        "68656c6c6f20776f726c6421",
        "hheelllloo  wwoorrlldd",
        "h e l l o , w o r l d !",
        "see " + b64("https://shop.example/article/55"),
        "data:text/plain;base64," + b64("a text of somebody else"),
        "Fish &amp; chips, &#163;9",
        "1122334455667788",
        "twelve [12] angry men",
        "رقم ١٢٣٤٥٦٧",
    ],
)
def test_a_foreign_text_in_another_form_stays_another_thing(text: str) -> None:
    assert isinstance(read(text, machine_read=True, hosts=("id.example",)), NotGs1)


@pytest.mark.parametrize("before", ["ID.EXAMPLE", "ID.EXAMPLE:8000/GOODS", "TTPS://ID.EXAMPLE", "://ID.EXAMPLE"])
def test_caps_lock_is_undone_where_the_scheme_is_missing_too(before: str) -> None:
    link = f"{before.swapcase()}/01/{GTIN}/10/Lot7/21/KYz2479?s=QRST"
    reading = read(link.swapcase())
    assert isinstance(reading, Unreadable)
    first, second = reading.repairs
    assert (first.name, first.code.lot, first.code.serial) == (RepairName.CASE, "Lot7", "KYz2479")
    assert (second.name, second.code.serial) == (RepairName.HOST, "kyZ2479"), "perhaps only the host was in capitals"


def test_an_address_all_in_capitals_may_have_been_printed_so() -> None:
    reading = read(f"ID.EXAMPLE/01/{GTIN}/21/KYZ2479")
    assert isinstance(reading, Unreadable)
    assert [(each.name, each.code.serial) for each in reading.repairs] == [("host", "KYZ2479"), ("case", "kyz2479")]
    small = read(f"id.example/01/{GTIN}/21/kyz2479")
    assert isinstance(small, Unreadable)
    assert [each.name for each in small.repairs] == [RepairName.HOST]


@pytest.mark.parametrize("sign", ["\x1c", "\x1d", "\x1e", "\x1f"])
@pytest.mark.parametrize(
    "place", [f"(01){GTIN}@(21)AB", f"(01){GTIN}(21)@AB", f"(01){GTIN}(21)AB@", f"(01){GTIN}(10)L@(21)AB"]
)
def test_a_separator_beside_a_bracketed_value_is_never_dropped_silently(place: str, sign: str) -> None:
    reading = read(place.replace("@", sign))
    assert isinstance(reading, Unreadable), reading
    if "@A" not in place:  # at its front it ends no value
        assert [(each.name, each.code.serial) for each in reading.repairs] == [(RepairName.BRACKETS, "AB")]


def test_blanks_around_bracketed_values_are_dropped() -> None:
    reading = read(f"(01)\u00a0{GTIN} \t(21)\r\n AB")
    assert isinstance(reading, ReadCode)
    assert reading.code.serial == "AB"


def test_separators_that_suffice_leave_no_keyboard_to_suspect() -> None:
    """A sign outside the set stands for the separator; that some layout gives it as well says nothing."""
    for sign in "|ü§è":
        reading = read(f"01{GTIN}10LOY7{sign}21KYZ2479")
        assert isinstance(reading, Unreadable)
        assert [(each.name, each.code.lot) for each in reading.repairs] == [(RepairName.SEPARATOR_REPLACED, "LOY7")]


def test_what_is_sure_comes_before_what_may_be() -> None:
    reading = read(f"]D201{GTIN}10lot7{GS}21abc12310B")
    assert isinstance(reading, Unreadable)
    assert reading.repairs[0].name is RepairName.CASE
    assert RepairName.SYMBOLOGY_PREFIX not in [each.name for each in reading.repairs]


WRAPPED = [
    "[01]09521234000013[10]L1[21]S1 EXP 2027",
    "{01}09521234000013{21}S1 and a tail",
    "\uff0801\uff0909521234000013\uff0821\uff09S1 tail",
    "(01)09521234000013(10)L1(21)S1 EXP 2027",
    ")L1(21)S1",
    "01 09521234000013 10 L1 21 S1",
    "data:text/plain;base64," + b64("010952123400001310L1\x1d21S1"),
    "see " + b64("https://id.example/01/09521234000013/21/S1"),
    "https://l.example/l?u=https://other.example/01/09521234000013/21/S1",
    "https://l.example/l?u=" + b64("https://id.example/01/09521234000013/21/S1"),
    "https://l.example/r/" + b64("010952123400001310L1\x1d21S1"),
    "https://l.example/l?u=" + b"https://id.example/01/09521234000013".hex(),
    "]Q1" + b64("https://id.example/01/09521234000013/21/S1"),
    "https://l.example/l?u=https%3A%2F%2Fid.example%2F01%2F09521234000013%2F10%2FL1%2F21%2FS1",
    "https://l.example/l?u=https%253A%252F%252Fid.example%252F01%252F09521234000013%252F21%252FS1&data=05",
    "https://l.example/l?u=https://id.example/ledger",
    "https:\\\\id.example\\01\\09521234000013\\21\\S1",
    "https://example.com/x010952123400001310L1\x1d21S1",
    "https://example.com/x(01)09521234000013(10)L1(21)S1",
    "https://example.com/urn:epc:id:sgtin:9521234.000001.S1",
    "https://id.example/01/09521234000013/10/L1/21/S1/414/9521234000013",
    "https://other.example/01/09521234000013/21/S1/8003/09521234000013",
    "]Q5https://id.example/01/09521234000013/21/S1",
    "]d3010952123400001310L1\x1d21S1",
    "]C2(01)09521234000013(21)S1",
    "01)09521234000013(10)L1(21)S1",
    "1234000013(10)L1(21)S1",
    "0(1)09521234000013(10)L1(21)S1",
    "( 01 )09521234000013( 10 )L1( 21 )S1",
    "%2801%2909521234000013%2821%29S1",
    "urn:epc:id:sgt",
    "http",
    "https:/",
]


@pytest.mark.parametrize("text", WRAPPED)
def test_a_code_inside_something_else_is_no_foreign_code(text: str) -> None:
    """A forger must not make a recalled unit "another thing, read well" by what he prints around its code."""
    reading = read(text, machine_read=True, hosts=("id.example",))
    assert isinstance(reading, Unreadable), reading
    assert reading.why in ("fragment", "device_fault", "charset")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://id.gs1.org/414/9521234000013", Foreign.NO_GTIN),
        ("https://id.example/00/095212340000000013", Foreign.NO_GTIN),
        ("]I209521234000013", Foreign.NO_GTIN),
        ("]C110L1\x1d21S1", Foreign.NO_GTIN),
        ("https://example.com/?gtin=09521234000013&serial=S1", Foreign.LINK),
        ("https://example.com/2024/01/15/(21)-guns", Foreign.LINK),
        ("https://example.com/%E2%82%AC%ZZ", Foreign.LINK),
        ("twelve (12) angry men", Foreign.TEXT),
        ("f(10)", Foreign.TEXT),
        ("hat", Foreign.TEXT),
    ],
)
def test_what_shows_no_code_stays_another_thing(text: str, why: Foreign) -> None:
    reading = read(text, machine_read=True, hosts=("id.example",))
    assert isinstance(reading, NotGs1), reading
    assert reading.why is why
