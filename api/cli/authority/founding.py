"""carnet init: found a ledger in an empty home. All other commands open an existing one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.authority.policy import read_policy, witness_addresses
from api.cli.base.links import check_base_url
from api.cli.base.options import HomeOption, JsonOption, open_home
from api.cli.base.output import Out, pairs
from api.cli.base.values import check_country
from verifier.errors import Malformed, Refused

if TYPE_CHECKING:
    from ledger.home import Home
    from ledger.keys.store import KeyStore
    from verifier.record.founding import Authority
    from verifier.record.statement import Domain, Proposal

PRODUCTION_COUNTRIES = 3
"""With fewer, one country more or less decides everything. Own rule for production."""

_COUNTRY = re.compile("[A-Z]{2}")
_ADDRESS = re.compile("0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Seat:
    """One authority as asked for: its country, and a key's name or two addresses (account, recovery) held elsewhere."""

    country: str
    key: str | None
    elsewhere: tuple[str, str] | None


def init(
    origin: Annotated[
        str, typer.Option("--origin", help="The log's name, such as example.org/carnet. It can never be changed.")
    ],
    authority: Annotated[
        list[str],
        typer.Option(
            "--authority",
            help="Country of a founding authority; repeat for each. CC makes a key, CC:NAME uses a key of this home, "
            "CC:0xACCOUNT:0xRECOVERY names keys held elsewhere. Production needs three.",
        ),
    ],
    database: Annotated[
        str | None, typer.Option("--database", help="postgresql://user@host/name. Default: SQLite in the home.")
    ] = None,
    chain_rpc: Annotated[
        str | None,
        typer.Option("--chain-rpc", help="RPC URL of the chain. Default: a local development chain."),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="Scheme and host of printed links.")
    ] = "http://127.0.0.1:8000",
    operator_key: Annotated[
        str, typer.Option("--operator-key", help="Name of the EVM key that anchors; it is made if it does not exist.")
    ] = "operator",
    witness_policy: Annotated[
        Path | None,
        typer.Option(
            "--witness-policy",
            help="A C2SP tlog-policy file that says who must cosign checkpoints. It becomes part of entry 0 and can "
            "never be changed; without it the ledger never has witnesses.",
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            "--witness",
            help="NAME=URL: ask the policy's witness NAME at this URL instead of the one in the policy.",
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Found a ledger: contracts, entry 0, the founding pin that everybody compares."""
    from ledger.keys.store import KeyStore
    from ledger.services.record.founding import FoundingPlan
    from ledger.wiring.founding import found_ledger
    from ledger.wiring.writer import LOG_KEY
    from verifier.foreign import check_text
    from verifier.record.founding import NO_WITNESSES
    from verifier.tree.note_key import check_name

    out = Out(json)
    seats = [_parse_seat(text) for text in authority]
    _check_seats(seats, out)
    check_base_url(base_url, out)
    check_name(origin)
    check_text("origin", origin, at="origin")
    policy = read_policy(witness_policy) if witness_policy is not None else NO_WITNESSES
    addresses = witness_addresses(policy, witness or (), out)
    place = _with_parts(open_home(home), database, chain_rpc)
    if place.founded:
        raise Refused(f"couldn't found a ledger in {place.path}: there is one already", code="founded")
    place.create()
    store = KeyStore(place.keys)
    log_key = store.load_ed25519(LOG_KEY) if LOG_KEY in store else store.create_ed25519(LOG_KEY)
    operator = store.load_evm(operator_key) if operator_key in store else store.create_evm(operator_key)
    log_vkey = log_key.note_key(origin).verifier
    plan = FoundingPlan(origin, tuple(_seated(store, seat) for seat in seats), log_vkey, operator.address, policy)
    voters = [seat.key for seat in seats if seat.key is not None]
    approve = approve_with(store, voters)
    founding = found_ledger(place, plan, approve, base_url, out.note, operator_key=operator_key, witnesses=addresses)
    answer: dict[str, Any] = {
        "home": str(place.path),
        "pin": founding.pin.hex(),
        "log_id": "0x" + founding.log_id.hex(),
        "operator": operator.address,
        "base_url": base_url,
        "witnesses": [{"name": each.name, "url": each.url} for each in addresses],
        **founding.body(),
    }
    out.answer(answer, _summary(answer))


def approve_with(
    store: KeyStore, names: Sequence[str]
) -> Callable[[Proposal, Mapping[str, Any], Domain], Sequence[str]]:
    """A voter that signs proposals with the named keys of a key store."""

    def approve(proposal: Proposal, body: Mapping[str, Any], domain: Domain) -> Sequence[str]:
        from verifier.record.statement import sign

        return [sign(proposal, body, domain, store.load_evm(name).secret) for name in names]

    return approve


def _parse_seat(text: str) -> Seat:
    country, *rest = text.split(":")
    if _COUNTRY.fullmatch(country):
        check_country("--authority", country)
    known = _COUNTRY.fullmatch(country)
    match rest:
        case [] if known:
            return Seat(country, f"authority-{country.lower()}", None)
        case [name] if known and name and not name.startswith("0x"):
            return Seat(country, name, None)
        case [account, recovery] if known and all(_ADDRESS.fullmatch(a.lower()) for a in (account, recovery)):
            return Seat(country, None, (account.lower(), recovery.lower()))
        case _:
            raise Malformed(
                f"couldn't read --authority {text!r}: expected CC, CC:NAME or CC:0xACCOUNT:0xRECOVERY "
                "with a country of two capital letters",
                code="authority",
                at="authority",
            )


def _check_seats(seats: Sequence[Seat], out: Out) -> None:
    from verifier.record.founding import COUNTRIES_MIN

    countries = {seat.country for seat in seats}
    if len(countries) < COUNTRIES_MIN:
        raise Malformed(
            f"couldn't found a ledger: got authorities of {len(countries)} country, expected at least {COUNTRIES_MIN}",
            code="founding",
            at="authority",
        )
    keys = [seat.key for seat in seats if seat.key is not None]
    if len(set(keys)) != len(keys):
        raise Malformed(
            "couldn't found a ledger: an authority's key stands twice; name one each, as CC:NAME",
            code="founding",
            at="authority",
        )
    if len(countries) < PRODUCTION_COUNTRIES:
        out.warn(f"{len(countries)} countries: enough to try things out; production takes {PRODUCTION_COUNTRIES}")


def _with_parts(place: Home, database: str | None, chain_rpc: str | None) -> Home:
    """The home with the database and chain that were named, as if the environment had."""
    from pydantic import SecretStr

    from ledger.home import Home

    named = {"database": database, "chain_rpc": chain_rpc}
    update = {name: SecretStr(value) for name, value in named.items() if value is not None}
    return Home(Path(place.path), place.settings.model_copy(update=update))


def _seated(store: KeyStore, seat: Seat) -> Authority:
    from verifier.record.founding import Authority

    if seat.elsewhere is not None:
        return Authority(seat.elsewhere[0], seat.country, seat.elsewhere[1])
    name = str(seat.key)
    made = name == f"authority-{seat.country.lower()}" and name not in store
    key = store.create_evm(name) if made else store.load_evm(name)
    recovery = f"{name}-recovery"
    spare = store.load_evm(recovery) if recovery in store else store.create_evm(recovery)
    return Authority(key.address, seat.country, spare.address)


def _summary(answer: Mapping[str, Any]) -> list[str]:
    shown = {name: answer[name] for name in ("home", "origin", "chain_id", "registry", "anchor", "operator")}
    voters = [f"{seat['country']} {seat['account']}" for seat in answer["authorities"]]
    witnesses = [f"{each['name']} at {each['url']}" for each in answer["witnesses"]] or None
    return [
        *pairs({**shown, "authorities": voters, "witnesses": witnesses, "log key": answer["log_keys"]}),
        "",
        f"founding pin  {answer['pin']}",
        "Give the pin to everybody who will verify, by another way than this ledger: print it, read it out.",
        "Move the *-recovery keys out of this home, to somewhere offline.",
    ]
