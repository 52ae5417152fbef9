"""Probes of answers: every planted case through the routes that people use, read from pixels where it is printed."""

from __future__ import annotations

from typing import Any

from api.demo.bench import Bench, label_png
from api.demo.cast import BATCHES, MOMBASA, ROTTERDAM, SANTOS, Batch, Place
from api.demo.maker import make_gtin
from api.demo.probe import Prober, Rule
from api.demo.story import CASES, Case
from verifier.record.struct import ZERO32
from verifier.verdict.facts import Context
from verifier.verdict.reason import CAVEAT

RULES = {
    "clean": Rule.LABEL,
    "copied": Rule.BEHAVIOUR,
    "other-market": Rule.ROUTE,
    "sold": Rule.STATE,
    "expired": Rule.ROUTE,
    "recalled": Rule.RECALL,
    "stolen": Rule.STATE,
    "forged-label": Rule.LABEL,
    "invented": Rule.ABSENCE,
    "foreign": Rule.PREFIX,
    "website": Rule.READING,
    "check-digit": Rule.READING,
    "separator": Rule.READING,
}
"""Which rule each case is about."""
NOT_GENUINE = "authentic", "genuine", "fake"
"""Words that no answer uses about an item; only the caveat uses one of them, to deny it."""


def probe_cases(bench: Bench, prober: Prober) -> None:
    """Every planted case: asked by the public if the public gets an answer, and by an officer with a photograph."""
    prober.ask("readyz", Rule.STAGE, [200, True], _ready, bench)
    for case in CASES:
        rule, code = RULES[case.slug], bench.stage.state.text(case.slug, bench.url)
        expected = {"verdict": case.verdict.value, "because": sorted(case.reasons)}
        if case.place is None:
            prober.ask(f"public: {case.slug}", rule, expected, _public, bench, case, code)
        prober.ask(f"officer: {case.slug}", rule, expected, _officer, bench, case, code)
    _probe_reading(bench, prober)
    _probe_words(bench, prober)
    _probe_secrecy(bench, prober)


def _probe_reading(bench: Bench, prober: Prober) -> None:
    state = bench.stage.state
    clean, glued = state.text("clean", bench.url), state.text("separator", bench.url)

    def repaired() -> Any:
        answer = bench.scan(glued, SANTOS).json()
        lost = [one for one in answer["repairs"] if one["name"] == "separator_lost"]
        return [answer["verdict"], any(one["leads_to"] == "registered" for one in lost)]

    def as_printed() -> Any:
        answer = bench.photograph(label_png(clean), MOMBASA, "import")
        return [answer["code"]["read"], answer["code"]["carrier"]]

    prober.ask("a lost separator's repair is offered and leads on", Rule.READING, ["unreadable", True], repaired)
    prober.ask("a rendered PNG reads as what was printed", Rule.READING, [clean, "qr"], as_printed)
    bad = state.text("check-digit", "")
    prober.ask("a syntax error in a printed link", Rule.READING, [400, "unreadable"], _problem, bench, bad)


def _probe_words(bench: Bench, prober: Prober) -> None:
    path = bench.stage.state.text("clean", "")

    def page() -> Any:
        text = bench.client.get(path, headers={"Accept": "text/html"}).text
        rest = text.replace(CAVEAT, "").lower()
        return [CAVEAT in text, len(text) < 50_000, [word for word in NOT_GENUINE if word in rest], "<script" in text]

    expected = [True, True, [], False]
    prober.ask("the public page: caveat, size, no word too many, no script", Rule.STAGE, expected, page)


def _probe_secrecy(bench: Bench, prober: Prober) -> None:
    """Codes that are no registered unit all get the same answer, whatever is wrong with them."""
    invented = bench.stage.state.text("invented", bench.url)
    other_lot = invented.replace("/10/SK-A11/", "/10/SK-X99/")
    signed = f"{invented}?s={'A' * 103}"

    def same() -> Any:
        codes = (invented, other_lot, signed)
        answers = [bench.client.get("/v1/verify", params={"code": code}).json() for code in codes]
        for answer in answers:
            del answer["code"], answer["repairs"]  # the code echoed, and what follows from its text alone
        return [answers[0] == answer for answer in answers]

    prober.ask("absent unit, absent lot and any signature look alike", Rule.ABSENCE, [True, True, True], same)
    link = f"{bench.url}/v1/proofs/units"
    asked = {"code": invented}
    prober.ask(
        "nobody unknown gets a proof about them",
        Rule.DOORS,
        404,
        lambda: bench.client.get(link, params=asked).status_code,
    )
    prober.ask(
        "a hidden salt is in no public answer",
        Rule.ABSENCE,
        [ZERO32, False],
        _hidden_salt,
        bench,
    )


def _hidden_salt(bench: Bench) -> Any:

    plan = next(plan for plan in BATCHES if plan.batch is Batch.IMPORTED)
    batch = bench.stage.ledger.batches.find_lot(make_gtin(plan.maker.prefix or "", plan.item), plan.lot)
    salt = bench.stage.ledger.batches.salt(batch) or b""
    entry = bench.stage.ledger.log.read_entries(batch.index, batch.index + 1)[0]
    public = bench.client.get(f"/v1/batches/0x{batch.id.hex()}").text
    published = "0x" + (batch.salt or bytes(32)).hex()
    return [published, salt.hex() in public or salt.hex().encode() in entry]


def _ready(bench: Bench) -> Any:
    response = bench.client.get("/readyz")
    return [response.status_code, response.json()["ready"]]


def _public(bench: Bench, case: Case, code: str) -> Any:
    return _said(bench.verify(code), case)


def _officer(bench: Bench, case: Case, code: str) -> Any:
    place: Place = case.place or ROTTERDAM
    if case.slug == "clean":
        place = MOMBASA  # where it was seen last: elsewhere it would have travelled
    context = case.context if case.place else Context.UNKNOWN
    if case.photo:
        return _said(bench.photograph(label_png(code), place, context.value), case)
    return _said(bench.scan(code, place, context=context.value).json(), case)


def _said(answer: dict[str, Any], case: Case) -> dict[str, Any]:
    """The verdict, and those of the expected reasons that were given."""
    if "verdict" not in answer:
        return answer
    given = {reason["code"] for reason in answer["reasons"]}
    return {"verdict": answer["verdict"], "because": sorted(given & case.reasons)}


def _problem(bench: Bench, path: str) -> Any:
    response = bench.client.get(path, headers={"Accept": "application/json"})
    return [response.status_code, response.json().get("verdict")]
