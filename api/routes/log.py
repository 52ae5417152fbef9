"""The published log, for mirrors and for other people's tools. It serves files as they are, never the database.

A file below `/log/` proves nothing by its origin. A reader checks it with the founding pin or the log's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.content import FRESH, IMMUTABLE, content
from api.http.files import file
from api.site.site import site
from verifier.errors import NotFound
from verifier.record.founding import SPEC, Founding
from verifier.tree.checkpoint import parse_decimal
from verifier.tree.tiles import parse_tile_path

router = APIRouter(route_class=Guarded, tags=["published log"])

SPECS: Mapping[str, str] = {
    "signed-note": "v1.0.0",
    "tlog-checkpoint": "v1.0.0",
    "tlog-cosignature": "v1.0.1",
    "tlog-tiles": "v0.1.0",
    "tlog-witness": "v1.0.0",
    "tlog-proof": "v1",
    "tlog-policy": "untagged",
}
"""The C2SP specifications that are followed, by version."""
PATHS: Mapping[str, str] = {
    "checkpoint": "checkpoint",
    "tile": "tile/<L>/<N>[.p/<W>]",
    "entries": "tile/entries/<N>[.p/<W>]",
    "segment": "segment/<root>",
    "seal": "seal/<number>",
}
"""What lies where below `/log/`."""

_OCTETS = "application/octet-stream"
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {_OCTETS: {}}, "description": "The bytes."}}


@router.get("/log/", summary="What is published here", responses=problems("rate_limited"))
async def about(request: Request) -> Response:
    """Origin, keys, policy and paths. Do not trust anything in it."""
    about = to_json(description(site(request).ledger.founding))
    return await content(request, about, "application/json", FRESH, packs=True)


@router.get(
    "/log/checkpoint",
    summary="The newest published checkpoint",
    responses={200: {"content": {"text/plain": {}}, "description": "A signed note."}, **problems("not_found")},
)
async def checkpoint(request: Request) -> Response:
    """The newest complete checkpoint: the log's signature, then the witnesses' cosignatures."""
    note = await run_in_threadpool(site(request).ledger.published.checkpoint)
    if note is None:
        raise NotFound("couldn't find a checkpoint: none is published yet", code="checkpoint_missing")
    return await content(request, note, "text/plain; charset=utf-8", FRESH)


@router.get("/log/tile/{rest:path}", summary="A tile or an entry bundle", responses={**_BYTES, **problems("tile_path")})
async def tile(request: Request, rest: str) -> Response:
    """`tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, as C2SP tlog-tiles says."""
    named = parse_tile_path(f"tile/{rest}")
    data = await run_in_threadpool(site(request).ledger.published.tile, named)
    # Hashes do not get smaller, entries do (tlog-tiles asks for it).
    return await content(request, data, _OCTETS, IMMUTABLE, packs=named.level == "entries")


@router.get("/log/segment/{root}", summary="A segment", responses={**_BYTES, **problems("segment_unpublished")})
async def segment(
    request: Request, root: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The segment's root.")]
) -> Response:
    """The unit keys of a batch. They are salted, so they show no serial without the salt."""
    ledger, key = site(request).ledger, bytes.fromhex(root)
    # A segment that no entry names was only uploaded by somebody; it is not part of the log.
    if key not in ledger.record.segment_roots or not ledger.segments.has(key):
        raise NotFound(f"couldn't find segment {root}: it is not here", code="segment_unpublished")
    return file(request, ledger.segments.file(key), root, _OCTETS, IMMUTABLE)


@router.get("/log/seal/{number}", summary="The leaves of a seal", responses={**_BYTES, **problems("seal_missing")})
async def seal(request: Request, number: str) -> Response:
    """The sorted 32-byte leaves that one `scans_sealed` entry commits to, padding included."""
    leaves = await run_in_threadpool(site(request).ledger.published.seal, parse_decimal(number, "a seal's number"))
    return await content(request, leaves, _OCTETS, IMMUTABLE)


def description(founding: Founding) -> dict[str, Any]:
    """The answer of `GET /log/`."""
    return {
        "spec": SPEC,
        "origin": founding.origin,
        "log_id": "0x" + founding.log_id.hex(),
        "founding_pin": founding.pin.hex(),
        "log_keys": [key.format() for key in founding.log_keys],
        "witness_policy": founding.witness_policy,
        "chain_id": founding.chain_id,
        "contracts": {"registry": founding.registry, "anchor": founding.anchor},
        "specs": dict(SPECS),
        "paths": dict(PATHS),
    }
