"""Labels: the link of a unit as a QR code with its text below. No code leaves here before it was read back.

Single labels are made by `qrcode`, print runs by `zxing-cpp`, which also reads every one of them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from xml.sax.saxutils import escape

import numpy as np
import qrcode
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from verifier.digital_link import format_digital_link, parse_digital_link
from verifier.errors import ProofInvalid
from verifier.label import sign_label

Modules = NDArray[np.bool_]
"""A square QR code with its quiet zone, one element a module, True where dark."""

MODULE_MM = 0.5
"""Width of one module as printed. GS1 General Specifications 5.12.3 asks for 0.396 mm at least at a till."""

_QUIET = 4  # modules; ISO/IEC 18004 5.3.8
_PROOF_SCALE = 3  # pixels a module when a code is read back
_ONLY_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")


class LabelKind(StrEnum):
    """The file that a label becomes."""

    SVG = "svg"
    PNG = "png"


def unit_links(
    base_url: str, log_id: bytes, gtin: str, lot: str, serials: Iterable[str], key: Ed25519PrivateKey | None
) -> Iterator[str]:
    """The links to print for the units of a batch, signed with the batch's label key if it has one."""
    for serial in serials:
        signature = None if key is None else sign_label(key, log_id, gtin, lot, serial)
        yield format_digital_link(base_url, gtin, lot, serial, signature)


def render(link: str, kind: LabelKind, scale: int = 8) -> bytes:
    """Make one label: the code, and GTIN, lot and serial in letters below.

    `scale` is pixels a module in a PNG. Raises Malformed for a link that is no GS1 code, ProofInvalid (`readback`) if
    what was made does not read as the link.
    """
    return _file(link, encode_single(link), kind, scale)


def render_run(links: Iterable[str], kind: LabelKind, scale: int = 8) -> Iterator[bytes]:
    """Make many labels, one after the other, as `render` does but faster."""
    for link in links:
        yield _file(link, encode_fast(link), kind, scale)


def encode_single(link: str) -> Modules:
    """The QR code of a link at level M, with the mask that scans best."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=_QUIET)
    code.add_data(link)
    code.make(fit=True)
    return np.array(code.get_matrix(), dtype=np.bool_)


def encode_fast(link: str) -> Modules:
    """The QR code of a link at level M, fifteen times faster and with any mask."""
    code = zxingcpp.create_barcode(link, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return np.pad(np.array(code.to_image(scale=1, add_quiet_zones=False)) == 0, _QUIET)


def label_lines(link: str) -> tuple[str, ...]:
    """What stands beside the code for people: AI and value, a line each. Raises Malformed."""
    code = parse_digital_link(link)
    values = (("01", code.gtin), ("10", code.lot), ("21", code.serial))
    return tuple(f"({ai}) {value}" for ai, value in values if value is not None)


def paint(modules: Modules, scale: int) -> Image.Image:
    """The code in black and white, `scale` pixels a module."""
    dark = np.kron(modules, np.ones((scale, scale), dtype=np.bool_))
    return Image.fromarray(np.where(dark, 0, 255).astype(np.uint8))


def read_back(link: str, image: Image.Image) -> None:
    """Read the code in an image and compare it. Raises ProofInvalid (`readback`)."""
    found = zxingcpp.read_barcodes(image, formats=_ONLY_QR, try_rotate=False, try_invert=False)
    if [symbol.bytes for symbol in found] != [link.encode("ascii")]:
        got = found[0].text if found else "nothing"
        raise ProofInvalid(f"couldn't release the label: its code reads as {got}, expected {link}", code="readback")


def _file(link: str, modules: Modules, kind: LabelKind, scale: int) -> bytes:
    make: Callable[[str, Modules, int], bytes]
    match kind:
        case LabelKind.SVG:
            make = _svg
        case LabelKind.PNG:
            make = _png
    return make(link, modules, scale)


def _svg(link: str, modules: Modules, _scale: int) -> bytes:
    """One path for all dark modules; lengths in modules, the size on paper in millimetres."""
    lines, width = label_lines(link), len(modules)
    size = min(4.0, 0.96 * width / (0.61 * max(map(len, lines))))  # a monospaced letter is 0.6 em wide
    height = width + round(len(lines) * size * 1.25) + 1
    texts = "".join(
        f'<text x="{width / 2:g}" y="{width + size * (1.25 * i + 0.7):.2f}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    path = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, x, length in _runs(modules))
    style = f'font-family="ui-monospace,Consolas,monospace" font-size="{size:.2f}" text-anchor="middle"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width * MODULE_MM:g}mm" height="{height * MODULE_MM:g}mm" shape-rendering="crispEdges">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><path d="{path}"/>'
        f"<g {style}>{texts}</g></svg>"
    )
    read_back(link, paint(_modules_of(svg, width), _PROOF_SCALE))
    return svg.encode("utf-8")


def _png(link: str, modules: Modules, scale: int) -> bytes:
    lines, code = label_lines(link), paint(modules, scale)
    widest = max(map(ImageFont.load_default(100).getlength, lines)) / 100  # in its size
    size = max(8, min(4 * scale, int(0.96 * code.width / widest)))
    font, line_height = ImageFont.load_default(size), int(size * 1.25)
    image = Image.new("L", (code.width, code.height + len(lines) * line_height + scale), 255)
    image.paste(code)
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        draw.text((code.width / 2, code.height + i * line_height), line, fill=0, font=font, anchor="ma")
    out = io.BytesIO()
    dots = round(scale * 25.4 / MODULE_MM)
    image.save(out, "PNG", dpi=(dots, dots))
    read_back(link, Image.open(out))
    return out.getvalue()


def _runs(modules: Modules) -> Iterator[tuple[int, int, int]]:
    """Row, column and length of each run of dark modules."""
    edges = np.diff(np.pad(modules, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    for (y, x), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        yield y, x, end - x


def _modules_of(svg: str, width: int) -> Modules:
    """The modules that the path in a finished SVG paints."""
    modules = np.zeros((width, width), dtype=np.bool_)
    for run in _RUN.finditer(svg):
        x, y, length = map(int, run.groups())
        modules[y, x : x + length] = True
    return modules
