"""carnet server: the servers that this home knows, and which ledger each served first."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.base.options import HomeOption, JsonOption, open_home
from api.cli.base.output import Out, pairs, table

app = typer.Typer(no_args_is_help=True, help="Servers that this home knows: list, forget.")


@app.command("list")
def list_(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the servers that this home has used, each with the ledger that it served first."""
    from api.cli.base.known import servers

    found = [{"url": url, **ledger} for url, ledger in sorted(servers(open_home(home)).items())]
    rows = [(one["url"], one["origin"], one["pin"]) for one in found]
    Out(json).answer({"servers": found}, table(rows, ("url", "ledger", "founding pin")))


@app.command()
def forget(
    url: Annotated[str, typer.Argument(help="The server's URL, as list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Forget a server, so that the ledger it serves next is accepted.

    First compare the new founding pin with one that reached you another way.
    """
    from api.cli.base.known import forget_server, server_key

    answer = {"forgotten": server_key(url), **forget_server(open_home(home), url)}
    Out(json).answer(answer, pairs(answer))
