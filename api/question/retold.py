"""A device's report, carried by a form to the scan of a repair that an officer chooses.

The repaired text is judged like its lead: with every other code of the picture, and as it was read.
"""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field, ValidationError

from api.answer.schema import Closed
from api.question.parameters import SYMBOLOGY
from api.question.told import Pictured, Symbol, Told
from ledger.services.scans.photo import MOST_SYMBOLS
from verifier.errors import Malformed
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import LONGEST_TEXT
from verifier.reading.repair import RepairName
from verifier.verdict.facts import HowRead

_MOST_DECODES = 64  # of one image; own limit


class _Symbol(Closed):
    text: Annotated[str, Field(max_length=LONGEST_TEXT + 1)]
    carrier: Carrier
    symbology: Annotated[str, Field(pattern=SYMBOLOGY)] | None
    decodes: Annotated[int, Field(ge=1, le=_MOST_DECODES)]


class Retold(Closed):
    """A device's report of a scan: the codes, how they came in, and faults that were undone before."""

    symbols: Annotated[tuple[_Symbol, ...], Field(min_length=1, max_length=MOST_SYMBOLS)]
    how: HowRead
    cut: bool
    repairs: Annotated[tuple[RepairName, ...], Field(max_length=len(RepairName))]

    @property
    def pictured(self) -> Pictured:
        """The codes as reported."""
        symbols = (Symbol(one.text, one.carrier, one.symbology, one.decodes) for one in self.symbols)
        return Pictured(tuple(symbols), self.cut)


def format_retold(told: Told) -> str:
    """A device's report as JSON in ASCII; empty if it held no code. The next scan has its own place and time."""
    if not told.symbols:
        return ""
    symbols = [
        _Symbol(text=_text(one.text), carrier=one.carrier, symbology=one.symbology, decodes=one.decodes)
        for one in told.symbols
    ]
    repairs = tuple(RepairName(name) for name in told.repairs)
    retold = Retold(symbols=tuple(symbols), how=told.how, cut=told.cut, repairs=repairs)
    return json.dumps(retold.model_dump(mode="json"), separators=(",", ":"))


def parse_retold(text: str) -> Retold:
    """The counterpart. Raises Malformed (`picture`)."""
    try:
        return Retold.model_validate_json(text)
    except ValidationError as error:
        what = "; ".join(sorted({str(each["msg"]) for each in error.errors()}))
        raise Malformed(f"couldn't read what was told before: {what}", code="picture", at="told") from error


def _text(text: str | bytes) -> str:
    """Text as `verifier.reading.reading` decodes it; a text that is too long for it stays too long."""
    shown = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT + 1]
