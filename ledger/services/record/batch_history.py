"""What was said about a batch, in order: what stands, what was taken back, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verifier.instant import format_instant
from verifier.record.batch import Batch, RetireReason
from verifier.record.entry import Entry, decode_entry
from verifier.record.statement import Kind

MOST = 100
"""Statements of one batch that are told: its registration and the newest ones. Own limit."""


def history_of(
    batch: Batch, read: Callable[[int, int], list[bytes]], name: Callable[[str], str | None]
) -> list[dict[str, Any]]:
    """The statements about a batch, oldest first, as JSON.

    `read` gives the stored entries start … end-1, `name` what the participant at an address is called. `what` names the
    slot that an undo takes (`registration`, `recall`, `sold`, `destroyed`, `stolen`), or is `undo`; `undone_in` is the
    entry that took a statement back, `undoes` the one that an undo took back, None where that is not among those told.
    """
    told = [batch.index, *(index for index in batch.history[-MOST:] if index != batch.index)]
    entries = {index: decode_entry(read(index, index + 1)[0]) for index in told}
    by_leaf = {"0x" + entry.leaf.hex(): index for index, entry in entries.items()}
    undone = {
        str(entry.body["target"]): index for index, entry in entries.items() if entry.kind is Kind.UNDONE
    }  # each statement is taken back once at most
    return [
        {
            "entry": index,
            "what": _what(entry),
            "at": format_instant(entry.recorded_at),
            "by": entry.actor,
            "name": name(str(entry.actor)),
            "reason": entry.body.get("reason") if entry.kind is not Kind.UNITS_RETIRED else None,
            "unit_count": int(entry.body["unitCount"]) if "unitCount" in entry.body else None,
            "undone_in": undone.get("0x" + entry.leaf.hex()),
            "undoes": by_leaf.get(entry.body["target"]) if entry.kind is Kind.UNDONE else None,
        }
        for index, entry in entries.items()
    ]


def _what(entry: Entry) -> str:
    match entry.kind:
        case Kind.BATCH_REGISTERED:
            return "registration"
        case Kind.BATCH_RECALLED:
            return "recall"
        case Kind.UNITS_RETIRED:
            return RetireReason(entry.body["reason"]).name.lower()
        case Kind.UNDONE:
            return "undo"
        case _:
            return entry.kind.value
