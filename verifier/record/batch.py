"""A batch: GTIN + lot as registered by its maker, and everything the log says about it since.

State changes form slots: one for the registration itself, one for the recall, one for each reason units retire. A
slot is a stack of statements in force (the last one counts) and a `head`, the leaf that the next statement must name
as superseded. An undo takes the top of a stack away, and the one below it is in force again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from math import log2
from typing import Any

from verifier.errors import Malformed, Refused
from verifier.reading.gs1 import parse_gtin, parse_lot
from verifier.reading.label import check_label_key
from verifier.record.struct import ZERO32
from verifier.segment.view import salt_commitment

UNITS_MAX = 2**32
"""Units of one batch; a larger run is two batches."""
KEYS_IN_ENTRY = 64
"""Retired units that stand in the entry itself; more travel as a segment."""
HIDDEN_BITS = 64
"""The salt may be public only while guessing one serial costs at least 2^64 tries for each registered unit."""
LABEL_CARRIERS = ("datamatrix", "qr")
"""Carriers that can bear a label signature."""

_EXPIRES = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")  # \d would take other scripts' digits, which sort after ours
_COUNTRY = re.compile("[A-Z]{2}")


class SerialSource(IntEnum):
    """Who made the serials; it decides whether the salt may be published."""

    GENERATED = 1
    IMPORTED = 2


class RetireReason(IntEnum):
    """Why units are no longer live goods."""

    SOLD = 1
    DESTROYED = 2
    STOLEN = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One statement in force: its leaf, its entry's index, who made it, when (ms), and what it says."""

    leaf: bytes
    index: int
    actor: str
    recorded_at: int
    body: Mapping[str, Any]


@dataclass(slots=True)
class Slot:
    """Statements in force (last counts) and the leaf that the next one must supersede (zeros at first)."""

    stack: list[Change] = field(default_factory=list)
    head: bytes = bytes(32)

    @property
    def current(self) -> Change | None:
        """The statement in force, if any."""
        return self.stack[-1] if self.stack else None


@dataclass(slots=True)
class Batch:
    """A registered batch. `id` is the leaf of its registration, `index` its entry's.

    `salt` is None while hidden, `label_key` None when units bear no label signature, `expires` None or YYYY-MM-DD;
    `history` are the indexes of all entries about it, its registration first; `favoured` is the last of those that
    speak for it: the registration, or an undo of a recall or of a report about its units.
    """

    id: bytes
    index: int
    gtin: str
    lot: str
    unit_count: int
    segment_root: bytes
    salt_commitment: bytes
    salt: bytes | None
    serial_source: SerialSource
    label_key: bytes | None
    label_carriers: tuple[str, ...]
    markets: tuple[str, ...]
    expires: str | None
    maker: str
    recorded_at: int
    registration: Slot = field(default_factory=Slot)
    recall: Slot = field(default_factory=Slot)
    retired: dict[RetireReason, Slot] = field(default_factory=lambda: {reason: Slot() for reason in RetireReason})
    history: list[int] = field(default_factory=list)
    favoured: int = 0

    @property
    def withdrawn(self) -> bool:
        """Whether its maker has undone the registration."""
        return not self.registration.stack


def batch_from(body: Mapping[str, Any], leaf: bytes, index: int, maker: str, recorded_at: int) -> Batch:
    """The batch that an accepted registration starts."""
    change = Change(leaf, index, maker, recorded_at, body)
    return Batch(
        id=leaf,
        index=index,
        gtin=body["gtin"],
        lot=body["lot"],
        unit_count=int(body["unitCount"]),
        segment_root=bytes.fromhex(body["segmentRoot"][2:]),
        salt_commitment=bytes.fromhex(body["saltCommitment"][2:]),
        salt=_present(body["salt"]),
        serial_source=SerialSource(body["serialSource"]),
        label_key=_present(body["labelKey"]),
        label_carriers=tuple(body["labelCarriers"]),
        markets=tuple(body["markets"]),
        expires=body["expires"] or None,
        maker=maker,
        recorded_at=recorded_at,
        registration=Slot([change], leaf),
        history=[index],
        favoured=index,
    )


def check_registration(body: Mapping[str, Any]) -> None:
    """Check what a registration says about itself, before anybody's rights are asked.

    Raises Malformed (`gtin_length`, `check_digit`, `lot_length`, `charset`, `field`, `label_key`) or Refused
    (`salt_published`, `salt_mismatch`).
    """
    if parse_gtin(body["gtin"]) != body["gtin"]:
        raise Malformed(f"couldn't read gtin: got {body['gtin']!r}, expected 14 digits", code="gtin_length", at="gtin")
    parse_lot(body["lot"])
    if not 1 <= int(body["unitCount"]) <= UNITS_MAX:
        code = "segment_empty" if body["unitCount"] == "0" else "field"
        raise Malformed(f"couldn't read unitCount: expected 1 to {UNITS_MAX}", code=code, at="unitCount")
    if body["serialSource"] not in set(SerialSource):
        raise Malformed("couldn't read serialSource: expected 1 (generated) or 2 (imported)", code="field")
    _check_sorted_set(body, "labelCarriers", lambda value: value in LABEL_CARRIERS)
    _check_sorted_set(body, "markets", lambda value: _COUNTRY.fullmatch(value) is not None)
    if body["expires"] and not _is_date(body["expires"]):
        raise Malformed("couldn't read expires: expected YYYY-MM-DD or nothing", code="field", at="expires")
    if (body["labelKey"] == ZERO32) != (not body["labelCarriers"]):
        raise Malformed("couldn't read labelCarriers: a label key and its carriers come together", code="field")
    if body["labelKey"] != ZERO32:
        check_label_key(bytes.fromhex(body["labelKey"][2:]))
    if body["salt"] != ZERO32:
        _check_published_salt(body)


def may_publish_salt(source: SerialSource, space_bits: int, count: int) -> bool:
    """Whether a batch's salt may stand in the log: generated serials, and 2^64 guesses a unit at least."""
    return source is SerialSource.GENERATED and space_bits - log2(count) >= HIDDEN_BITS


def _check_published_salt(body: Mapping[str, Any]) -> None:
    if not may_publish_salt(SerialSource(body["serialSource"]), body["serialSpaceBits"], int(body["unitCount"])):
        raise Refused(
            "couldn't accept a published salt: these serials could be guessed; leave salt zero", code="salt_published"
        )
    if salt_commitment(bytes.fromhex(body["salt"][2:])).hex() != body["saltCommitment"][2:]:
        raise Refused("couldn't accept the salt: it does not match saltCommitment", code="salt_mismatch")


def _check_sorted_set(body: Mapping[str, Any], key: str, good: Any) -> None:
    values = body[key]
    if values != sorted(set(values)) or not all(good(value) for value in values):
        raise Malformed(f"couldn't read {key}: got {values}, expected known values, sorted, once each", at=key)


def _is_date(text: str) -> bool:
    if not _EXPIRES.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False  # 31 February
    return True


def _present(text: str) -> bytes | None:
    return None if text == ZERO32 else bytes.fromhex(text[2:])
