"""carnet scan: judge one code, typed or from a photograph, as an officer's device would."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, ServerOption, TokenOption, one_of, opened, used_home
from api.cli.base.out_file import proof_file
from api.cli.base.output import ExitCode, Out
from api.question.place import country_of, parse_unlocode
from verifier.errors import Malformed

if TYPE_CHECKING:
    from api.cli.base.remote import Remote
    from api.question.told import Pictured
    from ledger.home import Home
    from ledger.opened import Ledger
    from ledger.services.scans.scan import ScanInput
    from verifier.reading.reading import Reading
    from verifier.verdict.facts import HowRead

DEVICE = "carnet scan"


class ContextName(StrEnum):
    """Where in its life the item is."""

    IMPORT = "import"
    EXPORT = "export"
    TRANSIT = "transit"
    WHOLESALE = "wholesale"
    RETAIL = "retail"
    OWNER = "owner"
    UNKNOWN = "unknown"


class CarrierName(StrEnum):
    """What bore the code."""

    QR = "qr"
    DATAMATRIX = "datamatrix"
    TEXT = "text"


def scan(
    code: Annotated[str | None, typer.Argument(help="The code as read; - takes it from standard input.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="A photograph of the label instead.", exists=True, dir_okay=False)
    ] = None,
    context: Annotated[
        ContextName,
        typer.Option("--context", metavar="CONTEXT", help=f"Where in its life the item is: {one_of(ContextName)}."),
    ] = (ContextName.UNKNOWN),
    carrier: Annotated[
        CarrierName,
        typer.Option("--carrier", metavar="CARRIER", help=f"What a device read the code from: {one_of(CarrierName)}."),
    ] = CarrierName.TEXT,
    symbology: Annotated[
        str | None, typer.Option("--symbology", help="The device's AIM identifier, such as ]d2.")
    ] = None,
    country: Annotated[str | None, typer.Option("--country", help="Where you are, two capital letters.")] = None,
    unlocode: Annotated[str | None, typer.Option("--unlocode", help="Where you are, such as NLRTM.")] = None,
    latitude: Annotated[float | None, typer.Option("--latitude", help="Degrees north.", min=-90, max=90)] = None,
    longitude: Annotated[float | None, typer.Option("--longitude", help="Degrees east.", min=-180, max=180)] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the scan. A server keeps every scan sent with a token anyway.")
    ] = False,
    proof: Annotated[
        Path | None,
        typer.Option(
            "--proof",
            callback=proof_file,
            help="Write the proof to this file or folder, for carnet verify.",
        ),
    ] = None,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Judge a code. Exit code 0 means `registered`: the code is good, which says nothing about the item.

    With --server and a token this is an officer's scan and is kept. Without a token it is a public look-up.
    """
    if (code is None) == (image is None):
        raise Malformed("couldn't scan: give either a code or --image FILE", code="usage")
    out, place = Out(json), used_home(home, server)
    if (latitude is None) != (longitude is None):
        raise Malformed("couldn't scan: --latitude and --longitude come together", code="usage")
    country_of(country, parse_unlocode(unlocode) if unlocode is not None else None, None)
    where = {"country": country, "unlocode": unlocode, "latitude": latitude, "longitude": longitude}
    given = _given(code, image, carrier.value, symbology)
    url = server or place.settings.server
    if url is not None:
        answer, data = _ask_server(place, out, url, token, given, context.value, where, proof is not None)
    else:
        answer, data = _ask_here(place, out, given, context.value, where, record, proof is not None)
    if proof is not None:
        if data is None:
            out.warn(f"there is no proof to write: {answer['shown_as']}")
        else:
            named = proof / f"{_unit_name(answer)}.tlog-proof" if proof.is_dir() else proof
            named.write_bytes(data)
            out.note(f"proof written to {named}")
    out.answer(answer, _lines(answer))
    if answer["verdict"] != "registered" or (answer.get("receipt_check") or {}).get("faults"):
        raise typer.Exit(ExitCode.NO)


def _unit_name(answer: Mapping[str, Any]) -> str:
    """The name of a proof file that goes into a folder: the unit's."""
    from api.http.file_name import file_name

    code, batch = answer["code"], answer["batch"]
    return file_name("unit", code["gtin"], batch["lot"] if batch else code["lot"], code["serial"])


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be judged: a text with what is known of its reading, or an image's bytes."""

    code: str | bytes
    carrier: str
    symbology: str | None

    @property
    def machine_read(self) -> bool:
        """Whether a device read the text; typed text has no carrier."""
        return self.carrier != CarrierName.TEXT or self.symbology is not None

    def told(self) -> dict[str, Any]:
        """The text as a server takes it."""
        known = {"code": self.code, "carrier": self.carrier, "symbology": self.symbology}
        return {name: value for name, value in known.items() if value is not None}


def _given(code: str | None, image: Path | None, carrier: str, symbology: str | None) -> Given:
    if image is not None:
        return Given(image.read_bytes(), carrier, symbology)
    if code == "-":
        import sys

        code = sys.stdin.readline().rstrip("\r\n")
    return Given(str(code), carrier, symbology)


def _ask_server(
    place: Home,
    out: Out,
    url: str,
    token: str | None,
    given: Given,
    context: str,
    where: Mapping[str, Any],
    prove: bool,
) -> tuple[dict[str, Any], bytes | None]:
    from api.cli.base.connecting import connected, token_of
    from ledger.services.record.append import now_ms
    from verifier.instant import format_instant

    token = token_of(place, token)
    own = {"id": str(uuid.uuid4()), "scanned_at": format_instant(now_ms()), "device": DEVICE, "context": context}
    with connected(place, url, token) as remote:
        answer: dict[str, Any]
        if token is None:
            if any(value is not None for value in where.values()):
                out.warn("without a token this is a public look-up, and the place is not looked at")
            answer = remote.get("/v1/verify", _public_question(out, given, context))
        elif isinstance(given.code, bytes):
            form = {name: str(value) for name, value in {**own, **where}.items() if value is not None}
            answer = remote.post_file("/v1/scans/photo", "photo", given.code, form)
        else:
            told = {**own, **given.told(), "machine_read": given.machine_read, "place": dict(where)}
            answer = remote.post("/v1/scans", told)
        if token is not None:
            compared = _keep_receipt(place, out, remote, answer, (own, given.code, where), token)
            answer = {**answer, "receipt_check": compared}
        data = remote.get_bytes(str(answer["proof"])) if prove and answer["proof"] else None
    return answer, data


def _keep_receipt(
    place: Home, out: Out, remote: Remote, answer: Mapping[str, Any], sent: tuple[Any, Any, Any], token: str
) -> dict[str, Any]:
    """Keep the promise that came with the answer, and report at once what differs in it. The answer stands."""
    from api.cli.base.receiving import sent_scan, take_receipt
    from verifier.errors import CarnetError, Unavailable
    from verifier.instant import format_instant
    from verifier.scan.sent import Compared

    try:
        taken = take_receipt(place, remote, answer, sent_scan(*sent, answer), token)
    except CarnetError as error:
        out.warn(f"no receipt is kept for this scan: {error}")
        silent = error.code == "receipt_none" or isinstance(error, Unavailable)
        faults = () if silent else (str(error),)
        return Compared(faults=faults, open={"receipt": str(error)}).to_json()
    for fault in taken.compared.faults:
        out.warn(f"the receipt is not for this scan: {fault}; it is kept as evidence")
    if why := (taken.compared.open or {}).get("receipt"):
        out.warn(f"the receipt is kept, and could not be checked yet: {why}")
    for odd in taken.compared.odd:
        out.warn(f"the receipt is odd: {odd}")
    if taken.new_officer is not None:
        out.note(f"scans of this token are kept under the name {taken.new_officer}; is that yours?")
    out.note(f"promised to be sealed by {format_instant(taken.receipt.deadline)}; `carnet receipt check` asks")
    return taken.compared.to_json()


def _public_question(out: Out, given: Given, context: str) -> dict[str, str]:
    """A look-up sends the code that a photograph shows, not the photograph."""
    from api.question.told import Told, understand

    asked = {"context": context} if context != ContextName.UNKNOWN else {}
    if isinstance(given.code, str):
        return {**given.told(), **asked}
    came = _came(given)
    question = understand(Told(came.symbols, _how(given), cut=came.cut))
    if question.beside or question.not_judged:
        out.warn("the picture shows several codes; a public look-up sends the most telling one of the item alone")
    symbology = question.reading.symbology
    more = {"symbology": symbology} if symbology else {}
    return {"code": question.reading.text, "carrier": question.carrier.value, **more, **asked}


def _ask_here(
    place: Home,
    out: Out,
    given: Given,
    context: str,
    where: Mapping[str, Any],
    record: bool,
    prove: bool,
) -> tuple[dict[str, Any], bytes | None]:
    """The officer's answer from this home; whoever holds the home may see everything in it."""
    from api.answer.makers import Makers
    from api.asking.asking import keep_scan, show_to_officer
    from api.question.scanning import officer_told
    from api.question.told import host_of, understand
    from ledger.services.scans.token import Officer

    scan_ = _scan_input(context, where)
    told = officer_told(scan_, _came(given), _how(given), hosts=host_of(place.base_url))
    question = understand(told)
    scan_ = replace(scan_, code=question.reading.text)
    with opened(place, out) as ledger:
        makers = Makers(ledger.participants)
        if record:
            keeper = Officer(DEVICE, None)  # whoever holds the home: no administration's token was shown
            answer, _ = keep_scan(ledger, makers, scan_, told, question, keeper)
            out.note("kept without a receipt: only the server that writes this ledger promises to seal scans")
        else:
            shown, _ = show_to_officer(ledger, makers, told, question)
            answer = {**shown, "scan": {"id": scan_.id, "recorded": False}, "receipt": None}
        return answer, _proof(ledger, question.reading, answer) if prove else None


def _came(given: Given) -> Pictured:
    from api.asking.photo import read_photo
    from api.question.parameters import symbology_of
    from api.question.told import Pictured, Symbol
    from verifier.reading.gs1 import Carrier

    if isinstance(given.code, bytes):
        return read_photo(given.code)
    return Pictured((Symbol(given.code, Carrier(given.carrier), symbology_of(given.symbology)),))


def _how(given: Given) -> HowRead:
    from verifier.verdict.facts import HowRead

    if isinstance(given.code, bytes):
        return HowRead.PHOTOGRAPH
    return HowRead.DECODER if given.machine_read else HowRead.TYPED


def _proof(ledger: Ledger, reading: Reading, answer: Mapping[str, Any]) -> bytes | None:
    """The proof of what was answered about a unit, if there can be one."""
    from verifier.reading.reading import ReadCode
    from verifier.verdict.reason import Verdict

    if not isinstance(reading, ReadCode) or answer["proof"] is None:
        return None
    if answer["verdict"] == Verdict.NOT_REGISTERED:
        return ledger.proofs.for_absence(reading.code)
    return ledger.proofs.for_unit(reading.code)


def _scan_input(context: str, where: Mapping[str, Any]) -> ScanInput:
    from api.question.place import country_of, parse_unlocode
    from ledger.services.record.append import now_ms
    from ledger.services.scans.scan import ScanInput
    from verifier.verdict.facts import Context

    unlocode = parse_unlocode(where["unlocode"]) if where["unlocode"] else None
    return ScanInput(
        id=str(uuid.uuid4()),
        code="",
        scanned_at=now_ms(),
        device=DEVICE,
        context=Context(context),
        country=country_of(where["country"], unlocode, None),
        unlocode=unlocode,
        latitude=where["latitude"],
        longitude=where["longitude"],
    )


def _lines(answer: Mapping[str, Any]) -> list[str]:
    """The verdict first, then why, what was not checked, and what to do."""
    from verifier.foreign import shown_code

    code, batch = answer["code"], answer["batch"]
    named = " ".join(f"{name} {code[name]}" for name in ("gtin", "lot", "serial") if code[name])
    lines = [answer["shown_as"], named or shown_code(code["read"])]
    if batch is not None:
        maker = batch["maker"]
        lines.append(f"batch of {maker['name'] or maker['address']} ({maker['country']}), {batch['recorded_at']}")
    lines.append("")
    for reason in answer["reasons"]:
        lines.append(f"  {reason['tier']:<8}{reason['text']}{_why(reason)} [{reason['code']}]")
        lines += [f"          {line}" for line in _recall(reason)]
    lines += [f"  not checked: {one['check']} ({one['why']})" for one in answer["not_checked"]]
    lines += [_offered(repair) for repair in answer["repairs"]]
    if answer["next"]:
        lines += ["", *(f"  - {step}" for step in answer["next"])]
    return [*lines, "", answer["caveat"]]


def _why(reason: Mapping[str, Any]) -> str:
    """What kept a code from being read, where a reason says so."""
    why = reason["evidence"].get("cause") or reason["evidence"].get("why")
    return f" ({why})" if why else ""


def _offered(repair: Mapping[str, Any]) -> str:
    """A repair, with the text to give to the next scan as a shell takes it."""
    from api.cli.base.shown import pasteable

    return f"  could be read as {shlex.quote(pasteable(repair['text']))}: {repair['explanation']}"


def _recall(reason: Mapping[str, Any]) -> list[str]:
    """What whoever recalled the batch says about it."""
    if reason["code"] != "recalled":
        return []
    said = {name: reason["evidence"].get(name) or "" for name in ("reason", "notice")}
    return [f"{name}: {text}" for name, text in said.items() if text]
