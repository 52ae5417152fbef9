"""carnet verify: check a file of evidence offline, from the founding pin alone."""

from __future__ import annotations

import json as json_
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import HomeOption, JsonOption, open_home
from api.cli.output import ExitCode, Out
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.chain.reader import NodeReader
    from verifier.explain import Report


def verify(
    proof: Annotated[
        Path,
        typer.Argument(
            help="A .tlog-proof file, scan evidence, or the evidence of a fork.", exists=True, dir_okay=False
        ),
    ],
    founding: Annotated[
        str | None,
        typer.Option("--founding", help="The founding pin, 64 hex digits, as you were told by somebody you trust."),
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", help="The code as it was read: the file must be about exactly that one.")
    ] = None,
    salt: Annotated[str | None, typer.Option("--salt", help="The batch's salt (0x…), for those who have it.")] = None,
    chain_rpc: Annotated[
        str | None, typer.Option("--chain-rpc", help="Also ask this node of the chain for the anchor.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check a proof file step by step. Nothing in it is believed but through the pin; no server is asked.

    A file of scan evidence shows whether the operator kept its promise to seal a scan: it holds either way. The
    evidence of a fork shows that a log signed two histories.
    """
    from verifier.evidence import check_evidence
    from verifier.reading import ReadCode, read

    out, raw = Out(json), proof.read_bytes()
    other = _check_of(raw)
    if other is not None:
        if code is not None or salt is not None or chain_rpc is not None:
            raise Malformed("couldn't use --code, --salt or --chain-rpc: this file is about no unit", code="usage")
        _say(out, other(raw, pin=_pin(founding, home, out)))
        return
    reading = read(code) if code is not None else None
    if reading is not None and not isinstance(reading, ReadCode):
        raise Malformed(f"couldn't use --code: {reading.message}", code="code")
    report = check_evidence(
        raw,
        pin=_pin(founding, home, out),
        code=reading.code if reading is not None else None,
        salt=_bytes32("salt", salt) if salt is not None else None,
        chain=_chain(chain_rpc) if chain_rpc is not None else None,
    )
    _say(out, report)


def _check_of(raw: bytes) -> Callable[..., Report] | None:
    """The check of a JSON file, by its `spec`; None for a file that is none, which is a .tlog-proof."""
    from verifier.fork import SPEC as FORK
    from verifier.fork import check_fork
    from verifier.scan_evidence import check_scan_evidence
    from verifier.scan_evidence_file import SPEC as SCAN_EVIDENCE

    checks: dict[str, Callable[..., Report]] = {SCAN_EVIDENCE: check_scan_evidence, FORK: check_fork}
    if not raw.startswith(b"{"):
        return None
    try:
        value = json_.loads(raw)
    except ValueError:
        value = None
    spec = value.get("spec") if isinstance(value, dict) else None
    check = checks.get(spec) if isinstance(spec, str) else None
    if check is None:
        raise Malformed(f"couldn't check the file: got spec {spec!r}, expected {', '.join(checks)}", code="spec")
    return check


def _say(out: Out, report: Report) -> None:
    from verifier.explain import explain

    out.answer(report.to_json(), explain(report))
    if not report.ok:
        raise typer.Exit(ExitCode.NO)


def _pin(founding: str | None, home: Path | None, out: Out) -> bytes:
    if founding is not None:
        return _bytes32("founding", founding)
    from api.cli.known import known_pin

    place = open_home(home)
    known = known_pin(place)
    if known is None:
        raise Malformed(
            "couldn't check the proof: no founding pin is known here; give --founding, as somebody you trust told you",
            code="pin_needed",
        )
    out.note(f"with the founding pin {known} that {place.path} knows")
    return bytes.fromhex(known)


def _bytes32(name: str, text: str) -> bytes:
    from verifier.statement import check_hex

    check_hex(name, "0x" + text.lower().removeprefix("0x"), 32)
    return bytes.fromhex(text.lower().removeprefix("0x"))


def _chain(url: str) -> NodeReader:
    from ledger.chain.reader import NodeReader
    from ledger.chain.rpc import Rpc

    return NodeReader(Rpc(url))
