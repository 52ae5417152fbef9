"""Signed statements over HTTP: read from a body, answered with a receipt and its proof."""

from __future__ import annotations

import base64
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answer.schema import ReceiptOut, StatementIn
from api.description.examples import problems
from api.http.reply import reply
from api.site.site import Site
from ledger.services.record.append import Receipt
from verifier.instant import format_instant
from verifier.record.statement import Statement, parse_statement

OWN = ("statement", "kind", "actor", "signature")
"""Fields of the statement itself; all others belong to its body."""
RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {"model": ReceiptOut, "description": "The statement is in the log already: its first receipt."},
    201: {"model": ReceiptOut, "description": "Durable, in the log, and under a signed checkpoint."},
    **problems("malformed", "not_entitled", "statement_id_reused", "refused", "rate_limited", "stopped"),
}
"""The responses of a route that takes statements."""


def statement_in(given: StatementIn) -> Statement:
    """The statement in a body, checked against its struct. Raises Malformed."""
    return parse_statement(given.model_dump())


async def receipt_reply(here: Site, receipt: Receipt, batch_id: str | None) -> Response:
    """A receipt with the proof of its entry; 200 for a statement that was in the log already."""
    proof = await run_in_threadpool(here.ledger.proofs.for_entry, receipt.index)
    body = {
        "entry": receipt.index,
        "leaf": "0x" + receipt.leaf.hex(),
        "log_size": receipt.size,
        "recorded_at": format_instant(receipt.recorded_at),
        "duplicate": receipt.duplicate,
        "batch": batch_id,
        "proof": f"/v1/proofs/entries/{receipt.index}",
        "tlog_proof": base64.b64encode(proof).decode(),
    }
    location = f"/v1/batches/{batch_id}" if batch_id else body["proof"]
    return reply(body, 200 if receipt.duplicate else 201, {"Location": str(location)})
