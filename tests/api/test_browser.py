"""The officer's page in a real browser: signing in, a hand scanner, a photograph, and without any script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import BROWSER, chromium, playwright
from served import WATCH, Stage
from test_scan import photograph
from wedge import wedge

from verifier.reading.element_string import GS
from verifier.verdict.reason import SHOWN_AS, Verdict

pytestmark = BROWSER


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    """One Chromium."""
    with chromium() as launched:
        yield launched


def open_page(browser: playwright.Browser, http: httpx.Client, **options: object) -> playwright.Page:
    """A page of a fresh browser whose console must stay silent."""
    context = browser.new_context(base_url=str(http.base_url), **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    return page


complaints: list[str] = []
asked: list[str] = []


@pytest.fixture(autouse=True)
def nothing_wrong(http: httpx.Client) -> Iterator[None]:
    """No error in any console, and no request to anybody else."""
    complaints.clear()
    asked.clear()
    yield
    assert complaints == []
    assert [url for url in asked if not url.startswith((str(http.base_url), "data:"))] == []


@pytest.fixture
def officer(stage: Stage, http: httpx.Client, browser: playwright.Browser) -> Iterator[playwright.Page]:
    """Signed in by the printed link."""
    page = open_page(browser, http)
    page.goto("/officer/sign-in?code=" + stage.ledger.tokens.one_time_link("desk", country="NL"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/officer")
    yield page
    page.context.close()


def verdict(page: playwright.Page) -> str:
    """The present verdict, once there is one."""
    page.get_by_role("status").get_by_role("heading").wait_for()
    return page.get_by_role("status").get_by_role("heading").inner_text()


def scan_by_wedge(page: playwright.Page, text: str) -> None:
    """A hand scanner's keys: 5 ms apart whatever this machine does meanwhile, GS as Ctrl+], Enter at the end."""
    before = page.locator("#lines .answered").count()
    wedge(page.context.new_cdp_session(page), [*text, "Enter"])
    page.locator("#lines .answered").nth(before).wait_for()


def test_typing_a_code(stage: Stage, officer: playwright.Page) -> None:
    assert officer.evaluate("document.activeElement.id") == "code", "ready without a click"
    officer.get_by_label("UN/LOCODE").fill("nlrtm")
    officer.get_by_label("Scan, type or paste").fill(f"(01){stage.unlabelled.gtin}(21){stage.unlabelled.serials[2]}")
    officer.get_by_role("button", name="Check", exact=True).click()
    assert verdict(officer) == SHOWN_AS[Verdict.REGISTERED]
    assert officer.get_by_label("UN/LOCODE").input_value() == "NLRTM"
    size = (
        officer.get_by_role("status").get_by_role("heading").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    )
    assert size >= 32


def test_the_verdict_and_the_next_code_need_no_scrolling(stage: Stage, officer: playwright.Page) -> None:
    officer.set_viewport_size({"width": 390, "height": 800})
    officer.get_by_label("Scan, type or paste").fill(stage.link(stage.recalled, stage.recalled.serials[4]))
    officer.keyboard.press("Enter")
    officer.wait_for_selector("[role=status]")
    assert officer.evaluate("scrollY") == 0
    box = officer.get_by_role("status").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 800
    assert officer.evaluate("document.activeElement.id") == "code"
    wide = officer.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "nothing sticks out sideways"


@pytest.mark.parametrize("focus", ["#code", "body", "button.big", "#photo"])
def test_a_hand_scanner_finds_the_page_wherever_the_focus_is(
    stage: Stage, officer: playwright.Page, focus: str
) -> None:
    if focus == "body":
        officer.evaluate("document.activeElement.blur()")
    else:
        officer.focus(focus)
    serial = stage.unlabelled.serials[3]
    scan_by_wedge(officer, f"]d201{stage.unlabelled.gtin}21{serial}{GS}10U1")
    assert verdict(officer) == SHOWN_AS[Verdict.REGISTERED]
    assert "U1" in officer.locator(".counterfoil").inner_text()


def test_what_a_scanner_reads_counts_as_machine_read(stage: Stage, officer: playwright.Page) -> None:
    one, other = stage.batch.serials[33:35]
    swapped = stage.link(stage.batch, one).split("?")[0] + "?s=" + stage.world.label(stage.ledger, stage.batch, other)
    scan_by_wedge(officer, swapped)
    assert verdict(officer) == SHOWN_AS[Verdict.CHECK]
    scan_by_wedge(officer, swapped)
    assert verdict(officer) == SHOWN_AS[Verdict.STOP], "wrong in two readings of a decoder"


def test_slow_typing_elsewhere_is_left_alone(officer: playwright.Page) -> None:
    device = officer.get_by_label("Device")
    device.fill("")
    device.press_sequentially("gate four", delay=90)
    assert device.input_value() == "gate four"
    assert officer.get_by_label("Scan, type or paste").input_value() == ""
    assert officer.get_by_role("status").count() == 0


def test_a_photograph_is_sent_as_soon_as_it_is_chosen(stage: Stage, officer: playwright.Page) -> None:
    image = photograph(stage.link(stage.batch, stage.batch.serials[35]))
    officer.set_input_files("#photo", {"name": "label.jpg", "mimeType": "image/jpeg", "buffer": image})
    officer.locator("#lines .answered").wait_for()
    assert verdict(officer) == SHOWN_AS[Verdict.REGISTERED]


def test_what_is_scanned_while_a_photograph_is_read_comes_after_it(stage: Stage, officer: playwright.Page) -> None:
    """The page stays, nothing is thrown away, and pressing Check meanwhile asks for nothing."""
    officer.evaluate("window.same = true")
    image = photograph(stage.link(stage.batch, stage.batch.serials[36]))
    officer.set_input_files("#photo", {"name": "label.jpg", "mimeType": "image/jpeg", "buffer": image})
    officer.get_by_role("button", name="Check", exact=True).click()
    scan_by_wedge(officer, stage.link(stage.recalled, stage.recalled.serials[8]))
    officer.locator("#lines .answered").nth(1).wait_for()
    assert verdict(officer) == SHOWN_AS[Verdict.STOP]
    shown = officer.locator("#lines li .tier").all_inner_texts()
    assert shown == [SHOWN_AS[Verdict.STOP], SHOWN_AS[Verdict.REGISTERED]], "newest on top"
    assert officer.evaluate("window.same === true"), "no page was loaded for it"


def test_pressing_check_with_nothing_to_check(officer: playwright.Page) -> None:
    officer.get_by_role("button", name="Check", exact=True).click()
    officer.get_by_text("Type or scan a code, or choose a photo first.").wait_for()
    assert officer.get_by_role("status").count() == 0
    officer.get_by_label("Scan, type or paste").fill("HELLO")
    officer.get_by_role("button", name="Check", exact=True).click()
    officer.locator("#lines .answered").wait_for()
    assert verdict(officer) == SHOWN_AS[Verdict.UNREADABLE]


def test_a_repair_is_one_button(stage: Stage, officer: playwright.Page) -> None:
    officer.get_by_label("Scan, type or paste").fill(f"01{WATCH}21{stage.recalled.serials[5]}10L2")
    officer.keyboard.press("Enter")
    officer.get_by_role("button", name="leads to: Stop").click()
    officer.locator("#lines .answered").nth(1).wait_for()
    assert verdict(officer) == SHOWN_AS[Verdict.STOP]


def test_targets_are_large_enough_for_gloves(officer: playwright.Page) -> None:
    for target in officer.locator(
        "main button:visible, main input:visible, main select:visible, summary:visible"
    ).all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 56, target.evaluate("e => e.outerHTML")


def test_without_a_script(stage: Stage, http: httpx.Client, browser: playwright.Browser) -> None:
    page = open_page(browser, http, java_script_enabled=False)
    page.goto("/officer/sign-in?code=" + stage.ledger.tokens.one_time_link("desk"))
    page.get_by_role("button", name="Sign in").click()
    page.locator("#plain").fill(stage.link(stage.batch, stage.batch.serials[36]))
    page.locator("#plain").press("Enter")
    assert verdict(page) == SHOWN_AS[Verdict.REGISTERED]
    page.get_by_role("button", name="Sign out").click()
    page.goto("/officer")
    assert page.url.endswith("/officer/sign-in")
    page.context.close()


@pytest.mark.parametrize("path", ["/", "/ledger", "/officer/sign-in"])
def test_every_way_to_go_fits_a_phone(http: httpx.Client, browser: playwright.Browser, path: str) -> None:
    page = open_page(browser, http, viewport={"width": 390, "height": 844})
    page.goto(path)
    for link in page.locator("header nav a").all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, link.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def test_the_public_page_in_the_dark_in_print_and_without_a_script(
    stage: Stage, http: httpx.Client, browser: playwright.Browser, tmp_path: Path
) -> None:
    page = open_page(browser, http, java_script_enabled=False, color_scheme="dark")
    link = stage.link(stage.recalled, stage.recalled.serials[6]).removeprefix("https://id.example")
    page.goto(link)
    assert verdict(page) == SHOWN_AS[Verdict.STOP]
    page.emulate_media(media="print")
    assert not page.locator(".again").is_visible()
    assert len(page.pdf()) > 10_000
    page.context.close()


def let_time_pass_until(page: playwright.Page, selector: str) -> None:
    """The page's clock goes on, a look's pause at a time, until the page shows it.

    A look that is under way sets the next one's timer only when it is answered, so how many pauses it takes depends on
    the machine.
    """
    for _ in range(20):
        page.clock.run_for(11_000)
        with suppress(playwright.TimeoutError):
            page.wait_for_selector(selector, timeout=1_000)
            return
    raise AssertionError(f"no {selector} on the page: {page.locator('p[data-receipt]').all_inner_texts()}")


def test_the_page_demands_its_seals(stage: Stage, officer: playwright.Page) -> None:
    """Pending until the seal holds the scan, which the page hashes by itself; a scan that another seal holds is red."""
    assert stage.ledger.seals is not None
    officer.clock.install()
    officer.get_by_label("Scan, type or paste").fill(stage.link(stage.batch, stage.batch.serials[21]))
    with officer.expect_response("**/receipt"):
        officer.get_by_role("button", name="Check", exact=True).click()
    promise = officer.locator("p[data-receipt]")
    assert "will be sealed in the log by" in promise.inner_text()
    officer.wait_for_function("Object.keys(JSON.parse(localStorage.getItem('carnet-receipts')) || {}).length === 1")
    assert "promise-" not in str(promise.get_attribute("class"))
    stage.ledger.seals.round()
    let_time_pass_until(officer, "p.promise-kept")
    assert "Sealed in the log." in promise.inner_text()
    assert officer.evaluate("localStorage.getItem('carnet-receipts')") == "{}"

    def drop(route: playwright.Route) -> None:
        told = route.fetch().json()
        if told["evidence"] is not None:
            told["evidence"]["membership"]["path"][0] = "00" * 32
        route.fulfill(json=told)

    officer.route("**/receipt", drop)
    officer.get_by_label("Next code").fill(stage.link(stage.batch, stage.batch.serials[22]))
    officer.get_by_role("button", name="Check", exact=True).click()
    officer.wait_for_selector("p[data-receipt]:not(.promise-kept)")
    stage.ledger.seals.round()
    let_time_pass_until(officer, "p.promise-broken")
    assert "not in the seal that was promised" in promise.inner_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scan": {"officer": "somebody else"}}, "it has the officer somebody else"),
        ({"scan": {"code": ""}}, "it has the code nothing"),
        ({"deadline": "9999-12-31T23:59:59.999Z"}, "further ahead than any promise allows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_receipt_for_something_else_than_was_sent_turns_red(
    stage: Stage, officer: playwright.Page, change: dict[str, Any], said: str
) -> None:
    def lie(route: playwright.Route) -> None:
        told = route.fetch().json()
        told["receipt"]["scan"] |= change.get("scan", {})
        told["receipt"] |= {"deadline": change.get("deadline", told["receipt"]["deadline"])}
        route.fulfill(json=told)

    officer.route("**/receipt", lie)
    officer.get_by_label("Scan, type or paste").fill(stage.link(stage.batch, stage.batch.serials[24]))
    officer.get_by_role("button", name="Check", exact=True).click()
    officer.wait_for_selector("p.promise-broken")
    assert said in officer.locator("p[data-receipt]").inner_text()


def test_a_page_that_hears_nothing_by_the_deadline_turns_red(stage: Stage, officer: playwright.Page) -> None:
    officer.clock.install()
    officer.get_by_label("Scan, type or paste").fill(stage.link(stage.batch, stage.batch.serials[23]))
    officer.get_by_role("button", name="Check", exact=True).click()
    officer.wait_for_selector("p[data-receipt]")
    let_time_pass_until(officer, "p.promise-broken")
    assert "deadline has passed" in officer.locator("p[data-receipt]").inner_text()
