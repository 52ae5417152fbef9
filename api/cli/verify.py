"""carnet verify: check a file of evidence offline, from the founding pin alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import HomeOption, JsonOption, open_home
from api.cli.output import ExitCode, Out
from api.cli.values import parse_bytes32
from verifier.errors import Malformed

if TYPE_CHECKING:
    from ledger.chain.reader import NodeReader


def verify(
    proof: Annotated[Path, typer.Argument(help="A .tlog-proof file.", exists=True, dir_okay=False)],
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
    """Check a proof file step by step. Nothing in it is believed but through the pin; no server is asked."""
    from verifier.evidence import check_evidence
    from verifier.explain import explain
    from verifier.reading import ReadCode, read
    from verifier.tlog_proof import HEADER

    out = Out(json)
    reading = read(code) if code is not None else None
    if reading is not None and not isinstance(reading, ReadCode):
        raise Malformed(f"couldn't use --code: {reading.message}", code="code")
    raw = proof.read_bytes()
    if not raw.startswith(HEADER.encode()):
        raise Malformed(
            f"couldn't check {proof}: this is not a proof file, it does not start with {HEADER}", code="file"
        )
    report = check_evidence(
        raw,
        pin=_pin(founding, home, out),
        code=reading.code if reading is not None else None,
        salt=parse_bytes32("--salt", salt) if salt is not None else None,
        chain=_chain(chain_rpc) if chain_rpc is not None else None,
    )
    out.answer(report.to_json(), explain(report))
    if not report.ok:
        raise typer.Exit(ExitCode.NO)


def _pin(founding: str | None, home: Path | None, out: Out) -> bytes:
    if founding is not None:
        return parse_bytes32("--founding", founding)
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


def _chain(url: str) -> NodeReader:
    from ledger.chain.reader import NodeReader
    from ledger.chain.rpc import Rpc

    return NodeReader(Rpc(url))
