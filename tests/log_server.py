"""A simulated ledger's log published for real: by the real publisher, over real HTTP, and altered at will.

with serving(PublishedLog(sim, folder)) as log:
    log.lie["tile/0/000"] = b"…"
    audit_url(log.url, sim.pin)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ledger.services.outward.publishing import Publisher
from ledger.storage.published import PublishedFolder
from tests.listening import listening
from tests.sim import Sim
from verifier.tree.tiles import TILE_WIDTH, Level, parse_tile_path


class SimTiles:
    """A simulated ledger as the publisher reads it."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim
        self.latest_checkpoint = sim.latest_checkpoint

    def tile(self, level: Level, n: int, width: int = TILE_WIDTH) -> bytes:
        return self._sim.tile(level, n, width)


class SimSeals:
    """The leaves of a simulated ledger's seals."""

    def __init__(self, sim: Sim) -> None:
        self._sim = sim

    def leaves(self, number: int) -> bytes | None:
        return self._sim.sealed.get(number)


@dataclass
class PublishedLog:
    """The log of a simulated ledger in a folder.

    `lie`: path -> other bytes, or None for "not here"; `status`: path -> answers to give first;
    `held`: paths that get no answer while they stand here.
    """

    sim: Sim
    folder: Path
    url: str = ""
    lie: dict[str, bytes | None] = field(default_factory=dict)
    status: dict[str, list[int]] = field(default_factory=dict)
    salts: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.publish()

    def publish(self) -> None:
        """Write what is new."""
        for root, data in self.sim.segments.items():
            path = self.folder / "segment" / root.hex()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        Publisher(SimTiles(self.sim), self.sim.record, PublishedFolder(self.folder), SimSeals(self.sim)).round()

    def publish_anew(self, sim: Sim) -> None:
        """Publish another history in place of this one."""
        import shutil

        shutil.rmtree(self.folder)
        self.sim = sim
        self.publish()

    async def serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.asked[path] += 1
        if self.status.get(path):
            return Response(status_code=self.status[path].pop(0))
        while path in self.held:
            await asyncio.sleep(0.02)
        if path in self.lie:
            data = self.lie[path]
            return Response(data, media_type="application/octet-stream") if data is not None else Response(None, 404)
        file = self.folder / path
        if file.is_file():
            return FileResponse(file, media_type="application/octet-stream")
        if path.startswith("tile/"):
            tile = parse_tile_path(path)
            try:
                return Response(PublishedFolder(self.folder).tile(tile), media_type="application/octet-stream")
            except Exception:
                return Response(None, 404)
        return Response(None, 404)

    async def salt(self, request: Request) -> Response:
        batch = request.path_params["batch"]
        if request.headers.get("authorization") != "Bearer good" or batch not in self.salts:
            return JSONResponse({"code": "unauthenticated", "detail": "sign in"}, 401)
        return JSONResponse({"salt": self.salts[batch]})


@contextmanager
def serving(log: PublishedLog) -> Iterator[PublishedLog]:
    """Serve it on a free port."""
    routes = [Route("/log/{path:path}", log.serve), Route("/v1/batches/{batch}/salt", log.salt)]
    with listening(Starlette(routes=routes)) as log.url:
        yield log
