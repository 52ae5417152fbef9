"""The demo as a newcomer meets it: started by one command, its buttons pressed, stopped, and started again."""

from __future__ import annotations

import asyncio
import html
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from api.demo.front import Front
from api.demo.run import run
from api.demo.state import DemoState, Label, load_state
from api.demo.story import CASES
from verifier.verdict.reason import CAVEAT, SHOWN_AS, Verdict

ROOT = Path(__file__).parents[2]
LIMITS = "What this does not catch"

pytestmark = pytest.mark.node


@dataclass(slots=True)
class Running:
    """A demo in a process of its own."""

    process: subprocess.Popen[str]
    about: dict[str, str]
    home: Path

    @property
    def url(self) -> str:
        return self.about["open"].removesuffix("/demo")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60.0, trust_env=False)

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(timeout=60)


def carnet(*arguments: str, cwd: Path, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """A command of ours, with nothing of the developer's own environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    command = [sys.executable, "-m", "api.cli", *arguments]
    return subprocess.run(
        command, cwd=cwd, env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=timeout
    )


def start(home: Path, *more: str) -> Running:
    """Start a demo and wait for the line that says where it is."""
    command = [sys.executable, "-m", "api.cli", "demo", "--home", str(home), "--port", "0", "--json", *more]
    process = subprocess.Popen(
        command, cwd=home.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the demo ended with {process.wait()}"
    running = Running(process, json.loads(line), home)
    with running.client() as client:
        assert client.get("/readyz").status_code == 200, "the line is printed when all is there, and not before"
    return running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("demo") / "home")
    yield running
    if running.process.poll() is None:
        running.stop()


def test_the_page_says_what_it_shows(demo: Running) -> None:
    with demo.client() as client:
        page = html.unescape(client.get("/", follow_redirects=True).text)
    assert "One label, three places" in page
    assert CAVEAT in page
    for button in ("Let my phone in", "Copy this label", "Rewrite history", "Use my serials"):
        assert button in page
    for case in CASES:
        assert case.title in page
    assert all(SHOWN_AS[verdict] in page for verdict in Verdict), "there is a case for every verdict"


def test_the_page_loads_nothing_from_elsewhere(demo: Running) -> None:
    with demo.client() as client:
        response = client.get("/demo")
        parts = [client.get(part) for part in ("/demo/static/demo.css", "/demo/static/demo.js", "/web/carnet.css")]
    assert [part.status_code for part in parts] == [200, 200, 200]
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<style" not in response.text
    assert ' style="' not in response.text
    assert response.text.count("<script") == response.text.count("<script src=") == 1


@pytest.mark.parametrize("button", ["copy", "rewrite", "serials", "phone"])
def test_every_button_works_without_script_and_ends_with_its_limits(demo: Running, button: str) -> None:
    form = {"serials": "X-1\nX-2\nX-3\nX-4\nX-5"} if button == "serials" else {}
    with demo.client() as client:
        answer = client.post(f"/demo/{button}", data=form, follow_redirects=True)
        if button == "phone":
            client.post("/demo/stop-phone")
    assert answer.status_code == 200
    assert f"show={button}" in str(answer.url)
    panel = answer.text.partition('id="panel"')[2].partition("</aside>")[0]
    if "has no address on a local network" not in panel:
        assert LIMITS in panel


def test_the_copied_label_says_that_either_may_be_the_copy(demo: Running) -> None:
    with demo.client() as client:
        client.post("/demo/next")
        before = client.get("/demo/live").text
        client.post("/demo/copy")
        after = client.get("/demo/live").text
        client.post("/demo/next")
        fresh = client.get("/demo/live").text
    assert SHOWN_AS[Verdict.REGISTERED] in before
    assert SHOWN_AS[Verdict.CHECK] in after
    assert "Either may be the copy" in after
    assert "Santos" in after
    assert SHOWN_AS[Verdict.REGISTERED] in fresh


def test_the_refusal_is_quoted_with_its_transaction(demo: Running) -> None:
    with demo.client() as client:
        panel = client.post("/demo/rewrite", headers={"X-Part": "panel"}).text
    assert "AnchorInconsistent" in panel
    assert "previousRoot" in panel
    assert "couldn&#39;t verify inclusion" in panel
    transaction = panel.partition("<dt>Transaction</dt><dd><code>")[2][:66]
    node = json.loads((demo.home / "chain" / "node.json").read_text())["url"]
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [transaction]}
    receipt = httpx.post(node, json=asked, trust_env=False).json()["result"]
    assert receipt["status"] == "0x0", "it stands on the chain, failed"


def test_the_live_part_is_sent_again_only_when_it_changed(demo: Running) -> None:
    with demo.client() as client:
        client.post("/demo/next")
        first = client.get("/demo/live")
        same = client.get("/demo/live", headers={"If-None-Match": first.headers["etag"]})
        path = load_state(demo.home).label.path
        client.get(path, headers={"Accept": "text/html"})
        other = client.get("/demo/live", headers={"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    assert "Looked up from this computer" in other.text


def test_a_bad_serial_is_named_by_its_line(demo: Running) -> None:
    with demo.client() as client:
        for text, words in (
            ("A-1\nA-1", "line 2"),
            ("ok\n" + "X" * 21, "got 21 characters"),
            ("", "got 0, expected 1 to 5"),
            ("\n".join("abcdef"), "got 6, expected 1 to 5"),
            ("<script>", "line 1"),
        ):
            panel = client.post("/demo/serials", data={"serials": text}, headers={"X-Part": "panel"}).text
            assert words in panel or text == "<script>", text
            assert "<script>" not in panel
            assert text in ("", "<script>") or escape(text) + "</textarea>" in panel, "what was pasted is kept"


def test_every_case_is_asked_in_place(demo: Running) -> None:
    with demo.client() as client:
        for case in CASES:
            panel = client.get(f"/demo/cases/{case.slug}", headers={"X-Part": "panel"}).text
            assert f"tone-{case.verdict}" in panel
        assert client.get("/demo/cases/none").status_code == 404


def test_the_officers_link_signs_in(demo: Running) -> None:
    with demo.client() as client:
        link = client.post("/demo/officer").headers["location"]
        signed = client.post(
            "/officer/sign-in", data={"code": link.partition("code=")[2]}, headers={"Origin": demo.url}
        )
        assert signed.status_code == 303
        assert client.get("/officer").status_code == 200


def test_commands_on_the_page_are_true(demo: Running, tmp_path: Path) -> None:
    """Run as they stand there, but for the two slow ones: the check has tests of its own."""
    with demo.client() as client:
        shown = client.get("/demo").text.partition('<pre class="commands"')[2].partition(">")[2].partition("</pre>")[0]
    lines = [line for line in shown.splitlines() if line and not line.startswith("<span>")]
    assert len(lines) == 6
    codes: list[tuple[str, int]] = []
    for line in lines:
        _, name, *words = html.unescape(line).split()
        if name != "demo":
            if "--home" in words:  # as it stands, it is relative to the folder of the demo
                words[words.index("--home") + 1] = str(demo.home)
            codes.append((name, carnet(name, *words, cwd=tmp_path).returncode))
    assert codes == [("scan", 1), ("scan", 0), ("verify", 0), ("audit", 0), ("label", 0)]
    assert (tmp_path / "labels.pdf").read_bytes().startswith(b"%PDF-")


def test_nobody_but_this_computer_sees_the_page() -> None:
    """Another computer, another name for ours, or another site's form: closed before anything is looked at."""
    front = Front(None)  # type: ignore[arg-type]  (nothing of the stage is reached)
    for client, host, origin, method in (
        ("192.0.2.7", "127.0.0.1:8000", None, "GET"),
        ("127.0.0.1", "rebound.example:8000", None, "GET"),
        ("127.0.0.1", "127.0.0.1:8000", "https://elsewhere.example", "POST"),
    ):
        headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
        assert _status(front, client, headers, method) == 403, (client, host, origin)


@pytest.mark.slow
def test_warm_start_opens_what_is_there(demo: Running) -> None:
    """After everything above: stopped, and started again with the same ledger, replayed and not planted anew."""
    with demo.client() as client:
        before = client.get("/v1/ledger").json()
        client.post("/demo/copy")
        copied = load_state(demo.home).label
    assert demo.stop() == 0
    again = start(demo.home)
    try:
        with again.client() as client:
            after = client.get("/v1/ledger").json()
        for same in ("founding_pin", "contracts"):
            assert after[same] == before[same], same
        # as it stopped it sealed the scans that waited; meanwhile a cadence may have come round
        assert before["entries"] < after["entries"] <= before["entries"] + 3
        assert load_state(demo.home).label != copied, "a story begins with a fresh label"
    finally:
        assert again.stop(signal.SIGTERM) == 0


def test_time_counts_from_the_start_of_the_process() -> None:
    """Loading Python and the ledger's libraries is waiting too."""
    code = "import time; time.sleep(1); from api.demo.clock import since_start; print(since_start())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) >= 1.0


def test_the_first_words_tell_a_start_from_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("api.demo.serving.serve", lambda *_, **__: None)
    run(home=tmp_path)
    assert capsys.readouterr().out.startswith("Starting a ledger")
    DemoState(complete=True).save(tmp_path)
    run(home=tmp_path)
    assert capsys.readouterr().out.startswith("Opening the ledger")


def test_another_ledgers_home_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").write_text("{}")
    done = carnet("demo", "--home", str(tmp_path), "--port", "0", cwd=tmp_path)
    assert done.returncode == 1
    assert "not_a_demo" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.json"]


def test_a_demo_not_planted_to_its_end_is_planted_anew(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "log.json").write_text("half a key")
    DemoState().save(home)
    running = start(home)
    try:
        assert load_state(home).complete
    finally:
        running.stop()


def test_the_demo_remembers_its_labels(tmp_path: Path) -> None:
    labels = tuple(Label("09521234000013", "L", str(n), f"/01/09521234000013/10/L/21/{n}") for n in range(3))
    state = DemoState({"clean": "/01/x", "website": "https://y.example"}, labels, complete=True).next_label()
    state.save(tmp_path)
    assert load_state(tmp_path) == state
    assert state.label == labels[1]
    assert state.text("clean", "http://127.0.0.1:1/") == "http://127.0.0.1:1/01/x"
    assert state.text("website", "http://127.0.0.1:1") == "https://y.example"
    assert state.next_label().next_label().label == labels[0], "after the last label the first comes again"


def _status(app: Front, client: str, headers: list[tuple[bytes, bytes]], method: str) -> int:
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/demo/copy" if method == "POST" else "/demo",
        "query_string": b"",
        "headers": headers,
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    call: tuple[Receive, Send] = (receive, send)
    asyncio.run(app(scope, *call))
    return int(sent[0]["status"])
