"""Photographs: codes found in images that were turned, blurred, shrunk or made to harm."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, PngImagePlugin

from ledger.services.scans.image_file import LARGEST_FILE, MOST_PIXELS
from ledger.services.scans.photo import ScannedSymbol, look, read_image
from ledger.services.units.label import LabelKind, render
from verifier.errors import Malformed
from verifier.reading.digital_link import format_digital_link
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import ReadCode, read

GTIN = "09506000134352"
LINK = format_digital_link(
    "https://id.example", GTIN, "LOT7", "ABCDEFGHJKMNPQRSTUVW", "ABCDEFGHJKM23456789" * 5 + "ABCDEFGH"
)
LABEL = Image.open(io.BytesIO(render(LINK, LabelKind.PNG)))


def file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene(width: int, height: int, side: int, angle: float = 0, blur: float = 0, noise: float = 0) -> Image.Image:
    """A label on a mottled table, photographed askew."""
    random = np.random.default_rng(7)
    table = Image.fromarray(random.integers(90, 200, (height // 8, width // 8), dtype=np.uint8))
    table = table.resize((width, height), Image.Resampling.BICUBIC)
    shown = LABEL.resize((side, side * LABEL.height // LABEL.width), Image.Resampling.BICUBIC)
    table.paste(shown.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=235), (width // 3, height // 5))
    pixels = np.asarray(table.filter(ImageFilter.GaussianBlur(blur))) + random.normal(0, noise, (height, width))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def only(symbols: list[ScannedSymbol]) -> ScannedSymbol:
    [symbol] = symbols
    return symbol


def test_a_large_transparent_image_takes_little_more_than_its_own_pixels(tmp_path: Path) -> None:
    large = Image.new("RGBA", (8_000, 8_000))
    large.paste(LABEL.convert("RGBA"), (3_000, 3_000))
    (tmp_path / "large.png").write_bytes(file(large, compress_level=1))
    del large
    script = (
        "import resource, sys; from ledger.services.scans.photo import read_image;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "found = read_image(open(sys.argv[1], 'rb').read());"
        "print(len(found), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "large.png")], capture_output=True, check=True)
    found, mib = map(int, done.stdout.split())
    assert found == 1
    assert mib < 400, "256 MiB are the image itself"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white_in_every_strip(mode: str) -> None:
    clear = Image.new("RGBA", (LABEL.width, LABEL.height), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=Image.eval(LABEL.convert("L"), lambda value: 255 - value))
    assert only(read_image(file(clear.convert(mode) if mode != "P" else clear.quantize(4)))).data == LINK.encode()


def test_a_clean_label_is_found_in_two_decodes() -> None:
    symbol = only(read_image(file(LABEL)))
    assert (symbol.text, symbol.data) == (LINK, LINK.encode())
    assert (symbol.symbology, symbol.carrier, symbol.format) == ("]Q1", Carrier.QR, "QR Code")
    assert symbol.decodes >= 2


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        pytest.param(scene(2000, 1500, 500, 17, 1, 8), "JPEG", id="askew"),
        pytest.param(scene(640, 480, 230, 10, 0.8, 6), "JPEG", id="webcam"),
        pytest.param(scene(2000, 1500, 700, 180, 1, 8), "WEBP", id="upside-down"),
        pytest.param(LABEL.rotate(90, expand=True), "PNG", id="on-its-side"),
        pytest.param(LABEL.convert("RGB"), "JPEG", id="colour"),
        pytest.param(LABEL.convert("P"), "PNG", id="palette"),
        pytest.param(LABEL.convert("1"), "PNG", id="one-bit"),
        pytest.param(LABEL.resize((171, 171 * LABEL.height // LABEL.width)), "PNG", id="three-pixels-a-module"),
        pytest.param(Image.eval(LABEL, lambda value: 255 - value), "PNG", id="light-on-dark"),
        pytest.param(Image.eval(LABEL, lambda value: 100 + value // 12), "PNG", id="hardly-any-contrast"),
    ],
)
def test_labels_are_found_in_all_sorts_of_images(image: Image.Image, kind: str) -> None:
    symbol = only(read_image(file(image, kind)))
    assert symbol.data == LINK.encode()
    assert symbol.decodes >= 1


def test_a_large_photograph_is_read_in_two_decodes() -> None:
    symbol = only(read_image(file(scene(4000, 3000, 900, 12, 2, 8), "JPEG", quality=85)))
    assert (symbol.data, symbol.decodes) == (LINK.encode(), 2)


def test_the_orientation_that_a_phone_writes_down_is_followed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert only(read_image(file(scene(1000, 750, 350, 3), "JPEG", exif=exif))).data == LINK.encode()


def test_a_dark_code_on_nothing_is_laid_on_white() -> None:
    clear = Image.new("RGBA", LABEL.size, (0, 0, 0, 0))
    clear.putalpha(LABEL.point(lambda value: 255 - value))
    assert only(read_image(file(clear))).data == LINK.encode()


def test_separators_of_a_datamatrix_arrive() -> None:
    code = zxingcpp.create_barcode(f"(01){GTIN}(10)LOT7(21)ABC", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    symbol = only(read_image(file(Image.fromarray(np.array(code.to_image(scale=6))))))
    assert symbol.data == f"01{GTIN}10LOT7\x1d21ABC".encode()
    assert (symbol.symbology, symbol.carrier) == ("]d2", Carrier.DATAMATRIX)
    reading = read(symbol.data, carrier=symbol.carrier, symbology=symbol.symbology)
    assert isinstance(reading, ReadCode)
    assert (reading.code.lot, reading.code.serial, reading.suspects) == ("LOT7", "ABC", ())


def test_the_ean_beside_a_code_is_reported_too() -> None:
    ean = Image.fromarray(np.array(zxingcpp.create_barcode(GTIN[1:], zxingcpp.BarcodeFormat.EAN13).to_image(scale=3)))
    both = Image.new("L", (LABEL.width + ean.width + 80, LABEL.height), 255)
    both.paste(LABEL)
    both.paste(ean, (LABEL.width + 40, 60))
    found = {symbol.text: symbol.carrier for symbol in read_image(file(both))}
    assert found == {LINK: Carrier.QR, GTIN[1:]: Carrier.TEXT}


def test_two_labels_of_one_code_are_one_code() -> None:
    both = Image.new("L", (LABEL.width * 2, LABEL.height), 255)
    both.paste(LABEL)
    both.paste(LABEL, (LABEL.width, 0))
    assert only(read_image(file(both))).decodes <= 3


def test_an_image_without_a_code_gives_none() -> None:
    assert read_image(file(Image.new("L", (600, 400), 180))) == []


def deep(low: int, high: int) -> Image.Image:
    """The label in 16 bits of grey, between two values."""
    return Image.fromarray(
        (low + np.asarray(LABEL.convert("L")).astype(np.uint32) * (high - low) // 255).astype(np.uint16)
    )


def with_comments(image: Image.Image, count: int) -> bytes:
    """A PNG with text beside its pixels: each a megabyte, packed to a kilobyte."""
    comments = PngImagePlugin.PngInfo()
    for at in range(count):
        comments.add_text(f"Comment {at}", "x" * 1_100_000, zip=True)
    return file(image, pnginfo=comments)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(file(deep(0, 65_535)), id="16-bit"),
        pytest.param(file(deep(20_000, 50_000)), id="16-bit-of-middle-greys"),
        pytest.param(file(deep(10, 200)), id="16-bit-and-dark"),
        pytest.param(file(LABEL.convert("CMYK"), "JPEG"), id="cmyk"),
        pytest.param(file(LABEL.convert("RGB").quantize(16)), id="palette"),
        pytest.param(with_comments(LABEL, 70), id="large-metadata"),
        pytest.param(file(LABEL, icc_profile=bytes(3_000_000)), id="large-profile"),
    ],
)
def test_pixels_are_read_however_they_are_stored(data: bytes) -> None:
    assert only(read_image(data)).data == LINK.encode()


def test_a_cut_jpeg_gives_what_arrived_and_says_that_it_is_cut() -> None:
    below = Image.new("L", (LABEL.width, LABEL.height * 3), 255)
    below.paste(LABEL)
    whole = file(below, "JPEG", quality=90)
    seen = look(whole[: len(whole) * 9 // 10])
    assert (only(seen.symbols).data, seen.cut) == (LINK.encode(), True)
    assert not look(whole).cut
    thumbnail = Image.Exif()
    assert look(file(below, "JPEG", exif=thumbnail.tobytes() + file(LABEL.resize((40, 40)), "JPEG"))[:-200]).cut
    nothing_left = look(whole[: len(whole) // 20])
    assert (nothing_left.symbols, nothing_left.cut) == ([], True)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (file(LABEL, "GIF"), "got a GIF"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"", "an empty file"),
        (file(LABEL)[:2000], "cut at byte 2000"),
        (file(LABEL, "WEBP")[:2000], "cut at byte 2000"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        read_image(data)


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "image_format", id="empty"),
        pytest.param(b"HELLO", "image_format", id="text"),
        pytest.param(file(LABEL, "GIF"), "image_format", id="other-format"),
        pytest.param(b"%PDF-1.7\n", "image_format", id="pdf"),
        pytest.param(file(LABEL)[:2000], "image_damaged", id="cut-off-png"),
        pytest.param(file(LABEL, "WEBP")[:2000], "image_damaged", id="cut-off-webp"),
        pytest.param(b"\xff\xd8\xff\xe0 and no more", "image_damaged", id="no-jpeg-at-all"),
        pytest.param(png_claiming(8001, 8000), "image_pixels", id="too-many-pixels"),
        pytest.param(png_claiming(60_000, 60_000), "image_pixels", id="bomb"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(LARGEST_FILE), "image_size", id="too-large"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_files_that_are_refused(data: bytes, code: str) -> None:
    started = time.monotonic()
    with pytest.raises(Malformed) as caught:
        read_image(data)
    assert caught.value.code == code
    assert time.monotonic() - started < 1  # before anything is unpacked
    assert MOST_PIXELS == 64_000_000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3_000), st.binary(min_size=1, max_size=30))
def test_damaged_files_are_read_or_refused(place: int, damage: bytes) -> None:
    good = file(LABEL.resize((200, 250)), "JPEG")
    place %= len(good)
    try:
        read_image(good[:place] + damage + good[place + len(damage) :])
    except Malformed as error:
        assert error.code in ("image_damaged", "image_format", "image_pixels")  # noqa: PT017 - both outcomes are right
