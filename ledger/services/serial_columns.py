"""Which column of a serial file holds what: header, delimiter, and the names that systems give to columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from verifier.errors import Malformed

_DELIMITERS = ("\t", ";", ",")
_NO_DELIMITER = "\x1f"  # in no text file; csv wants one
_SERIAL_NAMES = {
    "serial", "serials", "serialno", "serialnr", "serialnumber", "serialnumbers", "sn", "snr", "seriennummer",
    "seriennr", "numerodeserie", "numserie",
}  # fmt: skip
_GTIN_NAMES = {"gtin", "gtin14", "gtin13", "ean", "ean13", "upc"}
_LOT_NAMES = {"lot", "lotno", "lotnumber", "batch", "batchno", "batchnumber", "charge", "chargennummer"}
_BRACKETED = {"(21)": "serial", "(01)": "gtin", "(10)": "lot"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where serial, GTIN and lot stand in a row; `header` is None where the first line is data already."""

    delimiter: str
    header: tuple[str, ...] | None
    serial: int
    gtin: int | None
    lot: int | None

    @property
    def alone(self) -> bool:
        """Whether a row is a serial and nothing else."""
        return self.delimiter == _NO_DELIMITER


def find_columns(sample: Sequence[str]) -> Columns:
    """Decide about header and delimiter by the first lines (without blank ones and line ends).

    Where they do not agree, this asks instead of guessing. Raises Malformed (`empty_file`, `columns`).
    """
    if not sample:
        raise Malformed("couldn't read the serials: the file is empty", code="empty_file")
    for delimiter in (*_DELIMITERS, _NO_DELIMITER):
        header = next(iter(csv.reader(sample[:1], delimiter=delimiter)))
        kinds = [_kind(name) for name in header]
        if any(kinds) and (len(kinds) > 1 or delimiter == _NO_DELIMITER):
            return Columns(
                delimiter,
                tuple(name.strip() for name in header),
                kinds.index("serial") if "serial" in kinds else kinds.index(None) if None in kinds else 0,
                kinds.index("gtin") if "gtin" in kinds else None,
                kinds.index("lot") if "lot" in kinds else None,
            )
    for delimiter in _DELIMITERS:
        widths = {len(cells) for cells in csv.reader(sample, delimiter=delimiter)}
        if len(widths) == 1 and widths != {1}:
            return Columns(delimiter, None, 0, None, None)
    if any(delimiter in line for delimiter in _DELIMITERS for line in sample):
        # a comma is legal in a serial, so half a table must not turn into odd serials
        raise Malformed(
            "couldn't tell the columns: some lines hold a tab, semicolon or comma and others do not; "
            "expected a first line that names the column 'serial'",
            code="columns",
        )
    return Columns(_NO_DELIMITER, None, 0, None, None)


def _kind(name: str) -> str | None:
    if name.strip() in _BRACKETED:
        return _BRACKETED[name.strip()]
    plain = re.sub(r"[\W_]", "", name).lower()
    kinds = {"serial": _SERIAL_NAMES, "gtin": _GTIN_NAMES, "lot": _LOT_NAMES}
    return next((kind for kind, names in kinds.items() if plain in names), None)
