"""Photographs of labels: every code in an uploaded image, and in how many independent decodes it was found.

The file comes from anybody, so its size and its pixels are bounded before it is unpacked, and only three common formats
are opened at all.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from verifier.errors import Malformed
from verifier.gs1 import Carrier

LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of an upload. Own limit: a phone's photograph of 50 megapixels has about 12 MB."""
MOST_PIXELS = 64_000_000
"""Pixels of an image. Own limit; 1 byte each once it is grey."""
MOST_SYMBOLS = 32
"""Codes that are reported from one image. Own limit."""

_FORMATS = ("JPEG", "PNG", "WEBP")  # of these, JPEG also opens the MPO that some phones write
_LONG_SIDE = 2_400  # pixels that are worth looking at: a code a tenth as wide still has 4 pixels a module
_STRIP = 64  # rows that are laid on white at a time
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


def read_image(data: bytes) -> list[ScannedSymbol]:
    """Find the codes in a JPEG, PNG or WebP image, those confirmed most often first. Empty: none was found.

    Raises Malformed (`image_size`, `image_pixels`, `image`).
    """
    image = _open(data)
    found: dict[tuple[str, bytes], tuple[zxingcpp.Barcode, int]] = {}
    for prepared, binarizer in _decodes(image):
        for symbol in _read(prepared, binarizer):
            key = (symbol.symbology_identifier, symbol.bytes)
            found[key] = (symbol, found[key][1] + 1 if key in found else 1)
        if any(decodes >= 2 for _, decodes in found.values()):
            break  # harder ways are for images that gave nothing, or gave it once
    symbols = [_symbol(symbol, decodes) for symbol, decodes in found.values()]
    return sorted(symbols, key=lambda symbol: -symbol.decodes)[:MOST_SYMBOLS]


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


def _open(data: bytes) -> Image.Image:
    """The image in grey, upright, and no larger than is worth looking at."""
    if len(data) > LARGEST_FILE:
        raise Malformed(
            f"couldn't read the image: got {len(data)} bytes, expected at most {LARGEST_FILE}", code="image_size"
        )
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height > MOST_PIXELS:  # from the header; nothing is unpacked yet
            raise Malformed(
                f"couldn't read the image: got {image.width} x {image.height} pixels, expected at most {MOST_PIXELS}",
                code="image_pixels",
            )
        image.draft("L", (_LONG_SIDE, _LONG_SIDE))  # JPEG unpacks at a smaller scale and without colours
        flat = _on_white(image)
        flat.thumbnail((_LONG_SIDE, _LONG_SIDE))
        return ImageOps.exif_transpose(flat)
    except Malformed:
        raise
    except Image.DecompressionBombError as error:
        raise Malformed(f"couldn't read the image: {error}", code="image_pixels") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise Malformed("couldn't read the image: expected a JPEG, PNG or WebP file", code="image") from error


def _on_white(image: Image.Image) -> Image.Image:
    """Grey, with white where the image is transparent: a dark code on nothing must not become black on black.

    In strips: of a large image every further copy in colour would take a quarter of a gigabyte.
    """
    if not image.has_transparency_data:
        return image.convert("L")
    image.load()
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _STRIP):
        clear = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert("RGBA")
        grey.paste(Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("L"), (0, top))
    return grey
