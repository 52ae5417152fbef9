"""A question about one code: a device's report as read, and who asks where. Only `api.question` makes one."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.reading.gs1 import Carrier, UnitCode
from verifier.reading.reading import ReadCode, Reading
from verifier.reading.repair import RepairName, find_repairs
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import Context, HowRead


@dataclass(frozen=True, slots=True)
class ReadBeside:
    """A further code of the same item, read in the same picture, and in how many decodings."""

    code: UnitCode
    decodes: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    """One code to judge, with everything that was reported about it, and who asks where.

    `today`: the later date of the asker's clock and ours; `market`: the asker's country; `scan`: the present scan of an
    officer, counted among the sightings; `decodes`: in how many decodings of one image the code was equal; `repairs`:
    faults undone before; `beside`: further codes of the same item; `not_judged`: what else came in, a phrase each.
    """

    reading: Reading
    today: str
    carrier: Carrier = Carrier.TEXT
    how: HowRead = HowRead.TYPED
    decodes: int = 1
    beside: tuple[ReadBeside, ...] = ()
    not_judged: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    context: Context = Context.UNKNOWN
    market: str | None = None
    officer: bool = False
    scan: Sighting | None = None

    @property
    def typed(self) -> bool:
        """Whether no device says that it read the text."""
        return self.how is HowRead.TYPED and self.carrier is Carrier.TEXT and self.reading.symbology is None


def read_surely(question: Question, found: bool) -> bool:
    """Whether a wrong signature counts against the item: not while the text itself may have been misread.

    Typed and repaired texts were not read by a device. A code that is no registered unit may be one that a device
    changed.
    """
    if question.how is HowRead.TYPED or question.repairs or not isinstance(question.reading, ReadCode):
        return False
    if question.reading.suspects:
        return False
    pixels = question.how is HowRead.PHOTOGRAPH  # no keyboard stood between
    faults = () if found else find_repairs(question.reading.text, question.carrier, question.reading.symbology)
    return all(pixels and repair.name is RepairName.KEYBOARD_LAYOUT for repair in faults)
