"""carnet serve: the API and its pages over this home's ledger, until stopped."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from api.cli.base.links import is_loopback
from api.cli.base.options import HomeOption, JsonOption, opened, used_home
from api.cli.base.output import Out, pairs
from verifier.errors import Malformed, Refused, Unavailable

if TYPE_CHECKING:
    from ledger.home import Home
    from ledger.opened import Ledger


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one.", min=0, max=65_535)] = 8000,
    public_only: Annotated[
        bool, typer.Option("--public-only", help="Only reading and look-ups: no sign-in, no registration.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Serve this ledger. Prints its address and a link that signs one officer in, once."""
    from api.app import create_app
    from api.http.journal import journal
    from api.site.settings import ApiSettings

    out, place = Out(json), used_home(home)
    place.config()
    with listening(host, port) as sock, _writing(place, out) as ledger:
        url = url_of(host, sock)
        if not is_loopback(host):
            out.warn(f"{url} is plain http and open to your network; put a TLS proxy in front of it")
        app = create_app(ledger, settings=ApiSettings(base_url=place.base_url, public_only=public_only))
        place.announce(url)
        if ledger.sequencer is not None:
            ledger.sequencer.report = lambda words: journal.warning("writer", words=words)
        ledger.start()
        _warn_of_links(url, place.base_url, out)
        about = _about(ledger, place, url, public_only)
        run(app, sock, lambda: out.answer(about, _lines(about)))
        out.note("stopped")


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to an address; raises Unavailable (`port_taken`) before anything else is opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"couldn't listen on {host} port {port}: {error.strerror}; --port 0 takes a free one", code="port_taken"
            ) from error
        except TypeError as error:  # bytes of an argument that are no text
            raise Malformed(f"couldn't listen on {host!r}: it is no name of a host", code="host") from error
        yield sock
    finally:
        sock.close()


def run(app: Any, sock: socket.socket, started: Any, *, plain: bool = False) -> None:
    """Serve an application on a bound socket until SIGINT or SIGTERM. `started` is called once it answers.

    `plain`: what it refuses, it refuses in plain text.
    """
    import uvicorn

    from api.http.door import door

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    # One process: rate limits, pending look-ups and the log's writer live in its memory.
    config = door(app, plain=plain, timeout_graceful_shutdown=5)
    # uvicorn raises the signal once more when it has stopped: SIGTERM would end the process there and then, with the
    # ledger still open and its last look-ups not written.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            Server(config).run(sockets=[sock])
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _writing(place: Home, out: Out) -> Iterator[Ledger]:
    """The ledger opened for writing, without its chain while that is down.

    An error names the other writer, if there is one.
    """
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(opened(place, out, write=True, chain=True, chain_down=out.warn))
        except Refused as error:
            if error.code != "writer_busy":
                raise
            running = place.server()
            who = f"a server is running on it already, at {running}" if running else "another command is writing to it"
            raise Refused(f"couldn't serve {place.path}: {who}; one process writes a home", code=error.code) from error
        yield ledger


def _warn_of_links(url: str, base_url: str, out: Out) -> None:
    """Warn if printed links lead to another port of this machine, where another program may answer."""
    printed = urlsplit(base_url)
    if is_loopback(printed.hostname or "") and printed.netloc != urlsplit(url).netloc:
        out.warn(f"printed links lead to {base_url}, and this server is at {url}: `carnet scan --server {url}` asks it")


def _about(ledger: Ledger, place: Home, url: str, public_only: bool) -> dict[str, Any]:
    # A name of its own at each start: receipts go by it, and nobody knows who will use the link.
    code = None if public_only else ledger.tokens.one_time_link(f"officer {secrets.token_hex(3)}")
    return {
        "url": url,
        "officer": None if public_only else f"{url}/officer",
        "sign_in": f"{url}/officer/sign-in?code={code}" if code else None,
        "api": f"{url}/docs",
        "base_url": place.base_url,
        "origin": ledger.founding.origin,
        "pin": ledger.founding.pin.hex(),
        "pid": os.getpid(),
    }


def _lines(about: dict[str, Any]) -> list[str]:
    names = {
        "url": "open",
        "officer": "officers",
        "sign_in": "sign in (once, within 30 minutes)",
        "api": "API",
        "base_url": "printed links start with",
        "pin": "founding pin",
    }
    return [*pairs({text: about[name] for name, text in names.items()}), "Ctrl-C stops it."]


def url_of(host: str, sock: socket.socket) -> str:
    """The URL of a bound socket, as seen from this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{sock.getsockname()[1]}"
