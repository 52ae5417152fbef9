"""Whether the server lives, whether it can answer, and how it has been doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.guard.guard import Guarded
from api.http.reply import reply
from api.site.site import Site, site
from ledger.services.outward.upkeep import Trouble
from ledger.services.record.clock import now_ms
from ledger.storage.database import is_writable
from verifier.errors import CarnetError
from verifier.instant import format_instant
from verifier.record.entry import decode_entry

if TYPE_CHECKING:
    from ledger.opened import Ledger

router = APIRouter(route_class=Guarded, tags=["operators"])


@router.get("/healthz", summary="Is the process alive")
async def healthz(request: Request) -> Response:
    """200 as long as requests are answered at all."""
    return reply({"status": "alive", "entries": site(request).ledger.record.size})


@router.get(
    "/readyz", summary="Can it answer", responses={503: {"description": "A part cannot be read; which one is said."}}
)
async def readyz(request: Request) -> Response:
    """200 when database, segments, index and writer are all there; 503 names what is not.

    `troubles`: what is late. `ages`: when the newest of each kind was made, and when the registry was last read.
    """
    here = site(request)
    parts = await run_in_threadpool(_parts, here)
    ready = all(state == "ok" for state in parts.values())
    ages = await run_in_threadpool(_ages, here)
    return reply({"ready": ready, "parts": parts, "troubles": _troubles(here), "ages": ages}, 200 if ready else 503)


@router.get(
    "/metrics", summary="Metrics", responses={200: {"content": {"text/plain": {}}, "description": "Prometheus."}}
)
async def metrics(request: Request) -> Response:
    """Counters in Prometheus's text format, for a token with the scope `metrics`. They name no code and no place."""
    return Response(site(request).metrics.export(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _parts(here: Site) -> Mapping[str, str]:
    ledger = here.ledger
    checks: Mapping[str, Callable[[], bool]] = {
        "database": lambda: ledger.log.head().size >= ledger.record.size and _writes(ledger),
        "index": lambda: ledger.record.size > 0,
        "segments": lambda: ledger.home.segments.is_dir(),
        "writer": lambda: ledger.sequencer is None or (ledger.sequencer.stopped is None and not ledger.clock.doubt()),
        "stage": here.ready,
    }
    states = {name: _state(check) for name, check in checks.items()}
    # A mirror that can't reach its log answers on; one whose log contradicted itself must not be taken for ready.
    if ledger.following is not None:
        states["mirror"] = "alarm" if ledger.following.alarm is not None else "ok"
    return states


def _writes(ledger: Ledger) -> bool:
    """Whether whoever writes this ledger could do so now: a database may answer and take nothing in."""
    return ledger.sequencer is None or is_writable(ledger.engine)


def _held_up(ledger: Ledger) -> Trouble | None:
    writer = ledger.sequencer
    error = writer.stopped if writer is not None else None
    return Trouble(error.code, str(error), writer.stopped_at) if writer is not None and error is not None else None


def _troubles(here: Site) -> Mapping[str, Any]:
    """What runs beside the answers and met trouble in its last round: it is tried again, and answers go on."""
    ledger = here.ledger
    found = {
        "writer": _held_up(ledger),
        "clock": Trouble("clock_doubted", doubt, now_ms()) if (doubt := ledger.clock.doubt()) is not None else None,
        "publisher": ledger.publisher.trouble if ledger.publisher is not None else None,
        "seals": ledger.seals.trouble if ledger.seals is not None else None,
        "index": ledger.index_cadence.trouble if ledger.index_cadence is not None else None,
        "mirror": ledger.following.trouble if ledger.following is not None else None,
    }
    if ledger.upkeep is not None:
        found |= ledger.upkeep.troubles
    if ledger.witnessing is not None:
        found |= {f"witness {name}": trouble for name, trouble in ledger.witnessing.troubles().items()}
    told: dict[str, dict[str, Any]] = {
        name: {"code": t.code, "at": format_instant(t.at)} for name, t in found.items() if t is not None
    }
    paused = ledger.following.view.paused if ledger.following is not None else None
    if paused is not None:
        told["mirror"] = {"code": paused.code, "at": format_instant(paused.at), "entry": paused.entry}
    return told


def _ages(here: Site) -> Mapping[str, str | None]:
    """Instants; null for never, or where they cannot be read, which `parts` says."""
    ledger = here.ledger
    record, sealed = ledger.record, ledger.record.sealed_index
    instants = {
        "entry": lambda: record.recorded_at,
        "scan_seal": lambda: record.seals[-1].recorded_at if record.seals else None,
        "index_seal": lambda: sealed.recorded_at if sealed is not None else None,
        "anchored_entry": lambda: _anchored(ledger),
        "registry": lambda: ledger.freshness.read_at,
    }
    return {name: _instant(ask) for name, ask in instants.items()}


def _anchored(ledger: Ledger) -> int | None:
    """When the newest entry under a final anchor was recorded (ms)."""
    size = ledger.anchors.final_size()
    return decode_entry(ledger.log.read_entries(size - 1, size)[0]).recorded_at if size else None


def _instant(ask: Callable[[], int | None]) -> str | None:
    try:
        at = ask()
    except CarnetError:
        return None
    return format_instant(at) if at is not None else None


def _state(check: Callable[[], bool]) -> str:
    try:
        return "ok" if check() else "not ready"
    except CarnetError as error:
        return error.code
