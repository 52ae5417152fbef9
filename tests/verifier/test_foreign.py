"""Text of others: what can be seen stays, what hides or steers gets a name, and none of it is taken in."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import Malformed
from verifier.foreign import check_text, first_hidden, json_line, shown, shown_code, shown_lines

STEERING = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(sorted(DIRECTIONS)),
        st.sampled_from("\x1b\x9b\x90\x07\r\n\x7f\x85\u2028\u200b\u200c\u200d\ufeff\ufe0f\U000e0041\u3164\u0301"),
        st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"]),
    ),
    max_size=60,
)


def steers(text: str) -> bool:
    """By Unicode's own table, apart from joiners, which some scripts need."""
    found = {one for one in text if unicodedata.category(one) in STEERING | {"Cf"}} - set("\u200c\u200d")
    return bool(found)


@given(HOSTILE)
def test_nothing_that_steers_or_hides_is_left(text: str) -> None:
    for safe in (shown(text), shown_code(text)):
        assert not steers(safe)
        assert "\n" not in safe
        assert first_hidden(safe) is None
    assert not steers(shown_lines(text).replace("\n", "").replace("\t", ""))
    line = json_line({"text": text})
    assert not steers(line)
    assert json.loads(line) == {"text": text}


@given(HOSTILE)
def test_what_is_taken_in_is_shown_as_it_is(text: str) -> None:
    if shown(text) == text:
        check_text("name", text)
        return
    with pytest.raises(Malformed) as refused:
        check_text("name", text)
    assert refused.value.code == "hidden_character"
    assert not steers(str(refused.value))


@pytest.mark.parametrize(
    "text",
    [
        "Société Générale\u00a0SA, Côte d’Ivoire",
        "می\u200cخواهم",  # Persian: a non-joiner inside a word
        "क्\u200dष",  # Hindi: a joiner behind a virama
        "র\u200d্য",  # Bengali: a joiner before one
        "葛\U000e0100飾区",  # a variant of a Han character
        "⚠\ufe0f recalled 👩\u200d🔬",
        "שלום 日本語 ไทย Ελλάδα",
        "Việt Nam",
    ],
)
def test_what_writing_needs_stays(text: str) -> None:
    assert shown(text) == text
    check_text("name", text)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\x1b]0;x\x07", "a{U+001B}]0;x{U+0007}"),
        ("1\x9b2J", "1{U+009B}2J"),
        ("cod\u202egnp.exe", "cod{U+202E}gnp.exe"),
        ("Ac\u200bme", "Ac{U+200B}me"),
        ("Ac\u200dme", "Ac{U+200D}me"),  # a joiner that nothing needs
        ("Acme\u200c", "Acme{U+200C}"),
        ("Acme\ufe0f", "Acme{U+FE0F}"),
        ("\u3164", "{U+3164}"),
        ("tag\U000e0041", "tag{U+E0041}"),
        ("a\nb", "a{U+000A}b"),
        ("\ud800", "{U+D800}"),
        ("01\x1d21", "01{GS}21"),
        ("a" + "\u0301" * 9, "a" + "\u0301" * 8 + "{U+0301}"),
    ],
)
def test_what_hides_gets_its_name(text: str, safe: str) -> None:
    assert shown(text) == safe
    with pytest.raises(Malformed, match="expected text without"):
        check_text("name", text)


def test_a_code_with_another_space_shows_it() -> None:
    assert shown_code("a b\u00a0c\u202fd") == "a b{U+00A0}c{U+202F}d"


def test_a_text_has_a_length() -> None:
    assert shown("x" * 50, 20) == "x" * 19 + "…"
