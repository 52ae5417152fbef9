"""Let my phone in: a second listener on the local network, with the public routes only, until it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from api.http.door import door
from verifier.errors import Unavailable

EXPOSED = (
    ("Printed links", "/01/… answers about one code, as a page or JSON"),
    ("Look-ups", "/v1/verify, the form on the start page"),
    ("Public record", "batches, participants, proof files of registered units, API docs"),
)
"""The routes that the listener offers, in words."""
CLOSED = ("officers' scans and sign-in", "registering and recalling", "tokens and metrics", "this page and its buttons")
"""The routes that it does not offer."""


AppFor = Callable[[str], ASGIApp]
"""Makes the public application for an address, which printed links then name."""


@dataclass(frozen=True, slots=True)
class Listening:
    """An open listener."""

    url: str
    server: uvicorn.Server
    task: asyncio.Task[None]


class Phone:
    """At most one listener on the local network."""

    def __init__(self) -> None:
        self._open: Listening | None = None

    @property
    def url(self) -> str | None:
        """Its address, while it is open."""
        return self._open.url if self._open else None

    async def open(self, app_for: AppFor, host: str | None = None) -> str:
        """Open it on the address this computer has on its network, or on `host`; returns its URL.

        Raises Unavailable (`no_network`) when there is none.
        """
        if self._open is not None:
            return self._open.url
        sock = bind(host or local_address())
        address, port = sock.getsockname()[:2]
        url = f"http://{address}:{port}"
        server = QuietServer(server_config(app_for(url)))
        task = asyncio.create_task(server.serve(sockets=[sock]))
        self._open = Listening(url, server, task)
        return url

    async def close(self) -> None:
        """Close it. Phones that have the page open keep showing it."""
        if self._open is None:
            return
        listening, self._open = self._open, None
        listening.server.should_exit = True
        await listening.task


class QuietServer(uvicorn.Server):
    """A server inside a server: signals belong to the outer one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield


def server_config(app: ASGIApp) -> uvicorn.Config:
    """How the demo's servers run."""
    return door(app, lifespan="off", timeout_graceful_shutdown=2)


def bind(host: str, port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises Unavailable (`port_taken`)."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise Unavailable(f"couldn't listen on {host} port {port}: {error.strerror}", code="port_taken") from error
    sock.set_inheritable(True)
    return sock


def local_address() -> str:
    """The address this computer has on its own network. Sends nothing. Raises Unavailable (`no_network`)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket only asks the routing table; 192.0.2.1 is nobody's (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if ipaddress.ip_address(address).is_loopback:
        raise Unavailable("couldn't let a phone in: this computer has no address on a local network", code="no_network")
    return str(address)
