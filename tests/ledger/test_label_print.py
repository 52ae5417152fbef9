"""Labels: what is printed is what was asked for, on paper sheets too, and photographs of it read again."""

from __future__ import annotations

import io
import re
import struct
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ledger.services.units import label, sheet
from ledger.services.units.label import LabelKind, label_lines, render, render_run, unit_links
from ledger.services.units.serial import generate
from ledger.services.units.sheet import SHEETS, SheetLayout
from ledger.services.units.symbol import (
    Symbol,
    element_string,
    encode_datamatrix,
    encode_fast,
    encode_single,
    paint,
    read_back,
)
from verifier.errors import Malformed, ProofInvalid
from verifier.reading.digital_link import format_digital_link
from verifier.reading.gs1 import CSET82
from verifier.reading.label import LabelCheck, verify_label
from verifier.reading.reading import ReadCode, read

GTIN, LOG_ID = "09506000134352", bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VALUES = st.text(CSET82, min_size=1, max_size=20).filter(lambda value: value not in (".", ".."))
QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])  # a QR code's pixels may look like a few digits of ITF

DATAMATRIX = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.DataMatrix])


def links(count: int, lot: str = "LOT7") -> list[str]:
    return list(unit_links("https://id.example", LOG_ID, GTIN, lot, generate(count), KEY))


def decoded(data: bytes) -> list[bytes]:
    return [symbol.bytes for symbol in zxingcpp.read_barcodes(Image.open(io.BytesIO(data)), formats=QR)]


def painted(svg: bytes) -> Image.Image:
    """Paint the path of an SVG by its own drawing commands: M x y, h dx, v dy, z."""
    root = ElementTree.fromstring(svg)
    width, height = (int(number) for number in root.attrib["viewBox"].split()[2:])
    image = np.full((height, width), 255, dtype=np.uint8)
    [path] = root.findall("{http://www.w3.org/2000/svg}path")
    for x, y, dx, dy in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.attrib["d"]):
        image[int(y) : int(y) + int(dy), int(x) : int(x) + int(dx)] = 0
    return Image.fromarray(np.kron(image, np.ones((4, 4), dtype=np.uint8)))


def test_a_signed_link_of_178_characters_is_version_8_at_level_m() -> None:
    [link] = unit_links("https://id.carnet.test", LOG_ID, GTIN, "L7", generate(1), KEY)
    link = link.replace("/10/L7", "/10/" + "L7" + "X" * (178 - len(link)))
    assert len(link) == 178
    for modules in (encode_single(link), encode_fast(link)):
        assert modules.shape == (4 * 8 + 17 + 8, 4 * 8 + 17 + 8)  # and four modules of quiet zone on each side
        [symbol] = zxingcpp.read_barcodes(paint(modules, 4), formats=QR)
        assert symbol.ec_level == "M"
        assert "'Version': '8'" in str(symbol.extra)


def test_links_carry_the_signature_of_their_unit() -> None:
    for link in links(5):
        reading = read(link)
        assert isinstance(reading, ReadCode)
        code, public = reading.code, KEY.public_key().public_bytes_raw()
        assert code.signature is not None
        check = verify_label(public, LOG_ID, code.gtin, code.lot or "", code.serial or "", code.signature)
        assert check is LabelCheck.VALID
    [unsigned] = unit_links("https://id.example", LOG_ID, GTIN, "L", ["A"], None)
    assert unsigned == "https://id.example/01/09506000134352/10/L/21/A"


@settings(max_examples=25)
@given(lot=VALUES, serial=VALUES)
def test_any_unit_can_be_printed_and_read(lot: str, serial: str) -> None:
    link = format_digital_link("https://id.example", GTIN, lot, serial, "A" * 103)
    png = render(link, LabelKind.PNG, scale=3)
    svg = render(link, LabelKind.SVG)
    assert decoded(png) == [link.encode()]
    assert [symbol.bytes for symbol in zxingcpp.read_barcodes(painted(svg), formats=QR)] == [link.encode()]
    texts = [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [f"(01) {GTIN}", f"(10) {lot}", f"(21) {serial}"] == list(label_lines(link))


@settings(max_examples=25)
@given(lot=VALUES, serial=VALUES)
def test_any_unit_can_be_printed_as_gs1_datamatrix_and_read(lot: str, serial: str) -> None:
    text = element_string(GTIN, lot, serial)
    for image in (
        Image.open(io.BytesIO(render(text, LabelKind.PNG, 3, Symbol.DATAMATRIX))),
        painted(render(text, LabelKind.SVG, symbol=Symbol.DATAMATRIX)),
    ):
        [symbol] = zxingcpp.read_barcodes(image, formats=DATAMATRIX)
        assert (symbol.bytes, symbol.symbology_identifier) == (text.encode(), "]d2")
    reading = read(text, symbology="]d2")
    assert isinstance(reading, ReadCode)
    assert (reading.code.gtin, reading.code.lot, reading.code.serial) == (GTIN, lot, serial)
    assert label_lines(text) == (f"(01) {GTIN}", f"(10) {lot}", f"(21) {serial}")


def test_a_symbol_without_gs1s_mark_or_of_another_kind_is_not_released() -> None:
    text, [link] = element_string(GTIN, "L", "A"), links(1)
    plain = zxingcpp.create_barcode(text.replace("\x1d", ""), zxingcpp.BarcodeFormat.DataMatrix)
    image = Image.fromarray(np.pad(np.array(plain.to_image(scale=4)), 20, constant_values=255))
    for wrong in (image, paint(encode_single(link), 4)):
        with pytest.raises(ProofInvalid) as caught:
            read_back(text, wrong, Symbol.DATAMATRIX)
        assert caught.value.code == "readback"
    with pytest.raises(ProofInvalid):
        read_back(link, paint(encode_datamatrix(link), 4))
    read_back(link, paint(encode_datamatrix(link), 4), Symbol.DATAMATRIX)
    run = list(render_run([text, element_string(GTIN, "L", "B")], LabelKind.PNG, symbol=Symbol.DATAMATRIX))
    assert len(set(run)) == 2
    assert sheet.sheet([text], symbol=Symbol.DATAMATRIX).startswith(b"%PDF")


@pytest.mark.parametrize("kind", list(LabelKind))
def test_a_run_makes_the_same_codes(kind: LabelKind) -> None:
    wanted = links(20)
    made = list(render_run(wanted, kind))
    images = [painted(one) if kind is LabelKind.SVG else Image.open(io.BytesIO(one)) for one in made]
    assert [[symbol.text for symbol in zxingcpp.read_barcodes(image, formats=QR)] for image in images] == [
        [one] for one in wanted
    ]


def test_the_widest_text_stays_on_its_label() -> None:
    link = format_digital_link("https://id.example", GTIN, "W" * 20, "W" * 20)
    image = np.array(Image.open(io.BytesIO(render(link, LabelKind.PNG))))
    assert (image[:, 0] == 255).all()
    assert (image[:, -1] == 255).all()
    assert (image[-40:, :] < 128).any()  # there is text below the code


def test_the_size_on_paper_is_written_into_the_files() -> None:
    [link] = links(1)
    side = len(encode_single(link))
    assert f'width="{side * 0.5:g}mm"'.encode() in render(link, LabelKind.SVG)
    png = Image.open(io.BytesIO(render(link, LabelKind.PNG)))
    assert png.width / png.info["dpi"][0] * 25.4 == pytest.approx(side * 0.5, rel=0.01)


@pytest.mark.parametrize("kind", list(LabelKind))
def test_a_code_that_reads_as_another_is_not_released(kind: LabelKind, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = links(2)
    monkeypatch.setattr(label, "encode_single", lambda _link: encode_single(wrong))
    with pytest.raises(ProofInvalid) as caught:
        render(right, kind)
    assert caught.value.code == "readback"


def test_a_code_that_does_not_read_at_all_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    [link] = links(1)
    damaged = encode_fast(link)
    damaged[4:11, 4:11] = False  # a finder pattern
    monkeypatch.setattr(label, "encode_fast", lambda _link: damaged)
    monkeypatch.setattr(sheet, "encode_fast", lambda _link: damaged)
    with pytest.raises(ProofInvalid, match="reads as nothing"):
        list(render_run([link], LabelKind.PNG))
    with pytest.raises(ProofInvalid, match="reads as nothing"):
        sheet.sheet([link])


def test_only_gs1_links_become_labels() -> None:
    for text in ("https://example.com/x", "HELLO", "https://id.example/01/09506000134353/21/A"):
        with pytest.raises(Malformed):
            render(text, LabelKind.SVG)
        with pytest.raises(Malformed):
            sheet.sheet([text])


def images_of(pdf: bytes) -> list[bytes]:
    """The codes in a PDF as its readers get them: each fax-coded image is put into a TIFF and read."""
    found = []
    for match in re.finditer(rb"/Subtype /Image.*?/Width (\d+).*?stream\n(.*?)\nendstream", pdf, re.DOTALL):
        side, data = int(match[1]), match[2]
        fields = [
            (256, 4, side),
            (257, 4, side),
            (258, 3, 1),
            (259, 3, 4),
            (262, 3, 0),
            (273, 4, 98),
            (279, 4, len(data)),
        ]
        tags = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
        tiff = struct.pack("<2sHIH", b"II", 42, 8, len(fields)) + tags + bytes(4)
        found += decoded(tiff.ljust(98, b"\0") + data)
    return found


@pytest.mark.parametrize("name", list(SHEETS))
def test_sheets_hold_every_label_once_and_in_order(name: str) -> None:
    layout, wanted = SHEETS[name], links(50)
    pdf = sheet.sheet(wanted, layout, start=3)
    assert images_of(pdf) == [link.encode() for link in wanted]
    assert pdf.count(b"/Type /Page\n") == -(-53 // layout.labels)
    assert b"/PrintScaling /None" in pdf


@pytest.mark.parametrize("name", list(SHEETS))
def test_labels_of_a_sheet_lie_on_its_page_and_do_not_touch(name: str) -> None:
    layout = SHEETS[name]
    corners = [layout.place(index) for index in range(layout.labels)]
    width, height = layout.label
    assert max(x for x, _ in corners) + width <= layout.page[0] + 0.01
    assert max(y for _, y in corners) + height <= layout.page[1] + 0.01
    columns, rows = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    assert all(b - a >= width - 0.01 for a, b in pairwise(columns))
    assert all(b - a >= height - 0.01 for a, b in pairwise(rows))


def test_a_label_too_small_for_its_code_is_refused() -> None:
    with pytest.raises(Malformed) as caught:
        sheet.sheet(links(1), SheetLayout((210.0, 297.0), 10, 20, (18.0, 14.0)))
    assert caught.value.code == "label_size"


@pytest.mark.parametrize(("count", "start"), [(0, 0), (1, 24), (1, -1)])
def test_sheets_start_on_a_label_that_they_have(count: int, start: int) -> None:
    with pytest.raises(Malformed) as caught:
        sheet.sheet(links(count) if count else [], start=start)
    assert caught.value.code == "labels"


def test_progress_of_a_sheet_is_told() -> None:
    heard: list[int] = []
    sheet.sheet(links(3), progress=heard.append)
    assert heard == [1, 2, 3]
