"""The other columns of a serial file: GTIN, lot and expiry date, which must be those of the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.services.units.serial_cell import NOTATION, dates_of, read_gtin, rounded, undressed
from ledger.services.units.serial_columns import Columns
from ledger.services.units.serial_row import BadRow, ReadAs
from verifier.errors import Malformed

OTHER_BATCH = frozenset({"gtin_mismatch", "lot_mismatch"})
"""Codes of rows that belong to another batch than the one that the file is read for."""

_EXPIRIES_KEPT = 100  # different ones


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that a file is read for. Fields that are None are not compared.

    `gtin` has 14 digits; `expires` is YYYY-MM-DD, or empty where the batch has no expiry date.
    """

    gtin: str | None = None
    lot: str | None = None
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A row's words on its batch: the batch as read, what is wrong, and cells whose reading differs from their text."""

    batch: tuple[str, str]
    bad: BadRow | None
    read: tuple[ReadAs, ...] = ()


class BatchCells:
    """Compares the cells of rows with the batch.

    `others` counts the rows of other batches, by GTIN and lot; `expiries` are the different cells for the expiry date.
    """

    def __init__(self, columns: Columns, target: Target) -> None:
        self._columns, self._target = columns, target
        self._quick = replace(columns, gtin=0, lot=1, expires=2)
        self.others: Counter[tuple[str, str]] = Counter()
        self.expiries: set[str] = set()

    def plain(self, stated: tuple[str, str, str]) -> bool:
        """Whether cells for GTIN, lot and expiry date agree with the batch and are written as they are meant."""
        looked = _look(0, stated, self._quick, self._target)
        if looked.bad is not None or looked.read:
            return False
        self._note_expiry(stated[2])
        return True

    def look(self, number: int, cells: Sequence[str]) -> Looked:
        """Compare the cells of the row that starts on line `number`."""
        looked = _look(number, cells, self._columns, self._target)
        if looked.bad is not None and looked.bad.code in OTHER_BATCH:
            self.others[looked.batch] += 1
        else:
            self._note_expiry(cell_of(cells, self._columns.expires))
        return looked

    def _note_expiry(self, typed: str) -> None:
        if typed and len(self.expiries) < _EXPIRIES_KEPT:
            self.expiries.add(typed)


def cell_of(cells: Sequence[str], column: int | None) -> str:
    """The text of a column; empty if the row is too short or the file has no such column."""
    return cells[column] if column is not None and column < len(cells) else ""


def _look(number: int, cells: Sequence[str], columns: Columns, target: Target) -> Looked:
    gtin, read_gtins, bad = _gtin(number, cell_of(cells, columns.gtin), target)
    if bad is not None and bad.code not in OTHER_BATCH:
        return Looked(("", ""), bad)
    lot, read_lots, bad_lot = _lot(number, cell_of(cells, columns.lot), target)
    bad = bad or bad_lot or _expiry(number, cell_of(cells, columns.expires), target)
    return Looked((gtin or target.gtin or "", lot or target.lot or ""), bad, (*read_gtins, *read_lots))


def _gtin(number: int, typed: str, target: Target) -> tuple[str, tuple[ReadAs, ...], BadRow | None]:
    if target.gtin is None or not typed:
        return "", (), None
    try:
        padded, code = read_gtin(typed)
    except Malformed as error:
        expected = "the GTIN itself, in a column formatted as text" if error.code == NOTATION else target.gtin
        return "", (), BadRow(number, typed, error.code, f"row {number}: {error}", expected)
    read = (ReadAs(number, "gtin", code, typed, padded),) if code is not None else ()
    if padded == target.gtin:
        return padded, read, None
    bad = BadRow(number, typed, "gtin_mismatch", f"row {number}: GTIN {padded} is not the batch's", target.gtin)
    return padded, (), bad


def _lot(number: int, typed: str, target: Target) -> tuple[str, tuple[ReadAs, ...], BadRow | None]:
    lot, code = undressed(typed)
    if target.lot is None or not typed:
        return "", (), None
    if lot == target.lot:
        return lot, (ReadAs(number, "lot", code, typed, lot),) if code is not None else (), None
    if rounded(lot):
        message = f"row {number}: lot {lot} is a number that a spreadsheet has rounded; its digits are lost"
        return lot, (), BadRow(number, typed, NOTATION, message, target.lot)
    hint = ""
    if target.lot.isdigit() and lot == target.lot.lstrip("0"):
        hint = "; a spreadsheet took the leading zeros away"
    message = f"row {number}: lot {lot} is not the batch's{hint}"
    return lot, (), BadRow(number, typed, "lot_mismatch", message, target.lot)


def _expiry(number: int, typed: str, target: Target) -> BadRow | None:
    """A cell agrees when one of the days that it may mean is the batch's; without a day of the batch, see doubts."""
    if not target.expires or not typed:
        return None
    days = dates_of(typed)
    if target.expires in days:
        return None
    code, cause = ("expiry_mismatch", "is not the batch's") if days else ("expiry_form", "is no date that is known")
    return BadRow(number, typed, code, f"row {number}: expiry date {typed[:40]} {cause}", target.expires)
