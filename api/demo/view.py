"""The present state of the ledger as plain values for the page's templates."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from api.answer.advice import Face
from api.answer.answer import view
from api.answer.makers import Makers
from api.asking.asking import ask as answer_of
from api.demo import atlas
from api.demo.cast import BATCHES, COUNTRIES, MOMBASA, PORTS, SANTOS, Batch, Place
from api.demo.commands import commands
from api.demo.readiness import ask
from api.demo.stage import Stage
from api.demo.story import CASES, Case
from api.question.told import Symbol, Told, understand
from ledger.services.record.append import now_ms
from ledger.services.scans.verification import Answer
from ledger.services.units.label import LabelKind, render
from verifier.instant import DAY, MINUTE
from verifier.reading.gs1 import Carrier
from verifier.verdict.behaviour import Sighting
from verifier.verdict.reason import CAVEAT, shown_as

MOST_EVENTS = 4
"""Events shown at one station."""

_PORTS = {place.unlocode: place for place in PORTS}


def live(stage: Stage) -> dict[str, Any]:
    """The part of the page that changes by itself."""
    label = stage.state.label
    link = label.link(stage.link_base)
    answer = answer_of(stage.ledger, understand(Told((Symbol(link, Carrier.QR),))))
    shown = view(answer, Face.PUBLIC, Makers(stage.ledger.participants))
    return {
        "label": {
            "product": next(plan.product for plan in BATCHES if plan.batch is Batch.HERO),
            "svg": label_svg(link),
            "path": label.path,
            "serial": label.serial,
        },
        "answer": shown,
        "because": _because(shown),
        "says": _who_says_so(stage, answer),
        "stations": _stations(stage, answer),
        "map": _map(answer),
        "phone": stage.phone.url,
        "copied": stage.state.copied,
    }


def still(stage: Stage) -> dict[str, Any]:
    """The part that stays: cases, links, names."""
    cases = [
        {
            "slug": case.slug,
            "title": case.title,
            "tale": case.tale,
            "verdict": case.verdict.value,
            "shown_as": shown_as(case.verdict, case.reasons),
            "asked": _asked(case),
        }
        for case in CASES
    ]
    founding = stage.ledger.founding
    return {
        "cases": cases,
        "caveat": CAVEAT,
        "countries": COUNTRIES,
        "origin": founding.origin,
        "pin": founding.pin.hex(),
        "commands": commands(stage),
        "base_url": stage.base_url,
    }


def asked(stage: Stage, case: Case) -> dict[str, Any]:
    """A planted case and its answer, as an officer or as anybody gets it. Nothing is counted."""
    code = stage.state.text(case.slug, stage.base_url)
    face = Face.OFFICER if case.place else Face.PUBLIC
    answer = ask(stage.ledger, case, code)
    return {
        "case": case,
        "asked": _asked(case),
        "answer": view(answer, face, Makers(stage.ledger.participants)),
        "code": code,
        "base_url": stage.base_url,
    }


def _asked(case: Case) -> str:
    return f"as an officer in {case.place.name}, {case.context.value}" if case.place else ""


@lru_cache(maxsize=64)
def label_svg(link: str) -> str:
    """A label as SVG, read back before it is shown."""
    return render(link, LabelKind.SVG).decode()


def ago(ms: int) -> str:
    """When something was, as people say it."""
    passed = now_ms() - ms
    if passed < 90_000:
        return "just now" if passed < 20_000 else "a minute ago"
    if passed < 60 * MINUTE:
        return f"{passed // MINUTE} minutes ago"
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"today {at:%H:%M} UTC" if passed < DAY else f"{at.day} {at:%b}, {at:%H:%M} UTC"


def since(ms: int) -> str:
    """Like `ago`, but to ten seconds, since seconds matter for witnesses."""
    seconds = max(0, now_ms() - ms) // 1000
    return f"{seconds // 10 * 10 or 'a few'} seconds ago" if seconds < 90 else ago(ms)


def _because(shown: dict[str, Any]) -> str:
    """The strongest reason in a sentence, or what a registered code means."""
    strongest = shown["reasons"][0]
    if strongest["tier"] == "info":
        return "Its maker registered this code, and no officer's scan, recall or report speaks against it."
    cause = strongest["evidence"].get("cause")
    return f"{strongest['text']} Cause: {cause}." if cause else str(strongest["text"])


def _who_says_so(stage: Stage, answer: Answer) -> list[dict[str, str]]:
    """Who vouches for the answer: the maker, the countries, the contract; never the operator."""
    batch = answer.batches[0]
    maker = stage.ledger.participants.describe(batch.maker)
    anchor = stage.ledger.anchoring.final() if stage.ledger.anchoring else None
    size = f"{anchor.size} entries in block {anchor.block_number}" if anchor else "not yet"
    as_of = answer.as_of
    seen = f"witnessed the log's first {as_of.witnessed_size} entries {since(as_of.witnessed_at or 0)}"
    return [
        {"who": maker["name"] or "The maker", "what": f"signed the batch, entry {batch.index} of the log"},
        {
            "who": "Two of three countries",
            "what": f"admitted {maker['name'] or 'the maker'}, by signatures anybody can check",
        },
        {
            "who": "Customs of Kenya and Brazil",
            "what": seen if as_of.witnessed_size else "have not seen the log yet",
        },
        {"who": "A contract on a chain", "what": f"holds the log's head: {size}. The operator cannot take it back"},
    ]


def _stations(stage: Stage, answer: Answer) -> list[dict[str, Any]]:
    batch, sightings = answer.batches[0], sorted(answer.facts.sightings, key=lambda s: -s.scanned_at)
    maker = [
        {"when": ago(batch.recorded_at), "what": f"{batch.unit_count} units registered in lot {batch.lot}", "kind": ""},
    ]
    ports = [
        {
            "when": ago(s.scanned_at),
            "what": f"Officer in {port.name if (port := _port(s.place)) else s.place or 'a port'}",
            "kind": "odd" if _port(s.place) is SANTOS else "",
        }
        for s in sightings
    ]
    return [
        {"kind": "maker", "title": "Maker", "place": "Groningen, Netherlands", "events": maker},
        {"kind": "port", "title": "Port", "place": _port_names(sightings), "events": ports[:MOST_EVENTS]},
        {
            "kind": "street",
            "title": "Street",
            "place": "Nairobi, Kenya",
            "events": _street(stage, answer)[:MOST_EVENTS],
        },
    ]


def _port(unlocode: str | None) -> Place | None:
    """A port of the cast; UN/LOCODEs are kept with their space."""
    return _PORTS.get((unlocode or "").replace(" ", ""))


def _port_names(sightings: list[Sighting]) -> str:
    return "Mombasa, and Santos" if any(_port(s.place) is SANTOS for s in sightings) else "Mombasa, Kenya"


def _street(stage: Stage, answer: Answer) -> list[dict[str, str]]:
    """Look-ups seen since the start one by one, newest first, and a sum of those before."""
    path = stage.state.label.path.partition("?")[0]
    recent = stage.lookups.of(path)
    events = [
        {
            "when": ago(one.at),
            "what": "A phone on your network looked it up" if one.phone else "Looked up from this computer",
            "kind": "new",
        }
        for one in recent
    ]
    earlier = answer.facts.public_lookups - len(recent)
    if earlier > 0:
        events.append(
            {"when": "earlier", "what": f"Looked up {earlier} times" if earlier > 1 else "Looked up once", "kind": ""}
        )
    return events or [{"when": "", "what": "Nobody has looked it up yet. Open it, or scan it.", "kind": "empty"}]


def _map(answer: Answer) -> dict[str, Any]:
    copied = any(_port(s.place) is SANTOS for s in answer.facts.sightings)
    leap = None
    for reason in answer.judgement.reasons:
        if reason.code == "impossible_travel":
            last = reason.evidence["leaps"][-1]
            time = f"{last['minutes']} minutes" if last["minutes"] else "the same minute"
            words = f"{last['distance_km']:,} km in {time}".replace(",", "\u202f")
            ends = [_port(last[end]["place"]) or MOMBASA for end in ("from", "to")]
            leap = atlas.leap(ends[0], ends[1], words)
    return {
        "width": atlas.WIDTH,
        "height": atlas.HEIGHT,
        "land": atlas.land(),
        "route": atlas.route(),
        "stations": atlas.stations(),
        "other": atlas.mark(SANTOS, "odd") if copied else None,
        "leap": leap,
    }
