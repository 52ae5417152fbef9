"""The pages in docs/spec say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.answer.checks import CHECKS
from api.answer.schema import AnswerOut
from api.guard.access import TABLE, Rule
from api.site.bodies import ROOM, SECONDS
from api.site.settings import MIB, RATES, ApiSettings, Rate
from api.site.upload import SLOW_SECONDS, WAITING_FOR_EACH
from ledger.services.record.append import GROUP_MAX
from ledger.services.record.lines import LINES_MAX
from verifier.verdict.reason import CAVEAT, REASONS, SHOWN_AS, Tier

SPEC = Path(__file__).parent.parent.parent / "docs/spec"


def rows(page: str, columns: int) -> list[list[str]]:
    """The rows of every table with so many columns, without its head."""
    lines = [line for line in (SPEC / page).read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns and not set("".join(row)) <= {"-"}]


def plain(text: str) -> str:
    return text.strip("`")


def test_every_route_is_listed_with_what_it_needs() -> None:
    listed = {(row[0], plain(row[1])): row[2:] for row in rows("api.md", 4) if row[0] != "method"}
    assert set(listed) == set(TABLE)
    for key, (needs, rate) in listed.items():
        assert (needs, rate) == (needed(TABLE[key]), TABLE[key].rate.value), key


def needed(rule: Rule) -> str:
    if rule.signed:
        return "signature"
    if rule.more is not None:
        return f"— (more with `{rule.more.value}`)"
    return f"`{rule.needs.value}`" if rule.needs is not None else "—"


def test_every_reason_is_listed_with_its_dimension_and_tier() -> None:
    listed = {plain(row[0]): row[1:] for row in rows("verdict.md", 6) if row[0] != "reason"}
    assert set(listed) == set(REASONS)
    for code, (dimension, tier, *_) in listed.items():
        assert dimension == REASONS[code][0].value, code
        assert set(re.split(r" or |, ", tier)) & set(Tier), code


def test_the_tiers_listed_are_those_the_judge_gives() -> None:
    source = (SPEC.parent.parent / "verifier/verdict/judge.py").read_text() + (
        SPEC.parent.parent / "verifier/verdict/behaviour.py"
    ).read_text()
    given = {code: tier.lower() for code, tier in re.findall(r'Reason\("(\w+)",\s*Tier\.(\w+)', source)}
    listed = {plain(row[0]): row[2] for row in rows("verdict.md", 6) if row[0] != "reason"}
    assert len(given) >= len(REASONS) - 1
    for code, tier in given.items():
        assert listed[code] == tier, code


def test_verdicts_checks_and_fields_are_the_code_s() -> None:
    page = (SPEC / "verdict.md").read_text()
    for verdict, shown in SHOWN_AS.items():
        assert f"| `{verdict.value}` | {shown} |" in page
    assert CAVEAT in page
    assert ", ".join(check.name for check in CHECKS) in " ".join(page.split())
    fields = {plain(part) for row in rows("api.md", 2) for part in row[0].split(", ")}
    assert set(AnswerOut.model_fields) <= fields


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (Rate.LOOKUP, "look-ups"),
        (Rate.PAGE, "pages"),
        (Rate.RECORD, "reads of the record"),
        (Rate.LOG, "reads of the published log"),
        (Rate.SUBMIT, "statements"),
        (Rate.LINES, "lines of many statements"),
        (Rate.UPLOAD, "uploads"),
        (Rate.SIGN_IN, "attempts to sign in"),
        (Rate.STATUS, "status requests"),
        (Rate.OFFICER, "requests of one officer"),
    ],
)
def test_limits_are_the_ones_that_hold(rate: Rate, words: str) -> None:
    page = " ".join((SPEC / "api.md").read_text().split())
    assert f"{RATES[rate].removesuffix('/minute')} {words}" in page


def test_limits_of_many_statements_are_the_ones_that_hold() -> None:
    page = " ".join((SPEC / "api.md").read_text().split())
    body = TABLE["POST", "/v1/statements"].body // MIB
    assert f"a JSON array of 1 to {LINES_MAX:,} lines, {body} MiB at most" in page
    assert f"A body has {SECONDS:g} seconds to arrive" in page
    assert f"{ROOM // MIB} MiB of bodies are held at once" in page
    assert f"share commits of up to {GROUP_MAX};" in page


def test_budgets_are_the_ones_that_hold() -> None:
    page = " ".join((SPEC / "api.md").read_text().split())
    settings = ApiSettings("http://127.0.0.1")
    assert f"({settings.upload_mib_address // 1024} GiB by default)" in page
    assert f"({settings.upload_mib_all // 1024} GiB)" in page
    assert f"at most {settings.uploads_at_once} are received at once" in page
    assert f"waits for one, up to {settings.upload_wait:g} seconds" in page
    assert f"{settings.uploads_at_once * WAITING_FOR_EACH} may wait" in page
    assert f"behind all others for {SLOW_SECONDS / 60:g} minutes" in page
    assert f"the half minute shrinks to {settings.upload_grace:g} seconds" in page
