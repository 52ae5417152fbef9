"""Segments on their way in: streamed, content-addressed, idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.description.examples import problems
from api.guard.guard import Guarded, address_of
from api.http.denied import Denied
from api.http.reply import reply
from api.site.settings import MIB
from api.site.site import Site, site
from api.site.upload import Upload
from verifier.errors import Refused
from verifier.segment.view import MAX_UNITS, Layout

if TYPE_CHECKING:
    from ledger.storage.segment import SegmentUpload

router = APIRouter(route_class=Guarded, tags=["makers"])

Root = Annotated[
    str, Path(pattern="^0x[0-9a-f]{64}$", description="The segment's root, 0x and 64 lower-case hex digits.")
]
_PIECE = MIB  # bytes gathered before a write, so that each disk write is worth its thread


@router.head(
    "/v1/segments/{root}", summary="Ask whether a segment is here", responses={404: {"description": "It is not here."}}
)
async def has_segment(request: Request, root: Root) -> Response:
    """200 when the segment is here, so that it need not be sent; 404 when it is not."""
    return Response(status_code=200 if site(request).ledger.segments.has(bytes.fromhex(root[2:])) else 404)


@router.put(
    "/v1/segments/{root}",
    summary="Send a segment",
    responses={
        200: {"description": "It was here already."},
        201: {"description": "Checked and stored."},
        **problems("segment_root", "segment_too_large", "upload_budget", "disk_floor", "body_late"),
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def put_segment(
    request: Request, root: Root, units: Annotated[int, Query(ge=1, le=MAX_UNITS, description="Units in the segment.")]
) -> Response:
    """Store the segment of a batch before its registration. Sending it twice is fine.

    Anybody may send one. It is checked as a whole, and removed after a day if no registration names it. Uploads are
    limited.
    """
    here = site(request)
    key = bytes.fromhex(root[2:])
    mib = 0 if here.ledger.segments.has(key) else _mib(here, units)
    async with here.uploads.place(address_of(request)) as upload:
        _take_budget(here, request, mib)
        created = False
        try:
            into = await run_in_threadpool(here.ledger.segments.receive, key, units)
            with into:
                await _receive(request, upload, into)
                stored = await run_in_threadpool(into.commit)
            created = stored.created
        finally:
            if not created:  # nothing is kept, so nothing counts: neither refused bytes nor bytes that never came
                here.limiter.give_back_upload(address_of(request), mib)
    body = {"root": root, "units": stored.n, "size": stored.size, "created": stored.created}
    return reply(body, 201 if stored.created else 200)


def _mib(here: Site, units: int) -> int:
    mib = -(-Layout(units).size // MIB)
    if mib > here.settings.upload_mib_address:
        raise Refused(
            f"couldn't take the segment: its {units} units need {mib} MiB, and an address may send "
            f"{here.settings.upload_mib_address} MiB a day",
            code="segment_too_large",
        )
    return mib


def _take_budget(here: Site, request: Request, mib: int) -> None:
    if not here.limiter.take_upload(address_of(request), mib):
        raise Denied(
            "couldn't take the segment: today's budget for uploads is used up",
            code="upload_budget",
            headers={"Retry-After": "3600"},
        )


async def _receive(request: Request, upload: Upload, into: SegmentUpload) -> None:
    """Write the body piece by piece, even if the store has the segment, so that the sender is not cut off.

    Raises Denied (`body_late`) if the sender kept us waiting longer than its bytes allow.
    """
    pieces: list[bytes] = []
    gathered = 0
    stream = request.stream()
    while (chunk := await upload.piece(stream)) is not None:
        pieces.append(chunk)
        gathered += len(chunk)
        if gathered >= _PIECE:
            await run_in_threadpool(into.write, b"".join(pieces))
            pieces, gathered = [], 0
    if pieces:
        await run_in_threadpool(into.write, b"".join(pieces))
