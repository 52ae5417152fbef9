"""carnet key: the accounts that sign, as files in the home."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.base.options import HomeOption, JsonOption, open_home, used_home
from api.cli.base.output import Out, pairs, table

app = typer.Typer(no_args_is_help=True, help="Keys that sign: make, list, show.")


class KeyType(StrEnum):
    """What a key is for: `evm` signs statements, proposals and anchors; `ed25519` signs checkpoints."""

    EVM = "evm"
    ED25519 = "ed25519"


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    key_type: Annotated[
        KeyType, typer.Option("--type", metavar="TYPE", help="evm for statements, ed25519 for checkpoints.")
    ] = (KeyType.EVM),
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key. It is encrypted if CARNET_KEY_PASSPHRASE (or _FILE) is set."""
    from ledger.keys.store import KeyStore

    out, place = Out(json), open_home(home)
    place.create()
    store = KeyStore(place.keys)
    if key_type is KeyType.EVM:
        store.create_evm(name)
    else:
        store.create_ed25519(name)
    made = store.describe(name)
    out.answer(made, pairs(made))


@app.command("list")
def list_(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the home's keys; their secret halves stay closed."""
    from ledger.keys.store import KeyStore

    keys = KeyStore(used_home(home, ledger=False, own=True).keys).list()
    rows = [(key["name"], key["type"], key.get("address") or key.get("public"), key["encrypted"]) for key in keys]
    Out(json).answer({"keys": keys}, table(rows, ("name", "type", "address", "encrypted")))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The key's name.")], home: HomeOption = None, json: JsonOption = False
) -> None:
    """Show the public half of a key."""
    from ledger.keys.store import KeyStore

    key = KeyStore(used_home(home, ledger=False, own=True).keys).describe(name)
    Out(json).answer(key, pairs(key))
