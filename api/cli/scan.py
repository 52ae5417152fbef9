"""carnet scan: judge one code, typed or from a photograph, as an officer's device would."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import HomeOption, JsonOption, ServerOption, TokenOption, one_of, open_home, opened
from api.cli.out_file import proof_file
from api.cli.output import ExitCode, Out
from api.place import country_of, parse_unlocode
from verifier.errors import Malformed

if TYPE_CHECKING:
    from api.asking import Scanned
    from api.cli.remote import Remote
    from ledger.home import Home
    from ledger.services.scan import ScanInput
    from ledger.wiring import Ledger

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


def scan(
    code: Annotated[str | None, typer.Argument(help="The code as read; - reads it from standard input.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="A photograph of the label instead.", exists=True, dir_okay=False)
    ] = None,
    context: Annotated[
        ContextName,
        typer.Option("--context", metavar="CONTEXT", help=f"Where in its life the item is: {one_of(ContextName)}."),
    ] = (ContextName.UNKNOWN),
    country: Annotated[str | None, typer.Option("--country", help="Where you are, two capital letters.")] = None,
    unlocode: Annotated[str | None, typer.Option("--unlocode", help="Where you are, such as NLRTM.")] = None,
    latitude: Annotated[float | None, typer.Option("--latitude", help="Degrees north.", min=-90, max=90)] = None,
    longitude: Annotated[float | None, typer.Option("--longitude", help="Degrees east.", min=-180, max=180)] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the scan; a server keeps those of a token anyway.")
    ] = False,
    proof: Annotated[
        Path | None,
        typer.Option(
            "--proof", callback=proof_file, help="Write the proof of the answer to this file, for carnet verify."
        ),
    ] = None,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Judge a code. Exit code 0 only for `registered`: and that says the code is good, not the item.

    With --server and a token this is an officer's scan and is kept; without a token a public look-up.
    """
    out, place = Out(json), open_home(home)
    if (code is None) == (image is None):
        raise Malformed("couldn't scan: give either a code or --image FILE", code="usage")
    if (latitude is None) != (longitude is None):
        raise Malformed("couldn't scan: --latitude and --longitude come together", code="usage")
    country_of(country, parse_unlocode(unlocode) if unlocode is not None else None, None)
    where = {"country": country, "unlocode": unlocode, "latitude": latitude, "longitude": longitude}
    given = _given(code, image)
    url = server or place.settings.server
    if url is not None:
        answer, data = _ask_server(place, out, url, token, given, context.value, where, proof is not None)
    else:
        answer, data = _ask_here(place, out, given, context.value, where, record, proof is not None)
    if proof is not None:
        if data is None:
            out.warn(f"there is no proof to write: {answer['shown_as']}")
        else:
            proof.write_bytes(data)
            out.note(f"proof written to {proof}")
    out.answer(answer, _lines(answer))
    if answer["verdict"] != "registered":
        raise typer.Exit(ExitCode.NO)


def _given(code: str | None, image: Path | None) -> str | bytes:
    """What is to be judged: a text, or an image's bytes."""
    if image is not None:
        return image.read_bytes()
    if code == "-":
        import sys

        return sys.stdin.readline().rstrip("\r\n")
    return str(code)


def _ask_server(
    place: Home,
    out: Out,
    url: str,
    token: str | None,
    given: str | bytes,
    context: str,
    where: Mapping[str, Any],
    prove: bool,
) -> tuple[dict[str, Any], bytes | None]:
    from api.cli.remote import Remote
    from ledger.services.append import now_ms
    from verifier.instant import format_instant

    kept = place.settings.token
    token = token or (kept.get_secret_value() if kept else None)
    own = {"id": str(uuid.uuid4()), "scanned_at": format_instant(now_ms()), "device": DEVICE, "context": context}
    with Remote(url, token) as remote:
        answer: dict[str, Any]
        if token is None:
            if any(value is not None for value in where.values()):
                out.warn("without a token this is a public look-up, and the place is not looked at")
            answer = remote.get("/v1/verify", _public_question(given))
        elif isinstance(given, bytes):
            form = {name: str(value) for name, value in {**own, **where}.items() if value is not None}
            answer = remote.post_file("/v1/scans/photo", "photo", given, form)
        else:
            answer = remote.post("/v1/scans", {**own, "code": given, "place": dict(where)})
        if token is not None:
            sent = {"id": own["id"], "device": DEVICE, "context": context, "verdict": answer["verdict"]}
            _keep_receipt(
                place,
                out,
                remote,
                answer,
                sent if isinstance(given, bytes) else {**sent, "code": given.replace("\0", "\ufffd")},
            )
        data = remote.get_bytes(answer["proof"]) if prove and answer["proof"] else None
    return answer, data


def _keep_receipt(place: Home, out: Out, remote: Remote, answer: Mapping[str, Any], sent: Mapping[str, str]) -> None:
    """Keep the promise that came with the answer; one that is worth nothing is said, and the answer stands."""
    from api.cli.receiving import take_receipt
    from verifier.errors import CarnetError
    from verifier.instant import format_instant

    try:
        receipt = take_receipt(place, remote, answer, sent)
    except CarnetError as error:
        out.warn(f"no receipt is kept for this scan: {error}")
    else:
        out.note(f"promised to be sealed by {format_instant(receipt.deadline)}; `carnet receipt check` asks")


def _public_question(given: str | bytes) -> dict[str, str]:
    """A look-up sends the code that a photograph shows, not the photograph."""
    if isinstance(given, str):
        return {"code": given}
    from api.photo import read_photo

    scanned = read_photo(given)
    symbology = scanned.reading.symbology
    more = {"symbology": symbology} if symbology else {}
    return {"code": scanned.reading.text, "carrier": scanned.carrier.value, **more}


def _ask_here(
    place: Home,
    out: Out,
    given: str | bytes,
    context: str,
    where: Mapping[str, Any],
    record: bool,
    prove: bool,
) -> tuple[dict[str, Any], bytes | None]:
    from api.asking import Scanned
    from api.photo import read_photo
    from verifier.reading import read

    scanned = read_photo(given) if isinstance(given, bytes) else Scanned(read(given))
    with opened(place, out) as ledger:
        answer = _judged(ledger, scanned, _scan_input(scanned, context, where), record)
        if record:
            out.note("kept without a receipt: only the server that writes this ledger promises to seal scans")
        return answer, _proof(ledger, scanned, answer) if prove else None


def _proof(ledger: Ledger, scanned: Scanned, answer: Mapping[str, Any]) -> bytes | None:
    """The proof of what was answered about a unit, if there can be one."""
    from verifier.reading import ReadCode
    from verifier.reason import Verdict

    reading = scanned.reading
    if not isinstance(reading, ReadCode) or answer["proof"] is None:
        return None
    if answer["verdict"] == Verdict.NOT_REGISTERED:
        return ledger.proofs.for_absence(reading.code)
    return ledger.proofs.for_unit(reading.code)


def _scan_input(scanned: Scanned, context: str, where: Mapping[str, Any]) -> ScanInput:
    from api.place import country_of, parse_unlocode
    from ledger.services.append import now_ms
    from ledger.services.scan import ScanInput
    from verifier.facts import Context

    unlocode = parse_unlocode(where["unlocode"]) if where["unlocode"] else None
    return ScanInput(
        id=str(uuid.uuid4()),
        code=scanned.reading.text,
        scanned_at=now_ms(),
        device=DEVICE,
        context=Context(context),
        country=country_of(where["country"], unlocode, None),
        unlocode=unlocode,
        latitude=where["latitude"],
        longitude=where["longitude"],
    )


def _judged(ledger: Ledger, scanned: Scanned, scan_: ScanInput, record: bool) -> dict[str, Any]:
    """The officer's answer from this home; whoever holds the home may see everything in it."""
    from api.advice import Face
    from api.answer import repairs_of, view
    from api.makers import Makers
    from ledger.services.token import Officer
    from ledger.services.verification import Question
    from verifier.instant import format_instant
    from verifier.reading import read

    def question(reading: Any) -> Question:
        return Question(
            reading=reading,
            today=format_instant(scan_.scanned_at)[:10],
            context=scan_.context,
            market=scan_.country,
            officer=True,
            scan=scan_.sighting(),
            machine_read=scanned.machine_read,
            decodes=scanned.decodes,
        )

    answer = ledger.verification.answer(question(scanned.reading))
    leads_to = {
        repair.text: ledger.verification.answer(question(read(repair.text))).judgement.verdict.value
        for repair in repairs_of(answer, scanned.carrier)
    }
    shown = view(answer, Face.OFFICER, Makers(ledger.participants), carrier=scanned.carrier, leads_to=leads_to)
    response = {**shown, "scan": {"id": scan_.id, "recorded": record}}
    if not record:
        return {**response, "receipt": None}
    keeper = Officer(DEVICE, None)  # whoever holds the home: no administration's token was shown
    return ledger.scans.answer(ledger.scans.record(scan_, keeper, answer, response, machine_read=scanned.machine_read))


def _lines(answer: Mapping[str, Any]) -> list[str]:
    """The verdict first, then why, what was not checked, and what to do."""
    from api.cli.shown import printable

    code, batch = answer["code"], answer["batch"]
    named = " ".join(f"{name} {code[name]}" for name in ("gtin", "lot", "serial") if code[name])
    lines = [answer["shown_as"], named or printable(code["read"])]
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
    from api.cli.shown import printable

    why = reason["evidence"].get("cause") or reason["evidence"].get("why")
    return f" ({printable(str(why))})" if why else ""


def _offered(repair: Mapping[str, Any]) -> str:
    """A repair, with the text to give to the next scan as a shell takes it."""
    from api.cli.shown import pasteable, printable

    return f"  could be read as {shlex.quote(pasteable(repair['text']))}: {printable(repair['explanation'])}"


def _recall(reason: Mapping[str, Any]) -> list[str]:
    """What whoever recalled the batch says about it; it is their text, so nothing in it may move a cursor."""
    from api.words import printable

    if reason["code"] != "recalled":
        return []
    said = {name: printable(str(reason["evidence"].get(name) or "")) for name in ("reason", "notice")}
    return [f"{name}: {text}" for name, text in said.items() if text]
