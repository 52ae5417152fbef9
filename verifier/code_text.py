"""One text, one code: finds out which form a text is in and reads it literally, without any repair."""

from __future__ import annotations

import re
from enum import StrEnum

from biip.checksums import gs1_standard_check_digit

from verifier.digital_link import is_digital_link, parse_digital_link, unescape
from verifier.element_string import GS, parse_bracketed, parse_element_string
from verifier.errors import Malformed
from verifier.gs1 import Carrier, CodeForm, UnitCode, parse_gtin, parse_serial

GS1_SYMBOLOGIES = ("]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1")
"""Symbology identifiers that promise GS1 element strings. ISO/IEC 15424; GS1 General Specifications 5.1.2."""

_SGTIN = re.compile(r"urn:epc:(?:id:sgtin:|tag:sgtin-(?:96|198):[0-7]\.)(\d{6,12})\.(\d{1,7})\.(.*)", re.IGNORECASE)
_GTIN_DIGITS = 15  # digits alone, up to here, were meant as a GTIN; the shortest element string with one has 16
_ELEMENT_STRING_ATTEMPT = re.compile(r"01[0-9A-Za-z]{14}|01\d{7}")


class Foreign(StrEnum):
    """Why a text that was read well is no product code: none of these says anything about the item."""

    LINK = "link"
    TEXT = "text"
    NO_GTIN = "no_gtin"


def parse_code(text: str, carrier: Carrier = Carrier.TEXT, symbology: str | None = None) -> UnitCode | Foreign:
    """Read a text as the code it is, or say what else it is.

    `symbology` is the device's AIM identifier (`]d2`), if it gave one apart from the text. Pure digits are a GTIN
    before anything else. Raises Malformed when the text was meant as a GS1 code and is broken.
    """
    if text.startswith(GS1_SYMBOLOGIES):
        symbology, text = text[:3], text[3:]
    digits = text.replace(" ", "")  # as printed below an EAN: 9 506000 134352
    if digits.isascii() and digits.isdigit() and len(digits) <= _GTIN_DIGITS:
        return UnitCode(parse_gtin(digits), None, None, carrier=carrier, form=CodeForm.GTIN)
    if is_digital_link(text):
        return parse_digital_link(text, carrier)
    if re.match(r"https?:", text, re.IGNORECASE):
        return Foreign.LINK
    if sgtin := _SGTIN.fullmatch(text):
        return _parse_sgtin(sgtin[1], sgtin[2], sgtin[3], carrier)
    if re.match(r"\((01|00|02|10|21)\)", text):
        return parse_bracketed(text, carrier) or Foreign.NO_GTIN
    return _parse_elements(text, carrier, meant_as_gs1=symbology in GS1_SYMBOLOGIES)


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
    """EPC Tag Data Standard 6.3.1: the indicator stands before the item reference, the check digit nowhere."""
    if len(company) + len(item) != 13:
        raise Malformed(
            f"couldn't read the SGTIN: got {len(company) + len(item)} digits of company and item, expected 13",
            code="gtin_length",
            at="gtin",
        )
    payload = item[0] + company + item[1:]
    gtin = parse_gtin(payload + str(gs1_standard_check_digit(payload)))
    return UnitCode(gtin, None, parse_serial(unescape(serial)), carrier=carrier, form=CodeForm.SGTIN_URN)
