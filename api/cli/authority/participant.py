"""carnet participant: the members of this ledger. k of n countries decide; anybody may relay what they signed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.authority.proposing import address_of, described, draft_of, finish, parse_prefix, parse_time, relayed
from api.cli.base.options import HomeOption, JsonOption, ServerOption, one_of, opened, used_home
from api.cli.base.out_file import json_file
from api.cli.base.output import Out, pairs, table
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.home import Home

app = typer.Typer(
    no_args_is_help=True,
    help="Participants: admit, suspend, reinstate, grant and withdraw prefixes, list, show. With --sign the keys of "
    "this home approve and the proposal is relayed; with --out it is written to a file for others to sign.",
)


class RoleName(StrEnum):
    """What an organisation is admitted as."""

    MANUFACTURER = "manufacturer"
    CUSTOMS = "customs"
    CARRIER = "carrier"
    MARKETPLACE = "marketplace"
    AUDITOR = "auditor"


class SuspensionName(StrEnum):
    """Why a participant is suspended."""

    ADMINISTRATIVE = "administrative"
    KEY_COMPROMISED = "key_compromised"
    FRAUD = "fraud"


WhoArgument = Annotated[str, typer.Argument(help="Address (0x…), or the name of an EVM key in this home.")]
SignOption = Annotated[
    list[str] | None, typer.Option("--sign", help="Authority key of this home that approves; repeat for each.")
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", callback=json_file, help="Write the proposal to this file instead of relaying it."),
]
PrefixArgument = Annotated[str, typer.Argument(help="GS1 company prefix, 4 to 12 digits.")]


@app.command()
def admit(
    who: WhoArgument,
    role: Annotated[
        RoleName, typer.Option("--role", metavar="ROLE", help=f"What it is admitted as: {one_of(RoleName)}.")
    ],
    country: Annotated[str, typer.Option("--country", help="Two capital letters.")],
    name: Annotated[str, typer.Option("--name", help="Its name; only a salted hash goes on the chain.")],
    prefix: Annotated[
        list[str] | None, typer.Option("--prefix", help="Also grant this GS1 company prefix; repeat for more.")
    ] = None,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Admit an organisation, with its prefixes if it is a manufacturer."""
    from api.cli.base.values import check_country
    from verifier.foreign import check_text
    from verifier.record.participant import Role, name_commitment
    from verifier.record.statement import Proposal

    place = used_home(home)
    check_country("--country", country)
    check_text("name", name, at="name")
    address = address_of(place, who)
    if prefix and out_file is not None:
        raise Malformed("couldn't write the proposal: a file holds one; propose prefixes by grant-prefix", code="usage")
    salt = secrets.token_bytes(32)
    body = {
        "participant": address,
        "role": Role[role.name].value,
        "country": country,
        "nameHash": "0x" + name_commitment(salt, name).hex(),
    }
    drafts = [draft_of(place, Proposal.PARTICIPANT_ADMITTED, body, {"name": name, "salt": salt.hex()})]
    drafts += [
        draft_of(place, Proposal.PREFIX_GRANTED, {"holder": address, "prefix": parse_prefix(text)})
        for text in prefix or ()
    ]
    finish(place, drafts, sign, out_file, Out(json))


@app.command()
def suspend(
    who: WhoArgument,
    kind: Annotated[
        SuspensionName,
        typer.Option(
            "--kind",
            metavar="KIND",
            help=f"Why: {one_of(SuspensionName)}; it decides how closely its goods are checked.",
        ),
    ],
    effective_at: Annotated[
        str | None,
        typer.Option("--effective-at", help="When it takes effect (RFC 3339, not in the future). Default: now."),
    ] = None,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Suspend a participant. Its earlier registrations stand; new ones are refused."""
    from verifier.record.participant import SuspensionKind
    from verifier.record.statement import Proposal

    place = used_home(home)
    body = {
        "participant": address_of(place, who),
        "suspensionKind": SuspensionKind[kind.name].value,
        "effectiveAt": str(parse_time(effective_at)),
    }
    finish(place, [draft_of(place, Proposal.PARTICIPANT_SUSPENDED, body)], sign, out_file, Out(json))


@app.command()
def reinstate(
    who: WhoArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """End a participant's suspension."""
    from verifier.record.statement import Proposal

    place = used_home(home)
    draft = draft_of(place, Proposal.PARTICIPANT_REINSTATED, {"participant": address_of(place, who)})
    finish(place, [draft], sign, out_file, Out(json))


@app.command("grant-prefix")
def grant_prefix(
    who: WhoArgument,
    prefix: PrefixArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a manufacturer answer for a GS1 company prefix."""
    from verifier.record.statement import Proposal

    place = used_home(home)
    body = {"holder": address_of(place, who), "prefix": parse_prefix(prefix)}
    finish(place, [draft_of(place, Proposal.PREFIX_GRANTED, body)], sign, out_file, Out(json))


@app.command("withdraw-prefix")
def withdraw_prefix(
    who: WhoArgument,
    prefix: PrefixArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a GS1 company prefix from its holder."""
    from verifier.record.statement import Proposal

    place = used_home(home)
    draft = draft_of(
        place, Proposal.PREFIX_WITHDRAWN, {"holder": address_of(place, who), "prefix": parse_prefix(prefix)}
    )
    finish(place, [draft], sign, out_file, Out(json))


@app.command("set-operator")
def set_operator(
    who: WhoArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Name the account that may anchor this log. Needed if authorities' keys were held elsewhere at the founding."""
    from verifier.record.founding import log_id
    from verifier.record.statement import Proposal

    place = used_home(home)
    body = {"logId": "0x" + log_id(place.config().origin).hex(), "operator": address_of(place, who)}
    finish(place, [draft_of(place, Proposal.OPERATOR_SET, body)], sign, out_file, Out(json))


@app.command("sign")
def sign_file(
    file: Annotated[Path, typer.Argument(help="A proposal written with --out.", exists=True, dir_okay=False)],
    key: Annotated[str, typer.Option("--key", help="The authority's key in this home.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Add an authority's signature to a proposal file. Read what the command shows first: signing is the vote."""
    from api.cli.authority.proposal import read_draft
    from ledger.keys.store import KeyStore

    out = Out(json)
    draft = read_draft(file).signed(KeyStore(used_home(home, ledger=False, own=True).keys).load_evm(key))
    draft.write(file)
    out.answer(described(draft, file), [*draft.lines(), f"signed by {', '.join(draft.signers())}", f"in {file}"])


@app.command("relay")
def relay_files(
    files: Annotated[
        list[Path], typer.Argument(help="Copies of one proposal, signed by different authorities.", exists=True)
    ],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Join the signatures of several copies and send the proposal to the registry."""
    from api.cli.authority.proposal import join

    out = Out(json)
    relayed(used_home(home), [join(files)], out)


@app.command("list")
def list_(server: ServerOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """List participants, authorities first."""
    members = _members(used_home(home, server), server, Out(json))
    rows = [
        (m["address"], m["name"], m["role"], m["country"], m["authority"], m["prefixes"], _state(m)) for m in members
    ]
    head = ("address", "name", "role", "country", "authority", "prefixes", "state")
    Out(json).answer({"participants": members}, table(rows, head))


@app.command()
def show(
    who: Annotated[str, typer.Argument(help="Address (0x…), a name as list shows it, or an EVM key of this home.")],
    server: ServerOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show one participant."""
    from verifier.errors import NotFound

    place, out = used_home(home, server), Out(json)
    members = _members(place, server, out)
    found = [member for member in members if member["name"] == who]
    if not found:
        try:
            address = address_of(place, who)
        except (Malformed, NotFound) as error:
            if who.lower().startswith("0x"):
                raise
            raise NotFound(
                f"couldn't find {who!r}: no participant and no key of this home has that name", code="not_admitted"
            ) from error
        found = [member for member in members if member["address"] == address]
    if not found:
        raise NotFound(f"couldn't find {address}: no such participant", code="not_admitted")
    if len(found) > 1:
        addresses = ", ".join(member["address"] for member in found)
        raise Malformed(f"couldn't tell which {who!r} is meant: name one of {addresses}", code="name_shared")
    out.answer(found[0], pairs({**found[0], "suspended": _state(found[0])}))


@app.command("forget-name")
def forget_name(who: WhoArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """Erase a participant's name, for good. The log holds a salted hash of it, so every proof still verifies."""
    place, out = used_home(home), Out(json)
    address = address_of(place, who)
    with opened(place, out) as ledger:
        erased = ledger.participants.forget_name(address)
    words = "its name was erased" if erased else "no name was kept for it"
    out.answer({"address": address, "erased": erased}, f"{address}: {words}")


def _members(place: Home, server: str | None, out: Out) -> list[dict[str, Any]]:
    url = server or place.settings.server
    if url is not None:
        from api.cli.base.connecting import connected

        with connected(place, url) as remote:
            members: list[dict[str, Any]] = remote.get("/v1/participants")["participants"]
            return members
    with opened(place, out) as ledger:
        return ledger.participants.list()


def _state(member: Mapping[str, Any]) -> str:
    suspended = member["suspended"]
    return f"suspended ({suspended['kind']}) since {suspended['since']}" if suspended else "active"
