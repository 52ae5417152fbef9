"""Image files from anybody: opened within bounds, in grey and upright; or an error with the true reason.

Only three common formats are opened, recognised by their first bytes and not by their names. Everything besides the
pixels is left out before anything is unpacked. A JPEG that was cut gives the pixels that arrived.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from verifier.errors import Malformed

LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of an upload. Own limit: a phone's photograph of 50 megapixels has about 12 MB."""
MOST_PIXELS = 64_000_000
"""Pixels of an image. Own limit; 1 byte each once it is grey."""
LONG_SIDE = 2_400
"""Pixels that are worth looking at: a code a tenth as wide still has 4 pixels a module."""

_STRIP = 64  # rows that are laid on white at a time
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SCAN_OF_JPEG, _END_OF_JPEG = b"\xff\xda", b"\xff\xd9"  # ITU-T T.81 B.1.1.3
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # PNG 3rd edition 5.6: what pixels need
_DEEP = ("I;16", "I;16B", "I;16L", "I", "F")  # one channel of more than 8 bits: Pillow would clip it, not scale it

_OTHERS = (
    # how a file begins, from which byte on, and what it then is
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (4, b"ftyphei", "a HEIC (an iPhone's own format: set its camera to 'most compatible')"),
    (4, b"ftypavif", "an AVIF"),
    (0, b"PK", "a ZIP"),
    (0, b"<", "markup such as SVG or HTML"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in grey, upright, no larger than useful. `cut`: the end of its file never came."""

    grey: Image.Image
    cut: bool


def open_picture(data: bytes) -> Picture:
    """Open a JPEG, PNG or WebP. Raises Malformed (`image_size`, `image_pixels`, `image_format`, `image_damaged`)."""
    if len(data) > LARGEST_FILE:
        raise Malformed(
            f"couldn't read the image: got {len(data)} bytes, expected at most {LARGEST_FILE}", code="image_size"
        )
    kind, pixels, cut = _pixels(data)
    try:
        image = Image.open(io.BytesIO(pixels), formats=(kind,))  # of these, JPEG also opens the MPO of some phones
        if image.width * image.height > MOST_PIXELS:  # from the header; nothing is unpacked yet
            raise Malformed(
                f"couldn't read the image: got {image.width} x {image.height} pixels, expected at most {MOST_PIXELS}",
                code="image_pixels",
            )
        image.draft("L", (LONG_SIDE, LONG_SIDE))  # JPEG unpacks at a smaller scale and without colours
        flat = _on_white(image)
        flat.thumbnail((LONG_SIDE, LONG_SIDE))
        return Picture(ImageOps.exif_transpose(flat), cut)
    except Malformed:
        raise
    except Image.DecompressionBombError as error:
        raise Malformed(f"couldn't read the image: {error}", code="image_pixels") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        cause = str(error) or type(error).__name__
        raise Malformed(
            f"couldn't read the image: its {kind} data is damaged ({cause[:80]})", code="image_damaged"
        ) from error


def _pixels(data: bytes) -> tuple[str, bytes, bool]:
    """The format, what its pixels need of the file, and whether its end is missing."""
    if data.startswith(_PNG):
        return "PNG", b"".join([_PNG, *_png_chunks(data)]), False
    if data.startswith(_JPEG):
        cut = _END_OF_JPEG not in data[data.rfind(_SCAN_OF_JPEG) :]  # behind its last pixels; a thumbnail has its own
        return "JPEG", data + _END_OF_JPEG if cut else data, cut
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        expected = int.from_bytes(data[4:8], "little") + 8
        if len(data) < expected:
            raise _cut("WebP", len(data), f"its header promises {expected}")
        return "WEBP", data, False
    found = next((name for at, start, name in _OTHERS if data[at : at + len(start)] == start), None)
    got = found or (f"{len(data)} bytes of no image format" if data else "an empty file")
    raise Malformed(f"couldn't read the image: got {got}, expected a JPEG, PNG or WebP", code="image_format")


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The chunks that the pixels need. Comments and profiles, however large, are none of them."""
    at = len(_PNG)
    while True:
        length, name = struct.unpack(">I4s", data[at : at + 8]) if len(data) >= at + 8 else (0, b"")
        end = at + 12 + length
        if not name or end > len(data):
            raise _cut("PNG", len(data), f"its chunk {name.decode('latin-1')} goes on" if name else "no end was marked")
        if name in _PIXEL_CHUNKS or (name == b"eXIf" and length < 65_536):
            yield data[at:end]
        if name == b"IEND":
            return
        at = end


def _cut(kind: str, got: int, why: str) -> Malformed:
    return Malformed(
        f"couldn't read the image: the {kind} is cut at byte {got}, and {why}; send it once more", code="image_damaged"
    )


def _on_white(image: Image.Image) -> Image.Image:
    """Grey, with white where the image is transparent: a dark code on nothing must not become black on black.

    In strips: of a large image every further copy in colour would take a quarter of a gigabyte.
    """
    if image.mode in _DEEP:
        return _scaled(image)
    if not image.has_transparency_data:
        return image.convert("L")
    image.load()
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _STRIP):
        clear = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert("RGBA")
        grey.paste(Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("L"), (0, top))
    return grey


def _scaled(image: Image.Image) -> Image.Image:
    """One deep channel in 256 steps, from its darkest to its lightest."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _STRIP):
        strip = values[top : top + _STRIP].astype(np.float32)
        steps = (strip - low) * (255.0 / (high - low if high > low else 1.0))
        grey.paste(Image.fromarray(steps.astype(np.uint8)), (0, top))
    return grey
