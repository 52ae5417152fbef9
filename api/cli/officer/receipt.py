"""carnet receipt: whether the promises that an officer's home holds were kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.base.options import HomeOption, JsonOption, ServerOption, TokenOption, open_home
from api.cli.base.output import ExitCode, Out, table
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused
from verifier.instant import MINUTE, format_instant

if TYPE_CHECKING:
    from api.cli.base.receipt_folder import ReceiptFolder
    from api.cli.base.receiving import Lookup
    from ledger.home import Home
    from verifier.record.founding import Founding
    from verifier.scan.receipt import ScanReceipt
    from verifier.scan.sent import Compared

app = typer.Typer(no_args_is_help=True, help="Receipts of scans: the operator's promises to seal them in the log.")

PUBLISHED_WITHIN = MINUTE
"""How long after its deadline a seal may take to reach the published log, in milliseconds."""
OPEN = ("pending", "other_ledger")
"""States in which no promise is broken."""


@app.callback()
def receipts() -> None:
    """Receipts of scans: the operator's promises to seal them in the log."""


@app.command()
def check(
    founding: Annotated[
        str | None, typer.Option("--founding", help="The founding pin, 64 hex digits, told by somebody you trust.")
    ] = None,
    server: ServerOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Look every receipt up in the published log and compare its content. Exit code 1 if anything is wrong.

    1. The promise: the seal holds the scan, in time. The evidence found is kept beside the receipt; `carnet verify`
    checks it without any server. 2. The scan: every field is compared with what this device sent and was told. 3. The
    answer: it is judged again from the log at the size that it names. Whatever cannot be compared is listed.
    """
    out, place = Out(json), open_home(home)
    rows = _rows(place, server, token, founding, out)
    broken = [row for row in rows if row["broken"]]
    answer = {"ok": not broken, "receipts": rows}
    out.answer(answer, _lines(rows))
    if broken:
        raise typer.Exit(ExitCode.NO)


def _rows(place: Home, server: str | None, token: str | None, founding: str | None, out: Out) -> list[dict[str, Any]]:
    from api.cli.base.connecting import connected, token_of
    from api.cli.base.receipt_folder import ReceiptFolder
    from api.cli.base.receiving import Lookup, founding_of
    from api.cli.officer.judged_again import judge_again

    folder = ReceiptFolder(place)
    found, rows = dict(folder.all()), [_worthless(name, path) for name, path in folder.refused()]
    rows += [_unreadable(name, error) for name, error in found.items() if isinstance(error, Malformed)]
    receipts = {name: receipt for name, receipt in found.items() if not isinstance(receipt, Malformed)}
    if not receipts:
        return rows
    url = server or place.settings.server
    if url is None:
        raise Malformed("couldn't check receipts: say which server gave them with --server URL", code="usage")
    with connected(place, url, token_of(place, token)) as remote:
        known = founding_of(place, remote, _pin(founding))
        lookup = Lookup(remote, known)
        seen = lookup.compare_head(folder)
        if seen.faults or seen.odd:
            words = "what the log shows now, beside what this home has seen of it"
            rows.append(_with(_plain("the log", None, "pending", words, None), seen))
        wrong = {name: why for name, receipt in receipts.items() if (why := _unsigned(receipt, known)) is not None}
        good = {name: receipt for name, receipt in receipts.items() if name not in wrong}
        judged = judge_again(remote, lookup, known, good)
        with out.progress("checking") as progress:
            for done, (name, receipt) in enumerate(receipts.items()):
                if name in wrong and receipt.log_id == known.log_id:
                    row = _plain(name, receipt, "refused", wrong[name], None, broken=True)
                else:
                    row = _row(folder, name, lookup, receipt, known.log_id, known.pin)
                more = _compared(folder, name, receipt, lookup) + judged[name] if name in good else None
                rows.append(_with(row, more))
                progress(done + 1, len(receipts))
    return rows


def _unsigned(receipt: ScanReceipt, founding: Founding) -> str | None:
    """Why a receipt is not this ledger's; None if the ledger's key signed it.

    A foreign receipt is not compared further.
    """
    from verifier.scan.receipt import verify_receipt

    try:
        verify_receipt(receipt, founding.log_id, founding.log_keys)
    except ProofInvalid as error:
        return str(error)
    return None


def _compared(folder: ReceiptFolder, name: str, receipt: ScanReceipt, lookup: Lookup) -> Compared:
    """Scan and promise against this device's record and the log."""
    from verifier.scan.sent import Compared, compare_promise, compare_scan

    try:
        sent = folder.sent(name)
    except Malformed as error:  # one damaged file ends nothing but what rests on it
        return Compared(open={"scan": str(error)}) + compare_promise(receipt, None, lookup.pace())
    return compare_scan(receipt, sent) + compare_promise(receipt, sent, lookup.pace())


def _with(row: dict[str, Any], compared: Compared | None) -> dict[str, Any]:
    """A row with what was compared; a contradiction makes it a broken one, whatever became of the promise."""
    from verifier.scan.sent import Compared

    more = (compared or Compared(open={"receipt": row["words"]})).to_json()
    return {**row, **more, "broken": row["broken"] or bool(more["faults"])}


def _worthless(name: str, path: Path) -> dict[str, Any]:
    words = f"the server gave a receipt that is worth nothing; it is kept in {path}"
    return _with(_plain(name, None, "refused", words, None, broken=True), None)


def _unreadable(name: str, error: Malformed) -> dict[str, Any]:
    return _with(_plain(name, None, "unreadable", str(error), None, broken=True), None)


def _row(
    folder: ReceiptFolder, name: str, lookup: Lookup, receipt: ScanReceipt, log_id: bytes, pin: bytes
) -> dict[str, Any]:
    """One receipt: 1. what is known already; 2. else what the log shows; 3. else whether its time is up."""
    from ledger.services.record.append import now_ms

    if receipt.log_id != log_id:
        return _plain(name, receipt, "other_ledger", "another ledger gave this receipt", None)
    raw = folder.evidence(name)  # 1
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
            folder.keep_evidence(name, raw)
    if state is None:  # 3
        late = now_ms() > receipt.deadline + PUBLISHED_WITHIN
        state, words = ("overdue", "its time is up, and the log does not show it") if late else ("pending", "not yet")
    return _plain(name, receipt, state, words, folder.evidence_file(name) if raw is not None else None)


def _state(raw: bytes, receipt: ScanReceipt, pin: bytes) -> str | None:
    """What a file of evidence shows of this very receipt; None when it shows nothing."""
    from verifier.scan.evidence import check_scan_evidence
    from verifier.scan.evidence_file import decode_scan_evidence

    report = check_scan_evidence(raw, pin=pin)
    try:
        if not report.ok or decode_scan_evidence(raw).receipt != receipt:
            return None
    except CarnetError:
        return None
    return str(report.shows["promise"]["state"])


def _plain(
    name: str, receipt: ScanReceipt | None, state: str, words: str, evidence: Path | None, *, broken: bool = False
) -> dict[str, Any]:
    return {
        "scan": name,
        "seal": str(receipt.seal) if receipt is not None else None,
        "deadline": format_instant(receipt.deadline) if receipt is not None else None,
        "state": state,
        "broken": broken or state not in (*OPEN, "kept"),
        "words": words,
        "evidence": str(evidence) if evidence is not None else None,
    }


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no receipts are kept here; `carnet scan --server URL` keeps one for each scan of a token"]
    shown = [(row["scan"], row["seal"] or "-", row["deadline"] or "-", _promise(row), _about(row)) for row in rows]
    lines = [*table(shown, ("scan", "seal", "deadline", "promise", "")), ""]
    lines += [f"{row['scan']}: {fault}" for row in rows for fault in row["faults"]]
    lines += [f"{row['scan']}: odd: {odd}" for row in rows for odd in row["odd"]]
    broken = sum(row["broken"] for row in rows)
    lines.append(f"{broken} of {len(rows)} promises are broken" if broken else f"no promise of {len(rows)} is broken")
    compared = dict.fromkeys(name for row in rows for name in row["compared"])
    if compared:
        lines.append(f"compared and the same: {', '.join(compared)}")
    return lines + _not_compared(rows)


def _not_compared(rows: list[dict[str, Any]]) -> list[str]:
    """What was not compared and why, each reason once, with how many receipts it concerns."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        for one in row["not_compared"]:
            found[one["what"], one["why"]] = found.get((one["what"], one["why"]), 0) + 1
    return [f"not compared: {what} ({why}), in {times} of {len(rows)}" for (what, why), times in found.items()]


def _promise(row: dict[str, Any]) -> str:
    return "BROKEN" if row["broken"] else str(row["state"])


def _about(row: dict[str, Any]) -> str:
    if row["faults"]:
        return f"{row['state']}; it is not what was sent or what the log says"
    return f"{row['state']}; evidence in {row['evidence']}" if row["evidence"] else str(row["words"])


def _pin(founding: str | None) -> str | None:
    from verifier.record.statement import check_hex

    if founding is None:
        return None
    text = founding.lower().removeprefix("0x")
    check_hex("founding", f"0x{text}", 32)
    return text
