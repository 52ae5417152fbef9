"""Pages: small, self-contained, safe to show anything in, and careful with words."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from ledger_world import MadeBatch
from markupsafe import escape
from served import WATCH, Stage, client

from api.answer.advice import REASONS as ADVISED
from api.answer.advice import VERDICTS, Face, next_steps
from api.answer.checks import CHECKS
from api.guard.guard import SESSION_COOKIE
from api.routes.officer import NOTHING_GIVEN
from verifier.foreign import shown
from verifier.verdict.judge import Judgement
from verifier.verdict.reason import CAVEAT, REASONS, SHOWN_AS, Reason, Tier, Verdict

pytestmark = pytest.mark.node

ROOT = Path(__file__).parent.parent.parent
MOST_PAGE = 50_000
MOST_STYLE = 17_000
NEVER_OF_AN_ITEM = re.compile(r"\b(authentic|genuine|fakes?|faked|counterfeits?|originals?|real)\b", re.IGNORECASE)


class Outline(HTMLParser):
    """What a page refers to and which of its fields have no label."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.fields: dict[str | None, str] = {}
        self.labelled: set[str | None] = set()
        self.headings: list[str] = []
        self._open_labels = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [value for key in ("src", "href", "action") if (value := given.get(key)) is not None]
        self.inline += [f"{tag} {key}" for key in given if key == "style" or key.startswith("on")]
        if tag == "label":
            self._open_labels += 1
            self.labelled.add(given.get("for"))
        if tag in ("input", "select") and given.get("type") != "hidden" and not self._open_labels:
            self.fields[given.get("id")] = tag
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        if tag in ("style",) or (tag == "script" and "src" not in given):
            self.inline.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._open_labels -= tag == "label"


def outline(page: str) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    return parsed


@pytest.fixture(scope="module")
def officer(stage: Stage) -> Iterator[httpx.Client]:
    """A browser that is signed in."""
    with client(stage.ledger) as http:
        session = stage.ledger.tokens.sign_in(stage.ledger.tokens.one_time_link("desk", country="NL"))
        http.headers.update({"Cookie": f"{SESSION_COOKIE}={session}", "Origin": str(http.base_url).rstrip("/")})
        yield http


def post(officer: httpx.Client, code: str, **more: str) -> httpx.Response:
    form = {"id": str(uuid.uuid4()), "code": code, "device": "desk", "context": "import", **more}
    return officer.post("/officer", data=form)


@pytest.fixture(scope="module")
def pages(stage: Stage, officer: httpx.Client) -> dict[str, str]:
    """One page of each kind."""

    def path(batch: MadeBatch, at: int) -> str:
        return stage.link(batch, batch.serials[at]).removeprefix("https://id.example")

    paths = {
        "home": "/",
        "participants": "/participants",
        "batch": f"/batches/{stage.recalled.id}",
        "ledger": "/ledger",
        "docs": "/docs",
        "problems": "/problems",
        "problem kind": "/problems/malformed",
        "nothing": "/nothing",
        "registered": path(stage.batch, 32),
        "stop": path(stage.recalled, 0),
        "not registered": f"/01/{WATCH}/21/NOSUCH",
        "outside": "/01/05012345678900/21/A",
        "unreadable": "/01/123/21/A",
        "repairs": f"/?code=01{WATCH}21ABC12310LOT7",
        "sign in": "/officer/sign-in?code=x",
        "officer": "/officer",
    }
    copied = stage.link(stage.batch, stage.batch.serials[30])
    twice = [post(officer, copied, latitude=str(at), longitude="4", unlocode="NLRTM") for at in (51, 20)]
    made = {name: officer.get(path, headers={"Accept": "text/html"}).text for name, path in paths.items()}
    repairs = post(officer, f"01{WATCH}21{stage.recalled.serials[1]}10L2").text
    return {**made, "officer check": twice[1].text, "officer repairs": repairs}


def test_pages_are_small_and_load_nothing_from_elsewhere(pages: dict[str, str], http: httpx.Client) -> None:
    style = http.get("/web/carnet.css").content
    assert len(style) < MOST_STYLE
    assert b"@import" not in style
    assert not re.search(rb"url\((?!#)", style)
    for name, page in pages.items():
        assert len(page.encode()) + len(style) < MOST_PAGE, name
        assert page.startswith("<!doctype html>"), name
        for address in outline(page).addresses:
            assert address.startswith(("/", "#", "?")), (name, address)
            assert not address.startswith("//"), (name, address)


def test_pages_hold_to_their_security_policy(pages: dict[str, str], http: httpx.Client) -> None:
    for name, page in pages.items():
        assert outline(page).inline == [], name
    policy = http.get("/").headers["content-security-policy"]
    assert "'unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/v1/verify?code=x", "/nothing", "/v1/undo", "/web/carnet.css"])
def test_every_reply_comes_in_the_envelope(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert len(headers["x-request-id"]) == 24
    assert "content-security-policy" in headers


def test_fields_have_labels_and_pages_one_heading_of_the_first_kind(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        parsed = outline(page)
        assert set(parsed.fields) <= parsed.labelled, name
        assert parsed.headings.count("h1") == 1, name
        assert parsed.headings[0] == "h1", name
        assert '<html lang="en">' in page


def test_an_answer_is_announced_and_never_by_colour_alone(pages: dict[str, str]) -> None:
    shown = {"registered": Verdict.REGISTERED, "stop": Verdict.STOP, "unreadable": Verdict.UNREADABLE}
    for name, verdict in shown.items():
        said = pages[name].partition('role="status"')[2].partition("</section>")[0]
        assert SHOWN_AS[verdict] in said
        assert "<svg" in said
        assert CAVEAT in pages[name]


def test_whatever_a_code_holds_is_shown_as_text(http: httpx.Client, officer: httpx.Client) -> None:
    attack = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    for page in (http.get("/", params={"code": attack}).text, post(officer, attack).text):
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
    assert "<svg onload" not in http.get("/01/%3Csvg%20onload=x%3E/21/A", headers={"Accept": "text/html"}).text


def test_the_officer_s_page_works_without_a_script(stage: Stage, officer: httpx.Client, pages: dict[str, str]) -> None:
    page = pages["officer check"]
    assert SHOWN_AS[Verdict.CHECK] in page
    assert 'class="timeline"' in page
    assert "impossible" in page
    assert 'value="NLRTM"' in page, "the place is remembered"
    assert "leads to: Stop" in pages["officer repairs"]


EVIL = "<img src=x onerror=y>\u202e"


@pytest.mark.parametrize(
    ("notice", "link", "host"),
    [
        ("https://Recalls.Aurora.example/2026/7_b?x=1&y=2", True, "recalls.aurora.example"),
        ("http://aurora.example", True, "aurora.example"),
        ("https://aurora.example@evil.example/", False, None),
        ("https://evil.example\\@aurora.example/", False, None),
        ("javascript:alert(1)", False, None),
        ('https://aurora.example/"onclick=alert(1)', False, None),
        ("https://\u0430urora.example/", False, None),
        ("https://" + EVIL, False, None),
        ("see the letter of 3 May", False, None),
        ("", False, None),
    ],
)
def test_a_recall_is_shown_with_its_reason_and_notice(
    stage: Stage,
    http: httpx.Client,
    officer: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    notice: str,
    link: bool,
    host: str | None,
) -> None:
    monkeypatch.setattr("verifier.foreign.first_hidden", lambda _text: None)  # as records were before such text was
    batch = stage.world.register(stage.ledger, stage.maker, WATCH, f"R{abs(hash(notice)) % 10**9}", units=1)
    stage.world.recall(stage.ledger, stage.maker, batch, f"glass in it {EVIL}", notice)
    code = stage.link(batch, batch.serials[0])
    for page in (http.get("/", params={"code": code}).text, post(officer, code).text):
        said = page.partition('class="notice tone-stop recall"')[2].partition("</section>")[0]
        assert "glass in it &lt;img" in said
        assert "<img" not in page
        assert "\u202e" not in page
        assert "{U+202E}" in said
        assert outline(said).inline == []
        outside = [a for a in outline(said).addresses if not a.startswith("/")]
        assert outside == ([notice] if link else [])
        assert ('rel="noreferrer nofollow"' in said) is link
        assert host is None or f'class="host">{host}<' in said
        assert not notice or link or f'<span class="code">{escape(shown(notice))}</span>' in said


def test_an_empty_form_is_no_scan(stage: Stage, officer: httpx.Client) -> None:
    for code in ("", "  "):
        scan_id = str(uuid.uuid4())
        response = post(officer, code, id=scan_id, device="gate 7")
        assert response.status_code == 400
        assert NOTHING_GIVEN in response.text
        assert 'value="gate 7"' in response.text
        assert SHOWN_AS[Verdict.UNREADABLE] not in response.text
        assert stage.ledger.scans.find(scan_id) is None


def test_reloading_a_scan_is_the_same_scan(stage: Stage, officer: httpx.Client) -> None:
    link, scan_id = stage.link(stage.batch, stage.batch.serials[31]), str(uuid.uuid4())
    first, again = (post(officer, link, id=scan_id) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert "Not scanned by officers before" in again.text
    assert "Scanned by officers 1 time" in post(officer, link).text


@pytest.mark.parametrize("cookie", ["a=b&" * 100, "%ff%00&unlocode=%", "unlocode=" + "A" * 3_000])
def test_a_cookie_of_any_kind_still_gets_the_page(stage: Stage, http: httpx.Client, cookie: str) -> None:
    page = http.get("/officer", headers={**stage.token("scan"), "Cookie": f"carnet_place={cookie}"})
    assert (page.status_code, "Check a code" in page.text) == (200, True)


def test_a_form_that_is_wrong_says_so_and_keeps_what_was_filled_in(officer: httpx.Client) -> None:
    response = post(officer, "x", unlocode="NL RTM", country="BE", device="gate 4")
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert "lies in NL" in response.text
    assert 'value="gate 4"' in response.text


def test_assets_are_kept_by_browsers_and_only_these_are_given(http: httpx.Client) -> None:
    named = re.search(r'"(/web/carnet\.css\?\w+)"', http.get("/").text)
    assert named is not None
    assert "immutable" in http.get(named[1]).headers["cache-control"]
    for name in ("../app.py", "%2e%2e/app.py", "carnet.css/..", "unknown.js"):
        assert http.get(f"/web/{name}").status_code == 404
    assert http.get("/").headers["cache-control"] == "no-store"


def texts() -> Iterator[tuple[str, str]]:
    """Everything that people read: templates, the script, and every string in the code that speaks to them."""
    for file in sorted([*(ROOT / "api/pages").glob("*.html"), *(ROOT / "api/web").glob("*")]):
        yield file.name, file.read_text()
    code = [file for file in (ROOT / "api").rglob("*.py") if not {"cli", "demo"} & set(file.parts)]
    assert len(code) > 60
    for file in sorted([*code, ROOT / "verifier/verdict/reason.py"]):
        tree = ast.parse(file.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield file.name, node.value


def test_no_item_is_called_anything(pages: dict[str, str]) -> None:
    for name, text in [*texts(), *pages.items()]:
        found = NEVER_OF_AN_ITEM.search(text.replace(CAVEAT, ""))
        assert found is None, (name, found)


def test_every_reason_that_weighs_something_has_advice_and_a_check() -> None:
    silent = {"unit_registered", "signature_valid", "seen_before", "public_lookups", "not_witnessed"}
    good = silent | {"second_country", "sold"}
    by_verdict = {"could_not_read", "not_gs1", "repair_applied", "separator_suspected", "prefix_unknown", "unit_absent"}
    assert set(ADVISED) == set(REASONS) - good - by_verdict
    shown = set().union(*(check.against for check in CHECKS))
    assert shown == set(REASONS) - silent
    for face in Face:
        assert set(VERDICTS[face]) == set(Verdict)


def test_what_to_do_starts_with_the_strongest_reason() -> None:
    reasons = (
        Reason("expired", Tier.NOTIFY),
        Reason("market_mismatch", Tier.INSPECT),
        Reason("seen_before", Tier.INFO),
    )
    steps = next_steps(Judgement(Verdict.CHECK, reasons, ()), Face.OFFICER)
    assert steps[0] == ADVISED["market_mismatch"][0]
    assert steps[1] == ADVISED["expired"][0]


def test_the_description_of_the_api_is_whole(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    page = http.get("/docs").text
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert operation["tags"], path
            assert f"<code>{path}</code>" in page, (method, path)
    answer = described["paths"]["/v1/verify"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["example"]["verdict"] == "registered"
    scan = described["paths"]["/v1/scans"]["post"]["requestBody"]["content"]["application/json"]
    assert "id" in (scan.get("examples") or scan["schema"]["examples"])[0]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', http.get("/openapi.json").text))
    assert references <= set(described["components"]["schemas"])
    assert "HTTPValidationError" not in references, "a wrong field is a problem as any other"
