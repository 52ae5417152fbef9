"""A hand scanner that does not wait: what the server has recorded is what the scanner typed, in order, nothing twice.

Random sequences in a real Chromium against a real server over a slow line, with loads of the page in between; then the
edges one by one.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import httpx
import pytest
from chromium import ARGUMENTS, BROWSER, needed
from playwright import async_api as playwright
from served import Stage
from wedge import typed

GS = "\x1d"
pytestmark = BROWSER


@dataclass(frozen=True, slots=True)
class Line:
    """A line to the server. `pauses`: the share of its length that a pause of the scanner takes here."""

    latency: int  # ms
    speed: int  # bytes a second, each way
    pauses: float


PROMISED = Line(600, 6_000, 0.2)
"""The slowest line that the page is to work on."""
TENTH, THIRTIETH = Line(60, 60_000, 0.1), Line(20, 180_000, 0.03)
"""The same ten and thirty times as fast, with pauses as much shorter, for many sequences in little time."""

WAIT = 600
"""Seconds after which a page that is still busy has lost something."""
RELOAD = "reload"
Step = str | float | tuple[str, list[str]]
"""A load of the page, a pause in seconds, or a scan: what it says and the keys that say it."""


def scan(drawn: random.Random, number: int) -> tuple[str, list[str]]:
    """One scan that nothing else equals: with and without separators, ended in every way scanners do."""
    letters = "".join(drawn.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=drawn.randint(2, 8)))
    text = f"21{number:06}{letters}"
    if drawn.random() < 0.4:
        text += f"{GS}10{letters[:3]}"
    separator = drawn.choice([[GS], ["F8"], ["Alt+0029"]])
    keys = [key for sign in text for key in (separator if sign == GS else [sign])]
    return text, [*keys, *drawn.choice([["Enter"], ["Tab"], ["Enter", "Enter"], ["Enter", "Tab"]])]


def sequence(drawn: random.Random, numbers: Callable[[], int]) -> list[Step]:
    """A burst of 1 to 12 scans, mostly few, with pauses of 0 to 2 seconds; one in five is broken by a load."""
    burst = min(12, 1 + int(drawn.expovariate(0.5)))
    steps: list[Step] = []
    for _ in range(burst):
        steps.append(scan(drawn, numbers()))
        if drawn.random() < 0.2 / burst:
            steps.append(RELOAD)
        if drawn.random() < 0.5:
            steps.append(drawn.uniform(0, 2))
    return steps


class Desk:
    """A signed-in page on a slow line, and the scanner on its desk."""

    def __init__(self, page: playwright.Page, session: playwright.CDPSession) -> None:
        self.page, self.session, self.told = page, session, []

    @classmethod
    async def open(cls, browser: playwright.Browser, base: str, code: str, line: Line, device: str) -> Desk:
        """Sign in, then take to the slow line."""
        context = await browser.new_context(base_url=base)
        context.set_default_timeout(60_000)
        page = await context.new_page()
        desk = cls(page, await context.new_cdp_session(page))
        page.on("pageerror", lambda error: desk.told.append(str(error)))
        await page.goto(f"/officer/sign-in?code={code}")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/officer")
        place = [
            {"name": "carnet_place", "value": f"device={device}&country=NL&context=import", "url": f"{base}/officer"}
        ]
        await context.add_cookies(place)
        await desk.reload()
        await desk.session.send("Network.enable")
        slow = {"latency": line.latency, "downloadThroughput": line.speed, "uploadThroughput": line.speed}
        await desk.session.send("Network.emulateNetworkConditions", {"offline": False, **slow})
        return desk

    async def reload(self) -> None:
        """Load the page anew; the scanner goes on as soon as it is seen, whether or not its scripts have come."""
        await self.page.reload(wait_until="commit")
        seen = "performance.getEntriesByType('paint').length && document.activeElement.id === 'code'"
        await self.until(seen)

    async def until(self, what: str, seconds: float = 90) -> None:
        """Until the page says so; a page that is on its way says nothing yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(playwright.Error):
                if await self.page.evaluate(what):
                    return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{what}: not within {seconds} seconds; {await self.page.locator('#lines').inner_text()}")

    async def type(self, keys: Sequence[str], last: float | None = None) -> None:
        """Keys, as fast as the browser takes them; the last one came at `last`."""
        await asyncio.gather(*(self.session.send("Input.dispatchKeyEvent", event) for event in typed(keys, last)))

    async def answered(self) -> None:
        """Until nothing waits any more."""
        await self.until("window.carnetQueue && carnetQueue.officer && !carnetQueue.busy()", WAIT)
        held = "[...document.querySelectorAll('#lines .held')].map((line) => line.innerText)"
        assert await self.page.evaluate(held) == []
        assert await self.page.evaluate("document.getElementById('code').value") == ""
        assert self.told == []


async def play(desk: Desk, steps: Sequence[Step], line: Line) -> list[str]:
    """Do the steps; returns what was typed."""
    said = []
    for step in steps:
        if step == RELOAD:
            await desk.reload()
        elif isinstance(step, float):
            await asyncio.sleep(step * line.pauses)
        else:
            text, keys = step
            said.append(text)
            await desk.type(keys)
    return said


def recorded(stage: Stage, device: str) -> list[str]:
    """The codes that the server keeps of a device's scans, as they came."""
    with closing(sqlite3.connect(stage.world.home.path / "ledger.db")) as database:
        return [code for (code,) in database.execute("SELECT code FROM scan WHERE device = ? ORDER BY rowid", [device])]


def run(work: Callable[[playwright.Browser], Awaitable[None]]) -> None:
    """Work with one Chromium."""

    program = needed()

    async def whole() -> None:
        async with playwright.async_playwright() as started:
            browser = await started.chromium.launch(executable_path=program, args=ARGUMENTS)
            await work(browser)
            await browser.close()

    asyncio.run(whole())


def compare(stage: Stage, http: httpx.Client, seed: int, desks: Sequence[tuple[Line, int]]) -> None:
    """Play so many sequences at each desk, all at once, and compare what each has typed with what the server keeps."""
    base = str(http.base_url).rstrip("/")

    async def one(browser: playwright.Browser, at: int, line: Line, count: int) -> None:
        drawn = random.Random(f"{seed} {at}")
        numbers = iter(range(1_000_000))
        device = f"wedge-{seed}-{at}"
        desk = await Desk.open(browser, base, stage.ledger.tokens.one_time_link("desk"), line, device)
        said: list[str] = []
        for _ in range(count):
            said += await play(desk, sequence(drawn, lambda: next(numbers)), line)
        await desk.answered()
        assert recorded(stage, device) == said

    async def all_of_them(browser: playwright.Browser) -> None:
        await asyncio.gather(*(one(browser, at, line, count) for at, (line, count) in enumerate(desks)))

    run(all_of_them)


def test_what_is_recorded_is_what_was_typed(stage: Stage, http: httpx.Client) -> None:
    compare(stage, http, 1, [(THIRTIETH, 25)])


def at_a_desk(stage: Stage, http: httpx.Client, device: str, work: Callable[[Desk], Awaitable[None]]) -> None:
    """Work at one desk on a fast line."""
    base = str(http.base_url).rstrip("/")
    line = Line(0, -1, 0)

    async def one(browser: playwright.Browser) -> None:
        await work(await Desk.open(browser, base, stage.ledger.tokens.one_time_link("desk"), line, device))

    run(one)


def keys(text: str, *more: str) -> list[str]:
    return [*text, *more]


def test_the_field_is_sent_when_it_holds_more_than_the_keys_said(stage: Stage, http: httpx.Client) -> None:
    """A dead key and an input method tell the key log nothing; what they put into the field is sent, and it is said."""

    async def work(desk: Desk) -> None:
        await desk.type(keys("21ABCDEFGH"))
        dead = {"type": "rawKeyDown", "key": "Dead", "code": "Quote", "windowsVirtualKeyCode": 222}
        await desk.session.send("Input.dispatchKeyEvent", dead)
        await desk.session.send("Input.insertText", {"text": "\u00e4"})
        await desk.type(keys("JKLMNPQRST", "Enter"))
        await desk.until("document.querySelectorAll('#lines .answered').length === 1")
        assert "as the field held it" in await desk.page.locator("#lines .note").inner_text()
        assert recorded(stage, "wedge-field") == ["21ABCDEFGH\u00e4JKLMNPQRST"]

    at_a_desk(stage, http, "wedge-field", work)


def test_keys_before_the_scripts_wait_in_the_field(stage: Stage, http: httpx.Client) -> None:
    async def work(desk: Desk) -> None:
        held: list[playwright.Route] = []
        await desk.page.route("**/web/*.js*", lambda route: held.append(route))
        await desk.reload()
        await desk.type(keys("21BEFORE0001", "Enter"))
        await desk.type(keys("21BEFORE0002", "Enter"))
        await desk.until("document.getElementById('code').value.split('\\n').length === 3")
        for route in held:
            await route.continue_()
        await desk.until("document.querySelectorAll('#lines .answered').length === 2")
        assert recorded(stage, "wedge-early") == ["21BEFORE0001", "21BEFORE0002"]

    at_a_desk(stage, http, "wedge-early", work)


def test_a_scan_that_a_load_cuts_is_said_and_never_sent(stage: Stage, http: httpx.Client) -> None:
    """The rest of a reading is no reading: both pieces are shown, and neither is judged."""

    async def work(desk: Desk) -> None:
        await desk.type(keys("21CUTINTWO"))
        await desk.reload()
        loaded = await desk.page.evaluate("performance.timeOrigin / 1000")
        await desk.type(keys("PIECES0001", "Enter"), last=loaded + 0.5)
        await desk.until("document.querySelectorAll('#lines .held').length === 2")
        shown = await desk.page.locator("#lines").inner_text()
        assert "21CUTINTWO" in shown
        assert "PIECES0001" in shown
        assert shown.count("scan it again") == 2
        await desk.type(keys("21CUTINTWOPIECES0001", "Enter"))
        await desk.until("document.querySelectorAll('#lines .answered').length === 1")
        assert recorded(stage, "wedge-cut") == ["21CUTINTWOPIECES0001"]

    at_a_desk(stage, http, "wedge-cut", work)


def test_a_lost_answer_counts_once_and_a_lost_session_loses_nothing(stage: Stage, http: httpx.Client) -> None:
    async def work(desk: Desk) -> None:
        async def lose(route: playwright.Route) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            await route.fetch()  # the server has it, and its answer is lost
            await route.abort()

        await desk.page.route("**/officer", lose)
        await desk.type(keys("21LOSTANSWER", "Enter"))
        await desk.until("document.querySelector('#trouble:not([hidden])')")
        assert "no connection" in await desk.page.locator("#lines").inner_text()
        await desk.page.unroute("**/officer")
        await desk.until("document.querySelectorAll('#lines .answered').length === 1")
        assert recorded(stage, "wedge-lost") == ["21LOSTANSWER"]

        session = [one for one in await desk.page.context.cookies() if one["name"] == "carnet_session"]
        await desk.page.context.clear_cookies(name="carnet_session")
        await desk.type(keys("21SIGNEDOUT1", "Enter"))
        await desk.until("document.querySelector('#trouble:not([hidden])')")
        assert "kept in this browser until you sign in" in await desk.page.locator("#trouble").inner_text()
        await desk.page.goto("/officer/sign-in")
        await desk.page.get_by_text("1 scan not sent yet").wait_for()
        assert recorded(stage, "wedge-lost") == ["21LOSTANSWER"]
        await desk.page.context.add_cookies(session)
        await desk.page.goto("/officer")
        await desk.until("document.querySelectorAll('#lines .answered').length === 1")
        assert recorded(stage, "wedge-lost") == ["21LOSTANSWER", "21SIGNEDOUT1"]

    at_a_desk(stage, http, "wedge-lost", work)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_a_thousand_sequences_are_recorded_as_they_were_typed(stage: Stage, http: httpx.Client) -> None:
    compare(stage, http, 2, [*[(TENTH, 160)] * 6, *[(PROMISED, 10)] * 4])
