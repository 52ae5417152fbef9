"""Every page and every verdict: axe finds nothing, nothing sticks out sideways, and the answer needs no scrolling.

Light and dark, 390 and 320 px wide (WCAG 2.2 AA, 1.4.10). axe comes from node_modules and into tests alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from chromium import BROWSER, chromium, playwright
from served import WATCH, Stage, client

from api.guard.guard import SESSION_COOKIE
from verifier.verdict.reason import Verdict

AXE = Path(__file__).parent.parent.parent / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE, NARROW = {"width": 390, "height": 844}, {"width": 320, "height": 640}
pytestmark = BROWSER
HTML = {"Accept": "text/html"}
Pages = dict[str, str]


@pytest.fixture(scope="module")
def pages(stage: Stage) -> Pages:
    """Each kind of page, and each verdict for both readers, as the server gives them."""
    made = answers(stage)
    with client(stage.ledger) as http:
        paths = {"home": "/", "participants": "/participants", "ledger": "/ledger", "docs": "/docs"}
        paths |= {"problems": "/problems", "problem kind": "/problems/malformed", "problem": "/nothing"}
        paths |= {
            "batch": f"/batches/{stage.recalled.id}",
            "sign in": "/officer/sign-in",
            "link": "/officer/sign-in?code=x",
        }
        shown = {name: http.get(path, headers=HTML).text for name, path in paths.items()}
        shown |= {f"public {name}": http.get(f"/?code={quote(code)}", headers=HTML).text for name, code in made.items()}
        session = stage.ledger.tokens.sign_in(stage.ledger.tokens.one_time_link("axe", country="NL"))
        http.headers.update({"Cookie": f"{SESSION_COOKIE}={session}", "Origin": str(http.base_url).rstrip("/")})
        shown |= {"officer": http.get("/officer").text, "officer wrong": http.post("/officer", data=form("")).text}
        shown |= {f"officer {name}": http.post("/officer", data=form(code)).text for name, code in made.items()}
    return shown


def answers(stage: Stage) -> dict[str, str]:
    """A code for each verdict, and for the longest answers among them."""
    batch = stage.world.register(stage.ledger, stage.maker, WATCH, "AXE", units=4, expires="2020-01-31")
    for reason, serial in zip((1, 2, 3), batch.serials, strict=False):
        stage.world.retire(stage.ledger, stage.maker, batch, reason, [serial])
    retired = {f"retired {at}": stage.link(batch, batch.serials[at]) for at in range(3)}
    return retired | {
        Verdict.REGISTERED: stage.link(stage.batch, stage.batch.serials[38]),
        Verdict.CHECK: stage.link(batch, batch.serials[3]),
        Verdict.STOP: stage.link(stage.recalled, stage.recalled.serials[9]),
        Verdict.NOT_REGISTERED: f"(01){WATCH}(21)NOSUCH",
        Verdict.OUTSIDE: "(01)05012345678900(21)A",
        Verdict.UNREADABLE: "(01)123(21)A",
        "repairs": f"01{WATCH}21{stage.recalled.serials[9]}10L2",
        "long": f"(01){WATCH}(10){'W' * 20}(21){'M' * 20}",
    }


def form(code: str) -> dict[str, str]:
    return {"id": str(uuid.uuid4()), "code": code, "device": "axe", "context": "import"}


def test_each_verdict_is_among_the_pages(pages: Pages) -> None:
    for verdict in Verdict:
        for face in ("public", "officer"):
            assert f'class="voucher tone-{verdict}"' in pages[f"{face} {verdict}"]


class Shown:
    """Pages as a browser shows them: the server's own text, scripts and style under an address of its own."""

    def __init__(self, browser: playwright.Browser, http: httpx.Client, pages: Pages, scheme: str) -> None:
        self.context = browser.new_context(base_url=str(http.base_url), color_scheme=scheme, reduced_motion="reduce")
        self.page = self.context.new_page()
        self._pages, self._held = pages, []
        self.page.route("**/shown/*", self._give)

    def open(self, name: str, *, scripts: bool = True) -> None:
        """Open a page by its name; without scripts, they are still on their way."""
        if not scripts:
            self.page.route("**/web/*.js*", lambda route: self._held.append(route))
        self.page.goto(f"/shown/{quote(name)}", wait_until="load" if scripts else "commit")
        self.page.locator("footer").wait_for()

    def scripts_come(self) -> None:
        """Let the scripts arrive that were on their way."""
        self.page.unroute("**/web/*.js*")
        while self._held:
            self._held.pop().continue_()
        self.page.wait_for_load_state()

    def _give(self, route: playwright.Route) -> None:
        text = self._pages[httpx.URL(route.request.url).path.rpartition("/")[2]]
        route.fulfill(body=text, content_type="text/html; charset=utf-8")

    def wide(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@pytest.fixture(scope="module", params=["light", "dark"])
def shown(request: pytest.FixtureRequest, http: httpx.Client, pages: Pages) -> Iterator[Shown]:
    """A browser that likes it light or dark."""
    with chromium() as browser:
        yield Shown(browser, http, pages, request.param)


def violations(page: playwright.Page, *rules: str) -> list[Any]:
    """What axe finds, by all rules or by these: rule, element, what to do."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = page.evaluate("(options) => axe.run(options)", options)
    return [(v["id"], n["html"][:200], n["failureSummary"]) for v in found["violations"] for n in v["nodes"]]


@pytest.mark.parametrize("shown", ["light"], indirect=True)
def test_nothing_sticks_out_and_the_answer_needs_no_scrolling(shown: Shown, pages: Pages) -> None:
    """At 320 px on every page; at 390 x 844 with verdict and next step in sight, before and after scripts arrive."""
    for name in pages:
        shown.page.set_viewport_size(PHONE)
        shown.open(name, scripts=False)
        in_sight(shown, name)
        shown.scripts_come()
        in_sight(shown, name)
        shown.page.set_viewport_size(NARROW)
        assert shown.wide() <= NARROW["width"], (name, shown.page.evaluate(STICKS_OUT, NARROW["width"]))


STICKS_OUT = """(width) => [...document.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > width + 1)
    .map((e) => e.outerHTML.slice(0, 120)).slice(-5)"""


def in_sight(shown: Shown, name: str) -> None:
    assert shown.wide() <= PHONE["width"], (name, shown.page.evaluate(STICKS_OUT, PHONE["width"]))
    assert shown.page.evaluate("scrollY") == 0, name
    for part in (".said h1", ".step"):
        if (found := shown.page.locator(part)).count():
            box = found.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= PHONE["height"], (name, part)


def test_the_answers_hold_to_wcag(shown: Shown, pages: Pages) -> None:
    """Colours on every verdict; the other rules where the pages differ in more than their words."""
    shown.page.set_viewport_size(NARROW)
    found: dict[str, list[Any]] = {}
    whole = {"home", "participants", "sign in", "public repairs", "officer wrong", "officer stop"}
    for name in pages:
        if name in whole or name.removeprefix("public ") in set(Verdict):
            shown.open(name)
            found[name] = violations(shown.page, *(() if name in whole else ("color-contrast",)))
    assert {name: some for name, some in found.items() if some} == {}


@pytest.mark.slow
@pytest.mark.parametrize("size", [PHONE, NARROW], ids=["390", "320"])
def test_every_page_holds_to_wcag(shown: Shown, pages: Pages, size: dict[str, int]) -> None:
    shown.page.set_viewport_size(size)
    found: dict[str, list[Any]] = {}
    for name in pages:
        shown.open(name)
        shown.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found[name] = violations(shown.page)
        assert shown.wide() <= size["width"], name
    assert {name: some for name, some in found.items() if some} == {}
