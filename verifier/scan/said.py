"""What a log says about the code in a receipt: the facts of every lot that the code could mean, at one size.

It rests on the code, the country and the context that were signed, never on the answer: what an operator claims to have
found must not choose what its claim is compared with (`verifier.scan.judged`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.errors import NotFound
from verifier.reading.gs1 import UnitCode
from verifier.reading.reading import ReadCode, read
from verifier.record.batch import Batch, RetireReason
from verifier.record.record import Record
from verifier.scan.receipt import ScanReceipt
from verifier.segment.view import blind, unit_key
from verifier.verdict.facts import Context

FACTS = (
    "registration_withdrawn",
    "recalled",
    "registered_while_suspended",
    "issuer_suspended",
    "prefix_moved",
    "market_mismatch",
    "stolen",
    "destroyed",
    "sold",
    "sold_elsewhere",
)
"""Reasons that a log decides about a unit of one lot. All of them speak against it, or change what is advised."""


@dataclass(frozen=True, slots=True)
class LotSaid:
    """One registered lot: its number, its batch's id (32 bytes), which of `FACTS` hold of the code's unit in it, and
    which can't be told (why)."""

    lot: str
    batch: bytes
    decides: Mapping[str, bool]
    open: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """What a log of `size` entries says about a code.

    code: as it reads without any device; None for a text that is no product's. `suspects`: it shows a device fault.
    held: somebody holds the company prefix. `witnesses`: entry 0 asks for some.
    lots: every registered lot of the product, by the index of its entry.
    """

    size: int
    code: UnitCode | None
    suspects: bool = False
    held: bool = False
    witnesses: bool = False
    lots: Mapping[int, LotSaid] = field(default_factory=dict)

    @property
    def printed(self) -> frozenset[int]:
        """The entry of the lot that is printed; of all lots where none is."""
        lot = self.code.lot if self.code is not None else None
        return frozenset(entry for entry, one in self.lots.items() if lot in (None, one.lot))


def size_of(receipt: ScanReceipt) -> int | None:
    """The size of the log that the answer names, None for a text that is no number."""
    text = str(receipt.fields["log_size"])
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def said_about(record: Record, receipt: ScanReceipt) -> Said:
    """What the log says, at the size to which `record` was folded, about the code in a receipt."""
    scan, reading = receipt.fields, read(str(receipt.fields["code"]))
    if not isinstance(reading, ReadCode):
        return Said(record.size, None)
    code = reading.code
    lots = {}
    for batch in record.by_gtin.get(code.gtin, ()):
        retired, open_ = _retired(record, batch, code, scan["context"])
        lots[batch.index] = LotSaid(batch.lot, batch.id, _batch(record, batch, scan["country"]) | retired, open_)
    held = record.standing.holder(code.gtin) is not None
    return Said(record.size, code, bool(reading.suspects), held, record.founding.policy is not None, lots)


def _batch(record: Record, batch: Batch, country: str | None) -> dict[str, bool]:
    maker = record.standing.participants[batch.maker]
    return {
        "registration_withdrawn": batch.withdrawn,
        "recalled": batch.recall.current is not None,
        "registered_while_suspended": maker.suspended_at(batch.recorded_at) is not None,
        "issuer_suspended": maker.suspension is not None,
        "prefix_moved": record.standing.holder(batch.gtin) != batch.maker,
        "market_mismatch": bool(batch.markets) and country is not None and country not in batch.markets,
    }


def _retired(record: Record, batch: Batch, code: UnitCode, context: str) -> tuple[dict[str, bool], dict[str, str]]:
    """Whether this very unit was reported sold, destroyed or stolen; open where its key or the set is not here."""
    sold, other = ("sold", "sold_elsewhere") if context == Context.OWNER else ("sold_elsewhere", "sold")
    decides, open_ = {other: False}, {}
    for reason in RetireReason:
        name = sold if reason is RetireReason.SOLD else reason.name.lower()
        if batch.retired[reason].current is None or code.serial is None:
            decides[name] = False
        elif batch.salt is None:
            open_[name] = "units of this lot were; whether this one, only the lot's salt shows, which is not public"
        else:
            key = unit_key(blind(batch.salt, batch.gtin, batch.lot, code.serial), code.serial)
            try:
                decides[name] = key in record.retired_units(batch, reason)
            except NotFound:
                open_[name] = "units of this lot were; whether this one, only their segment shows"
    return decides, open_
