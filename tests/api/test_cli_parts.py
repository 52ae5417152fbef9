"""Commands with other parts below them: PostgreSQL, encrypted keys, a chain by URL, and a chain that is down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_world import GTIN, Cli, found

from ledger.chain.node import DevNode
from ledger.home import Home

pytestmark = pytest.mark.node
SEATS = ("--authority", "NL", "--authority", "KE", "--authority", "BR")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[DevNode]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    started = DevNode.start(chain_id=31337, initial_date=now, log=tmp_path / "node.log")
    yield started
    started.stop()


def register(lot: str) -> tuple[str, ...]:
    return ("batch", "register", "--gtin", GTIN, "--lot", lot, "--key", "acme", "--generate", "5")


@pytest.mark.postgres
def test_everything_on_postgresql(tmp_path: Path, postgres_server: str) -> None:
    cli = Cli(tmp_path / "home")
    cli.yes("init", "--origin", "carnet.example/pg", *SEATS, "--database", postgres_server)
    cli.yes("key", "new", "acme")
    maker = ("--role", "manufacturer", "--country", "NL", "--name", "Acme", "--prefix", "9506000")
    cli.yes("participant", "admit", "acme", *maker, "--sign", "authority-nl", "--sign", "authority-ke")
    made = cli.yes(*register("L1"))
    assert cli.yes("verify", made["proof"])["ok"] is True
    assert cli.yes("audit")["ok"] is True
    assert not (cli.home / "ledger.db").exists()
    (database,) = [part for part in cli.yes("doctor")["parts"] if part["part"] == "database"]
    assert database["version"].startswith("PostgreSQL")
    again = Cli(tmp_path / "again")
    assert (
        again.no("init", "--origin", "carnet.example/pg", *SEATS, "--database", postgres_server, code=2)["code"]
        == "founded"
    )


def test_keys_can_be_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "correct horse")
    cli = found(tmp_path / "home")
    assert all(key["encrypted"] for key in cli.yes("key", "list")["keys"])
    for path in (cli.home / "keys").iterdir():
        assert "secret" not in json.loads(path.read_text())
    cli.yes(*register("L1"))
    assert "secret" not in json.loads((Home(cli.home).batch_folder(GTIN, "L1") / "label.json").read_text())
    monkeypatch.setenv("CARNET_KEY_PASSPHRASE", "wrong")
    assert cli.no("batch", "list", code=2)["code"] == "passphrase_wrong"
    monkeypatch.delenv("CARNET_KEY_PASSPHRASE")
    assert cli.no("batch", "list", code=2)["code"] == "passphrase_needed"
    assert cli.yes("key", "list")["keys"]


def test_a_chain_by_url_that_goes_down(tmp_path: Path, node: DevNode) -> None:
    cli = Cli(tmp_path / "home")
    cli.yes("init", "--origin", "carnet.example/rpc", *SEATS, "--chain-rpc", node.url)
    assert not (cli.home / "chain" / "journal.jsonl").exists()
    cli.yes("key", "new", "acme")
    maker = ("--role", "manufacturer", "--country", "NL", "--name", "Acme", "--prefix", "9506000")
    signs = ("--sign", "authority-nl", "--sign", "authority-ke")
    cli.yes("participant", "admit", "acme", *maker, *signs)
    made = cli.yes(*register("L1"))
    assert cli.yes("verify", made["proof"], "--chain-rpc", node.url)["ok"] is True
    silent = cli("verify", made["proof"], "--chain-rpc", "http://127.0.0.1:9", "--json")
    assert (silent.code, silent.json["ok"]) == (3, True), "the file holds, and the node that was asked did not tell"
    old = Path(made["proof"]).read_bytes()
    cli.yes("participant", "suspend", "acme", "--kind", "fraud", *signs)
    stale = cli("verify", made["proof"], "--chain-rpc", node.url, "--json")
    assert Path(made["proof"]).read_bytes() == old
    assert (stale.code, stale.json["unproved"], stale.json["shows"]["register"]["code"]) == (
        1,
        "register",
        "register_stale",
    )
    (missing,) = stale.json["shows"]["register"]["missing"]
    assert (missing["proposal"], missing["sequence"]) == ("participant_suspended", 4)
    assert stale.json["shows"]["batch"]["maker_suspended"]["kind"] == "fraud"
    alone = cli.yes("verify", made["proof"])["shows"]["batch"]
    assert (alone["maker_standing"], alone["maker_suspended"]) == ("not_checked", "not_checked")
    cli.yes("participant", "reinstate", "acme", *signs)
    node.stop()
    said = cli(*register("L2"), "--json")
    assert said.code == 0  # a ledger accepts while its chain is down
    assert "anchored later" in said.err
    assert cli.no("audit", code=3)["code"] == "chain_unavailable"
    assert cli.yes("audit", "--no-chain")["ok"] is True
    assert cli.no("participant", "reinstate", "acme", *signs, code=3)["code"] == "chain_unavailable"
    down = cli("doctor", "--json")
    assert down.code == 3
    assert [part["part"] for part in down.json["parts"] if part["state"] == "down"] == ["chain"]
