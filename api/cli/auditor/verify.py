"""carnet verify: check a file of evidence offline, from the founding pin alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, open_home, read_secret
from api.cli.base.output import ExitCode, Out
from api.cli.base.values import parse_bytes32

if TYPE_CHECKING:
    from ledger.chain.reader import NodeReader


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
        str | None, typer.Option("--code", help="The code as it was read; the file must be about exactly this code.")
    ] = None,
    salt: Annotated[
        str | None,
        typer.Option(
            "--salt-file", metavar="FILE", callback=read_secret, help="File holding the batch's salt, if you have it."
        ),
    ] = None,
    chain_rpc: Annotated[
        str | None,
        typer.Option(
            "--chain-rpc", help="Also ask this node of the chain for the anchor and for the countries' decisions."
        ),
    ] = None,
    unwitnessed: Annotated[
        bool,
        typer.Option(
            "--unwitnessed",
            help="Accept a head that too few witnesses have cosigned; it may be one of two histories.",
        ),
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check a file step by step. Only the founding pin is trusted; no server is asked.

    Scan evidence shows whether the operator kept its promise to seal a scan; the file is valid in both cases. Fork
    evidence shows that a log signed two histories.
    """
    from api.cli.base.pin import parse_pin, told_pin
    from verifier.files import Asked, check_file, code_of

    out = Out(json)
    asked = Asked(
        pin=told_pin(parse_pin(founding), open_home(home), "check the proof", out),
        code=code_of(code) if code is not None else None,
        salt=parse_bytes32("--salt-file", salt) if salt is not None else None,
        chain=_chain(chain_rpc) if chain_rpc is not None else None,
        unwitnessed=unwitnessed,
    )
    checked = check_file(proof.read_bytes(), asked)
    out.answer(checked.value, checked.lines)
    if checked.paused:
        raise typer.Exit(ExitCode.UNREACHABLE)
    if not checked.ok:
        raise typer.Exit(ExitCode.NO)
    if chain_rpc is not None and _unanswered(checked.value):
        raise typer.Exit(ExitCode.UNREACHABLE)


def _unanswered(value: Mapping[str, Any]) -> bool:
    """Whether the node left a question open: the anchor, where there is one, or the registry's decisions."""
    steps = {step["step"]: step["ok"] for step in value["steps"]}
    return (steps.get("anchor") is True and steps.get("chain") is None) or steps.get("register") is None


def _chain(url: str) -> NodeReader:
    from ledger.chain.reader import NodeReader
    from ledger.chain.rpc import Rpc

    return NodeReader(Rpc(url))
