"""Whether every planted case exists and gets its planted answer. These look-ups are not counted, so they may repeat."""

from __future__ import annotations

from api.asking.asking import ask as answer_of
from api.demo.state import DemoState
from api.demo.story import CASES, Case
from api.question.told import Symbol, Told, understand
from ledger.opened import Ledger
from ledger.services.scans.verification import Answer
from verifier.verdict.facts import HowRead


def ask(ledger: Ledger, case: Case, text: str) -> Answer:
    """The answer to a planted case, asked from its own place; nothing is kept. Raises Unavailable."""
    return answer_of(ledger, understand(told_of(case, text)))


def told_of(case: Case, text: str) -> Told:
    """How a planted case is asked: by a device in a port, by a photograph, or by hand."""
    return Told(
        (Symbol(text, case.carrier, decodes=2 if case.photo else 1),),
        how=HowRead.PHOTOGRAPH if case.photo else HowRead.TYPED,
        context=case.context,
        country=case.place.country if case.place else None,
        officer=case.place is not None,
    )


def missing(ledger: Ledger, state: DemoState, base_url: str) -> list[str]:
    """The cases that do not answer as planted, by slug with what came instead; empty when all is well."""
    wrong = []
    for case in CASES:
        judgement = ask(ledger, case, state.text(case.slug, base_url)).judgement
        codes = {reason.code for reason in judgement.reasons}
        if judgement.verdict is not case.verdict or not case.reasons <= codes:
            wrong.append(f"{case.slug}: got {judgement.verdict} {sorted(codes)}, expected {case.verdict}")
    return wrong
