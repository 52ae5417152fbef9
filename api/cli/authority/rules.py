"""carnet rules: which version of the rules a ledger goes by, and raising it by k of n countries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.authority.participant import OutOption, SignOption, relay_files, sign_file
from api.cli.authority.proposing import draft_of, finish
from api.cli.base.options import HomeOption, JsonOption, ServerOption, opened, used_home
from api.cli.base.output import Out, pairs

app = typer.Typer(
    no_args_is_help=True,
    help="Rules: which kinds of entry a ledger may hold, by a number that k of n countries raise. Readers that are "
    "older than a raise pause there, so tell them first.",
)


@app.command()
def show(server: ServerOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show the version that the ledger goes by, and those that this program knows, with their digests."""
    from verifier.record.rules import FIRST, KNOWN

    out = Out(json)
    current = _current(home, server, out)
    known = [
        {"version": number, "digest": "0x" + KNOWN.digest(number).hex(), "kinds": KNOWN.table(number)["kinds"],
         "proposals": KNOWN.table(number)["proposals"], "rows": KNOWN.table(number)["rows"]}
        for number in range(FIRST, KNOWN.newest + 1)
    ]  # fmt: skip
    shown = {"rules": current, **{f"version {one['version']}": one["digest"] for one in known}}
    out.answer({"rules": current, "newest_known": KNOWN.newest, "known": known}, pairs(shown))


@app.command("raise")
def raise_(
    version: Annotated[int, typer.Argument(help="The next version, as `show` tells the present one.", min=2)],
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Raise the ledger to the next version. It is never lowered again."""
    from verifier.record.rules import digest
    from verifier.record.statement import Proposal

    place = used_home(home)
    body = {"version": version, "digest": "0x" + digest(version).hex()}
    finish(place, [draft_of(place, Proposal.RULES_RAISED, body)], sign, out_file, Out(json))


app.command("sign")(sign_file)
app.command("relay")(relay_files)


def _current(home: Path | None, server: str | None, out: Out) -> int:
    place = used_home(home, server)
    url = server or place.settings.server
    if url is not None:
        from api.cli.base.connecting import connected

        with connected(place, url) as remote:
            told: dict[str, Any] = remote.get("/v1/ledger")
            return int(told["rules"])
    with opened(place, out) as ledger:
        return ledger.record.rules
