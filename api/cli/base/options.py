"""What commands share: the options that mean the same everywhere, and opening a home or its ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.base.output import Out
from verifier.errors import CarnetError, Malformed

if TYPE_CHECKING:  # loading these takes most of a second, and `--help` needs none of them
    from ledger.home import Home
    from ledger.opened import Ledger

COMMON = ("--home", "--json", "--server", "--token-file")
"""Options that mean the same everywhere; described once."""


def read_secret(file: str | None) -> str | None:
    """The first line of a file that holds a secret; `-` reads standard input. Raises Malformed (`file`)."""
    from ledger.keys.secret_text import decode_text, keep_unsaid, trimmed

    if file is None:
        return None
    try:
        raw = sys.stdin.buffer.readline() if file == "-" else Path(file).expanduser().read_bytes()
        text = trimmed("".join(decode_text(raw).splitlines()[:1]))
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it holds no text"
        raise Malformed(f"couldn't read the secret in {file}: {cause}", code="file") from None  # it holds the bytes
    if not text:
        raise Malformed(f"couldn't read the secret in {file}: its first line is empty", code="file")
    return keep_unsaid(text)


def known_doubts(names: list[str] | None) -> list[str] | None:
    """The names of doubts that are accepted. Raises Malformed (`usage`) for an unknown name."""
    from ledger.services.record.doubt_name import DoubtName

    for name in names or ():
        if name not in set(DoubtName):
            expected = ", ".join(DoubtName)
            raise Malformed(
                f"couldn't use --accept {name[:40]!r}: expected one of {expected}", code="usage", at="accept"
            )
    return names


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The ledger's folder. Default: CARNET_HOME, else ~/.carnet.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server", help="Use the server at this URL instead of the home's own ledger. Default: CARNET_SERVER."
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        callback=read_secret,
        help="File holding the API token for --server, else CARNET_TOKEN. Secrets are never arguments: process lists "
        "show them.",
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option("--column", help="Heading of the column that holds the serials, or its position from 1."),
]
NoHeaderOption = Annotated[
    bool, typer.Option("--no-header", help="The first line of the file is data, whatever it looks like.")
]
AcceptOption = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        callback=known_doubts,
        metavar="DOUBT",
        help="Accept doubtful values of this kind without being asked; repeat for more. docs/cli.md lists the names.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Accept all doubtful values without being asked.")]
SignerOption = Annotated[str, typer.Option("--key", help="Name of the key that signs.", show_default=False)]


def one_of(choices: type[StrEnum]) -> str:
    """The values that an option takes, in words for its help."""
    *first, last = (choice.value for choice in choices)
    return f"{', '.join(first)} or {last}"


def open_home(path: Path | None) -> Home:
    """The home that was named, by option or environment. Touches nothing."""
    from pydantic import ValidationError

    from ledger.home import Home, Settings

    try:
        settings = Settings()
    except ValidationError as error:
        names = ", ".join(f"CARNET_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise Malformed(f"couldn't read the settings: {names}", code="settings") from error
    return Home((path or settings.home).expanduser(), settings)


def used_home(path: Path | None, server: str | None = None, *, ledger: bool = True, own: bool = False) -> Home:
    """The home that a command works on; checked before the command's other arguments.

    `server` is the option of that name, which stands for the home's ledger. `ledger` False: none is needed. `own`: keys
    or batches of this home are, which a maker's home has without a ledger. Raises NotFound (`not_founded`).
    """
    place = open_home(path)
    needed = ledger and (server or place.settings.server) is None
    if (needed and not place.founded) or (own and place.empty):
        raise place.not_founded()
    return place


def anchor(ledger: Ledger, out: Out) -> None:
    """Anchor what is new, if the chain is open. The record is valid without it; the next command tries again."""
    if ledger.upkeep is None:
        return
    try:
        ledger.anchor_now()
    except CarnetError as error:
        out.note(f"not anchored yet: {error}")


@contextmanager
def opened(
    home: Home, out: Out, *, write: bool = False, chain: bool = False, chain_down: Callable[[str], None] | None = None
) -> Iterator[Ledger]:
    """The home's ledger, open for one command. Raises what `open_ledger` raises."""
    from ledger.wiring.reader import open_ledger

    with open_ledger(home, write=write, chain=chain, report=out.note, chain_down=chain_down) as ledger:
        yield ledger
