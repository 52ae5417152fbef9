"""carnet demo: one command that sets up a running ledger and shows it in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.base.options import JsonOption


def demo(
    port: Annotated[int | None, typer.Option("--port", help="Port on 127.0.0.1. Default: 8000, or a free one.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run everything once in a temporary home. Exit code 0 if every answer is as expected."
        ),
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    home: Annotated[
        Path | None, typer.Option("--home", help="Folder of the demo's own ledger. Default: ./demo-home.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Found a ledger of three countries, fill it, and show one label in three places."""
    from api.demo.run import run

    raise typer.Exit(run(port=port, check=check, json=json, home=home, open_browser=open_browser))
