"""carnet audit: recompute a whole log from its bytes, without trusting whoever stores it."""

from __future__ import annotations

import json as json_
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, used_home
from api.cli.base.output import ExitCode, Out
from verifier.errors import Malformed
from verifier.instant import format_instant

if TYPE_CHECKING:
    from verifier.audit.report import AuditReport, Former

SHOWN = 50
"""Findings listed on a terminal; --json lists all that were kept."""


def audit(
    log: Annotated[
        str | None,
        typer.Argument(
            help="Address of a server, or a copied folder of published files. Default: this home's own log, including "
            "what is not published.",
            show_default=False,
        ),
    ] = None,
    founding: Annotated[
        str | None,
        typer.Option("--founding", help="The founding pin you were told. Default: the one this home knows."),
    ] = None,
    chain_rpc: Annotated[
        str | None,
        typer.Option("--chain-rpc", help="Also ask this node of the chain about anchors and votes; for LOG only."),
    ] = None,
    no_chain: Annotated[bool, typer.Option("--no-chain", help="Do not ask the chain about anchors and votes.")] = False,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since",
            help="An earlier report (--json): the log must still extend it; signatures before it are not verified "
            "again.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", help="Where fetched files are kept.", show_default="~/.cache/carnet"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Continue from the files of an earlier audit, or fetch all anew."),
    ] = True,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check every hash, signature, standing, right, segment and anchor. Exit code 1 if anything does not hold.

    Exit code 3 if something that you asked for could not be checked, such as when the chain's node is behind.

    Fetched files are kept, so an interrupted audit continues where it stopped.
    """
    from api.cli.base.pin import parse_pin, told_pin
    from ledger.wiring.audit import audit_folder, audit_ledger, audit_url

    out, place = Out(json), used_home(home, log)
    former = _former(since) if since is not None else None
    pin = parse_pin(founding)
    if log is None and (chain_rpc is not None or cache is not None):
        raise Malformed("couldn't audit: --chain-rpc and --cache are for a log that others publish", code="usage")
    with out.progress("auditing") as bar:

        def progress(_what: str, done: int, total: int) -> None:
            bar(done, total)

        if log is None:
            report = audit_ledger(place, pin, chain=not no_chain, report=out.note, progress=progress, former=former)
        elif "://" in log:
            known = told_pin(pin, place, "audit", out)
            kept = (cache or _cache_folder()).expanduser() if resume else None
            report = audit_url(log, known, cache=kept, chain_rpc=chain_rpc, former=former, progress=progress)
        else:
            report = audit_folder(
                Path(log), told_pin(pin, place, "audit", out), chain_rpc=chain_rpc, former=former, progress=progress
            )
    asked = chain_rpc is not None if log is not None else not no_chain
    answer: dict[str, Any] = {**report.to_json(), "pin_given": pin is not None, "chain_asked": asked}
    out.answer(answer, _lines(report))
    if report.findings:
        raise typer.Exit(ExitCode.NO)
    if report.not_checked:
        raise typer.Exit(ExitCode.UNREACHABLE)


def _former(path: Path) -> Former:
    from verifier.audit.report import Former

    try:
        return Former.from_json(json_.loads(path.read_bytes()))
    except ValueError as error:
        raise Malformed(f"couldn't read {path}: {error}", code="report") from error


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "carnet"


def _lines(report: AuditReport) -> list[str]:
    checked = ", ".join(f"{number} {what}" for what, number in report.counts.items())
    lines = [f"{report.size} entries, root {report.root.hex()}", f"checked: {checked}"]
    for finding in report.findings[:SHOWN]:
        lines += [f"NO   {finding.at}: {finding.words} [{finding.code}]", f"     {finding.meaning}"]
    beyond = len(report.findings) + report.more - SHOWN
    if beyond > 0:
        lines.append(f"     … and {beyond} more; --json lists them")
    for doubt in report.not_checked:
        lines += [f"?    {doubt.at}: {doubt.words} [{doubt.code}]", f"     {doubt.meaning}"]
    lines += [f"note: {note}" for note in report.notes]
    return [*lines, _sum(report)]


def _sum(report: AuditReport) -> str:
    untold = f"{len(report.not_checked)} could not be checked" if report.not_checked else ""
    if report.findings:
        return f"{len(report.findings) + report.more} things do not hold{untold and ', ' + untold}"
    newest = report.ages.get("entry")
    until = f" up to {format_instant(newest)}, its newest entry" if newest is not None else ""
    return f"cannot be told: {untold}; what was checked holds" if untold else f"everything holds{until}"
