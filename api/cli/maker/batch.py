"""carnet batch: register, recall, retire, undo, list, show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import (
    AcceptOption,
    ColumnOption,
    HomeOption,
    JsonOption,
    NoHeaderOption,
    ServerOption,
    SignerOption,
    TokenOption,
    YesOption,
    one_of,
    used_home,
)
from api.cli.base.output import Out, pairs, table
from api.cli.maker.serials import check_rows, read_json, read_serials
from verifier.errors import Malformed, Refused

if TYPE_CHECKING:
    from api.cli.maker.batch_folder import BatchFolder
    from api.cli.maker.registration import Order, Registered
    from ledger.home import Home
    from verifier.record.statement import Kind

app = typer.Typer(no_args_is_help=True, help="Batches: register, recall, retire units, undo, list, show.")

BatchArgument = Annotated[str, typer.Argument(help="GTIN/LOT, or the batch's id (0x…).", metavar="BATCH")]


class ReasonName(StrEnum):
    """Why units are no longer live goods."""

    SOLD = "sold"
    DESTROYED = "destroyed"
    STOLEN = "stolen"


class CarrierName(StrEnum):
    """What bears the label signature."""

    QR = "qr"
    DATAMATRIX = "datamatrix"


class SlotName(StrEnum):
    """What an undo takes back: the statement in force there."""

    REGISTRATION = "registration"
    RECALL = "recall"
    SOLD = "sold"
    DESTROYED = "destroyed"
    STOLEN = "stolen"


@app.command()
def register(
    gtin: Annotated[str, typer.Option("--gtin", help="8, 12, 13 or 14 digits; shown padded to 14.")],
    lot: Annotated[str, typer.Option("--lot", help="1 to 20 characters.")],
    key: SignerOption,
    serials: Annotated[
        Path | None,
        typer.Option(
            "--serials",
            help="File of serials, one a row or in a column 'serial'; docs/cli.md lists headings.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    generate: Annotated[
        int | None, typer.Option("--generate", help="Generate this many serials instead.", min=1)
    ] = None,
    serial_length: Annotated[int, typer.Option("--serial-length", help="Characters of a generated serial.")] = 20,
    market: Annotated[
        list[str] | None,
        typer.Option("--market", help="Country the batch is made for, two capital letters; repeat for more."),
    ] = None,
    expires: Annotated[str, typer.Option("--expires", help="Expiry date, YYYY-MM-DD.", show_default=False)] = "",
    column: ColumnOption = None,
    no_header: NoHeaderOption = False,
    allow_repeats: Annotated[
        bool, typer.Option("--allow-repeats", help="Accept serials that another lot of this GTIN in this home has too.")
    ] = False,
    only_batch: Annotated[
        bool, typer.Option("--only-batch", help="Take only the file's rows for this GTIN and lot.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Register the good rows and leave out the bad ones.")
    ] = False,
    no_label_signature: Annotated[
        bool, typer.Option("--no-label-signature", help="Labels carry no signature; codes are shorter.")
    ] = False,
    carrier: Annotated[
        list[CarrierName] | None,
        typer.Option(
            "--carrier",
            metavar="CARRIER",
            help=f"What bears the signature: {one_of(CarrierName)}; repeat for more. Default: qr.",
        ),
    ] = None,
    accept: AcceptOption = None,
    yes: YesOption = False,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Register a batch. Serials and label key stay in this home; the ledger gets hashes and a signed statement."""
    from api.cli.base.doubts import as_json, settle
    from api.cli.base.reach import reach
    from api.cli.base.values import check_country, read_typed_gtin, today, warn_of_guessing
    from api.cli.maker.batch_folder import BatchFolder
    from api.cli.maker.registration import Order, check_order, check_standing, earlier
    from api.cli.maker.registration import register as register_batch
    from ledger.keys.store import KeyStore
    from ledger.services.units.serial_doubt import doubts_of_file, doubts_of_values
    from ledger.services.units.serial_file import Target
    from verifier.reading.gs1 import parse_lot

    out, place = Out(json), used_home(home, server, own=True)
    if (serials is None) == (generate is None):
        raise Malformed("couldn't register: give either --serials FILE or --generate N", code="usage")
    gtin14, lot = read_typed_gtin(gtin, out), parse_lot(lot)
    markets = tuple(sorted({check_country("--market", code) for code in market or ()}))
    signer = KeyStore(place.keys).load_evm(key)
    if no_label_signature and carrier:
        raise Malformed(
            "couldn't register: --carrier names what bears the signature, and --no-label-signature says that nothing "
            "does; give one of them (label make --symbol datamatrix prints unsigned GS1 DataMatrix codes)",
            code="usage",
        )
    carriers = () if no_label_signature else tuple(sorted({c.value for c in carrier or [CarrierName.QR]}))
    order = Order(
        gtin14, lot, signer, None, generate or 1, serial_length, markets, expires, carriers, allow_repeats
    )  # fmt: skip
    check_order(order)
    target = Target(gtin14, lot, expires)
    file = read_serials(serials, target, out, column, no_header, only_batch) if serials is not None else None
    if file is not None:
        check_rows(file, target, skip_bad, out)
        order = replace(order, serials=file.serials)
    folder = BatchFolder.of(place, gtin14, lot)
    done, doubts = earlier(folder, order), []
    if done is not None:
        with reach(place, server, token, out) as ledger:
            check_standing(done.kept, ledger)
    else:
        doubts = doubts_of_values(gtin14, lot, expires, today())
        if file is not None:
            doubts += doubts_of_file(file, gtin14, expires)
        settle(doubts, accept, yes, out)
        if generate is not None:
            warn_of_guessing(serial_length, generate, out)
        with reach(place, server, token, out, write=True) as ledger:
            done = register_batch(folder, order, ledger, out)
    answer = _registered(order, done, folder, file.bad_count if file is not None else 0)
    answer["serials"] = _serials_named(folder.ends(), file.column if file is not None else None)
    answer |= {"left_out": file.left_out if file is not None else 0, "read": read_json(file)}
    answer["doubts"] = [as_json(doubt) for doubt in doubts]
    out.answer(answer, _registered_lines(answer))


@app.command()
def recall(
    batch: BatchArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, in words for everybody.")],
    key: SignerOption,
    notice: Annotated[str, typer.Option("--notice", help="Web address of the notice.", show_default=False)] = "",
    again: Annotated[
        bool,
        typer.Option("--again", help="Add this notice to a recall that is already in force; each needs its own undo."),
    ] = False,
    accept: AcceptOption = None,
    yes: YesOption = False,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Recall a batch: every scan of it then answers Stop."""
    from api.cli.base.doubts import settle
    from api.cli.base.values import doubts_of_notice
    from verifier.record.statement import Kind

    out, place = Out(json), used_home(home, server, own=True)
    settle(doubts_of_notice(notice), accept, yes, out)

    def body(found: Mapping[str, Any]) -> dict[str, Any]:
        standing = found["recall"]
        if standing is not None and not again:
            raise Refused(
                f"couldn't recall {found['gtin']} lot {found['lot']}: it is recalled already in entry "
                f"{standing['entry']} ({standing['reason']}); --again adds a second notice",
                code="recalled_already",
            )
        return {
            "batch": found["id"],
            "reason": reason,
            "noticeUrl": notice,
            "supersedes": found["heads"]["recall"],
        }

    _change(place, batch, Kind.BATCH_RECALLED, body, key, server, token, out)


@app.command()
def retire(
    batch: BatchArgument,
    reason: Annotated[
        ReasonName,
        typer.Option(
            "--reason", metavar="REASON", help=f"Why the units are no longer live goods: {one_of(ReasonName)}."
        ),
    ],
    key: SignerOption,
    serial: Annotated[list[str] | None, typer.Option("--serial", help="A unit; repeat for more.")] = None,
    serials: Annotated[
        Path | None, typer.Option("--serials", help="File of serials, as for register.", exists=True, dir_okay=False)
    ] = None,
    column: ColumnOption = None,
    no_header: NoHeaderOption = False,
    accept: AcceptOption = None,
    yes: YesOption = False,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Report units sold, destroyed or stolen. Units reported before stay reported."""
    from api.cli.base.doubts import settle
    from api.cli.base.reach import reach
    from api.cli.maker.retirement import retire as retire_units
    from ledger.services.units.serial_doubt import doubts_of_file
    from ledger.services.units.serial_file import SerialFile, Target

    out, place = Out(json), used_home(home, server, own=True)
    file = SerialFile()
    if serials is not None:
        file = read_serials(serials, Target(), out, column, no_header)
        check_rows(file, Target(), None, out)
    named = [*(serial or ()), *file.serials]
    if not named:
        raise Malformed("couldn't retire units: give --serial or --serials FILE", code="usage")

    def doubtful() -> None:
        settle(doubts_of_file(file, None, None), accept, yes, out)

    with reach(place, server, token, out, write=True) as ledger:
        answer = retire_units(place, ledger, batch, reason.value, named, key, out, doubtful)
    out.answer(answer, pairs({name: value for name, value in answer.items() if name != "receipt"}))


@app.command()
def undo(
    batch: BatchArgument,
    what: Annotated[
        SlotName,
        typer.Option("--what", metavar="SLOT", help=f"Which statement in force to take back: {one_of(SlotName)}."),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in words for everybody.")],
    key: SignerOption,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take back the recall, retirement or registration in force. The one before it is then in force again.

    The record keeps both. A registration that was taken back can never be repeated.
    """
    from verifier.record.statement import Kind

    out, place = Out(json), used_home(home, server, own=True)

    def body(found: Mapping[str, Any]) -> dict[str, Any]:
        current = found["in_force"][what.value]
        if current is None:
            raise Refused(
                f"couldn't undo: nothing of kind {what.value} is in force for {found['gtin']} lot {found['lot']}",
                code="undo_nothing",
            )
        return {"target": current["leaf"], "reason": reason}

    _change(place, batch, Kind.UNDONE, body, key, server, token, out, lambda found: _counts_now(found, what))


@app.command("list")
def list_(
    gtin: Annotated[
        str | None,
        typer.Option(
            "--gtin",
            help="Only batches of this product. Required with --server, since a server lists one "
            "product's batches only.",
        ),
    ] = None,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """List batches, newest first."""
    from api.cli.base.reach import reach
    from verifier.reading.gs1 import parse_gtin

    out = Out(json)
    with reach(used_home(home, server), server, token, out) as ledger:
        found = ledger.batches(parse_gtin(gtin) if gtin is not None else None)
    rows = [(b["gtin"], b["lot"], b["unit_count"], b["maker"]["name"], b["recorded_at"], _state(b)) for b in found]
    out.answer({"batches": found}, table(rows, ("gtin", "lot", "units", "maker", "recorded", "state")))


@app.command()
def show(
    batch: BatchArgument,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show what the ledger says about a batch."""
    from api.cli.base.reach import reach

    out = Out(json)
    with reach(used_home(home, server), server, token, out) as ledger:
        found = ledger.batch(batch)
    maker = found["maker"]
    shown = {
        **{name: found[name] for name in ("id", "entry", "gtin", "lot", "unit_count", "markets", "expires")},
        "maker": f"{maker['name'] or '-'} ({maker['country']}, {maker['address']})",
        "recorded": found["recorded_at"],
        "state": _state(found),
        **{f"units {reason}": count for reason, count in found["retired"].items()},
    }
    out.answer(found, [*pairs(shown), *_history_lines(found.get("history", ()))])


def _change(
    place: Home,
    batch: str,
    kind: Kind,
    make: Any,
    key: str,
    server: str | None,
    token: str | None,
    out: Out,
    then: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {},
) -> None:
    """Sign and send a statement about a batch; `make` gives its body without header from the batch's description.

    `then` adds words about the batch's state afterwards.
    """
    from api.cli.base.reach import reach
    from ledger.keys.store import KeyStore
    from ledger.services.record.append import now_ms
    from verifier.record.statement import STRUCTS, Statement, header, sign

    signer = KeyStore(place.keys).load_evm(key)
    with reach(place, server, token, out, write=True) as ledger:
        found = ledger.batch(batch)
        body = {**header(now_ms()), **make(found)}
        STRUCTS[kind].check(body)
        STRUCTS[kind].check_words(body)
        statement = Statement(kind, body, signer.address, sign(kind, body, ledger.domain, signer.secret))
        receipt = ledger.change(statement)
        more = then(ledger.batch(found["id"]))
    name = f"{found['gtin']} lot {found['lot']}"
    answer = {"kind": kind.value, "batch": found["id"], "receipt": receipt, **more}
    out.answer(answer, [f"{kind.value}: GTIN {name}, entry {receipt['entry']}", *pairs(more)])


def _counts_now(found: Mapping[str, Any], what: SlotName) -> dict[str, str]:
    """What counts after an undo: the statement before the one that was taken back, or nothing."""
    current = found["in_force"][what.value]
    left = f"{what.value} of entry {current['entry']}" if current else f"nothing of kind {what.value}"
    return {"in_force": left}


def _serials_named(ends: tuple[str, str], column: str | None) -> dict[str, str | None]:
    return {"column": column, "first": ends[0], "last": ends[1]}


def _registered(order: Order, done: Registered, folder: BatchFolder, skipped: int) -> dict[str, Any]:
    return {
        "batch": done.kept.batch_id,
        "gtin": order.gtin,
        "lot": order.lot,
        "unit_count": done.kept.unit_count,
        "again": done.again,
        "skipped": skipped,
        "receipt": dict(done.kept.receipt or {}),
        "folder": str(folder.path),
        "proof": str(folder.proof) if folder.proof.exists() else None,
    }


def _registered_lines(answer: Mapping[str, Any]) -> Sequence[str]:
    receipt, named = answer["receipt"], answer["serials"]
    source = f"from column {named['column']}" if named["column"] is not None else "made here"
    head = "registered before; nothing was added" if answer["again"] else "registered"
    return [
        f"{head}: GTIN {answer['gtin']} lot {answer['lot']}, {answer['unit_count']} units",
        *pairs({"serials": f"{source}, first {named['first']}, last {named['last']}"}),
        *pairs({"batch": answer["batch"], "entry": receipt["entry"], "recorded": receipt["recorded_at"]}),
        *pairs({"folder": answer["folder"], "proof": answer["proof"]}),
        f"next: carnet label make {answer['gtin']}/{answer['lot']} --out labels.pdf --base-url https://…",
    ]


def _history_lines(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was said about a batch after its registration, a line each."""
    return ["history:", *map(_said_line, history)] if len(history) > 1 else []


def _said_line(said: Mapping[str, Any]) -> str:
    what = said["what"]
    if what == "undo":
        target = f" of entry {said['undoes']}" if said["undoes"] is not None else ""
        what = f"undo{target}"
    elif said["unit_count"] is not None:
        what = f"{what}, {said['unit_count']} units"
    reason = f" ({said['reason']})" if said["reason"] else ""
    back = f"; taken back in entry {said['undone_in']}" if said["undone_in"] is not None else ""
    return f"  entry {said['entry']}  {said['at']}  {what}{reason}, by {said['name'] or said['by']}{back}"


def _state(batch: Mapping[str, Any]) -> str:
    if batch["withdrawn"]:
        return "withdrawn"
    if batch["recall"]:
        return f"recalled: {batch['recall']['reason']}"
    return "live, after what its history tells" if len(batch.get("history", ())) > 1 else "live"
