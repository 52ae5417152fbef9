"""Asking a ledger about a device's report: one way for every face. Understand, judge, show, and count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.answer.advice import Face
from api.answer.answer import Lead, repairs_of, view
from api.answer.makers import Makers
from api.answer.public import public
from api.guard.guard import charge
from api.question.told import Told, understand
from api.site.site import Site, site
from ledger.services.scans.question import Question
from ledger.services.scans.scan import ScanInput
from ledger.services.scans.token import Officer
from ledger.services.scans.verification import PUBLIC_BATCH_LIMIT, Answer
from verifier.reading.reading import ReadCode, Reading
from verifier.verdict.facts import Unit
from verifier.verdict.reason import shown_as

if TYPE_CHECKING:
    from ledger.opened import Ledger

MANY_BATCHES = 16
"""Batches of one product that are searched on the event loop: about a millisecond. More take a thread."""
SEARCHED_FOR_ONE = 64
"""Batches of one product that are searched for one request of a rate limit; each further 64 count as one more."""


def ask(ledger: Ledger, question: Question) -> Answer:
    """The one judged answer; each face shows its part of it. Nothing is counted. Raises Unavailable."""
    return ledger.verification.answer(question)


def ask_publicly(here: Site, question: Question) -> dict[str, Any]:
    """The public's part of the answer; a registered unit's look-up is counted. Raises Unavailable."""
    answer = public(ask(here.ledger, question))
    _count(here.ledger, answer)
    here.metrics.answer(Face.PUBLIC.value, answer.judgement.verdict.value)
    return view(answer, Face.PUBLIC, here.makers)


async def ask_from_the_loop(request: Request, question: Question) -> dict[str, Any]:
    """`ask_publicly` for routes.

    A product of many batches costs a search in each, and other callers must not wait for it.
    """
    here = site(request)
    if charge_search(request, question.reading) > MANY_BATCHES:
        return await run_in_threadpool(ask_publicly, here, question)
    return ask_publicly(here, question)


def charge_search(request: Request, reading: Reading) -> int:
    """Charge the caller for the batches that are searched; returns how many they are. Raises Denied.

    It is charged before the search, and by the product alone, so that rate headers do not reveal the result.
    """
    batches = site(request).ledger.record.by_gtin.get(reading.code.gtin, ()) if isinstance(reading, ReadCode) else ()
    if len(batches) <= PUBLIC_BATCH_LIMIT:  # of more, none is searched
        charge(request, (len(batches) - 1) // SEARCHED_FOR_ONE)
    return len(batches)


def show_to_officer(ledger: Ledger, makers: Makers, told: Told, question: Question) -> tuple[dict[str, Any], Answer]:
    """An officer's part of the answer, with the lead of each repair, and the answer itself.

    Each repair is the same question with the repaired text and everything else kept, and is counted like any look-up.
    Raises Unavailable.
    """
    answer = ask(ledger, question)
    leads: dict[str, Lead] = {}
    for repair in repairs_of(answer):
        led = ask(ledger, understand(told.repaired(question, repair.text, repair.name.value)))
        _count(ledger, led)
        verdict, codes = led.judgement.verdict, [reason.code for reason in led.judgement.reasons]
        leads[repair.text] = Lead(verdict, shown_as(verdict, codes), led.facts.unit is Unit.PRESENT)
    return view(answer, Face.OFFICER, makers, leads_to=leads), answer


def keep_scan(
    ledger: Ledger, makers: Makers, scan: ScanInput, told: Told, question: Question, officer: Officer
) -> tuple[dict[str, Any], Answer]:
    """The officer's answer about a scan. It is kept with the scan; a scan sent twice gets its first answer again.

    `receipt` is the promise to seal it. Writes to the database: not for the event loop. Raises Refused
    (`scan_id_reused`), Unavailable.
    """
    kept = ledger.scans.repeated(scan, officer)
    if kept is not None:
        return ledger.scans.answer(kept), ask(ledger, question)
    shown, answer = show_to_officer(ledger, makers, told, question)
    response = {**shown, "scan": {"id": scan.id, "recorded": True}}
    # If we stop after this line, the device finds its scan kept when it sends it again, with this very answer.
    return ledger.scans.answer(ledger.scans.record(scan, officer, answer, response)), answer


def ask_as_officer(
    here: Site, scan: ScanInput, told: Told, question: Question, officer: Officer
) -> tuple[dict[str, Any], Answer]:
    """`keep_scan` for routes; counted among the answers given."""
    shown, answer = keep_scan(here.ledger, here.makers, scan, told, question, officer)
    here.metrics.answer(Face.OFFICER.value, answer.judgement.verdict.value)
    return shown, answer


def _count(ledger: Ledger, answer: Answer) -> None:
    if answer.facts.unit is Unit.PRESENT and answer.subject is not None:
        ledger.scans.count_lookup(answer.subject)
