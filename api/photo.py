"""Photographs of labels: which code in the picture is the item's, and in how many decodings it was found."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from api.asking import Scanned
from api.site import Site
from ledger.services.photo import ScannedSymbol, read_image
from verifier.reading import ReadCode, Reading, Unreadable, read

_Found = tuple[ScannedSymbol, Reading]


def read_photo(data: bytes) -> Scanned:
    """Read the item's code out of a photograph. None, or several different ones, is an answer: `unreadable`.

    Slow: not for the event loop. Raises Malformed (`image_size`, `image_pixels`, `image`).
    """
    found = [
        (symbol, read(symbol.data, carrier=symbol.carrier, symbology=symbol.symbology)) for symbol in read_image(data)
    ]
    if not found:
        return Scanned(_none("no_code", "couldn't read the photograph: no code was found in it"), machine_read=True)
    items = _items(found)
    if len({_identity(reading) for _, reading in items}) > 1:
        return Scanned(
            _none("several_codes", "couldn't read the photograph: it shows several items' codes; take one at a time"),
            machine_read=True,
        )
    symbol, reading = items[0] if items else found[0]
    return Scanned(reading, symbol.carrier, machine_read=True, decodes=symbol.decodes)


async def decode_photo(here: Site, data: bytes) -> Scanned:
    """`read_photo` for routes: a few at once, because each may take hundreds of megabytes; the others wait."""
    async with here.photos:
        return await run_in_threadpool(read_photo, data)


def _items(found: list[_Found]) -> list[_Found]:
    """Codes that name an item; the EAN printed beside one says less, and counts only when it is alone."""
    products = [one for one in found if isinstance(one[1], ReadCode)]
    return [one for one in products if isinstance(one[1], ReadCode) and one[1].code.serial is not None] or products


def _identity(reading: Reading) -> tuple[str | None, ...]:
    code = reading.code if isinstance(reading, ReadCode) else None
    return (code.gtin, code.lot, code.serial) if code else (reading.text,)


def _none(why: str, message: str) -> Unreadable:
    return Unreadable("", why, message)
