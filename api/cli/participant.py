"""carnet participant: who is in this ledger. k of n countries decide; anybody may relay what they signed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import HomeOption, JsonOption, ServerOption, open_home, opened
from api.cli.output import Out, pairs, table
from verifier.errors import Malformed
from verifier.instant import SECOND

if TYPE_CHECKING:
    from api.cli.proposal import Draft
    from ledger.home import Home
    from verifier.statement import Proposal

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
    Path | None, typer.Option("--out", help="Write the proposal to this file instead of relaying it.")
]
PrefixArgument = Annotated[str, typer.Argument(help="GS1 company prefix, 4 to 12 digits.")]


@app.command()
def admit(
    who: WhoArgument,
    role: Annotated[RoleName, typer.Option("--role", help="What it is admitted as.")],
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
    from verifier.participant import Role, name_commitment
    from verifier.statement import Proposal

    place = open_home(home)
    address = _address(place, who)
    if prefix and out_file is not None:
        raise Malformed("couldn't write the proposal: a file holds one; propose prefixes by grant-prefix", code="usage")
    salt = secrets.token_bytes(32)
    body = {
        "participant": address,
        "role": Role[role.name].value,
        "country": country,
        "nameHash": "0x" + name_commitment(salt, name).hex(),
    }
    drafts = [_draft(place, Proposal.PARTICIPANT_ADMITTED, body, {"name": name, "salt": salt.hex()})]
    drafts += [
        _draft(place, Proposal.PREFIX_GRANTED, {"holder": address, "prefix": _prefix(text)}) for text in prefix or ()
    ]
    _finish(place, drafts, sign, out_file, Out(json))


@app.command()
def suspend(
    who: WhoArgument,
    kind: Annotated[SuspensionName, typer.Option("--kind", help="Why; it sets how closely its goods are looked at.")],
    effective_at: Annotated[
        str | None, typer.Option("--effective-at", help="Instant (RFC 3339) it holds from, not after now; now if none.")
    ] = None,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Suspend a participant. What it registered before stands; what it registers after is refused."""
    from verifier.participant import SuspensionKind
    from verifier.statement import Proposal

    place = open_home(home)
    body = {
        "participant": _address(place, who),
        "suspensionKind": SuspensionKind[kind.name].value,
        "effectiveAt": str(_instant(effective_at)),
    }
    _finish(place, [_draft(place, Proposal.PARTICIPANT_SUSPENDED, body)], sign, out_file, Out(json))


@app.command()
def reinstate(
    who: WhoArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """End a participant's suspension."""
    from verifier.statement import Proposal

    place = open_home(home)
    draft = _draft(place, Proposal.PARTICIPANT_REINSTATED, {"participant": _address(place, who)})
    _finish(place, [draft], sign, out_file, Out(json))


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
    from verifier.statement import Proposal

    place = open_home(home)
    draft = _draft(place, Proposal.PREFIX_GRANTED, {"holder": _address(place, who), "prefix": _prefix(prefix)})
    _finish(place, [draft], sign, out_file, Out(json))


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
    from verifier.statement import Proposal

    place = open_home(home)
    draft = _draft(place, Proposal.PREFIX_WITHDRAWN, {"holder": _address(place, who), "prefix": _prefix(prefix)})
    _finish(place, [draft], sign, out_file, Out(json))


@app.command("set-operator")
def set_operator(
    who: WhoArgument,
    sign: SignOption = None,
    out_file: OutOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Name the account that may anchor this log; needed where authorities' keys were elsewhere at the founding."""
    from verifier.founding import log_id
    from verifier.statement import Proposal

    place = open_home(home)
    body = {"logId": "0x" + log_id(place.config().origin).hex(), "operator": _address(place, who)}
    _finish(place, [_draft(place, Proposal.OPERATOR_SET, body)], sign, out_file, Out(json))


@app.command("sign")
def sign_file(
    file: Annotated[Path, typer.Argument(help="A proposal written with --out.", exists=True, dir_okay=False)],
    key: Annotated[str, typer.Option("--key", help="The authority's key in this home.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Add an authority's signature to a proposal file. Read what it shows: this is the vote."""
    from api.cli.proposal import read_draft
    from ledger.keys.store import KeyStore

    out = Out(json)
    draft = read_draft(file).signed(KeyStore(open_home(home).keys).load_evm(key))
    draft.write(file)
    out.answer(_described(draft, file), [*draft.lines(), f"signed by {', '.join(draft.signers())}", f"in {file}"])


@app.command("relay")
def relay_files(
    files: Annotated[
        list[Path], typer.Argument(help="Copies of one proposal, signed by different authorities.", exists=True)
    ],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Join the signatures of several copies and bring the proposal to the registry."""
    from api.cli.proposal import join

    out = Out(json)
    _relayed(open_home(home), [join(files)], out)


@app.command("list")
def list_(server: ServerOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """List participants, authorities first."""
    members = _members(open_home(home), server, Out(json))
    rows = [
        (m["address"], m["name"], m["role"], m["country"], m["authority"], m["prefixes"], _state(m)) for m in members
    ]
    head = ("address", "name", "role", "country", "authority", "prefixes", "state")
    Out(json).answer({"participants": members}, table(rows, head))


@app.command()
def show(who: WhoArgument, server: ServerOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show one participant."""
    from verifier.errors import NotFound

    place = open_home(home)
    address = _address(place, who)
    for member in _members(place, server, Out(json)):
        if member["address"] == address:
            Out(json).answer(member, pairs({**member, "suspended": _state(member)}))
            return
    raise NotFound(f"couldn't find {address}: no such participant", code="not_admitted")


def _members(place: Home, server: str | None, out: Out) -> list[dict[str, Any]]:
    url = server or place.settings.server
    if url is not None:
        from api.cli.remote import Remote

        with Remote(url) as remote:
            members: list[dict[str, Any]] = remote.get("/v1/participants")["participants"]
            return members
    with opened(place, out) as ledger:
        return ledger.participants.list()


def _finish(place: Home, drafts: Sequence[Draft], keys: Sequence[str] | None, path: Path | None, out: Out) -> None:
    """Sign with the keys that were named, then write the proposal or relay it."""
    from ledger.keys.store import KeyStore

    store = KeyStore(place.keys)
    for name in keys or ():
        drafts = [draft.signed(store.load_evm(name)) for draft in drafts]
    if path is None:
        _relayed(place, drafts, out)
        return
    drafts[0].write(path)
    steps = ["carnet participant sign FILE --key NAME   (each authority)", "carnet participant relay FILE…"]
    out.answer(_described(drafts[0], path), [*drafts[0].lines(), f"written to {path}", *steps])


def _relayed(place: Home, drafts: Sequence[Draft], out: Out) -> None:
    from api.cli.relay import relay

    answer = relay(place, drafts, out)
    lines = [f"{one['proposal']} in block {one['block_number']}, {one['transaction']}" for one in answer["relayed"]]
    out.answer(answer, [*lines, f"{answer['mirrored']} mirrored into the log"])


def _described(draft: Draft, path: Path) -> dict[str, Any]:
    return {"file": str(path), **draft.to_json(), "signers": draft.signers()}


def _draft(place: Home, kind: Proposal, body: Mapping[str, Any], name: Mapping[str, str] | None = None) -> Draft:
    from api.cli.proposal import Draft
    from ledger.services.append import now_ms
    from verifier.founding import log_id
    from verifier.statement import LIFETIME_LIMIT, STRUCTS, Domain, header

    config = place.config()
    whole = {**header(now_ms(), LIFETIME_LIMIT), **body}
    STRUCTS[kind].check(whole)
    return Draft(kind, whole, Domain(config.chain_id, config.registry, log_id(config.origin)), (), name)


def _address(place: Home, who: str) -> str:
    if who.lower().startswith("0x"):
        from verifier.statement import check_hex

        check_hex("address", who.lower(), 20)
        return who.lower()
    from ledger.keys.store import KeyStore

    key = KeyStore(place.keys).describe(who)
    if key["type"] != "evm":
        raise Malformed(f"couldn't use key {who}: got an ed25519 key, expected evm", code="key_type")
    return str(key["address"])


def _prefix(text: str) -> str:
    from verifier.participant import PREFIX_LENGTHS

    if not (text.isascii() and text.isdigit() and len(text) in PREFIX_LENGTHS):
        raise Malformed(
            f"couldn't read the company prefix: got {text!r}, expected 4 to 12 digits "
            "(a GS1-8 prefix with 00000 before it)",
            code="prefix",
            at="prefix",
        )
    return text


def _instant(text: str | None) -> int:
    """Milliseconds of a time as people write it, or of the second that began last: the chain counts in seconds."""
    from ledger.services.append import now_ms

    if text is None:
        return now_ms() // SECOND * SECOND
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"couldn't read the instant {text!r}: expected 2026-11-23T22:26:00Z", code="instant") from error
    if moment.tzinfo is None:
        raise Malformed(f"couldn't read the instant {text!r}: it names no time zone; end it with Z", code="instant")
    return int(moment.astimezone(UTC).timestamp() * SECOND)


def _state(member: Mapping[str, Any]) -> str:
    suspended = member["suspended"]
    return f"suspended ({suspended['kind']}) since {suspended['since']}" if suspended else "active"
