"""Sheets of labels as PDF: a grid on paper, black and white, printed at its own size and never scaled to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fpdf import FPDF, ViewerPreferences

from ledger.services.units.label import MODULE_MM, label_lines
from ledger.services.units.symbol import Symbol, encode_datamatrix, encode_fast, paint, read_back
from verifier.errors import Malformed

SMALLEST_MODULE_MM = 0.3
"""Below this, phones of some years ago fail on an office printer's output. Own limit."""
MOST_LABELS = 20_000
"""Labels in one PDF; the document is built in memory, about 2 KB each. Own limit."""

_PADDING = 1.5  # mm around a code besides its quiet zone: sheets feed a little off
_POINT = 25.4 / 72  # mm
_SCALE = 6  # pixels a module: viewers that smooth images then blur only the edges
_MONOSPACE = 0.6  # width of a Courier letter, in its size


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """A page of labels. Lengths in millimetres; `left` and `top` are the margins of the first label."""

    page: tuple[float, float]
    columns: int
    rows: int
    label: tuple[float, float]
    left: float = 0.0
    top: float = 0.0
    gap: tuple[float, float] = (0.0, 0.0)

    @property
    def labels(self) -> int:
        """Labels on one page."""
        return self.columns * self.rows

    def place(self, index: int) -> tuple[float, float]:
        """The left upper corner of a label, counted row by row from 0."""
        row, column = divmod(index, self.columns)
        return self.left + column * (self.label[0] + self.gap[0]), self.top + row * (self.label[1] + self.gap[1])


SHEETS: Mapping[str, SheetLayout] = {
    "a4-24": SheetLayout((210.0, 297.0), 3, 8, (70.0, 37.0), top=0.5),
    "a4-40": SheetLayout((210.0, 297.0), 4, 10, (52.5, 29.7)),
    "letter-30": SheetLayout((215.9, 279.4), 3, 10, (66.7, 25.4), left=4.8, top=12.7, gap=(3.1, 0.0)),
}
"""Grids of label paper that is sold widely: 70 x 37 mm, 52.5 x 29.7 mm, and 2 5/8 x 1 inch."""


def sheet(
    texts: Sequence[str],
    layout: SheetLayout = SHEETS["a4-24"],
    *,
    symbol: Symbol = Symbol.QR,
    start: int = 0,
    offset: tuple[float, float] = (0.0, 0.0),
    progress: Callable[[int], None] = lambda _done: None,
) -> bytes:
    """Lay the codes of texts (see `label`) out as labels, on as many pages as they need.

    `start` leaves the first labels of a used sheet out; `offset` in millimetres moves everything, for printers that
    feed askew. Raises Malformed (`labels`, `label_size`, or a text that is no GS1 code) and ProofInvalid (`readback`).
    """
    if not texts or len(texts) > MOST_LABELS or not 0 <= start < layout.labels:
        raise Malformed(
            f"couldn't lay out {len(texts)} labels from place {start}: expected 1 to {MOST_LABELS} labels and a place "
            f"from 0 to {layout.labels - 1}",
            code="labels",
        )
    pdf = FPDF(unit="mm", format=layout.page)
    pdf.viewer_preferences = ViewerPreferences(print_scaling="None")
    pdf.set_auto_page_break(False)
    for done, text in enumerate(texts):
        page, place = divmod(done + start, layout.labels)
        if page == pdf.page:
            pdf.add_page()
        x, y = layout.place(place)
        _draw(pdf, text, symbol, x + offset[0], y + offset[1], layout)
        progress(done + 1)
    return bytes(pdf.output())


def _draw(pdf: FPDF, text: str, symbol: Symbol, x: float, y: float, layout: SheetLayout) -> None:
    """The symbol at the left of its label, AI and values at the right."""
    lines = label_lines(text)
    modules = encode_fast(text) if symbol is Symbol.QR else encode_datamatrix(text)
    module = min(MODULE_MM, (min(layout.label) - 2 * _PADDING) / len(modules))
    if module < SMALLEST_MODULE_MM:
        raise Malformed(
            f"couldn't fit the code of {len(modules)} modules on a label of {layout.label[0]:g} x {layout.label[1]:g} "
            f"mm: modules would be {module:.2f} mm wide, expected {SMALLEST_MODULE_MM} at least",
            code="label_size",
        )
    image = paint(modules, _SCALE).convert("1")
    read_back(text, image, symbol)
    side = module * len(modules)
    pdf.image(image, x + _PADDING, y + (layout.label[1] - side) / 2, side, side)
    _write(pdf, lines, x + _PADDING + side, y, layout.label[0] - side - 2 * _PADDING, layout.label[1])


def _write(pdf: FPDF, lines: Sequence[str], x: float, y: float, width: float, height: float) -> None:
    size = min(2.6, width / (_MONOSPACE * max(map(len, lines))))  # mm
    pdf.set_font("Courier", size=size / _POINT)
    top = y + (height - len(lines) * size * 1.4) / 2
    for i, line in enumerate(lines):
        pdf.text(x, top + (i * 1.4 + 1) * size, line)
