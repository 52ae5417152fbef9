"""The application of a witness: one address that writes, two that read. Errors are plain text, one line.

Answers are made in threads, because each waits for a disk. The store decides which of two requests comes first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from limits import RateLimitItem, parse
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api.http.content import FRESH, content
from api.http.gate import network_of
from api.http.journal import journal
from api.http.methods import SHARED
from api.site.rate_store import RateStore
from ledger.services.outward.witness import Witness
from verifier.errors import CarnetError, Refused, Stopped, Unavailable
from verifier.tree.witness import MAX_REQUEST, PLAIN

_READS = ["GET", "HEAD"]
RATE = "600/minute"
"""Requests from one address (an IPv6 /64) in a moving window: a log that signs every second and asks twice has 120."""

RETRY_SECONDS = 5
"""Seconds after which a client may ask again if its request could not be decided."""


def create_app(witness: Witness, rate: str = RATE) -> FastAPI:
    """The application. `rate` as `limits` writes it; counted in this process."""
    app = FastAPI(title="Carnet witness", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_limited(parse(rate)))
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(CarnetError, _on_error)

    @app.api_route("/", methods=_READS)
    async def about() -> Response:
        return JSONResponse(await run_in_threadpool(witness.about), headers=SHARED)

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        answer = await run_in_threadpool(witness.add_checkpoint, await _bounded(request))
        # Not as media_type: Starlette would add a charset to the type that the specification fixes.
        return Response(answer.body, answer.status, {"Content-Type": answer.media_type})

    @app.api_route("/{origin_hash}/checkpoint", methods=_READS)
    async def checkpoint(request: Request, origin_hash: str) -> Response:
        note = await run_in_threadpool(witness.checkpoint, origin_hash)
        if note is None:
            raise HTTPException(404, "couldn't find a checkpoint: nothing of that log was cosigned here")
        return await content(request, note, PLAIN, {**FRESH, **SHARED})

    return app


async def _bounded(request: Request) -> bytes:
    """The body. Raises HTTPException (413) as soon as it is larger than a request may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST:
            raise HTTPException(413, f"couldn't read the request: expected at most {MAX_REQUEST} bytes")
    return bytes(body)


def _limited(item: RateLimitItem) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    """Refuse an address that asks too often, before its body is read."""
    windows = MovingWindowRateLimiter(RateStore())

    async def limited(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        key = network_of(request.client.host) if request.client is not None else "unknown"
        if windows.hit(item, key):
            return await go_on(request)
        reset, _ = windows.get_window_stats(item, key)
        wait = str(max(1, math.ceil(reset - time.time())))
        return PlainTextResponse("couldn't answer: too many requests from this address\n", 429, {"Retry-After": wait})

    return limited


def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def _on_error(_request: Request, error: Exception) -> Response:
    """Nothing was cosigned, or the outcome is unknown: the client asks again and learns the size."""
    assert isinstance(error, CarnetError)  # noqa: S101 - what it is registered for
    if isinstance(error, Refused) and error.code == "precondition":
        return PlainTextResponse(f"{error}\n", 412)
    journal.error("no answer", code=error.code, detail=str(error))
    status = 503 if isinstance(error, Unavailable | Stopped) else 500
    return PlainTextResponse(
        "couldn't cosign now: nothing is wrong with the checkpoint, ask again\n",
        status,
        {"Retry-After": str(RETRY_SECONDS)},
    )
