"""Probes of the page itself: its reach, its buttons, and their effects."""

from __future__ import annotations

import re
from typing import Any

import httpx

from api.demo.bench import Bench
from api.demo.probe import Prober, Rule
from verifier.verdict.reason import SHOWN_AS, Verdict


def probe_page(bench: Bench, prober: Prober) -> None:
    """Page, copy, own serials, phone, sign-in."""
    _probe_doors(bench, prober)
    _probe_copy(bench, prober)
    _probe_serials(bench, prober)
    _probe_phone(bench, prober)


def _probe_doors(bench: Bench, prober: Prober) -> None:
    get, post = bench.client.get, bench.client.post
    link = bench.stage.sign_in or ""

    def signs_in_once() -> Any:
        form = {"code": link.partition("code=")[2]}
        origin = {"Origin": bench.url}
        with httpx.Client(base_url=bench.url, trust_env=False) as officer:
            return [officer.post("/officer/sign-in", data=form, headers=origin).status_code for _ in range(2)]

    def status(path: str, **headers: str) -> int:
        return (get if path == "/demo" else post)(path, headers=headers).status_code

    prober.ask("the start page leads to the demo", Rule.STAGE, "/demo", lambda: get("/").headers.get("location"))
    prober.ask("the demo page", Rule.STAGE, 200, lambda: status("/demo"))
    elsewhere = "https://elsewhere.example"
    prober.ask("its buttons, from another site", Rule.DOORS, 403, lambda: status("/demo/copy", Origin=elsewhere))
    prober.ask("the page under another name", Rule.DOORS, 403, lambda: status("/demo", Host="elsewhere.example:80"))
    prober.ask("the sign-in link works once", Rule.DOORS, [303, 403], signs_in_once)


def _probe_copy(bench: Bench, prober: Prober) -> None:
    label = bench.stage.state.label.link(bench.url)
    verdict = Verdict.CHECK

    def copied() -> Any:
        before = bench.verify(label)["verdict"]
        panel = bench.client.post("/demo/copy", headers={"X-Part": "panel"}).text
        after = bench.verify(label)
        live = bench.client.get("/demo/live").text
        return [
            before,
            "Either item may be the copy" in panel,
            after["verdict"],
            "impossible_travel" in {reason["code"] for reason in after["reasons"]},
            SHOWN_AS[verdict] in live,
        ]

    prober.ask("copy this label", Rule.BEHAVIOUR, ["registered", True, "check", True, True], copied)
    prober.ask("a fresh label", Rule.STAGE, [303, "registered"], _fresh, bench)


def _probe_serials(bench: Bench, prober: Prober) -> None:
    good = "A-1001\r\nA-1002\r\n\r\nA-1003\r\nA-1004\r\nA-1005\r\n"

    def panel(text: str) -> str:
        return bench.client.post("/demo/serials", data={"serials": text}, headers={"X-Part": "panel"}).text

    def five() -> Any:
        links = re.findall(r'<li><a href="([^"]+)">', panel(good))
        lot = re.search(r"/demo/labels/([^.]+)\.pdf", panel_text := bench.client.get("/demo?show=serials").text)
        pdf = bench.client.get(f"/demo/labels/{lot[1]}.pdf").content if lot else b""
        verdicts = [bench.verify(link)["verdict"] for link in links]
        return [len(links), set(verdicts) == {"registered"}, pdf[:5] == b"%PDF-", "MY-" in panel_text]

    prober.ask("use my serials", Rule.STAGE, [5, True, True, True], five)
    wrong = "A-1\nA 2\nA-3"
    prober.ask("a bad line is named, nothing is written", Rule.STAGE, [True, 0], _bad_line, bench, panel, wrong)


def _bad_line(bench: Bench, panel: Any, text: str) -> list[Any]:
    before = len(bench.stage.ledger.record.statement_ids)
    return ["line 2" in panel(text), len(bench.stage.ledger.record.statement_ids) - before]


def _probe_phone(bench: Bench, prober: Prober) -> None:
    def let_in() -> Any:
        panel = bench.client.post("/demo/phone", headers={"X-Part": "panel"}).text
        url = (re.search(r"<code>(http://[^<]+)</code>", panel) or ["", ""])[1]
        with httpx.Client(base_url=url, trust_env=False) as phone:
            label = bench.stage.state.label.path
            opened = [phone.get(label, headers={"Accept": "text/html"}).status_code]
            closed = [
                phone.get("/officer").status_code,
                phone.post("/v1/scans", json={}).status_code,
                phone.post("/v1/batches", json={}).status_code,
                phone.get("/metrics").status_code,
                phone.get("/demo").status_code,
            ]
        shown = "A phone on your network looked it up" in bench.client.get("/demo/live").text
        redrawn = f"{url}/01/" in bench.stage.state.label.link(bench.stage.link_base)
        bench.client.post("/demo/stop-phone")
        return [opened, sorted(set(closed)), shown, redrawn, bench.stage.phone.url]

    prober.ask("let my phone in", Rule.DOORS, [[200], [404, 405], True, True, None], let_in)


def _fresh(bench: Bench) -> list[Any]:
    return [bench.client.post("/demo/next").status_code, bench.verify(_label(bench))["verdict"]]


def _label(bench: Bench) -> str:
    return bench.stage.state.label.link(bench.url)
