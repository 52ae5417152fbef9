"""Judging receipts' answers again. The published log is folded once, up to each size that an answer names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.errors import CarnetError
from verifier.evidence.evidence import check_evidence
from verifier.record.founding import Founding
from verifier.record.published import PublishedRecord
from verifier.scan.judged import GROUP, Place, compare_answer
from verifier.scan.receipt import ScanReceipt
from verifier.scan.said import Said, said_about, size_of
from verifier.scan.sent import Compared
from verifier.tree.checked_tiles import CheckedTiles

if TYPE_CHECKING:
    from api.cli.base.receiving import Lookup
    from api.cli.base.remote import Remote

ENTRIES_MAX = 100_000
"""Entries folded at most: about a minute, and 100 MB from the server. Whoever keeps a copy can go on from there."""


def judge_again(
    remote: Remote, lookup: Lookup, founding: Founding, receipts: Mapping[str, ScanReceipt]
) -> dict[str, Compared]:
    """Each receipt's answer, by its id, compared with what the log says at the size that it names.

    What can't be compared is open with its reason; an error of the log or the server ends nothing but this.
    """
    found, sizes = {}, {}
    for name, receipt in receipts.items():
        size = size_of(receipt)
        if size is None or size > lookup.head.size:
            found[name] = _open(f"the published log ends at {lookup.head.size}, the answer names {size}")
        elif size > ENTRIES_MAX:
            found[name] = _open(f"{size} entries are more than are read here ({ENTRIES_MAX}); a copy can tell")
        else:
            sizes[name] = size
    try:
        said = _said(lookup, {name: receipts[name] for name in sizes}, sizes)
    except CarnetError as error:
        return found | {name: _open(f"the log can't be read as one ({error}); audit it") for name in sizes}
    places = {
        name: _place(remote, founding, str(receipts[name].fields["code"]), soon) for name, (_, soon) in said.items()
    }
    for name, (then, soon) in said.items():
        found[name] = compare_answer(receipts[name], then, soon, *places[name])
    accused = {name: said[name][0] for name in said if found[name].faults}
    return found | _looked_at_again(lookup, receipts, accused, places)


def _looked_at_again(
    lookup: Lookup,
    receipts: Mapping[str, ScanReceipt],
    accused: Mapping[str, Said],
    places: Mapping[str, tuple[Place | None, str]],
) -> dict[str, Compared]:
    """Those of the accused that are right at some size in between: what came in and was undone again was true as well.

    `accused`: what the log says at the size that each answer names.
    """
    cleared: dict[str, Compared] = {}
    if not accused:
        return cleared
    head = lookup.head
    record = PublishedRecord(CheckedTiles(lookup.tile, head.size, head.root).bundle)
    stops = [(at, name) for name, then in accused.items() for at in range(then.size, min(then.size + GROUP, head.size))]
    seen: dict[str, tuple[int, ...]] = {}
    for size, name in sorted(stops):
        then = accused[name]
        record.fold_to(size)
        batches = record.by_gtin.get(then.code.gtin, ()) if then.code is not None else ()
        state = (record.standing.sequence, *(len(batch.history) for batch in batches))
        if name in cleared or seen.get(name) == state:
            continue
        seen[name] = state
        compared = compare_answer(receipts[name], then, said_about(record, receipts[name]), *places[name])
        if not compared.faults:
            cleared[name] = compared
    return cleared


def _said(
    lookup: Lookup, receipts: Mapping[str, ScanReceipt], sizes: Mapping[str, int]
) -> dict[str, tuple[Said, Said]]:
    """What the log says at each size, and a little later, in one pass."""
    then: dict[str, Said] = {}
    soon: dict[str, Said] = {}
    head = lookup.head
    record = PublishedRecord(CheckedTiles(lookup.tile, head.size, head.root).bundle)
    stops = [(size, 0, name) for name, size in sizes.items()]
    stops += [(min(size + GROUP, head.size), 1, name) for name, size in sizes.items()]
    for size, late, name in sorted(stops):
        record.fold_to(size)
        (soon if late else then)[name] = said_about(record, receipts[name])
    return {name: (then[name], soon[name]) for name in sizes}


def _place(remote: Remote, founding: Founding, text: str, said: Said) -> tuple[Place | None, str]:
    """Where the server's proof shows the unit; the proof is checked from the pin alone.

    The server is asked whatever the answer claimed. A unit found in another lot than printed is proved in that lot.
    Only a proof about the printed lot shows that the unit is absent from it.
    A proof of another history than this log's shows nothing.
    """
    code = said.code
    if code is None or code.serial is None or not said.lots:
        return None, ""
    code = replace(code, signature=None)  # the question is where the unit is, not who printed its label
    try:
        raw = remote.get_bytes("/v1/proofs/units", {"code": text.strip()})
    except CarnetError as error:
        return None, f"the server gives no proof of it ({error})"
    report = check_evidence(raw, pin=founding.pin, code=code, unwitnessed=True)
    elsewhere = report.failed is not None and report.failed.step == "code"
    if elsewhere:
        report = check_evidence(raw, pin=founding.pin, code=replace(code, lot=None), unwitnessed=True)
    unit, batch = report.shows.get("unit"), report.shows.get("batch")
    if not report.ok or unit is None:
        if report.paused is not None and report.failed is None:
            return None, f"this program is older than the ledger's rules ({report.paused})"
        step = report.failed.step if report.failed else report.unproved or "unit"
        return None, f"the server's proof of it does not hold (at {step!r})"
    lot = said.lots.get(batch["entry"]) if batch is not None else None
    if batch is not None and batch["entry"] < said.size and (lot is None or batch["id"] != "0x" + lot.batch.hex()):
        return None, "the server's proof of it is of another history than its log; audit it"
    if batch is not None and unit["state"] == "present":
        return Place(batch["entry"]), ""
    return (None, "the server's proof is about another lot") if elsewhere or code.lot is None else (Place(None), "")


def _open(why: str) -> Compared:
    return Compared(open={"verdict": why})
