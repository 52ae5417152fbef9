"""The bench of `carnet demo --check`: a planted demo in a temporary home behind a real server on a free port."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from api.demo.cast import Place
from api.demo.front import Front
from api.demo.phone import QuietServer, bind, server_config
from api.demo.serving import HOST, staged
from api.demo.stage import Stage
from ledger.keys.store import EvmKey, KeyStore
from ledger.ports import Report
from ledger.services.record.append import now_ms
from ledger.services.scans.token import OFFICER_SCOPES
from ledger.services.units.label import LabelKind, render
from ledger.services.units.symbol import encode_single, paint
from verifier.errors import Unavailable
from verifier.instant import format_instant
from verifier.record.statement import Statement

ANSWER_SECONDS = 30.0
"""For one request. A check on a busy machine still ends."""


@dataclass(slots=True)
class Bench:
    """A served demo, with a client and an officer's token."""

    stage: Stage
    client: httpx.Client
    token: str
    folder: Path

    @property
    def url(self) -> str:
        """Where the demo listens."""
        return self.stage.base_url

    def key(self, name: str) -> EvmKey:
        """A key of the demo's home."""
        return KeyStore(self.stage.ledger.home.keys).load_evm(name)

    def verify(self, code: str) -> dict[str, Any]:
        """The public answer about a code."""
        answer: dict[str, Any] = self.client.get("/v1/verify", params={"code": code}).json()
        return answer

    def scan(self, code: str, place: Place, **more: Any) -> httpx.Response:
        """An officer's scan as a device sends it."""
        body = {
            "id": str(uuid4()),
            "code": code,
            "place": where(place),
            "scanned_at": format_instant(now_ms()),
            "device": "check",
            **more,
        }
        return self.client.post("/v1/scans", json=body, headers=self.officer)

    def photograph(self, image: bytes, place: Place, context: str) -> dict[str, Any]:
        """The officer's answer to a photograph, decoded on the server."""
        form = {
            "id": str(uuid4()),
            "scanned_at": format_instant(now_ms()),
            "device": "check",
            "context": context,
            **{name: str(value) for name, value in where(place).items()},
        }
        files = {"photo": ("label.png", image, "image/png")}
        answer: dict[str, Any] = self.client.post(
            "/v1/scans/photo", data=form, files=files, headers=self.officer
        ).json()
        return answer

    def send(self, path: str, statement: Statement, salt: bytes | None = None) -> httpx.Response:
        """A maker's statement, as its computer sends it."""
        body: dict[str, Any] = {"statement": statement.to_json()}
        if salt is not None:
            body["salt"] = "0x" + salt.hex()
        return self.client.post(path, json=body)

    def rpc(self, method: str, *params: Any) -> Any:
        """One raw JSON-RPC call to the chain's node, without any code of Carnet."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return httpx.post(self.rpc_url, json=request, timeout=ANSWER_SECONDS, trust_env=False).json()["result"]

    @property
    def rpc_url(self) -> str:
        """The chain's node."""
        return str(json.loads((self.stage.ledger.home.chain / "node.json").read_text())["url"])

    @property
    def officer(self) -> Mapping[str, str]:
        """What an officer's device shows."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def benched(folder: Path, report: Report) -> Iterator[Bench]:
    """Plant and serve a demo until the context ends. Raises what planting raises."""
    sock = bind(HOST)
    url = f"http://{HOST}:{sock.getsockname()[1]}"
    with staged(folder / "home", url, report) as stage:
        stage.phone_host = HOST
        server = QuietServer(server_config(Front(stage)))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), name="demo", daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as client:
                token = stage.ledger.tokens.issue("check", OFFICER_SCOPES)
                _wait(client)
                yield Bench(stage, client, token, folder)
        finally:
            server.should_exit = True
            thread.join()


def label_png(code: str) -> bytes:
    """A code as it is printed. A text that is no product code gets a bare QR code."""
    if "/01/" in code:
        return render(code, LabelKind.PNG)
    out = BytesIO()
    paint(encode_single(code), 8).save(out, "PNG")
    return out.getvalue()


def where(place: Place) -> dict[str, Any]:
    """A place as scans carry it."""
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "unlocode": place.unlocode,
        "country": place.country,
    }


def _wait(client: httpx.Client) -> None:
    """Until the server answers at all."""
    for _ in range(100):
        try:
            client.get("/healthz")
            return
        except httpx.ConnectError:
            threading.Event().wait(0.05)
    raise Unavailable("couldn't reach the demo's own server", code="demo_server")
