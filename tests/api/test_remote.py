"""A server that a command speaks to may be hostile: its answers are bounded before they are understood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from api.cli.base.remote import Remote
from tests.listening import listening
from verifier.errors import Unavailable

PIECE = b" " * 2**20


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/endless")
    @made.get("/refused", status_code=400)
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield PIECE

        return StreamingResponse(pieces())

    @made.get("/packed")
    async def packed() -> Response:
        import gzip

        return Response(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})

    @made.get("/deep")
    async def deep() -> Response:
        return Response(b"[" * 200_000)

    return made


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with listening(app()) as url, Remote(url) as made:
        yield made


@pytest.mark.parametrize("path", ["/endless", "/refused"])
def test_an_answer_without_end_is_given_up(remote: Remote, path: str) -> None:
    with pytest.raises(Unavailable, match="longer than"):
        remote.get_bytes(path)


@pytest.mark.parametrize("path", ["/packed", "/deep"])
def test_an_answer_that_would_unfold_to_more_is_none(remote: Remote, path: str) -> None:
    with pytest.raises(Unavailable, match="couldn't understand the server"):
        remote.get(path)
