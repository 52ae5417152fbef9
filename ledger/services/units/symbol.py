"""Symbols to print: QR codes and DataMatrix codes as modules, their reading, and the check that both agree.

Single QR codes are made by `qrcode`, everything else by `zxing-cpp`, which also reads every one of them back.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import qrcode
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

from verifier.errors import Malformed, ProofInvalid
from verifier.reading.digital_link import is_digital_link, parse_digital_link
from verifier.reading.element_string import GS, parse_element_string, split_elements
from verifier.reading.gs1 import UnitCode, parse_gtin, parse_lot, parse_serial

Modules = NDArray[np.bool_]
"""A square symbol with its quiet zone, one element a module, True where dark."""

_QUIET = 4  # modules; ISO/IEC 18004 5.3.8
_QUIET_DATAMATRIX = 2  # modules; ISO/IEC 16022 5.1 asks for one, and printers bleed


class Symbol(StrEnum):
    """The printed symbol. The names are those of the carriers that a registration declares."""

    QR = "qr"
    DATAMATRIX = "datamatrix"


_FORMATS = {
    Symbol.QR: zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
    Symbol.DATAMATRIX: zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix),
}


def element_string(gtin: str, lot: str, serial: str) -> str:
    """The GS1 element string of a unit: what a GS1 DataMatrix holds behind its FNC1. Raises Malformed.

    AI 10 ends at a separator, since its length varies (GS1 General Specifications 7.8.5); AI 21 at the end.
    """
    return f"01{parse_gtin(gtin)}10{parse_lot(lot)}{GS}21{parse_serial(serial)}"


def bracketed(elements: str) -> str:
    """The text of an element string for people: each AI in round brackets."""
    return "".join(f"({ai}){value}" for ai, value in split_elements(elements))


def encode_single(link: str) -> Modules:
    """The QR code of a link at level M, with the mask that scans best."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=_QUIET)
    code.add_data(link)
    code.make(fit=True)
    return np.array(code.get_matrix(), dtype=np.bool_)


def encode_fast(link: str) -> Modules:
    """The QR code of a link at level M, fifteen times faster and with any mask."""
    return _modules(zxingcpp.create_barcode(link, zxingcpp.BarcodeFormat.QRCode, ec_level="M"), _QUIET)


def encode_datamatrix(text: str) -> Modules:
    """The square DataMatrix (ECC 200) of a link, or the GS1 DataMatrix of an element string."""
    kind = zxingcpp.BarcodeFormat.DataMatrix
    if is_digital_link(text):
        return _modules(zxingcpp.create_barcode(text, kind, force_square=True), _QUIET_DATAMATRIX)
    # square brackets are in no value of set 82, round ones may be
    marked = "".join(f"[{ai}]{value}" for ai, value in split_elements(text))
    return _modules(zxingcpp.create_barcode(marked, kind, gs1=True, force_square=True), _QUIET_DATAMATRIX)


def code_of(text: str) -> UnitCode:
    """The code of a symbol's text: a link, or an element string. Raises Malformed."""
    if GS not in text:
        return parse_digital_link(text)
    code = parse_element_string(text)
    if code is None:
        raise Malformed("couldn't make a label: the text names no product", code="element_string")
    return code


def paint(modules: Modules, scale: int) -> Image.Image:
    """The symbol in black and white, `scale` pixels a module."""
    dark = np.kron(modules, np.ones((scale, scale), dtype=np.bool_))
    return Image.fromarray(np.where(dark, 0, 255).astype(np.uint8))


def read_back(text: str, image: Image.Image, symbol: Symbol = Symbol.QR) -> None:
    """Read the symbol in an image and compare it, GS1's mark included. Raises ProofInvalid (`readback`)."""
    found = zxingcpp.read_barcodes(image, formats=_FORMATS[symbol], try_rotate=False, try_invert=False)
    gs1 = symbol is Symbol.DATAMATRIX and not is_digital_link(text)
    if [(each.bytes, each.symbology_identifier == "]d2") for each in found] != [(text.encode("ascii"), gs1)]:
        got = found[0].text if found else "nothing"
        shown = bracketed(text) if gs1 else text
        raise ProofInvalid(f"couldn't release the label: its code reads as {got}, expected {shown}", code="readback")


def _modules(code: zxingcpp.Barcode, quiet: int) -> Modules:
    return np.pad(np.array(code.to_image(scale=1, add_quiet_zones=False)) == 0, quiet)
