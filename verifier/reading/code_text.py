"""One text, one code: finds the form of a text and reads it literally, without any repair."""

from __future__ import annotations

import re
from enum import StrEnum

from biip.checksums import gs1_standard_check_digit

from verifier.errors import Malformed
from verifier.reading.ai.rule import RULES
from verifier.reading.digital_link import is_digital_link, read_digital_link, shows_another_key, unescape
from verifier.reading.element_string import GS, parse_bracketed, parse_element_string
from verifier.reading.gs1 import Carrier, CodeForm, UnitCode, parse_gtin, parse_serial
from verifier.reading.symbology import Carries, carries, split_symbology

_SGTIN = re.compile(
    r"urn:epc:(?:id:sgtin:|tag:sgtin-(?:96|198):[0-7]\.)([0-9]{6,12})\.([0-9]{1,7})\.(.*)", re.IGNORECASE
)
_GTIN_DIGITS = 15  # up to this many digits alone were meant as a GTIN; the shortest element string with a GTIN has 16
_ELEMENT_STRING_ATTEMPT = re.compile(r"01[0-9A-Za-z]{14}|01[0-9]{7}")
_WEB = re.compile(r"https?:", re.IGNORECASE)
_SECOND_LINK = re.compile(r"(?<!^)(?<!=)https?://", re.IGNORECASE)  # behind = it is a value of the query
_BRACKET = re.compile(r"\(([0-9]{2,4})\)")
_WITH_ADD_ON = "]E3"  # an EAN and the two or five digits beside it
_COMPOSITE = re.compile(
    r"([0-9]{8}|[0-9]{12,14})\|\]e0(.+)", re.DOTALL
)  # an EAN and its composite component, as one text


class Foreign(StrEnum):
    """Why a text that was read well is no product code. None of these says anything about the item."""

    LINK = "link"
    TEXT = "text"
    NO_GTIN = "no_gtin"


def parse_code(text: str, carrier: Carrier = Carrier.TEXT, symbology: str | None = None) -> UnitCode | Foreign:
    """Read a text as a code, or say what else it is.

    `symbology` is the device's AIM identifier (`]d2`), if it was given separately from the text. Digits alone are read
    as a GTIN first, unless the identifier says that they are AI data. Raises Malformed when the text was meant as a GS1
    code and is broken.
    """
    within, text = split_symbology(text)
    symbology = within or symbology
    promise = carries(symbology) if symbology else Carries.PLAIN
    if promise is Carries.NO_PRODUCT:
        return Foreign.NO_GTIN
    if not text:
        raise Malformed(f"couldn't read the code: nothing came behind {symbology}", code="empty")
    if _WEB.match(text):
        return _parse_link(text, carrier)
    if promise is not Carries.AI_DATA:
        digits = text.replace(" ", "")  # as printed below an EAN: 9 506000 134352
        if digits.isascii() and digits.isdigit():
            if symbology == _WITH_ADD_ON and len(digits) in (15, 18):
                digits = digits[:13]
            if len(digits) <= _GTIN_DIGITS:
                return UnitCode(parse_gtin(digits), None, None, carrier=carrier, form=CodeForm.GTIN)
        if composite := _COMPOSITE.fullmatch(text):
            text = f"01{composite[1].zfill(14)}{composite[2]}"
    if sgtin := _SGTIN.fullmatch(text):
        return _parse_sgtin(sgtin[1], sgtin[2], sgtin[3], carrier)
    if _BRACKET.match(text) or (text.startswith("(") and _shows_fields(text)):
        return _parse_brackets(text, carrier)
    code = _parse_elements(text, carrier, meant_as_gs1=promise is Carries.AI_DATA)
    if promise is Carries.NUMBER and code is Foreign.TEXT:
        parse_gtin(text)  # raises: such a symbol holds nothing else
    return code


def _parse_link(text: str, carrier: Carrier) -> UnitCode | Foreign:
    if _SECOND_LINK.search(text) and is_digital_link(text):
        raise Malformed("couldn't read the code: two readings came in as one; take one at a time", code="fragment")
    try:
        return read_digital_link(text, carrier) or Foreign.NO_GTIN
    except Malformed:
        if is_digital_link(text) or shows_another_key(text):
            raise
        return Foreign.LINK  # somebody's web address


def _parse_brackets(text: str, carrier: Carrier) -> UnitCode | Foreign:
    try:
        return parse_bracketed(text, carrier) or Foreign.NO_GTIN
    except Malformed:
        if _shows_fields(text):
            raise
        return Foreign.TEXT  # `(12) angry men` starts like AI 12, and is none


def _shows_fields(text: str) -> bool:
    """Whether brackets show that a text was meant as a code: two numbers, one a known AI, or the AI of a product."""
    numbers = _BRACKET.findall(text)
    return "01" in numbers or (len(numbers) > 1 and any(number in RULES for number in numbers))


def _parse_elements(text: str, carrier: Carrier, *, meant_as_gs1: bool) -> UnitCode | Foreign:
    meant_as_gs1 = meant_as_gs1 or GS in text or _ELEMENT_STRING_ATTEMPT.match(text) is not None
    try:
        code = parse_element_string(text, carrier)
    except Malformed:
        if meant_as_gs1:
            raise
        return Foreign.TEXT  # `10 Downing Street` starts like AI 10, and is none
    if code is None:
        return Foreign.NO_GTIN if meant_as_gs1 else Foreign.TEXT
    return code


def _parse_sgtin(company: str, item: str, serial: str, carrier: Carrier) -> UnitCode:
    """EPC Tag Data Standard 6.3.1: the indicator comes before the item reference; there is no check digit."""
    if len(company) + len(item) != 13:
        raise Malformed(
            f"couldn't read the SGTIN: got {len(company) + len(item)} digits of company and item, expected 13",
            code="gtin_length",
            at="gtin",
        )
    payload = item[0] + company + item[1:]
    gtin = parse_gtin(payload + str(gs1_standard_check_digit(payload)))
    return UnitCode(gtin, None, parse_serial(unescape(serial)), carrier=carrier, form=CodeForm.SGTIN_URN)
