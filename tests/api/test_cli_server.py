"""carnet serve, and commands that speak to it from another home."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cli_world import GTIN, ROOT, Cli, found, kept, write_serials
from test_private import read_only

from api.cli.maker.batch_folder import BatchFolder
from ledger.home import Home

pytestmark = pytest.mark.node


@dataclass
class Served:
    """A running server, the commands on its home, and those of a maker elsewhere."""

    process: subprocess.Popen[str]
    about: dict[str, str]
    keeper: Cli
    maker: Cli

    @property
    def url(self) -> str:
        return self.about["url"]


def start(home: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    words = [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--json", "--home", str(home)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def node_of(home: Path) -> int:
    return int(json.loads((home / "chain" / "node.json").read_text())["pid"])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    keeper, maker = found(folder / "keeper"), Cli(folder / "maker")
    Home(maker.home).create()
    shutil.copy(keeper.home / "keys" / "acme.json", maker.home / "keys" / "acme.json")
    process, about = start(keeper.home)
    yield Served(process, about, keeper, maker)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_it_answers_where_it_says(served: Served) -> None:
    assert httpx.get(f"{served.url}/healthz").status_code == 200
    ledger = httpx.get(f"{served.url}/v1/ledger").json()
    assert (ledger["founding_pin"], ledger["base_url"]) == (served.about["pin"], served.about["base_url"])
    assert served.keeper.yes("doctor")["ok"] is True
    assert served.url in served.keeper("doctor").out


def test_a_second_writer_is_told_to_use_it(served: Served) -> None:
    words = ("batch", "register", "--gtin", GTIN, "--lot", "W1", "--key", "acme", "--generate", "2")
    error = served.keeper.no(*words)
    assert error["code"] == "writer_busy"
    assert f"use --server {served.url}" in error["message"]
    assert f"pid {served.process.pid}" in error["message"]


def test_a_second_server_is_told_of_the_first(served: Served) -> None:
    error = served.keeper.no("serve", "--port", "0")
    assert error["code"] == "writer_busy"
    assert f"already, at {served.url}" in error["message"]
    assert "--server" not in error["message"]  # which serve does not take


def test_readers_work_beside_it(served: Served) -> None:
    assert len(served.keeper.yes("participant", "list")["participants"]) >= 4
    assert served.keeper.yes("audit", "--no-chain")["ok"] is True


def test_a_maker_elsewhere_registers_prints_and_recalls(served: Served, tmp_path: Path) -> None:
    maker, at = served.maker, ("--server", served.url)
    file = write_serials(tmp_path / "s.csv", ["A1", "A2", "A3"])
    words = ("batch", "register", "--gtin", GTIN, "--lot", "M1", "--key", "acme", "--serials", file, *at)
    made = maker.yes(*words)
    assert maker.yes(*words)["again"] is True
    assert made["batch"] == served.keeper.yes("batch", "show", f"{GTIN}/M1")["id"]
    assert maker.yes("verify", made["proof"])["ok"] is True  # with the pin it has learned from the server
    label = ("label", "make", f"{GTIN}/M1", "--first", 1, "--out", tmp_path / "l.png")
    printed = maker.yes(*label, "--base-url", served.url)
    assert printed["labels"] == 1
    assert maker.yes("scan", "--image", tmp_path / "l.png", *at)["verdict"] == "registered"
    name = f"{GTIN}/M1"
    sold = ("batch", "retire", name, "--reason", "sold", "--key", "acme", *at)
    assert maker.yes(*sold, "--serial", "A1")["total"] == 1
    assert maker.yes(*sold, "--serial", "A2")["total"] == 2
    maker.yes("batch", "undo", name, "--what", "sold", "--reason", "returned", "--key", "acme", *at)
    assert maker.yes(*sold, "--serial", "A3")["total"] == 2
    assert served.keeper.no(*sold, "--serial", "A2")["code"] == "salt_missing"  # neither salt nor serials travel
    (Home(maker.home).batch_folder(GTIN, "M1") / "retired-sold.txt").unlink()
    assert maker.no(*sold, "--serial", "A2")["code"] == "retired_unknown"
    maker.yes("batch", "recall", name, "--reason", "x", "--key", "acme", *at)
    assert maker("scan", f"(01){GTIN}(10)M1(21)A2", *at, "--json").json["verdict"] == "stop"
    assert [b["lot"] for b in maker.yes("batch", "list", "--gtin", GTIN, *at)["batches"]] == ["M1"]
    assert maker.no("batch", "list", *at, code=2)["code"] == "usage"


def test_more_units_than_an_entry_holds_travel_as_a_segment(served: Served) -> None:
    maker, at = served.maker, ("--server", served.url)
    maker.yes("batch", "register", "--gtin", GTIN, "--lot", "M2", "--key", "acme", "--generate", 70, *at)
    serials = BatchFolder.of(Home(maker.home), GTIN, "M2").path / "serials.txt"
    words = ("--reason", "destroyed", "--serials", serials, "--key", "acme", *at)
    assert maker.yes("batch", "retire", f"{GTIN}/M2", *words)["total"] == 70


def test_refusals_of_a_server_are_the_same_as_here(served: Served) -> None:
    maker, at = served.maker, ("--server", served.url)
    words = ("--gtin", "4006381333931", "--lot", "M3", "--key", "acme", "--generate", 2, *at)
    before = sorted(path.name for path in served.keeper.home.joinpath("segments").rglob("*"))
    assert maker.no("batch", "register", *words)["code"] == "prefix_not_held"
    assert sorted(path.name for path in served.keeper.home.joinpath("segments").rglob("*")) == before
    assert not Home(maker.home).batch_folder("04006381333931", "M3").exists()
    assert maker.no("batch", "show", f"{GTIN}/nowhere", *at)["code"] == "batch_unknown"
    assert maker.no("batch", "show", "0x" + "00" * 32, *at)["code"] == "batch_unknown"


def test_officers_scan_with_a_token(served: Served, tmp_path: Path) -> None:
    maker, at = served.maker, ("--server", served.url)
    maker.yes("batch", "register", "--gtin", GTIN, "--lot", "M4", "--key", "acme", "--generate", 2, *at)
    label = ("label", "make", f"{GTIN}/M4", "--first", 1, "--out", tmp_path / "l.png")
    maker.yes(*label, "--base-url", "https://id.example")
    token = served.keeper.yes("token", "new", "port", "--country", "NL")["token"]
    officer = ("scan", "--image", tmp_path / "l.png", *at, "--token-file", kept(token), "--unlocode", "NLRTM")
    assert maker.yes(*officer)["scan"]["recorded"] is True
    second = maker.yes(*officer, "--proof", tmp_path / "p.tlog-proof")
    assert second["seen"]["times"] == 1
    assert maker.yes("verify", tmp_path / "p.tlog-proof", "--code", second["code"]["read"])["ok"] is True
    typed = maker("scan", f"(01){GTIN}(10)M4(21)NOPE", *at, "--token-file", kept(token), "--json")
    assert (typed.code, typed.json["verdict"]) == (1, "not_registered")


def test_a_wrong_token_is_named_by_what_gave_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    maker, at = served.maker, ("--server", served.url)
    token = served.keeper.yes("token", "new", "port")["token"]
    wrong = maker.no("scan", "x", *at, "--token-file", kept("carnet_token_wrong"), code=2)
    assert wrong["code"] == "unauthenticated"
    assert wrong["message"].startswith("couldn't use the API token of --token-file: ")
    assert "carnet_token_wrong" not in wrong["message"]
    (newest, *_) = served.keeper.yes("token", "list")["tokens"]
    served.keeper.yes("token", "revoke", newest["id"])
    monkeypatch.setenv("CARNET_TOKEN", token)
    wrong = maker.no("scan", "x", *at, code=2)
    assert wrong["message"].startswith("couldn't use the API token of CARNET_TOKEN: ")
    assert all(word in wrong["message"] for word in ("revoked", "--token-file FILE", "carnet token new"))
    wrong = maker.no("scan", "x", *at, "--token-file", kept("carnet_token_wrong"), code=2)
    assert "the API token of --token-file" in wrong["message"], "which is the one that was sent"


def test_another_ledger_under_the_same_name_is_noticed(served: Served) -> None:
    stranger = Cli(served.maker.home.parent / "stranger")
    stranger.yes("batch", "list", "--gtin", GTIN, "--server", served.url)
    known = stranger.home / "known.json"
    known.write_text(known.read_text().replace(served.about["pin"], "11" * 32))
    assert stranger.no("batch", "list", "--gtin", GTIN, "--server", served.url)["code"] == "pin_changed"


def test_admissions_are_relayed_beside_it(served: Served) -> None:
    served.keeper.yes("key", "new", "dhow")
    words = (
        "--role",
        "carrier",
        "--country",
        "KE",
        "--name",
        "Dhow",
        "--sign",
        "authority-nl",
        "--sign",
        "authority-br",
    )
    assert served.keeper.yes("participant", "admit", "dhow", *words)["server"] == served.url
    until = time.monotonic() + 20
    while "Dhow" not in {
        m["name"] for m in served.maker.yes("participant", "list", "--server", served.url)["participants"]
    }:
        assert time.monotonic() < until, "the server did not mirror the admission"
        time.sleep(0.5)


def test_a_taken_port_is_said(served: Served, cli: Cli) -> None:
    port = served.url.rsplit(":", 1)[1]
    error = cli.no("serve", "--port", port, code=3)
    assert error["code"] == "port_taken"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_stays_behind(tmp_path: Path, cli: Cli, how: signal.Signals) -> None:
    home = tmp_path / "home"
    shutil.copytree(cli.home, home)
    process, about = start(home)
    node = node_of(home)
    assert httpx.get(f"{about['url']}/readyz").status_code == 200
    process.send_signal(how)
    assert process.wait(20) == (0 if how is not signal.SIGKILL else -signal.SIGKILL)
    until = time.monotonic() + 10
    while alive(node):
        assert time.monotonic() < until, "the chain's node is still running"
        time.sleep(0.1)
    assert Home(home).server() is None
    assert Cli(home).yes("audit")["ok"] is True


def test_a_home_on_a_medium_that_is_read_only_is_audited(tmp_path: Path, cli: Cli) -> None:
    shutil.copytree(cli.home, tmp_path / "home")
    with read_only(tmp_path / "home", tmp_path / "ro") as medium:
        reading = Cli(medium)
        assert reading.yes("audit", "--no-chain")["ok"] is True
        assert reading.yes("participant", "list")["participants"]
        assert "Read-only file system" in reading.no("serve", "--port", "0", code=3)["message"]


def test_ctrl_c_ends_a_long_command_quietly(tmp_path: Path) -> None:
    """An audit of a server that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = [sys.executable, "-m", "api.cli", "audit", url, "--no-chain", "--founding", "11" * 32]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([*words, "--home", str(tmp_path)], cwd=ROOT, **pipes)
        with silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "")
