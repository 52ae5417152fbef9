"""The four buttons. Each does the real thing and returns what its panel shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.demo.copying import Copied, copy_label
from api.demo.own import parse_lines, register_own
from api.demo.phone import CLOSED, EXPOSED
from api.demo.rewrite import Rewritten, rewrite
from api.demo.stage import Stage
from verifier.record.statement import Kind


async def let_phone_in(stage: Stage) -> Mapping[str, Any]:
    """Open the network listener; the codes on the page name it from now on. Raises Unavailable."""
    url = await stage.phone.open(stage.public_app, stage.phone_host)
    return {"url": url, "exposed": EXPOSED, "closed": CLOSED}


async def copy_the_label(stage: Stage) -> Mapping[str, Any]:
    """Have two officers scan the label on the page in two ports. Raises Unavailable."""
    label = stage.state.label
    async with stage.client() as client:
        copied = await copy_label(client, stage.ledger.tokens, label.link(stage.base_url))
    stage.keep(replace(stage.state, copied=True))
    return {"scans": _scans(copied), "leap": copied.leap, "serial": label.serial}


async def rewrite_history(stage: Stage) -> Mapping[str, Any]:
    """Forge the log on a copy and try to anchor it. Raises Unavailable, Refused, NotFound."""
    done = await run_in_threadpool(rewrite, stage.ledger, stage.state, lambda _folder: None, stage.witnesses.each)
    return _rewritten(done)


async def use_serials(stage: Stage, text: str) -> Mapping[str, Any]:
    """Register the pasted serials as a batch and make their labels. Raises Malformed, Refused."""
    own = await run_in_threadpool(register_own, stage.ledger, parse_lines(text))
    stage.own[own.run.lot] = own
    labels = await run_in_threadpool(own.svgs, stage.link_base)
    links = own.links(stage.link_base)
    return {
        "lot": own.run.lot,
        "gtin": own.run.gtin,
        "batch": "0x" + own.receipt.leaf.hex(),
        "entry": own.receipt.index,
        "labels": [{"svg": svg, "link": link} for svg, link in zip(labels, links, strict=True)],
    }


def _scans(copied: Copied) -> list[dict[str, Any]]:
    return [
        {
            "place": scan.place.name,
            "verdict": scan.answer["verdict"],
            "shown_as": scan.answer["shown_as"],
            "because": _because(scan.answer),
        }
        for scan in (copied.first, copied.second)
    ]


def _because(answer: Mapping[str, Any]) -> str:
    """The reason that matters here: the copy, else the strongest one."""
    against = [reason for reason in answer["reasons"] if reason["tier"] != "info"]
    against.sort(key=lambda reason: reason["code"] != "impossible_travel")
    return str(against[0]["text"]) if against else "Nothing against it."


def _rewritten(done: Rewritten) -> dict[str, Any]:
    forged = done.forged
    return {
        "at": forged.at,
        "before": _words(forged.true.kind, forged.true.body),
        "after": _words(forged.false.kind, forged.false.body),
        "signatures": forged.signatures,
        "rewritten": len(forged.entries) - forged.at,
        "answer_before": done.answer_before,
        "answer_after": done.answer_after,
        "refusal": done.refusal,
        "size": done.head.size,
        "root": "0x" + done.head.root.hex(),
        "forged_size": done.forged_head.size,
        "forged_root": "0x" + done.forged_head.root.hex(),
        "proof_fails": done.proof_fails,
        "heads_differ": done.heads_differ,
        "witnesses": done.witnesses,
    }


def _words(kind: Kind, body: Mapping[str, Any]) -> str:
    """An entry in a few words."""
    match kind:
        case Kind.BATCH_RECALLED:
            return f"batch recalled: {body['reason']}"
        case Kind.UNITS_RETIRED:
            return f"{body['unitCount']} units of another batch sold"
        case _:
            return kind.value.replace("_", " ")
