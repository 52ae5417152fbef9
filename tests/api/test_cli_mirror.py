"""`carnet audit URL` and `carnet mirror URL` as real processes against a really served ledger, with only the pin."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_world import ROOT
from ledger_world import World, gtin
from served import PREFIX, UNLIMITED

from api.app import create_app
from api.site.settings import ApiSettings
from ledger.opened import Ledger
from ledger.services.outward.index_seal import IndexCadence
from ledger.services.scans.token import Scope
from tests.listening import listening
from tests.log_server import PublishedLog
from tests.log_server import serving as serving_sim
from tests.sim import Sim
from verifier.evidence.evidence import check_evidence
from verifier.reading.digital_link import format_digital_link
from verifier.reading.reading import ReadCode, read
from verifier.record.participant import Role
from verifier.record.statement import Proposal


def carnet(*arguments: object, home: Path, **environment: str) -> subprocess.Popen[str]:
    """A command as its own process, on a machine that knows nothing."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), **environment}
    command = [sys.executable, "-m", "api.cli", *map(str, arguments), "--home", str(home / "carnet")]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], timeout: float = 120) -> tuple[int, dict[str, Any], str]:
    """How it ended, its one JSON object, and what it said beside that."""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, json.loads(out) if out.strip() else {}, err


# with a ledger that was founded on a chain, and its own server


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Ledger, str]]:
    """A served ledger that publishes: a maker, an auditor, and batches."""
    world = World.found(tmp_path_factory.mktemp("live") / "home")
    with world.open() as ledger:
        maker = world.maker(ledger, "Aurora", PREFIX)
        world.admit(ledger, "Audito", Role.AUDITOR, "KE")
        hidden = world.register(ledger, maker, gtin(PREFIX, 1), "L1", units=40)
        world.recall(ledger, maker, hidden)
        ledger.anchor_now()
        assert ledger.publisher is not None
        ledger.publisher.round()
        settings = ApiSettings(base_url="http://127.0.0.1", rates=UNLIMITED)
        with listening(create_app(ledger, settings=settings)) as url:
            yield world, ledger, url


@pytest.mark.node
def test_a_stranger_audits_a_served_ledger_with_only_the_pin(live: tuple[World, Ledger, str], tmp_path: Path) -> None:
    _, ledger, url = live
    pin = ledger.founding.pin.hex()
    code, report, err = said(carnet("audit", url, "--founding", pin, "--json", home=tmp_path))
    assert (code, report["findings"]) == (0, []), err
    assert report["size"] == ledger.record.size
    assert report["pin_given"] is True
    assert report["counts"]["segments"] == 1
    # with the auditor's own node
    assert ledger.evm is not None
    code, report, _ = said(
        carnet("audit", url, "--founding", pin, "--chain-rpc", ledger.evm.rpc.url, "--json", home=tmp_path)
    )
    assert code == 0
    assert report["counts"]["anchors"] >= 1
    # from a copied folder
    shutil.copytree(ledger.home.published, tmp_path / "copy" / "published")
    shutil.copytree(ledger.home.segments, tmp_path / "copy" / "segments")
    code, copied, _ = said(carnet("audit", tmp_path / "copy/published", "--founding", pin, "--json", home=tmp_path))
    assert (code, copied["root"]) == (0, report["root"])
    # another pin
    code, report, _ = said(carnet("audit", url, "--founding", "00" * 32, "--json", home=tmp_path))
    assert code == 1
    assert "pin" in {finding["code"] for finding in report["findings"]}
    # nobody there, no pin, an option for another kind
    assert said(carnet("audit", "http://127.0.0.1:1", "--founding", pin, "--json", home=tmp_path))[0] == 3
    code, answer, _ = said(carnet("audit", url, "--json", home=tmp_path))
    assert (code, answer["error"]["code"]) == (2, "pin_needed")
    assert said(carnet("audit", "--chain-rpc", "http://127.0.0.1:1", "--json", home=tmp_path))[0] == 2


@pytest.mark.node
def test_a_mirror_of_a_served_ledger_answers_and_confirms_its_index(
    live: tuple[World, Ledger, str], tmp_path: Path
) -> None:
    world, ledger, url = live
    assert ledger.publisher is not None
    ledger.indexes.seal()
    ledger.publisher.round()
    pin = ledger.founding.pin.hex()
    home = tmp_path / "carnet"
    code, state, err = said(carnet("mirror", url, "--founding", pin, "--once", "--json", home=tmp_path))
    assert code == 0, err
    assert state["size"] == ledger.record.size
    assert state["unanswerable_batches"] == 1
    shutil.copy(world.home.keys / "audito.json", home / "keys" / "audito.json")
    token = ledger.tokens.issue("mirror", [Scope.SALT], "KE")
    process = carnet(
        "mirror", url, "--port", 0, "--confirm-index", "audito", "--interval", 0.2, "--json",
        home=tmp_path, CARNET_TOKEN=f"\ufeff{token}\r",
    )  # fmt: skip
    try:
        assert process.stdout is not None
        state = json.loads(process.stdout.readline())
        assert state["unanswerable_batches"] == 0
        sealed = ledger.record.sealed_index
        assert sealed is not None
        assert list(sealed.confirmed) == [world.keys.load_evm("audito").address]
        maker = world.keys.load_evm("aurora")
        batch = world.register(ledger, maker, gtin(PREFIX, 2), "L2", units=20)
        ledger.publisher.round()
        label = world.label(ledger, batch, batch.serials[0])
        link = format_digital_link("https://id.example", batch.gtin, "L2", batch.serials[0], label)
        answer = eventually(lambda: look(state["url"], link), lambda found: found.get("verdict") == "registered")
        assert answer["as_of"]["mirror"]["of"] == url + "/log/"
        assert answer["as_of"]["size"] == ledger.record.size
        when = str(batch.receipt.recorded_at - 1)
        time.sleep(1.1)  # block times are whole seconds, and the contract takes no suspension from the future
        suspended = {"participant": maker.address, "suspensionKind": 3, "effectiveAt": when}
        world.decide(ledger, Proposal.PARTICIPANT_SUSPENDED, **suspended)
        decision = ledger.record.standing.entries[-1]
        shows = eventually(lambda: proof_of(ledger, link), lambda shows: sealed_in(shows) > decision)
        assert shows["decisions"]["count"] == ledger.record.index.decisions, "sealed by itself, confirmed by the mirror"
        assert (shows["batch"]["maker_standing"], shows["batch"]["registered_while_suspended"]) == ("complete", True)
    finally:
        process.send_signal(signal.SIGINT)
        code, _, err = said(process)
    assert code == 0, err
    code, report, _ = said(carnet("audit", "--json", home=tmp_path))
    assert (code, report["findings"]) == (0, [])
    refused = said(carnet("serve", "--port", 0, "--json", home=tmp_path))
    assert (refused[0], refused[1]["error"]["code"]) == (1, "mirror")


def sealed_in(shows: dict[str, Any]) -> int:
    """The entry of the index that a proof rests on; 0 where it rests on none."""
    return int(shows["index"]["sealed_in"]) if shows["index"] is not None else 0


def proof_of(ledger: Ledger, code: str) -> dict[str, Any]:
    """What the proof of a unit shows once the newest decision is sealed, confirmed and published; else nothing."""
    cadence = IndexCadence(ledger.indexes, interval=0.1)
    cadence.start()
    time.sleep(0.3)
    cadence.close()
    assert ledger.publisher is not None
    ledger.publisher.round()
    reading = read(code)
    assert isinstance(reading, ReadCode)
    raw = ledger.proofs.for_unit(reading.code)
    return dict(check_evidence(raw, pin=ledger.founding.pin, unwitnessed=True).shows)


def look(url: str, code: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/v1/verify", params={"code": code, "carrier": "qr"}, timeout=20).json()
    return found


def eventually(get: Any, good: Any, seconds: float = 40) -> Any:
    """Ask until the answer is good; it is asserted."""
    until = time.monotonic() + seconds
    while not good(answer := get()) and time.monotonic() < until:
        time.sleep(0.2)
    assert good(answer), answer
    return answer


# with a log whose operator lies


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[PublishedLog]:
    sim = Sim.found(checked=False, clock=1_000 * (int(time.time()) - 3_600))  # a log of days ago would be called stale
    maker = sim.maker("aurora", PREFIX)
    batch = sim.register_batch(maker, units=40, public=True)
    while sim.size() < 700:
        sim.undo(maker, sim.recall(maker, batch))
    with serving_sim(PublishedLog(sim, tmp_path / "published")) as log:
        yield log


def test_an_interrupted_audit_goes_on_where_it_was(lying: PublishedLog, tmp_path: Path) -> None:
    lying.held.add("tile/entries/001")  # however slow this machine is: the audit cannot end before it is told to
    pin = lying.sim.pin.hex()
    process = carnet("audit", lying.url, "--founding", pin, "--json", home=tmp_path)
    cache = tmp_path / ".cache" / "carnet" / pin
    until = time.monotonic() + 60
    while not (cache / "tile/entries/000").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert said(process)[0] in (130, -signal.SIGINT)
    assert time.monotonic() - began < 15, "a log that does not answer keeps nobody from leaving"
    done = {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()} & set(lying.asked)
    assert "tile/entries/000" in done
    lying.held.clear()
    lying.asked.clear()
    code, report, err = said(carnet("audit", lying.url, "--founding", pin, "--json", home=tmp_path))
    assert code == 0, err
    assert not done & set(lying.asked), "what was there is not fetched again"
    assert any("files came from" in note for note in report["notes"])
    lying.asked.clear()
    assert said(carnet("audit", lying.url, "--founding", pin, "--no-resume", "--json", home=tmp_path))[0] == 0
    assert done <= set(lying.asked)


def test_an_operator_that_rewrites_history_is_caught_by_audit_and_mirror(lying: PublishedLog, tmp_path: Path) -> None:
    pin = lying.sim.pin.hex()
    code, before, _ = said(carnet("audit", lying.url, "--founding", pin, "--no-resume", "--json", home=tmp_path))
    assert code == 0
    (tmp_path / "report.json").write_text(json.dumps(before))
    assert said(carnet("mirror", lying.url, "--founding", pin, "--once", "--json", home=tmp_path))[0] == 0
    forged = deepcopy(lying.sim)
    forged.forge(3, lambda value: {**value, "recorded_at": value["recorded_at"].replace("000Z", "001Z")})
    lying.publish_anew(forged)
    since = ("--since", tmp_path / "report.json", "--founding", pin, "--no-resume", "--json")
    code, report, _ = said(carnet("audit", lying.url, *since, home=tmp_path))
    assert code == 1
    assert "since_differs" in {finding["code"] for finding in report["findings"]}
    code, state, err = said(carnet("mirror", lying.url, "--once", "--json", home=tmp_path))
    assert code == 1
    assert "ALARM" in err
    evidence = tmp_path / "carnet" / state["alarm"]["evidence"]
    code, checked, _ = said(carnet("verify", evidence, "--founding", pin, "--json", home=tmp_path))
    assert code == 0
    assert checked["shows"]["fork"]["heads"][0]["size"] == before["size"]
    assert said(carnet("verify", evidence, "--founding", "00" * 32, "--json", home=tmp_path))[0] == 1
