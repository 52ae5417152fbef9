"""Serving the demo: found and fill a home once, open it at every later start, and print the addresses to visit."""

from __future__ import annotations

import json
import shutil
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from api.cli.base.serving import run
from api.demo.clock import since_start
from api.demo.commands import program
from api.demo.front import Front
from api.demo.phone import bind
from api.demo.stage import Stage, sign_in_link
from api.demo.state import FILE, DemoState, load_state
from api.demo.witnesses import listening
from api.demo.world import found, plant
from ledger.home import Home, Settings
from ledger.ports import Report
from ledger.wiring.reader import open_ledger
from verifier.errors import Refused, Unavailable

HOST = "127.0.0.1"
PUBLISH_SECONDS = 0.3
"""Somebody is watching, so witnesses cosign sooner than in a real log."""
ANSWER_SECONDS = 30.0
"""For one look whether all is there."""
PORT = 8000
"""Used if nobody asks for another port and this one is free."""


def serve(home: Path, port: int | None, *, as_json: bool, open_browser: bool) -> None:
    """Serve until interrupted. Raises Refused (`not_a_demo`, `writer_busy`), Unavailable (`port_taken` …)."""
    report: Report = _silent if as_json else lambda line: print(f"  {line}", flush=True)
    sock = _listen(port)
    base_url = f"http://{HOST}:{sock.getsockname()[1]}"
    with staged(home, base_url, report) as stage:
        stage.ledger.home.announce(base_url)

        def ready() -> None:
            if not _answers(base_url):
                return  # it was stopped first
            _say(stage, since_start(), as_json)
            if open_browser:
                webbrowser.open(f"{base_url}/demo")

        run(Front(stage), sock, threading.Thread(target=ready, name="ready", daemon=True).start)


def _answers(base_url: str) -> bool:
    """Wait until every planted case gets its planted answer, so that a first visit does not have to wait."""
    while True:
        try:
            if httpx.get(f"{base_url}/readyz", timeout=ANSWER_SECONDS, trust_env=False).status_code == 200:
                return True
        except httpx.ConnectError:
            return False
        except httpx.TransportError:
            pass
        time.sleep(0.1)


@contextmanager
def staged(folder: Path, base_url: str, report: Report) -> Iterator[Stage]:
    """An opened demo in a folder, founded and planted there if it is not yet."""
    settings = Settings(home=folder, database=None, chain_rpc=None, base_url=None, publish_seconds=PUBLISH_SECONDS)
    home = Home(folder, settings)
    state = prepared(home, base_url, report)
    with ExitStack() as stack:
        witnesses = stack.enter_context(listening(home.path))
        # Entry 0 says which witnesses count; their present addresses are configuration.
        home.save_config(replace(home.config(), witnesses=witnesses.addresses()))
        ledger = stack.enter_context(open_ledger(home, write=True, chain=True, report=report))
        if not state.complete:
            state = plant(ledger, report)
        elif state.copied:
            state = state.next_label()
        state.save(home.path)
        stage = Stage(ledger, state, base_url, witnesses=witnesses)
        stage.sign_in = sign_in_link(ledger.tokens)
        assert ledger.upkeep is not None  # noqa: S101  (opened with its chain)
        ledger.start()
        yield stage


def prepared(home: Home, base_url: str, report: Report) -> DemoState:
    """The state of a demo home, which is founded if there is none. Raises Refused (`not_a_demo`)."""
    marker = home.path / FILE
    if home.founded and not marker.exists():
        raise Refused(f"couldn't start the demo in {home.path}: another ledger lives there", code="not_a_demo")
    if marker.exists():
        state = load_state(home.path)
        if state.complete and home.founded:
            report(f"opening the demo in {home.path}; remove that folder to start afresh")
            return state
        report("the demo here was not planted to its end; starting afresh")
        with home.writer():
            _clear(home.path)
    report(f"founding a demo ledger in {home.path}")
    found(home, base_url, report)
    return load_state(home.path)


def _clear(folder: Path) -> None:
    """Empty a folder that `found` had begun to fill; its marker goes last."""
    for part in sorted(folder.iterdir(), key=lambda path: path.name == FILE):
        if part.name == "writer.lock":
            continue
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()


def _listen(port: int | None) -> Any:
    if port is not None:
        return bind(HOST, port)
    try:
        return bind(HOST, PORT)
    except Unavailable:
        return bind(HOST)


def _say(stage: Stage, seconds: float, as_json: bool) -> None:
    """Print the addresses to visit, the most useful first."""
    url = stage.base_url
    places = {
        "open": f"{url}/demo",
        "officer": f"{url}{stage.sign_in}",
        "public": f"{url}{stage.state.label.path}",
        "api": f"{url}/docs",
    }
    if as_json:
        print(json.dumps({**places, "home": str(stage.ledger.home.path), "seconds": round(seconds, 1)}), flush=True)
        return
    print(
        f"""
Ready after {seconds:.1f} s. Open

  {places["open"]}

  officer page   {places["officer"]}
                 (signs in once, within half an hour)
  public page    {places["public"]}
  API            {places["api"]}
  in a terminal  {program()} demo --check
                 (every claim put to the test, in a home of its own)

Ctrl-C stops it. Everything is in {stage.ledger.home.path}.""",
        flush=True,
    )


def _silent(_line: str) -> None:
    return None
