"""What a device told about one scan, and how it is understood: everything goes into one question, nothing is dropped.

Command line, pages, API, photographs and the demo all come this way, and a repaired text goes it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

from ledger.services.record.append import now_ms
from ledger.services.scans.question import Question, ReadBeside
from verifier.errors import Malformed
from verifier.instant import DAY, format_instant
from verifier.reading.gs1 import Carrier
from verifier.reading.reading import ReadCode, Reading, Unreadable, read
from verifier.verdict.behaviour import Sighting
from verifier.verdict.facts import Context, HowRead


@dataclass(frozen=True, slots=True)
class Symbol:
    """One code as it came in. `decodes`: in how many decodings of one image it was equal."""

    text: str | bytes
    carrier: Carrier = Carrier.TEXT
    symbology: str | None = None
    decodes: int = 1


@dataclass(frozen=True, slots=True)
class Pictured:
    """The codes in one picture. `cut`: part of it never came."""

    symbols: tuple[Symbol, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Everything a device told. Several `symbols` come from one picture, none from a picture without a code.

    `repairs`: faults undone before, by name; `country`: where it was scanned; `scan`: an officer's own scan, as history
    sees it; `cut`: part of the picture never came; `device_time`, `keeper_time`: milliseconds since 1970 by either's
    clock, the latter now if not given; `hosts`: those of the ledger's own links, by which a piece of one is known.
    """

    symbols: tuple[Symbol, ...]
    how: HowRead = HowRead.TYPED
    repairs: tuple[str, ...] = ()
    context: Context = Context.UNKNOWN
    country: str | None = None
    scan: Sighting | None = None
    device_time: int | None = None
    keeper_time: int | None = None
    officer: bool = False
    cut: bool = False
    hosts: tuple[str, ...] = ()

    def repaired(self, asked: Question, text: str, name: str) -> Told:
        """The same with the code that `asked` was about repaired, and that said.

        In a picture that is the most telling code of the item, wherever it stands among the symbols. Raises Malformed
        (`picture`) when it is none of them.
        """
        at = next((at for at, symbol in enumerate(self.symbols) if _is_about(asked, symbol, self)), None)
        if at is None:
            raise Malformed("couldn't repair the code: none of the codes told is in question", code="picture")
        symbols = (*self.symbols[:at], replace(self.symbols[at], text=text), *self.symbols[at + 1 :])
        return replace(self, symbols=symbols, repairs=(*self.repairs, name))


def host_of(base_url: str) -> tuple[str, ...]:
    """The host of printed links, with its port, as `Told.hosts` wants it."""
    return tuple(filter(None, (urlsplit(base_url).netloc,)))


def typed(text: str) -> Told:
    """A code that somebody typed, and nothing else."""
    return Told((Symbol(text),))


def understand(told: Told) -> Question:
    """The question that was asked. Never raises: what cannot be read is an answer of its own.

    1. read every code; 2. those that name one item are judged together; 3. what else came in is named.
    """
    found = [_Found(symbol, _read(symbol, told)) for symbol in told.symbols]  # 1
    if not found:
        where = "in the part of it that came: its file is cut" if told.cut else "in it"
        return _question(told, Symbol(""), _none("no_code", f"couldn't read the photograph: no code was found {where}"))
    items = _items(found) if len(found) > 1 else found  # 2
    if not items:
        several = "couldn't read the photograph: it shows several items' codes; take one at a time"
        return _question(told, Symbol(""), _none("several_codes", several))
    first, *beside = items
    of_first = [ReadBeside(one.reading.code, one.symbol.decodes) for one in beside if isinstance(one.reading, ReadCode)]
    others = [one for one in found if one not in items]  # 3
    not_judged = _not_judged(others, first.reading) if others else ()
    missing = ("part of the picture is missing: its file is cut",) if told.cut else ()
    return _question(told, first.symbol, first.reading, tuple(of_first), (*not_judged, *missing))


@dataclass(frozen=True, slots=True)
class _Found:
    symbol: Symbol
    reading: Reading


def _read(symbol: Symbol, told: Told) -> Reading:
    machine_read = told.how is not HowRead.TYPED
    return read(
        symbol.text,
        carrier=symbol.carrier,
        symbology=symbol.symbology,
        machine_read=machine_read,
        hosts=told.hosts,
    )


def _is_about(asked: Question, symbol: Symbol, told: Told) -> bool:
    return symbol.carrier is asked.carrier and _read(symbol, told) == asked.reading


def _question(
    told: Told,
    symbol: Symbol,
    reading: Reading,
    beside: tuple[ReadBeside, ...] = (),
    not_judged: tuple[str, ...] = (),
) -> Question:
    now = now_ms() if told.keeper_time is None else told.keeper_time
    return Question(
        reading=reading,
        # by whichever clock is later: no claimed time makes anything young again
        today=_date(max(now, now if told.device_time is None else told.device_time) // DAY),
        carrier=symbol.carrier,
        how=told.how,
        decodes=symbol.decodes,
        beside=beside,
        not_judged=not_judged,
        repairs=told.repairs,
        context=told.context,
        market=told.country,
        officer=told.officer,
        scan=told.scan,
    )


@lru_cache(maxsize=4)
def _date(days: int) -> str:
    return format_instant(days * DAY)[:10]


def _items(found: Sequence[_Found]) -> list[_Found]:
    """The codes to be judged together, the most telling first. Empty: they name several items.

    Codes of units first. Without any, one that could not be read is the answer: the EAN beside it says less. Other
    things, however many, are no items of anybody here.
    """
    units = [one for one in found if isinstance(one.reading, ReadCode) and one.reading.code.serial is not None]
    if units:
        units.sort(key=_telling)
        return units if len({_unit(one)[:2] for one in units}) == 1 and len(_lots(units)) <= 1 else []
    unread = [one for one in found if isinstance(one.reading, Unreadable)]
    products = [one for one in found if isinstance(one.reading, ReadCode)]
    if unread:
        unread.sort(key=lambda one: not _repaired(one))  # what can be repaired is told apart
        return unread[:1] if _may_be_one_item(unread) else []
    if products:
        return sorted(products, key=_telling) if len({_unit(one) for one in products}) == 1 else []
    return list(found[:1])


def _repaired(one: _Found) -> set[tuple[str, str | None]]:
    """Every unit that a code may name once a fault is undone: GTIN and serial."""
    repairs = one.reading.repairs if isinstance(one.reading, Unreadable) else ()
    return {(repair.code.gtin, repair.code.serial) for repair in repairs}


def _may_be_one_item(unread: Sequence[_Found]) -> bool:
    named = [units for one in unread if (units := _repaired(one))]
    return len(named) < 2 or bool(set.intersection(*named))


def _telling(one: _Found) -> tuple[bool, bool, int]:
    code = one.reading.code if isinstance(one.reading, ReadCode) else None
    return code is None or code.lot is None, code is None or code.signature is None, -one.symbol.decodes


def _unit(one: _Found) -> tuple[str | None, ...]:
    code = one.reading.code if isinstance(one.reading, ReadCode) else None
    return (code.gtin, code.serial, code.lot) if code else (one.reading.text,)


def _lots(units: Sequence[_Found]) -> set[str]:
    codes = [one.reading.code for one in units if isinstance(one.reading, ReadCode)]
    return {code.lot for code in codes if code.lot is not None}


def _not_judged(others: Sequence[_Found], first: Reading) -> tuple[str, ...]:
    """What came in beside the item's codes and was not judged, a phrase each.

    The item's own product code says nothing more; neither does another address or text.
    """
    item = first.code.gtin if isinstance(first, ReadCode) else None
    said: dict[str, None] = {}
    for one in others:
        match one.reading:
            case Unreadable():
                said["a further code in the picture could not be read"] = None
            case ReadCode(code=code) if code.gtin != item:
                said[f"the picture also shows a code of product {code.gtin}"] = None
            case ReadCode(code=code) if code.lot is not None or code.extra:
                said["a further code of this product has no serial"] = None
            case _:
                pass
    return tuple(said)


def _none(why: str, message: str) -> Unreadable:
    return Unreadable("", why, message)
