"""Reaching a server. Before it gets a token or anything else, its ledger is compared with what this home knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.cli.base.known import check_server
from api.cli.base.remote import Remote

if TYPE_CHECKING:
    from ledger.home import Home


def token_of(home: Home, token: str | None) -> str | None:
    """The token that was given, else CARNET_TOKEN; it is never shown."""
    from ledger.keys.secret_text import keep_unsaid, trimmed

    kept = home.settings.token
    found = token or (trimmed(kept.get_secret_value()) if kept else None)
    return keep_unsaid(found) if found else None


@contextmanager
def connected(home: Home, url: str, token: str | None = None) -> Iterator[Remote]:
    """A server that still serves the ledger which this home knows it by. `token` is sent only after that comparison.

    Raises Refused (`server_changed`, `pin_changed`), Malformed (`server`, `proxy`, `token`, `known`), Unavailable.
    """
    from ledger.keys.secret_text import trimmed

    with Remote(url) as remote:
        check_server(home, url, remote.about(), keep=token is not None)
        own = home.settings.token
        by_environment = own is not None and token == trimmed(own.get_secret_value())
        remote.show(token, "CARNET_TOKEN" if by_environment else "--token-file")
        yield remote
