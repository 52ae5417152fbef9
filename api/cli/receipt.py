"""carnet receipt: what became of the promises that an officer's home holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import HomeOption, JsonOption, ServerOption, TokenOption, open_home
from api.cli.output import ExitCode, Out, table
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused
from verifier.instant import MINUTE, format_instant

if TYPE_CHECKING:
    from api.cli.receiving import Lookup
    from ledger.home import Home
    from verifier.scan_receipt import ScanReceipt

app = typer.Typer(no_args_is_help=True, help="Receipts of scans: the operator's promises to seal them in the log.")

PUBLISHED_WITHIN = MINUTE
"""How long after its deadline a seal may still be on its way into the published log, in milliseconds."""
OPEN = ("pending", "other_ledger")
"""States in which no promise is broken."""


@app.callback()
def receipts() -> None:
    """Receipts of scans: the operator's promises to seal them in the log."""


@app.command()
def check(
    founding: Annotated[
        str | None, typer.Option("--founding", help="The founding pin, 64 hex digits, as somebody you trust told you.")
    ] = None,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Look every receipt up in the published log. Exit code 1 if any promise is broken.

    What is found is kept beside the receipt as evidence, which `carnet verify` checks without any server.
    """
    out, place = Out(json), open_home(home)
    rows = _rows(place, server, token, founding, out)
    broken = [row for row in rows if row["broken"]]
    answer = {"ok": not broken, "receipts": rows}
    out.answer(answer, _lines(rows))
    if broken:
        raise typer.Exit(ExitCode.NO)


def _rows(place: Home, server: str | None, token: str | None, founding: str | None, out: Out) -> list[dict[str, Any]]:
    from api.cli.receipt_folder import ReceiptFolder
    from api.cli.receiving import Lookup, founding_of
    from api.cli.remote import Remote

    receipts = list(ReceiptFolder(place).all())
    if not receipts:
        return []
    url = server or place.settings.server
    if url is None:
        raise Malformed("couldn't check receipts: say which server gave them with --server URL", code="usage")
    kept = place.settings.token
    with Remote(url, token or (kept.get_secret_value() if kept else None)) as remote:
        known = founding_of(place, remote, _pin(founding))
        lookup = Lookup(remote, known)
        rows = []
        with out.progress("checking") as progress:
            for done, receipt in enumerate(receipts):
                rows.append(_row(place, lookup, receipt, known.log_id, known.pin))
                progress(done + 1, len(receipts))
    return rows


def _row(place: Home, lookup: Lookup, receipt: ScanReceipt, log_id: bytes, pin: bytes) -> dict[str, Any]:
    """One receipt: 1. what is known already; 2. else what the log shows; 3. else whether its time is up."""
    from api.cli.receipt_folder import ReceiptFolder
    from ledger.services.append import now_ms

    if receipt.log_id != log_id:
        return _shown(receipt, "other_ledger", "another ledger gave this receipt", None)
    folder = ReceiptFolder(place)
    raw = folder.evidence(receipt.id)  # 1
    state = _state(raw, receipt, pin) if raw is not None else None
    words = "found before"
    if state is None:
        try:
            raw = lookup.evidence(receipt)  # 2
            state = _state(raw, receipt, pin) if raw is not None else None
            words = "looked up just now"
        except (NotFound, ProofInvalid, Malformed, Refused) as error:
            raw, words = None, str(error)
            state = "pending" if now_ms() <= receipt.deadline else "withheld"
        if raw is not None:
            folder.keep_evidence(receipt.id, raw)
    if state is None:  # 3
        late = now_ms() > receipt.deadline + PUBLISHED_WITHIN
        state, words = ("overdue", "its time is up, and the log does not show it") if late else ("pending", "not yet")
    return _shown(receipt, state, words, folder.evidence_file(receipt.id) if raw is not None else None)


def _state(raw: bytes, receipt: ScanReceipt, pin: bytes) -> str | None:
    """What a file of evidence shows of this very receipt; None when it shows nothing."""
    from verifier.scan_evidence import check_scan_evidence
    from verifier.scan_evidence_file import decode_scan_evidence

    report = check_scan_evidence(raw, pin=pin)
    try:
        if not report.ok or decode_scan_evidence(raw).receipt != receipt:
            return None
    except CarnetError:
        return None
    return str(report.shows["promise"]["state"])


def _shown(receipt: ScanReceipt, state: str, words: str, evidence: Path | None) -> dict[str, Any]:
    return {
        "scan": receipt.id,
        "seal": str(receipt.seal),
        "deadline": format_instant(receipt.deadline),
        "state": state,
        "broken": state not in (*OPEN, "kept"),
        "words": words,
        "evidence": str(evidence) if evidence is not None else None,
    }


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no receipts are kept here; `carnet scan --server URL` keeps one for each scan of a token"]
    shown = [
        (row["scan"], row["seal"], row["deadline"], "BROKEN" if row["broken"] else row["state"], _about(row))
        for row in rows
    ]
    broken = sum(row["broken"] for row in rows)
    end = f"{broken} of {len(rows)} promises are broken" if broken else f"no promise of {len(rows)} is broken"
    return [*table(shown, ("scan", "seal", "deadline", "promise", "")), "", end]


def _about(row: dict[str, Any]) -> str:
    return f"{row['state']}; evidence in {row['evidence']}" if row["evidence"] else str(row["words"])


def _pin(founding: str | None) -> str | None:
    from verifier.statement import check_hex

    if founding is None:
        return None
    text = founding.lower().removeprefix("0x")
    check_hex("founding", f"0x{text}", 32)
    return text
