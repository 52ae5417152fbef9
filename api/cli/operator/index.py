"""carnet index: what the log says about each product, under one root that others than the operator recompute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, ServerOption, SignerOption, anchor, opened, used_home
from api.cli.base.output import Out, pairs
from verifier.errors import Malformed, Refused

if TYPE_CHECKING:
    from ledger.home import Home
    from ledger.keys.store import EvmKey
    from verifier.record.index import IndexHead
    from verifier.record.record import Record
    from verifier.record.statement import Statement

app = typer.Typer(
    no_args_is_help=True,
    help="The index: what the log says about each product, under one root. `no recall` and absence rest on an index "
    "that somebody other than the operator confirmed.",
)


@app.command()
def show(server: ServerOption = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show the newest index, the newest confirmed one, and who confirmed it."""
    out, place = Out(json), used_home(home, server)
    url = server or place.settings.server
    if url is not None:
        answer = _ask(url)
    else:
        with opened(place, out) as ledger:
            answer = ledger.indexes.describe()
    out.answer(answer, _lines(answer))


@app.command()
def seal(home: HomeOption = None, json: JsonOption = False) -> None:
    """Seal the index now. A running server does so by itself, after 64 entries, ten minutes or a decision."""
    out = Out(json)
    with opened(used_home(home), out, write=True) as ledger:
        made = True
        try:
            ledger.indexes.seal()
        except Refused as refusal:
            if refusal.code != "index_current":
                raise
            made = False
        answer = {"made": made, **ledger.indexes.describe()}
    out.answer(answer, [*_lines(answer), *([] if made else ["nothing new was said or decided: it is sealed already"])])


@app.command()
def confirm(
    key: SignerOption,
    server: ServerOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Confirm the newest index, as an auditor or customs administration that is not the operator.

    The index is recomputed from this home's own copy of the log, and signed only if it is the same. With --server, or
    in the home of a mirror, the server's newest index is confirmed, and the confirmation is sent there.
    """
    from ledger.keys.store import KeyStore

    out, place = Out(json), used_home(home, server, own=True)
    signer = KeyStore(place.keys).load_evm(key)
    url = server or place.settings.server or _mirrored(place)
    answer = _confirm_there(place, url, signer, out) if url is not None else _confirm_here(place, signer, out)
    out.answer(answer, pairs(answer))


def _mirrored(place: Home) -> str | None:
    """The server that a mirror's home follows."""
    from ledger.remote.http import log_url
    from ledger.remote.log import server_of

    followed = place.config().mirror_of
    return server_of(log_url(followed)) if followed is not None else None


def _confirm_here(place: Home, signer: EvmKey, out: Out) -> dict[str, Any]:
    with opened(place, out, write=True) as ledger:
        sealed = ledger.record.sealed_index
        if sealed is None:
            raise Refused("couldn't confirm an index: none has been sealed yet", code="index_unsealed")
        _check_home(place, signer, out)
        head = recomputed(ledger.record, sealed.head)
        receipt = ledger.indexes.confirm(signed_confirmation(ledger.record, head, signer))
        anchor(ledger, out)
    return _answer(head, signer, receipt.index)


def _check_home(place: Home, signer: EvmKey, out: Out) -> None:
    """A key beside the log's own key is the operator's, whatever its name. Only a trial may use it.

    Nobody elsewhere can see where a key lies, so the check is made here. Others see the signer's country. Raises
    Refused (`own_home`).
    """
    from ledger.chain.local import DEV_CHAIN_ID

    if place.config().chain_id == DEV_CHAIN_ID:
        out.warn(
            f"{signer.address} lies in the home of the log that it confirms, which is fine for a trial on a local "
            "chain: in production another administration confirms, from a mirror of its own"
        )
        return
    raise Refused(
        f"couldn't confirm an index: {signer.address} lies in the home that writes this log, so it is the operator's "
        "word; expected an auditor's or another administration's key, in the home of its own mirror",
        code="own_home",
    )


def _confirm_there(place: Home, url: str, signer: EvmKey, out: Out) -> dict[str, Any]:
    from api.cli.base.connecting import connected

    with opened(place, out) as ledger, connected(place, url) as remote:
        about = remote.about()
        if about["founding_pin"] != ledger.founding.pin.hex():
            raise Refused("couldn't confirm an index: the server's ledger is not the one copied here", code="other_log")
        head = recomputed(ledger.record, _head(remote.get("/v1/index")["sealed"]))
        statement = signed_confirmation(ledger.record, head, signer)
        receipt = remote.post("/v1/index/confirmations", {"statement": statement.to_json()})
    return _answer(head, signer, receipt["entry"])


def recomputed(copy: Record, head: IndexHead) -> IndexHead:
    """The index at this size, recomputed from this home's copy of the log. It must equal the one to confirm.

    Raises Refused: `copy_behind`, `index_differs` (evidence against the operator: keep the copy), `index_old`.
    """
    if head.size >= copy.size:
        raise Refused(
            f"couldn't confirm the index at size {head.size}: the copy here has {copy.size} entries; bring it up to "
            "date first",
            code="copy_behind",
        )
    sealed = copy.index_seals.get(head.size)
    if sealed is not None and sealed.view is None:
        raise Refused(f"couldn't confirm the index at size {head.size}: a later one is confirmed", code="index_old")
    own = sealed.view.head if sealed is not None and sealed.view is not None else None
    if own is None or own != head:
        raise Refused(
            f"couldn't confirm the index at size {head.size}: the copy here gives "
            f"{'0x' + own.root.hex() if own else 'none'}, the ledger says 0x{head.root.hex()}. Sign nothing, and keep "
            "this copy: it shows that the index was made up",
            code="index_differs",
        )
    return own


def signed_confirmation(copy: Record, head: IndexHead, signer: EvmKey) -> Statement:
    """The signed confirmation of an index, with a fresh header."""
    from ledger.services.record.append import now_ms
    from verifier.record.statement import Kind, Statement, header, sign

    body = {**header(now_ms()), **head.body()}
    signature = sign(Kind.INDEX_CONFIRMED, body, copy.founding.domain, signer.secret)
    return Statement(Kind.INDEX_CONFIRMED, body, signer.address, signature)


def _head(sealed: Mapping[str, Any] | None) -> IndexHead:
    from verifier.record.index import parse_index_head

    if sealed is None:
        raise Refused("couldn't confirm an index: the server has sealed none yet", code="index_unsealed")
    try:
        return parse_index_head({name: sealed[name] for name in ("size", "gtins", "root")}, sealed=True)
    except KeyError as error:
        raise Malformed(f"couldn't understand the server: its index has no {error}", code="server") from error


def _ask(url: str) -> dict[str, Any]:
    from api.cli.base.remote import Remote

    with Remote(url) as remote:
        answer: dict[str, Any] = remote.get("/v1/index")
        return answer


def _answer(head: IndexHead, signer: EvmKey, entry: int) -> dict[str, Any]:
    return {"confirmed": signer.address, **head.body(), "entry": entry}


def _lines(answer: Mapping[str, Any]) -> list[str]:
    lines = [f"sealed     {_line(answer['sealed'])}", f"confirmed  {_line(answer['confirmed'])}"]
    if answer["confirmed"] is not None:
        lines += [
            f"           by {who['by']} ({who['name'] or 'name not kept'}, {who['role']}, {who['country']}) in entry "
            f"{who['entry']}" + (f"; does not count: {who['why_not']}" if not who["counts"] else "")
            for who in answer["confirmed"]["confirmations"]
        ]
        if not answer["confirmed"]["independent"]:
            lines.append("           one country alone, and the log names none for the operator: it may be the same")
    return [*lines, f"since then {answer['new']} entries about products"]


def _line(index: Mapping[str, Any] | None) -> str:
    if index is None:
        return "-"
    return f"at size {index['size']}, {index['gtins']} products, root {index['root']}, {index['recorded_at']}"
