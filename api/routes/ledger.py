"""The ledger itself: its founding and its present state."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.description.examples import problems
from api.guard.guard import Guarded
from api.http.reply import reply
from api.site.site import Site, site
from ledger.services.outward.anchoring import AnchorState, describe
from ledger.services.outward.witnessed import with_cosignatures
from ledger.services.outward.witnessing import describe_witnesses
from verifier.instant import format_instant
from verifier.record.founding import SPEC

router = APIRouter(route_class=Guarded, tags=["record"])

OUT_OF_BAND = (
    "Compare the founding pin with one that you got from somebody other than this server: from an authority, in "
    "print, or from another participant. Everything else follows from the pin."
)
"""What a caller must do before trusting any of this."""


@router.get("/v1/ledger", summary="This ledger", responses=problems("rate_limited", "unavailable"))
async def ledger(request: Request) -> Response:
    """Origin, chain, contracts, keys, the pin of entry 0, and the newest signed checkpoint and anchor."""
    return reply(about(site(request)))


def about(here: Site) -> dict[str, Any]:
    """The answer of `GET /v1/ledger`. Raises Unavailable."""
    founding, record = here.ledger.founding, here.ledger.record
    checkpoint = here.ledger.log.latest_checkpoint()
    final, newest = here.ledger.anchors.newest(AnchorState.FINAL), here.ledger.anchors.newest()
    return {
        "spec": SPEC,
        "origin": founding.origin,
        "log_id": "0x" + founding.log_id.hex(),
        "founding_pin": founding.pin.hex(),
        "compare_out_of_band": OUT_OF_BAND,
        "chain_id": founding.chain_id,
        "contracts": {"registry": founding.registry, "anchor": founding.anchor},
        "log_keys": [key.format() for key in founding.log_keys],
        "witness_policy": founding.witness_policy,
        **_witnesses(here),
        "base_url": here.settings.base_url,
        "authorities": [{"address": a.account, "country": a.country} for a in founding.authorities],
        "entries": record.size,
        "rules": record.rules,
        "mirror": here.ledger.following.describe() if here.ledger.following is not None else None,
        "checkpoint": _note(here, *checkpoint).decode() if checkpoint is not None else None,
        "anchored": describe(final) if final is not None else None,
        "latest_anchor": describe(newest) if newest is not None else None,
    }


def _note(here: Site, size: int, note: bytes) -> bytes:
    return with_cosignatures(note, here.ledger.witnessed.lines(size))


def _witnesses(here: Site) -> dict[str, Any]:
    """How far witnesses have cosigned: `witnessed` is W, null before the first quorum and in a ledger without any."""
    ledger, policy = here.ledger, here.ledger.founding.policy
    w = ledger.witnessed.current()
    troubles = ledger.witnessing.troubles() if ledger.witnessing is not None else {}
    return {
        "witnesses": describe_witnesses(policy, ledger.cosignatures, troubles) if policy is not None else [],
        "witnessed": {
            "size": w.size,
            "at": format_instant(w.time * 1000),
            "names": list(w.names),
            "fresh": w.fresh(time.time()),
        }
        if w is not None
        else None,
    }
