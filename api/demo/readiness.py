"""Whether every planted case is there and answers as planted. Asks without counting, so it may be asked often."""

from __future__ import annotations

from api.demo.state import DemoState
from api.demo.story import CASES, Case
from ledger.services.append import now_ms
from ledger.services.verification import Answer, Question
from ledger.wiring import Ledger
from verifier.instant import format_instant
from verifier.reading import read


def ask(ledger: Ledger, case: Case, text: str) -> Answer:
    """The answer to a planted case, asked from where it is to be asked; nothing is kept. Raises Unavailable."""
    question = Question(
        reading=read(text, carrier=case.carrier),
        today=format_instant(now_ms())[:10],
        context=case.context,
        market=case.place.country if case.place else None,
        officer=case.place is not None,
        machine_read=case.photo,
        decodes=2 if case.photo else 1,
    )
    return ledger.verification.answer(question)


def missing(ledger: Ledger, state: DemoState, base_url: str) -> list[str]:
    """The cases that do not answer as planted, by slug with what came instead; empty when all is well."""
    wrong = []
    for case in CASES:
        judgement = ask(ledger, case, state.text(case.slug, base_url)).judgement
        codes = {reason.code for reason in judgement.reasons}
        if judgement.verdict is not case.verdict or not case.reasons <= codes:
            wrong.append(f"{case.slug}: got {judgement.verdict} {sorted(codes)}, expected {case.verdict}")
    return wrong
