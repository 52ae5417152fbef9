"""GS1 element strings: application identifiers (AIs) and values in a row, and the same in brackets.

Fields of variable length end at a group separator (GS, 0x1D) or at the end of the text. If a device drops the
separator, one field swallows the next without any error. So fields that only length limits would separate are not read
here. GS1 General Specifications 7.8; the rules of each AI come from `verifier.reading.ai`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from verifier.errors import Malformed
from verifier.reading.ai.pairs import excluded
from verifier.reading.ai.rule import RULES, Rule, find_rule, wrong_with
from verifier.reading.gs1 import Carrier, CodeForm, Gtin, Lot, Serial, UnitCode, parse_gtin, parse_lot, parse_serial
from verifier.reading.recoded import BLANKS

GS = "\x1d"
"""Group separator: what a scanner sends for FNC1 after a field of variable length."""

_MOST_ELEMENTS = 64  # fields of one code; own limit, against texts that hold nothing but AIs
_BRACKET = re.compile(r"(?<!\\)\((\d{2,4})\)", re.ASCII)


def parse_element_string(text: str, carrier: Carrier = Carrier.TEXT) -> UnitCode | None:
    """Read an element string without its symbology identifier. None: well formed, but it names no product (no AI 01).

    Raises Malformed (`element_string`, `element`, `duplicate_ai`, and what the parsers of the values raise).
    """
    return unit_code(split_elements(text), carrier, CodeForm.ELEMENT_STRING)


def parse_bracketed(text: str, carrier: Carrier = Carrier.TEXT) -> UnitCode | None:
    """Read the form that people read, `(01)09506000134352(21)ABC`, with or without spaces around the values.

    Values may hold brackets. A bracket around two to four digits starts a field, unless a backslash comes before it.
    Only `BLANKS` are dropped; a value with a separator beside it is refused. None and Raises as above.
    """
    starts = list(_BRACKET.finditer(text))
    if not starts or starts[0].start() != 0:
        raise Malformed("couldn't read the text: expected it to start with (01) or another AI", code="element_string")
    ends = [match.start() for match in starts[1:]] + [len(text)]
    values = (
        text[match.end() : end].strip(BLANKS).replace("\\(", "(") for match, end in zip(starts, ends, strict=True)
    )
    elements = [(match[1], value) for match, value in zip(starts, values, strict=True)]
    return unit_code(elements, carrier, CodeForm.BRACKETED)


def split_elements(text: str) -> list[tuple[str, str]]:
    """Cut an element string into (AI, value); values are not looked into. Raises Malformed (`element_string`)."""
    elements: list[tuple[str, str]] = []
    rest = text.lstrip(GS)
    while rest:
        if len(elements) == _MOST_ELEMENTS:
            raise Malformed(f"couldn't read the code: more than {_MOST_ELEMENTS} fields", code="element_string")
        rule = _rule_at(rest)
        behind = rest[len(rule.ai) :]
        if rule.fixed:
            value, rest = behind[: rule.fixed], behind[rule.fixed :]
        else:
            value, _, rest = behind.partition(GS)
        elements.append((rule.ai, value))
        rest = rest.lstrip(GS)  # tolerated anywhere between fields, GS1 General Specifications 7.8.6.2
    return elements


def unit_code(elements: Iterable[tuple[str, str]], carrier: Carrier, form: CodeForm) -> UnitCode | None:
    """Check each element and those beside it, and make a code of them. None without AI 01. Raises Malformed."""
    values: dict[str, str] = {}
    for ai, value in elements:
        if ai not in values:
            check_element(ai, value)
            values[ai] = value
        elif values[ai] != value:
            raise Malformed(f"couldn't read the code: AI {ai} stands there twice with two values", code="duplicate_ai")
    check_pairs(values)
    if "01" not in values:
        return None
    gtin = Gtin(values.pop("01"))
    lot, serial = values.pop("10", None), values.pop("21", None)
    return UnitCode(
        gtin,
        None if lot is None else Lot(lot),
        None if serial is None else Serial(serial),
        carrier=carrier,
        form=form,
        extra=values,
    )


def check_element(ai: str, value: str) -> None:
    """Check one value against its AI, dates and check digits included.

    Raises Malformed (`gtin_length`, `check_digit`, `lot_length`, `serial_length`, `charset`, `element`).
    """
    match ai:
        case "01":
            if len(value) != 14:
                raise Malformed(f"couldn't read AI 01: got {len(value)} characters, expected 14", code="gtin_length")
            parse_gtin(value)
        case "10":
            parse_lot(value)
        case "21":
            parse_serial(value)
        case _:
            _check_other(ai, value)


def check_pairs(ais: Iterable[str]) -> None:
    """Raise Malformed (`excluded_pair`) when two of the AIs of one code exclude each other."""
    if (pair := excluded(tuple(ais))) is not None:
        raise Malformed(
            f"couldn't read the code: AI {pair[0]} and AI {pair[1]} exclude each other", code="excluded_pair"
        )


def format_element_string(
    gtin: str, lot: str | None = None, serial: str | None = None, extra: Mapping[str, str] | None = None
) -> str:
    """Write an element string with separators where they are needed, fields of fixed length first.

    `gtin` has 14 digits. Raises Malformed like the parsers, so every written string can be read.
    """
    elements = [("01", gtin), *(extra or {}).items()]
    elements.sort(key=lambda element: element[0] != "01" and not _rule_at(element[0]).fixed)
    elements += [(ai, value) for ai, value in (("10", lot), ("21", serial)) if value is not None]
    for ai, value in elements:
        check_element(ai, value)
    return join_elements(elements)


def join_elements(elements: Sequence[tuple[str, str]]) -> str:
    """Write (AI, value) in the order given, unchecked, with a separator after each variable field except the last."""
    parts = [ai + value + ("" if _rule_at(ai).fixed else GS) for ai, value in elements]
    return "".join(parts).removesuffix(GS)


def _check_other(ai: str, value: str) -> None:
    rule = RULES.get(ai)
    if rule is None:
        raise Malformed(f"couldn't read the code: {ai} is no GS1 application identifier", code="element")
    if wrong := wrong_with(rule, value):
        raise Malformed(f"couldn't read AI {ai}: {wrong}", code="element")


def _rule_at(text: str) -> Rule:
    if (rule := find_rule(text)) is None:
        raise Malformed(f"couldn't read the element string: no AI at {text[:4]!r}", code="element_string")
    return rule
