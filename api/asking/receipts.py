"""The state of the receipts of an officer's scans, as JSON: pending, or sealed with the proof of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from api.site.site import Site
from ledger.services.record.append import now_ms
from ledger.services.scans.scan import StoredScan
from ledger.services.scans.token import Caller, Scope
from verifier import canonical
from verifier.errors import NotFound, Unavailable
from verifier.instant import format_instant

PENDING = ("pending", "overdue")
"""States of a promise without a seal: before the deadline, and after it."""


def receipt_state(here: Site, scan_id: str, who: Caller) -> dict[str, Any]:
    """The receipt of a scan and its state; `evidence` is null while there is no seal.

    Raises NotFound (`scan_unknown`, for others' scans as well; `receipt_none`), ProofInvalid (`scan_unsealed`),
    Unavailable.
    """
    stored = here.ledger.scans.find(scan_id)
    if stored is None or not (stored.belongs_to(who.officer) or Scope.ADMIN in who.scopes):
        raise NotFound(f"couldn't find scan {scan_id[:40]}: none of yours has this id", code="scan_unknown")
    if stored.seal is None or stored.deadline is None:
        raise NotFound(f"couldn't give a receipt: nobody promised to seal scan {stored.id}", code="receipt_none")
    seals, proofs = here.ledger.seals, here.ledger.seal_proofs
    receipt = seals.receipt(stored) if seals is not None else None
    if receipt is None or proofs is None:
        raise Unavailable("couldn't give a receipt: this server does not write the ledger", code="read_only")
    state = proofs.state(stored.seal, stored.leaf, stored.deadline, now_ms())
    sealed = proofs.sealed(stored.seal) is not None
    evidence = canonical.decode(proofs.evidence(receipt)) if sealed else None
    return {"state": state or "pending", "receipt": receipt.to_json(), "evidence": evidence}


def retry_after(here: Site) -> int:
    """Seconds after which it makes sense to ask again: the cadence of seals."""
    return max(1, math.ceil(here.ledger.seals.cadence)) if here.ledger.seals is not None else 1


def earlier_scans(here: Site, ids: Iterable[str], who: Caller) -> list[dict[str, Any]]:
    """Scans of an officer for a page: id, code, answer, deadline, and the state of the promise.

    Ids that are unknown, of others or without a promise are left out.
    """
    return [_shown(here, stored) for scan_id in ids if (stored := _own(here, scan_id, who)) is not None]


def named(code: Mapping[str, Any]) -> str:
    """A code in words for a line of a list: what it names, or the text as read if it names nothing."""
    parts = (code["gtin"], code["lot"], code["serial"])
    return " \u00b7 ".join(part for part in parts if part) or str(code["read"])


def _own(here: Site, scan_id: str, who: Caller) -> StoredScan | None:
    stored = here.ledger.scans.find(scan_id)
    return stored if stored is not None and stored.belongs_to(who.officer) and stored.seal is not None else None


def _shown(here: Site, stored: StoredScan) -> dict[str, Any]:
    return {
        "id": stored.id,
        "code": named(stored.response["code"]),
        "verdict": stored.response["verdict"],
        "shown_as": stored.response["shown_as"],
        "deadline": format_instant(stored.deadline or 0),
        "state": _state(here, stored),
    }


def _state(here: Site, stored: StoredScan) -> str:
    """The state of a promise; `unknown` if it can't be read just now, which does not count as broken."""
    proofs = here.ledger.seal_proofs
    try:
        if proofs is None or stored.seal is None or stored.deadline is None:
            return "unknown"
        return proofs.state(stored.seal, stored.leaf, stored.deadline, now_ms()) or "pending"
    except Unavailable:
        return "unknown"
