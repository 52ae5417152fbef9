"""A node of the chain that misbehaves: in front of a real one, over real HTTP, altered at will.

with misbehaving(url) as node:
    node.answer["eth_getLogs"] = lambda params, forward: []
    Rpc(node.url)
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ledger.chain.rpc import Rpc, RpcError

Answer = Callable[[list[Any], Callable[..., Any]], Any]
"""(parameters, forward) -> the result; `forward(*parameters)` asks the real node. RpcError refuses, Lost is a 502."""


class Lost(Exception):
    """The answer gets lost on the way: a gateway says 502."""


@dataclass
class Misbehaving:
    """`answer`: by method, what is said instead of the real node's answer. `asked` counts all questions."""

    real: Rpc
    url: str = ""
    answer: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def reply(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        method, params = request["method"], request["params"]
        self.asked[method] += 1

        def forward(*given: Any) -> Any:
            return self.real.call(method, *given)

        try:
            result = self.answer[method](params, forward) if method in self.answer else forward(*params)
        except RpcError as error:
            data = "0x" + error.data.hex()
            return 200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": error.reason, "data": data}}
        except Lost:
            return 502, {}
        return 200, {"jsonrpc": "2.0", "id": 1, "result": result}


@contextmanager
def misbehaving(url: str) -> Iterator[Misbehaving]:
    """Serve it on a free port, in front of the node at `url`."""
    node = Misbehaving(Rpc(url))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, value = node.reply(request)
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        node.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield node
        finally:
            server.shutdown()
