"""An operator who lies to one officer: a real proxy before a real server, with the log's own key to sign with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from verifier.instant import parse_instant
from verifier.scan.receipt import encode_scan, sign_receipt
from verifier.tree.note_key import SigningKey

Lie = Callable[[dict[str, Any]], None]
_PASSED = ("content-type", "retry-after", "location")


@dataclass
class Liar:
    """`lie` changes the receipt of each answer to a scan, which is then signed anew unless `resign` is False.

    `silent`: the beginning of addresses about which there is no answer.
    """

    url: str
    key: SigningKey
    lie: Lie | None = None
    resign: bool = True
    silent: str | None = None

    def told(self, raw: bytes) -> bytes:
        """An answer with its receipt changed."""
        answer = json.loads(raw)
        if self.lie is None or not answer.get("receipt"):
            return raw
        receipt = answer["receipt"]
        self.lie(receipt)
        if self.resign:
            log_id, salt = (bytes.fromhex(receipt[name][2:]) for name in ("log_id", "salt"))
            scan, deadline = encode_scan(receipt["scan"]), parse_instant(receipt["deadline"])
            answer["receipt"] = sign_receipt(self.key, log_id, scan, salt, int(receipt["seal"]), deadline).to_json()
        return json.dumps(answer).encode()


@contextmanager
def lying(server: str, key: SigningKey) -> Iterator[Liar]:
    """A proxy on a free port, until the block ends."""
    upstream = httpx.Client(base_url=server, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            if liar.silent is not None and self.path.startswith(liar.silent):
                self.send_error(503)
                return
            length = int(self.headers.get("Content-Length", 0))
            names = ("Authorization", "Content-Type", "Accept")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            got = upstream.request(self.command, self.path, content=self.rfile.read(length), headers=headers)
            scan = self.command == "POST" and self.path.startswith("/v1/scans") and got.is_success
            content = liar.told(got.content) if scan else got.content
            self.send_response(got.status_code)
            for name in _PASSED:
                if name in got.headers:
                    self.send_header(name, got.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _pass

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar = Liar(f"http://127.0.0.1:{proxy.server_address[1]}", key)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield liar
    finally:
        proxy.shutdown()
        proxy.server_close()
        upstream.close()
        thread.join()
