"""Facts: everything known about one scan, as values. `judge` turns facts into a verdict.

None always means "not known" and never counts as favourable. A check whose input is missing is listed as not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from verifier.reading.printed import Printed
from verifier.record.batch import RetireReason
from verifier.record.participant import Suspension
from verifier.verdict.behaviour import Sighting


class Context(StrEnum):
    """Where in its life an item was scanned."""

    IMPORT = "import"
    EXPORT = "export"
    TRANSIT = "transit"
    WHOLESALE = "wholesale"
    RETAIL = "retail"
    OWNER = "owner"
    UNKNOWN = "unknown"


class HowRead(StrEnum):
    """How a text came in. Only a decoder's reading can be repeated; a wedge may type in another keyboard layout.

    TYPED: by hand, or by something that does not say. WEDGE: by a hand scanner's keys. DECODER: by a device that
    decodes. PHOTOGRAPH: decoded here, from pixels.
    """

    TYPED = "typed"
    WEDGE = "wedge"
    DECODER = "decoder"
    PHOTOGRAPH = "photograph"


class Readable(StrEnum):
    """The kind of input: a GS1 code, something else that was read well, or nothing well formed."""

    GS1 = "gs1"
    NOT_GS1 = "not_gs1"
    UNREADABLE = "unreadable"


class Unit(StrEnum):
    """What the register says about the unit. ABSENT is shown by evidence; UNKNOWN is not a kind of absent."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Label(StrEnum):
    """What the label signature says. NONE: nothing can be said about it (the code was typed, or carries none).

    NO_KEY: the code carries one, but the batch registered no key to check it with.
    """

    NONE = "none"
    NO_KEY = "no_key"
    VALID = "valid"
    MISSING = "missing"
    WRONG_ONCE = "wrong_once"
    WRONG_TWICE = "wrong_twice"
    MALFORMED = "malformed"


class Witnessing(StrEnum):
    """Whether a fresh witness quorum covers the good facts behind an answer. Bad facts count without witnesses.

    NO_WITNESSES: the ledger was founded without any.
    """

    NO_WITNESSES = "no_witnesses"
    COVERED = "covered"
    AWAITING = "awaiting"


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the log says about the batch that a unit belongs to. Entry indexes go into the evidence."""

    id: str
    index: int
    lot: str
    lot_as_printed: bool
    markets: tuple[str, ...]
    expires: str | None
    recall: Mapping[str, Any] | None
    withdrawn: bool
    retired: Mapping[RetireReason, Mapping[str, Any]]
    maker_suspension: Suspension | None
    registered_while_suspended: bool
    maker_holds_prefix: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """One scan, fully described.

    `today` is YYYY-MM-DD, the later one of the device's and the keeper's; `market` the scanner's country (alpha-2).
    `sightings` are officers' scans of this unit, the present one included, as the last, when an officer makes it;
    `public_lookups` a count. `hidden_lots`: lots of the product that could not be searched, because their salts are not
    on this server. `labels_beside`: what the signatures of further codes of the same item say, read in the same
    picture; `printed`: what the codes say besides product, lot and serial; `not_judged`: what came in beside them and
    was not judged, a phrase each.
    """

    readable: Readable
    today: str
    context: Context = Context.UNKNOWN
    why_unreadable: str | None = None
    repairs: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    has_serial: bool = True
    holder: str | None = None
    gs1_office: str | None = None
    unit: Unit = Unit.UNKNOWN
    absence: Mapping[str, Any] = field(default_factory=dict)
    batches: tuple[BatchFacts, ...] = ()
    label: Label = Label.NONE
    market: str | None = None
    sightings: tuple[Sighting, ...] = ()
    officer: bool = False
    public_lookups: int = 0
    witnessing: Witnessing = Witnessing.NO_WITNESSES
    register_stale: bool = False
    hidden_lots: int = 0
    labels_beside: tuple[Label, ...] = ()
    printed: Printed = ()
    not_judged: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """What all signatures say, each answer once."""
        return tuple(dict.fromkeys((self.label, *self.labels_beside)))
