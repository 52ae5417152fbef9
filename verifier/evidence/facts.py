"""What checked evidence shows, as JSON values: the batch, the unit, the anchor; adverse facts beside the others."""

from __future__ import annotations

from typing import Any

from verifier.evidence.file import AnchorProof, UnitProof
from verifier.evidence.index import IndexPart
from verifier.evidence.unit import retired_state
from verifier.instant import SECOND, format_instant
from verifier.record.batch import Batch, RetireReason
from verifier.record.excerpt import Excerpt
from verifier.record.head import Head
from verifier.record.independence import independence
from verifier.record.participant import Standing
from verifier.record.sealed_index import SealedIndex

NOT_CHECKED = "not_checked"
"""What is said of a standing that looks good, where a decision may have been left out."""


def batch_facts(batch: Batch, standing: Standing, *, checked: bool) -> dict[str, Any]:
    """A batch as the entries shown leave it. `checked`: that no decision about people was left out was shown."""
    recall = batch.recall.current
    return {
        "id": "0x" + batch.id.hex(),
        "entry": batch.index,
        "gtin": batch.gtin,
        "lot": batch.lot,
        "unit_count": batch.unit_count,
        "markets": list(batch.markets),
        "expires": batch.expires,
        "recorded_at": format_instant(batch.recorded_at),
        "maker": batch.maker,
        **_maker_facts(batch, standing, checked=checked),
        "withdrawn": batch.withdrawn,
        "recall": {
            "entry": recall.index,
            "at": format_instant(recall.recorded_at),
            "reason": recall.body["reason"],
            "notice": recall.body["noticeUrl"] or None,
        }
        if recall
        else None,
        "retired": {
            reason.name.lower(): int(change.body["unitCount"])
            for reason in RetireReason
            if (change := batch.retired[reason].current)
        },
    }


def _maker_facts(batch: Batch, standing: Standing, *, checked: bool) -> dict[str, Any]:
    """The maker's standing. What speaks against it is said in any case, what speaks for it only where it is checked."""
    maker = standing.participants[batch.maker]
    suspension = maker.suspension
    holds = standing.holder(batch.gtin) == batch.maker
    while_suspended = maker.suspended_at(batch.recorded_at) is not None
    since = (
        {"kind": suspension.kind.name.lower(), "since": format_instant(suspension.effective_at)} if suspension else None
    )
    return {
        "maker_country": maker.country,
        "maker_standing": "complete" if checked else NOT_CHECKED,
        "maker_suspended": since or (None if checked else NOT_CHECKED),
        "registered_while_suspended": while_suspended or (False if checked else NOT_CHECKED),
        "maker_holds_prefix": False if not holds else (True if checked else NOT_CHECKED),
    }


def unit_facts(unit: UnitProof, batch: Batch, blind_unknown: bool) -> dict[str, Any]:
    """A unit: present, absent, or not_proved where absence rests on the operator's word."""
    state = "present" if unit.membership is not None else "not_proved" if blind_unknown else "absent"
    return {
        "gtin": unit.gtin,
        "lot": unit.lot,
        "serial": unit.serial,
        "state": state,
        "retired": retired_state(unit, batch, blind_unknown),
    }


def index_facts(part: IndexPart, sealed: SealedIndex, excerpt: Excerpt, *, told: bool) -> dict[str, Any]:
    """What is complete about the goods, up to which size, and who confirmed the index that this rests on.

    `told`: whether every decision about those who confirmed is shown. If not, nothing favourable is said: the one that
    takes a confirmer's right may be left out.
    """
    if part.lot is not None:
        batch = excerpt.by_lot.get((part.gtin, part.lot))
        batches = [batch] if batch is not None else []
    else:
        batches = list(excerpt.by_gtin.get(part.gtin, ()))
    who = independence(excerpt.standing, sealed)
    known = any(batch.index < part.complete_to for batch in batches)
    adverse = any(batch.recall.current is not None or batch.withdrawn for batch in batches)
    # An undo beyond that says that there was a recall, and does not say that none came after it.
    adverse = adverse or any(batch.index < part.complete_to <= batch.favoured for batch in batches)
    return {
        "gtin": part.gtin,
        "lot": part.lot,
        "sealed_in": sealed.index,
        "confirmed_by": [one.to_json() for one in who.confirmers],
        "independent": who.shown if told else NOT_CHECKED,
        "complete_to": part.complete_to,
        "no_recall_up_to": part.complete_to if told and known and not adverse else None,
        "lot_absent_up_to": part.complete_to if told and not batches else None,
    }


def witness_facts(head: Head, quorum_at: int | None) -> dict[str, Any]:
    """Who cosigned the head and when, by the names of the policy; `quorum_at` in POSIX seconds."""
    return {
        "cosigned": {name: format_instant(time * SECOND) for name, time in sorted(head.times.items())},
        "quorum_at": format_instant(quorum_at * SECOND) if quorum_at is not None else None,
    }


def anchor_facts(anchor: AnchorProof, *, asked: bool) -> dict[str, Any]:
    """An anchor, and whether the verifier's own node was asked about it."""
    return {
        "size": anchor.size,
        "root": "0x" + anchor.root.hex(),
        "transaction": anchor.transaction,
        "block_number": anchor.block_number,
        "block_hash": anchor.block_hash,
        "seen_on_chain": asked,
    }
