"""carnet token: API tokens for officers and programs, sign-in links for browsers, and who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.base.options import HomeOption, JsonOption, opened, used_home
from api.cli.base.output import Out, pairs, table

app = typer.Typer(
    no_args_is_help=True,
    help="API tokens: new, list, revoke. Browsers: link signs one in, sessions lists those signed in, end signs one "
    "out.",
)

ScopeOption = Annotated[
    list[str] | None,
    typer.Option("--scope", help="scan, proof, salt, metrics or admin; repeat for more. Default: scan and proof."),
]
CountryOption = Annotated[str | None, typer.Option("--country", help="The officer's country, two capital letters.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Who or what it is for. Scans and their receipts show this name.")],
    scope: ScopeOption = None,
    country: CountryOption = None,
    days: Annotated[
        int | None, typer.Option("--days", help="How many days it lasts. Default: until it is revoked.", min=1)
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Issue a token. It is shown once: the ledger keeps only its hash."""
    from ledger.services.scans.token import OFFICER_SCOPES
    from verifier.instant import DAY

    out, scopes = Out(json), scope or sorted(OFFICER_SCOPES)
    with opened(used_home(home), out) as ledger:
        plain = ledger.tokens.issue(name, scopes, country, days * DAY if days is not None else None)
    answer = {"token": plain, "name": name, "scopes": sorted(scopes), "country": country, "days": days}
    out.answer(answer, [*pairs(answer), "Keep it now: nobody can show it again."])


@app.command("list")
def list_(home: HomeOption = None, json: JsonOption = False) -> None:
    """List tokens, newest first, without the tokens themselves."""
    out = Out(json)
    with opened(used_home(home), out) as ledger:
        stored = ledger.tokens.list()
    tokens = [
        {
            "id": one.id,
            "name": one.name,
            "scopes": sorted(one.scopes),
            "country": one.country,
            "created_at": _instant(one.created_at),
            "expires_at": _instant(one.expires_at),
            "revoked_at": _instant(one.ended_at),
            "used_at": _instant(one.used_at),
        }
        for one in stored
    ]
    head = ("id", "name", "scopes", "country", "created_at", "expires_at", "revoked_at", "used_at")
    out.answer({"tokens": tokens}, table([[token[name] for name in head] for token in tokens], head))


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="The id that list shows.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """End a token at once."""
    out = Out(json)
    with opened(used_home(home), out) as ledger:
        ended, again = ledger.tokens.revoke(token_id)
    said = "had ended before; nothing was changed" if again else "revoked"
    out.answer({"revoked": ended.id, "name": ended.name, "again": again}, f"{said}: {ended.id} ({ended.name})")


@app.command()
def sessions(home: HomeOption = None, json: JsonOption = False) -> None:
    """List browsers that are signed in, and sign-in links that nobody has used yet; newest first.

    used_at is exact to the minute.
    """
    out = Out(json)
    with opened(used_home(home), out) as ledger:
        stored = ledger.tokens.sessions()
    found = [
        {
            "id": one.id,
            "kind": one.secret.value,
            "name": one.name,
            "country": one.country,
            "scopes": sorted(one.scopes),
            "created_at": _instant(one.created_at),
            "expires_at": _instant(one.expires_at),
            "used_at": _instant(one.used_at),
        }
        for one in stored
    ]
    head = ("id", "kind", "name", "country", "created_at", "expires_at", "used_at")
    lines = table([[row[name] for name in head] for row in found], head) if found else "nobody is signed in"
    out.answer({"sessions": found}, lines)


@app.command()
def end(
    session_id: Annotated[str, typer.Argument(help="The id that sessions shows.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """End a session, or a sign-in link that nobody has used yet, at once."""
    out = Out(json)
    with opened(used_home(home), out) as ledger:
        ended, again = ledger.tokens.end_session(session_id)
    said = "had ended before; nothing was changed" if again else "ended"
    out.answer({"ended": ended.id, "name": ended.name, "again": again}, f"{said}: {ended.id} ({ended.name})")


@app.command()
def link(
    name: Annotated[str, typer.Argument(help="The person it is for. Their scans and receipts show this name.")],
    country: CountryOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a link that signs one browser in, once, within half an hour."""
    out, place = Out(json), used_home(home)
    with opened(place, out) as ledger:
        code = ledger.tokens.one_time_link(name, country=country)
    url = f"{(place.server() or place.base_url).rstrip('/')}/officer/sign-in?code={code}"
    out.answer({"link": url, "name": name, "country": country}, url)


def _instant(value: int | None) -> str | None:
    from verifier.instant import format_instant

    return None if value is None else format_instant(value)
