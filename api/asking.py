"""Asking the ledger about one code, for either face: read, judge, show, and count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.advice import Face
from api.answer import repairs_of, view
from api.guard import charge
from api.site import Site, site
from ledger.services.append import now_ms
from ledger.services.scan import ScanInput
from ledger.services.token import Officer
from ledger.services.verification import PUBLIC_BATCH_LIMIT, Answer, Question
from verifier.facts import Context, Unit
from verifier.gs1 import Carrier
from verifier.instant import DAY, format_instant
from verifier.reading import ReadCode, Reading, read

MANY_BATCHES = 16
"""Batches of one product that are searched on the event loop: about a millisecond. More take a thread."""
SEARCHED_FOR_ONE = 64
"""Batches of one product that are searched for one request of a rate limit; each further 64 count as one more."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What an officer's device read: the reading, what bore it, and how sure the reading is."""

    reading: Reading
    carrier: Carrier = Carrier.TEXT
    machine_read: bool = False
    decodes: int = 1
    repairs: tuple[str, ...] = ()


def today() -> str:
    """The date in UTC, YYYY-MM-DD."""
    return _date(now_ms() // DAY)


@lru_cache(maxsize=2)
def _date(days: int) -> str:
    return format_instant(days * DAY)[:10]


def ask_publicly(here: Site, reading: Reading, carrier: Carrier = Carrier.TEXT) -> dict[str, Any]:
    """The public answer about a reading; a registered unit's look-up is counted. Raises Unavailable."""
    answer = here.ledger.verification.answer(Question(reading=reading, today=today()))
    _count(here, answer)
    here.metrics.answer(Face.PUBLIC.value, answer.judgement.verdict.value)
    return view(answer, Face.PUBLIC, here.makers, carrier=carrier)


async def ask_from_the_loop(request: Request, reading: Reading, carrier: Carrier = Carrier.TEXT) -> dict[str, Any]:
    """`ask_publicly` for routes: a product of many batches costs a search in each, and others must not wait for it."""
    here = site(request)
    if charge_search(request, reading) > MANY_BATCHES:
        return await run_in_threadpool(ask_publicly, here, reading, carrier)
    return ask_publicly(here, reading, carrier)


def charge_search(request: Request, reading: Reading) -> int:
    """Charge the caller for the batches that are searched; returns how many they are. Raises Denied.

    Before the search, and by the product alone: rate headers must not tell what was found.
    """
    batches = site(request).ledger.record.by_gtin.get(reading.code.gtin, ()) if isinstance(reading, ReadCode) else ()
    if len(batches) <= PUBLIC_BATCH_LIMIT:  # of more, none is searched
        charge(request, (len(batches) - 1) // SEARCHED_FOR_ONE)
    return len(batches)


def unread(here: Site, reading: Reading) -> Answer:
    """The judged answer for a text that is no code; nothing is looked up or counted."""
    return here.ledger.verification.answer(Question(reading=reading, today=today()))


def ask_as_officer(here: Site, scan: ScanInput, scanned: Scanned, officer: Officer) -> tuple[dict[str, Any], Answer]:
    """The officer's answer about a scan, which is kept with it; a scan sent twice gets its first answer again.

    `receipt` is the promise to seal it. Writes to the database: not for the event loop. Raises Refused
    (`scan_id_reused`), Unavailable.
    """
    answer = here.ledger.verification.answer(_question(scan, scanned))
    kept = here.ledger.scans.repeated(scan, officer)
    if kept is not None:
        return here.ledger.scans.answer(kept), answer
    leads_to = {
        repair.text: _leads_to(here, scan, scanned, repair.text) for repair in repairs_of(answer, scanned.carrier)
    }
    shown = view(answer, Face.OFFICER, here.makers, carrier=scanned.carrier, leads_to=leads_to)
    response = {**shown, "scan": {"id": scan.id, "recorded": True}}
    # If we stop after this line, the device finds its scan kept when it sends it again, with this very answer.
    stored = here.ledger.scans.record(scan, officer, answer, response, machine_read=scanned.machine_read)
    here.metrics.answer(Face.OFFICER.value, answer.judgement.verdict.value)
    return here.ledger.scans.answer(stored), answer


def _question(scan: ScanInput, scanned: Scanned) -> Question:
    return Question(
        reading=scanned.reading,
        today=format_instant(scan.scanned_at)[:10],
        context=scan.context,
        market=scan.country,
        officer=True,
        scan=scan.sighting(),
        machine_read=scanned.machine_read,
        decodes=scanned.decodes,
        repairs=scanned.repairs,
    )


def _leads_to(here: Site, scan: ScanInput, scanned: Scanned, text: str) -> str:
    """The verdict a repaired code would get; counted like any look-up."""
    reading = read(text, carrier=scanned.carrier, symbology=scanned.reading.symbology)
    question = Question(reading=reading, today=format_instant(scan.scanned_at)[:10], market=scan.country, officer=True)
    answer = here.ledger.verification.answer(question)
    _count(here, answer)
    return answer.judgement.verdict.value


def _count(here: Site, answer: Answer) -> None:
    if answer.facts.unit is Unit.PRESENT and answer.subject is not None:
        here.ledger.scans.count_lookup(answer.subject)


def contexts() -> Sequence[str]:
    """The contexts an officer can choose from."""
    return [context.value for context in Context]
