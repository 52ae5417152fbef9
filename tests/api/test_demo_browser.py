"""The demo in a real browser: it fills by itself, the buttons open their panels in place, and it fits its screens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from chromium import BROWSER, chromium, playwright
from test_accessible import NARROW, violations

from api.demo.bench import Bench, benched
from verifier.verdict.reason import SHOWN_AS, Verdict

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LIMITS = "What this does not catch"

pytestmark = BROWSER


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with benched(tmp_path_factory.mktemp("demo"), lambda _line: None) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, bench: Bench, browser: playwright.Browser) -> Iterator[playwright.Page]:
    """A page whose console stays silent, which asks nobody else, and which never scrolls sideways."""
    bench.client.post("/demo/next")
    bench.stage.results.clear()
    context = browser.new_context(base_url=bench.url, viewport=request.param)
    context.set_default_timeout(20_000)
    opened, complaints, asked = context.new_page(), [], []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto("/demo")
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= request.param["width"]
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(bench.url)] == []


def press(page: playwright.Page, button: str) -> str:
    """Press a button; the words of its panel, once it is open. The page itself stays."""
    page.evaluate("window.same = true")
    page.get_by_role("button", name=button).click()
    page.locator("#panel.open .panel-top").wait_for()
    assert page.evaluate("window.same === true"), "no page was loaded for it"
    return str(page.locator("#panel").inner_text())


def test_the_timeline_fills_by_itself(page: playwright.Page) -> None:
    page.get_by_text("Officer in Mombasa").wait_for()
    link = page.get_by_role("link", name="Open it as anybody would").get_attribute("href")
    page.request.get(link, headers={"Accept": "text/html"})
    page.get_by_text("Looked up from this computer").wait_for()


def test_copying_turns_the_answer_before_the_eyes(page: playwright.Page) -> None:
    status = page.locator(".verdict-card")
    assert SHOWN_AS[Verdict.REGISTERED] in status.inner_text()
    words = press(page, "Copy this label")
    assert "Either item may be the copy" in words
    assert LIMITS in words
    page.locator(".verdict-card.tone-check").wait_for()
    page.locator(".map .leap").wait_for(state="attached")
    page.keyboard.press("Escape")
    assert not page.locator("#panel").is_visible()
    page.get_by_role("button", name="Start over with a fresh label").click()
    page.locator(".verdict-card.tone-registered").wait_for()


def test_an_open_panel_leaves_the_other_buttons_in_reach(page: playwright.Page, bench: Bench) -> None:
    """On a desk beside it, on a phone behind it: closing leads back to the answer that has changed."""
    press(page, "Copy this label")
    wide = page.evaluate("innerWidth") > 1_000
    if wide:
        page.get_by_role("button", name="Rewrite history").click()
        page.get_by_text("The contract refuses").wait_for()
        page.get_by_role("button", name="Use my serials").click()
        page.get_by_text("Paste up to five serials").wait_for()
    else:
        page.locator(".verdict-card.tone-check").wait_for()
    page.get_by_role("link", name="Close").click()
    assert not page.locator("#panel").is_visible()
    box = page.locator(".verdict-card").bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= page.evaluate("innerHeight") - box["height"]


def test_history_is_refused_before_the_eyes(page: playwright.Page) -> None:
    words = press(page, "Rewrite history")
    assert "AnchorInconsistent" in words
    assert "The contract refuses" in words
    assert LIMITS in words


def test_five_serials_become_five_labels(page: playwright.Page) -> None:
    assert "Paste up to five serials" in press(page, "Use my serials")
    page.get_by_role("button", name="Make labels").click()
    page.locator(".labels svg").nth(4).wait_for()
    assert LIMITS in page.locator("#panel").inner_text()


def test_a_phone_is_let_in_and_out(page: playwright.Page, bench: Bench) -> None:
    words = press(page, "Let my phone in")
    assert "Open to everybody on this network" in words
    assert LIMITS in words
    page.get_by_text("for phones on your network").wait_for(state="attached")
    page.get_by_role("button", name="Close it again").click()
    page.get_by_text("for phones on your network").wait_for(state="detached")
    assert bench.stage.phone.url is None


def test_cases_answer_in_place(page: playwright.Page) -> None:
    page.locator("a[data-ask]").nth(5).click()
    page.locator("#panel.open .tone-stop").wait_for()
    assert "recalled" in page.locator("#panel").inner_text()


def test_the_first_screen_holds_the_story(bench: Bench, browser: playwright.Browser, tmp_path: Path) -> None:
    """At 1280 x 800 nothing of label, answer, map, stations and buttons has to be scrolled to."""
    opened = browser.new_page(base_url=bench.url, viewport=DESK)
    opened.goto("/demo")
    for part in (".code svg", ".verdict-card", ".sheet .caveat", ".map", ".stations", ".says", ".tries"):
        opened.locator(part).wait_for()  # the page shows its live part as soon as it has it
        box = opened.locator(part).bounding_box()
        assert box is not None, part
        assert box["y"] + box["height"] <= DESK["height"], part
    opened.close()


def test_everything_on_the_page_has_a_name(bench: Bench, browser: playwright.Browser) -> None:
    """What can be pressed has words; headings do not jump; one level-one heading."""
    opened = browser.new_page(base_url=bench.url, viewport=DESK)
    opened.goto("/demo")
    nameless = """[...document.querySelectorAll("a, button, textarea, svg[role=img]")]
        .filter((one) => !(one.innerText || one.getAttribute("aria-label") || one.labels?.length)).length"""
    assert opened.evaluate(nameless) == 0
    levels = opened.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.tagName[1])")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demo_holds_to_wcag(bench: Bench, browser: playwright.Browser, scheme: str) -> None:
    opened = browser.new_page(base_url=bench.url, viewport=NARROW, color_scheme=scheme, reduced_motion="reduce")
    opened.goto("/demo")
    opened.locator(".verdict-card").wait_for()
    assert violations(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    opened.close()
