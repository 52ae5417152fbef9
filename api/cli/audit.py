"""carnet audit: recompute this home's whole log from its bytes, believing nobody who stores it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import HomeOption, JsonOption, open_home
from api.cli.output import ExitCode, Out
from api.cli.values import parse_bytes32

if TYPE_CHECKING:
    from verifier.audit_report import AuditReport

SHOWN = 50
"""Findings listed on a terminal; --json lists all that were kept."""


def audit(
    founding: Annotated[
        str | None,
        typer.Option("--founding", help="The founding pin you were told; without it the one this home names."),
    ] = None,
    no_chain: Annotated[bool, typer.Option("--no-chain", help="Do not ask the chain about anchors and votes.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check every hash, signature, standing, right, segment and anchor. Exit code 1 if anything does not hold."""
    from ledger.wiring_audit import audit_ledger

    out = Out(json)
    pin = parse_bytes32("--founding", founding) if founding is not None else None
    place = open_home(home)
    with out.progress("auditing") as progress:
        report = audit_ledger(
            place,
            pin,
            chain=not no_chain,
            report=out.note,
            progress=lambda _what, done, total: progress(done, total),
        )
    answer: dict[str, Any] = {**report.to_json(), "pin_given": pin is not None, "chain_asked": not no_chain}
    out.answer(answer, _lines(report))
    if not report.ok:
        raise typer.Exit(ExitCode.NO)


def _lines(report: AuditReport) -> list[str]:
    checked = ", ".join(f"{number} {what}" for what, number in report.counts.items())
    lines = [f"{report.size} entries, root {report.root.hex()}", f"checked: {checked}"]
    for finding in report.findings[:SHOWN]:
        lines += [f"NO   {finding.at}: {finding.words} [{finding.code}]", f"     {finding.meaning}"]
    beyond = len(report.findings) + report.more - SHOWN
    if beyond > 0:
        lines.append(f"     … and {beyond} more; --json lists them")
    lines += [f"note: {note}" for note in report.notes]
    lines.append("everything holds" if report.ok else f"{len(report.findings) + report.more} things do not hold")
    return lines
