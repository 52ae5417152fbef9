"""Labels: the code of a unit as a symbol with its text below. Every symbol is read back before it is returned.

A text to print is the unit's link, in a QR code or a DataMatrix, or its element string, in a GS1 DataMatrix.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from xml.sax.saxutils import escape

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, ImageDraw, ImageFont

from ledger.services.units.symbol import (
    Modules,
    Symbol,
    code_of,
    encode_datamatrix,
    encode_fast,
    encode_single,
    paint,
    read_back,
)
from verifier.reading.digital_link import format_digital_link
from verifier.reading.label import sign_label

MODULE_MM = 0.5
"""Width of one module as printed. GS1 General Specifications 5.12.3 asks for 0.396 mm at least at a till."""

_PROOF_SCALE = 3  # pixels a module when a code is read back
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


def render(text: str, kind: LabelKind, scale: int = 8, symbol: Symbol = Symbol.QR) -> bytes:
    """Make one label: the symbol, and GTIN, lot and serial in letters below.

    `scale` is pixels a module in a PNG. Raises Malformed for a text that is no GS1 code, ProofInvalid (`readback`) if
    what was made does not read as the text.
    """
    lines = label_lines(text)
    modules = encode_single(text) if symbol is Symbol.QR else encode_datamatrix(text)
    return _file(text, lines, modules, kind, scale, symbol)


def render_run(texts: Iterable[str], kind: LabelKind, scale: int = 8, symbol: Symbol = Symbol.QR) -> Iterator[bytes]:
    """Make many labels, one after the other, as `render` does but faster."""
    for text in texts:
        lines = label_lines(text)
        modules = encode_fast(text) if symbol is Symbol.QR else encode_datamatrix(text)
        yield _file(text, lines, modules, kind, scale, symbol)


def label_lines(text: str) -> tuple[str, ...]:
    """The lines for people beside the symbol: AI and value, one line each. Raises Malformed."""
    code = code_of(text)
    values = (("01", code.gtin), ("10", code.lot), ("21", code.serial))
    return tuple(f"({ai}) {value}" for ai, value in values if value is not None)


def _file(text: str, lines: Sequence[str], modules: Modules, kind: LabelKind, scale: int, symbol: Symbol) -> bytes:
    match kind:
        case LabelKind.SVG:
            svg = _svg(lines, modules)
            read_back(text, paint(_modules_of(svg, len(modules)), _PROOF_SCALE), symbol)
            return svg.encode("utf-8")
        case LabelKind.PNG:
            png = _png(lines, modules, scale)
            read_back(text, Image.open(io.BytesIO(png)), symbol)
            return png


def _svg(lines: Sequence[str], modules: Modules) -> str:
    """One path for all dark modules; lengths in modules, the size on paper in millimetres."""
    width = len(modules)
    size = min(4.0, 0.96 * width / (0.61 * max(map(len, lines))))  # a monospaced letter is 0.6 em wide
    height = width + round(len(lines) * size * 1.25) + 1
    texts = "".join(
        f'<text x="{width / 2:g}" y="{width + size * (1.25 * i + 0.7):.2f}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    path = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, x, length in _runs(modules))
    style = f'font-family="ui-monospace,Consolas,monospace" font-size="{size:.2f}" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width * MODULE_MM:g}mm" height="{height * MODULE_MM:g}mm" shape-rendering="crispEdges">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><path d="{path}"/>'
        f"<g {style}>{texts}</g></svg>"
    )


def _png(lines: Sequence[str], modules: Modules, scale: int) -> bytes:
    code = paint(modules, scale)
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
