"""The home's files, what the environment overrides, and the lock against a second writer."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.home import Home, LedgerConfig, Settings, WitnessAddress
from ledger.remote.urls import without_password
from verifier.errors import Malformed, NotFound, Refused

CONFIG = LedgerConfig(
    origin="example.org/log",
    base_url="https://id.example.org",
    pin="ab" * 32,
    chain_id=31337,
    registry="0x" + "11" * 20,
    anchor="0x" + "22" * 20,
)
HOLD = """
import sys
from pathlib import Path
from ledger.home import Home
home = Home(Path(sys.argv[1]))
with home.writer():
    if len(sys.argv) > 2:
        home.announce(sys.argv[2])
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "deep" / "home", Settings())
    made.create()
    return made


def hold(home: Home, *url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.path), *url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_folders_are_for_their_owner_only(home: Home) -> None:
    for folder in (home.path, home.keys, home.segments, home.chain, home.batches):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_configuration_comes_back(home: Home) -> None:
    assert not home.founded
    home.save_config(CONFIG)
    assert home.founded
    assert home.config() == CONFIG


def test_a_home_without_a_ledger_says_how_to_found_one(home: Home) -> None:
    with pytest.raises(NotFound, match="carnet init") as caught:
        home.config()
    assert caught.value.code == "not_founded"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "carnet-home/2"},
        {"origin": 7},
        {"origin": None},
        {"chain_id": True},
        {"extra": "x"},
        {"witnesses": None},
        {"witnesses": ["https://w.example"]},
        {"witnesses": [{"name": "nl"}]},
        {"witnesses": [{"name": "nl", "url": None}]},
        {"witnesses": [{"name": "nl", "url": "https://w.example"}] * 2},
    ],
)
def test_a_damaged_configuration_is_refused(change: dict[str, object]) -> None:
    value = {**json.loads(CONFIG.encode()), **change}
    with pytest.raises(Malformed) as caught:
        LedgerConfig.decode(json.dumps(value).encode())
    assert caught.value.code == "config"


def test_witnesses_come_back_and_older_files_have_none(home: Home) -> None:
    config = replace(CONFIG, witnesses=(WitnessAddress("nl", "https://w.example/nl"), WitnessAddress("ke", "http://k")))
    home.save_config(config)
    assert home.config() == config
    older = json.loads(CONFIG.encode())
    del older["witnesses"]
    assert LedgerConfig.decode(json.dumps(older).encode()) == CONFIG


@pytest.mark.parametrize(
    "url", ["w.example", "ftp://w.example", "https://", "http://w:x", "http://me@w", "http://w?a=b", "http://w/ x"]
)
def test_a_witness_is_asked_over_http_below_a_path(url: str) -> None:
    value = {**json.loads(CONFIG.encode()), "witnesses": [{"name": "nl", "url": url}]}
    with pytest.raises(Malformed) as caught:
        LedgerConfig.decode(json.dumps(value).encode())
    assert caught.value.code == "url"


def test_passwords_stay_out_of_the_configuration(home: Home) -> None:
    home.save_config(
        LedgerConfig.decode(
            CONFIG.encode().replace(b'"database": null', b'"database": "postgresql://me:hush@db:5432/carnet"')
        )
    )
    assert b"hush" not in home.config_file.read_bytes()
    assert home.database_url == "postgresql://me@db:5432/carnet"
    assert without_password("https://user:hush@rpc.example/x?y=1") == "https://user@rpc.example/x?y=1"
    assert without_password("https://rpc.example/x") == "https://rpc.example/x"


def test_the_environment_overrides_and_is_not_shown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.save_config(CONFIG)
    assert home.database_url == f"sqlite:///{home.path / 'ledger.db'}"
    assert home.chain_rpc is None
    monkeypatch.setenv("CARNET_DATABASE", "postgresql://me:hush@db/carnet")
    monkeypatch.setenv("CARNET_CHAIN_RPC", "https://u:hush@rpc.example")
    monkeypatch.setenv("CARNET_BASE_URL", "https://other.example")
    changed = Home(home.path, Settings())
    assert changed.database_url == "postgresql://me:hush@db/carnet"
    assert changed.chain_rpc == "https://u:hush@rpc.example"
    assert changed.base_url == "https://other.example"
    assert "hush" not in repr(changed) + repr(changed.settings) + str(changed.settings)


def test_batch_folders_take_any_lot(home: Home) -> None:
    folder = home.batch_folder("09506000134352", "../A%/b")
    assert folder.parent == home.batches
    assert folder.name == "09506000134352-..%2FA%25%2Fb"


def test_a_second_writer_is_sent_to_the_server(home: Home) -> None:
    process = hold(home, "http://127.0.0.1:8000")
    try:
        with pytest.raises(Refused, match=rf"pid {process.pid}\): use --server http://127.0.0.1:8000") as caught:
            home.writer().__enter__()
        assert caught.value.code == "writer_busy"
        assert home.server() == "http://127.0.0.1:8000"
    finally:
        process.communicate("\n")
    assert home.server() is None
    with home.writer():
        pass


def test_a_second_command_is_told_to_wait(home: Home) -> None:
    process = hold(home)
    try:
        with pytest.raises(Refused, match="wait until it is done"):
            home.writer().__enter__()
        assert home.server() is None
    finally:
        process.communicate("\n")


def test_a_killed_writer_leaves_no_lock(home: Home) -> None:
    process = hold(home, "http://127.0.0.1:8000")
    process.kill()
    process.communicate()
    assert home.server() is None
    with home.writer():
        assert home.server() is None  # ours, and nothing announced


def test_asking_for_the_server_never_stops_a_writer(home: Home) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            home.server()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(200):
            with home.writer():
                pass
    finally:
        stop.set()
        thread.join()
