"""Photographs of labels: all codes in the picture, as a device would report them."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from api.question.told import Pictured, Symbol
from api.site.site import Site
from ledger.services.scans.photo import look


def read_photo(data: bytes) -> Pictured:
    """The codes in a photograph, those confirmed most often first. A later step decides which is the item's.

    Slow: not for the event loop. Raises Malformed (`image_size`, `image_pixels`, `image_format`, `image_damaged`).
    """
    seen = look(data)
    symbols = (Symbol(found.data, found.carrier, found.symbology, found.decodes) for found in seen.symbols)
    return Pictured(tuple(symbols), seen.cut)


async def decode_photo(here: Site, data: bytes) -> Pictured:
    """`read_photo` for routes: a few at once, because each may take hundreds of megabytes. The others wait."""
    async with here.photos:
        return await run_in_threadpool(read_photo, data)
