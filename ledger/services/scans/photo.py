"""Photographs of labels: every code in an uploaded image, with the number of independent decodes that found it.

The file comes from anybody; `ledger.services.scans.image_file` opens it within bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from ledger.services.scans.image_file import open_picture
from verifier.reading.gs1 import Carrier

MOST_SYMBOLS = 32
"""Codes that are reported from one image. Own limit."""

_SHORT_SIDE = 700  # pixels below which an image is enlarged before it is given up
_WANTED = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.DataMatrix,
        zxingcpp.BarcodeFormat.EANUPC,
        zxingcpp.BarcodeFormat.Code128,
        zxingcpp.BarcodeFormat.ITF14,
        zxingcpp.BarcodeFormat.DataBar,
    ]
)
_CARRIERS = {zxingcpp.BarcodeFormat.QRCode: Carrier.QR, zxingcpp.BarcodeFormat.DataMatrix: Carrier.DATAMATRIX}
_Binarizer = zxingcpp.Binarizer


@dataclass(frozen=True, slots=True)
class ScannedSymbol:
    """One code in an image. `data` is what it holds, separators included, `text` the same for people to see.

    `symbology` is the AIM identifier (`]d2`), `format` the name of the symbology. `decodes` counts the decodes, by
    different settings on differently prepared pixels, that gave exactly this content.
    """

    text: str
    data: bytes
    symbology: str
    format: str
    carrier: Carrier
    decodes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The codes in a picture. `cut`: part of the picture never came, and may hold another code."""

    symbols: list[ScannedSymbol]
    cut: bool


def read_image(data: bytes) -> list[ScannedSymbol]:
    """The symbols that `look` finds."""
    return look(data).symbols


def look(data: bytes) -> Seen:
    """Find the codes in a JPEG, PNG or WebP image, those confirmed most often first. Empty: none was found.

    Raises Malformed (`image_size`, `image_pixels`, `image_format`, `image_damaged`).
    """
    picture = open_picture(data)
    image = picture.grey
    found: dict[tuple[str, bytes], tuple[zxingcpp.Barcode, int]] = {}
    for prepared, binarizer in _decodes(image):
        for symbol in _read(prepared, binarizer):
            key = (symbol.symbology_identifier, symbol.bytes)
            found[key] = (symbol, found[key][1] + 1 if key in found else 1)
        if any(decodes >= 2 for _, decodes in found.values()):
            break  # harder ways are for images that gave nothing, or gave it once
    symbols = [_symbol(symbol, decodes) for symbol, decodes in found.values()]
    return Seen(sorted(symbols, key=lambda symbol: -symbol.decodes)[:MOST_SYMBOLS], picture.cut)


def _decodes(image: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    """Ways of looking at the image: two different ones first, then those that help small, soft or dark codes."""
    yield image, _Binarizer.LocalAverage
    yield image.rotate(9, Image.Resampling.BICUBIC, expand=True, fillcolor=255), _Binarizer.GlobalHistogram
    larger = ImageOps.autocontrast(image, cutoff=2)
    if min(larger.size) < _SHORT_SIDE:
        larger = larger.resize((larger.width * 3, larger.height * 3), Image.Resampling.LANCZOS)
    yield larger, _Binarizer.LocalAverage
    yield larger.filter(ImageFilter.UnsharpMask(radius=3, percent=200)), _Binarizer.LocalAverage
    yield larger.filter(ImageFilter.MedianFilter(3)).rotate(-17, expand=True, fillcolor=255), _Binarizer.LocalAverage


def _read(image: Image.Image, binarizer: zxingcpp.Binarizer) -> list[zxingcpp.Barcode]:
    # as a set: one image may hold the same code twice, and that is still one decode
    symbols = zxingcpp.read_barcodes(
        image, formats=_WANTED, binarizer=binarizer, text_mode=zxingcpp.TextMode.Plain, try_invert=True
    )
    return list({(symbol.symbology_identifier, symbol.bytes): symbol for symbol in symbols}.values())


def _symbol(symbol: zxingcpp.Barcode, decodes: int) -> ScannedSymbol:
    return ScannedSymbol(
        text=symbol.text,
        data=symbol.bytes,
        symbology=symbol.symbology_identifier,
        format=str(symbol.format),
        carrier=_CARRIERS.get(symbol.format.symbology, Carrier.TEXT),
        decodes=decodes,
    )
