"""carnet init and participant: founding, admission by k of n, and proposals that travel as files."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cli_world import Cli, process

from ledger.chain.abi import Revert
from ledger.chain.evm import EvmChain
from ledger.chain.transactions import ChainRefused
from ledger.home import Home
from verifier.errors import Unavailable
from verifier.tree.note_key import KeyType, SigningKey

pytestmark = pytest.mark.node
ADMIT = ("--role", "carrier", "--country", "KE", "--name", "Dhow Lines")


def test_founding_prints_the_pin_and_keeps_no_secret_in_the_configuration(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seats = [word for seat in ("NL", "KE", "BR:third") for word in ("--authority", seat)]
    more = (
        "--operator-key",
        "anchorer",
        "--base-url",
        "https://id.example.org",
        "--database",
        f"sqlite:///{home}/o.db",
    )
    Cli(home).yes("key", "new", "third")
    made = Cli(home).yes("init", "--origin", "carnet.example/one", *seats, *more)
    config = Home(home).config()
    assert config.pin == made["pin"]
    assert (config.origin, config.base_url, config.operator_key) == (
        "carnet.example/one", "https://id.example.org", "anchorer",
    )  # fmt: skip
    assert {seat["country"] for seat in made["authorities"]} == {"NL", "KE", "BR"}
    assert (home / "o.db").exists()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    again = Cli(home).no(
        "init", "--origin", "carnet.example/two", "--authority", "NL", "--authority", "KE", code=2
    )  # fmt: skip
    assert again["code"] == "founded"
    assert Cli(home).yes("audit")["ok"] is True


@pytest.mark.parametrize(
    ("seats", "code"),
    [
        (["NL"], "founding"),
        (["NL", "NL:other"], "founding"),
        (["nl", "KE"], "authority"),
        (["NL:0x12", "KE"], "authority"),
        (["NL:a", "KE:a"], "founding"),
        (["NL", "KE:nobody"], "key_unknown"),
    ],
)
def test_unsound_plans_found_nothing(tmp_path: Path, seats: list[str], code: str) -> None:
    words = [word for seat in seats for word in ("--authority", seat)]
    error = Cli(tmp_path / "home").no("init", "--origin", "carnet.example/x", *words, code=2)
    assert error["code"] == code
    assert not Home(tmp_path / "home").founded


@pytest.mark.parametrize("base_url", ["id.example.org", "https://id.example.org/?x=1", "ftp://id.example.org"])
def test_links_need_a_sound_start(tmp_path: Path, base_url: str) -> None:
    words = ("--authority", "NL", "--authority", "KE", "--base-url", base_url)
    assert Cli(tmp_path / "home").no("init", "--origin", "x.example/l", *words, code=2)["code"] == "base_url"


def vkey(number: int) -> str:
    return SigningKey(f"w{number}.example", number.to_bytes(32, "big"), KeyType.COSIGNATURE_V1).verifier.format()


def test_a_witness_policy_stands_in_entry_0_and_addresses_in_the_configuration(tmp_path: Path) -> None:
    file, words = tmp_path / "policy", ("--authority", "NL", "--authority", "KE", "--origin", "carnet.example/seen")
    names = ("nl", "ke", "br")
    lines = [f"witness {name} {vkey(n)} https://{name}.example/" for n, name in enumerate(names, start=1)]
    text = "\n".join(["# who looks on", lines[0], lines[1], f"witness br {vkey(3)}", "group all-of-them 2 nl ke br"])
    file.write_text(text + "\nquorum all-of-them\n")
    cli = Cli(tmp_path / "home")
    made = cli("init", *words, "--witness-policy", file, "--witness", "ke=http://127.0.0.1:8701/w", "--json")
    assert (made.code, "no address of the witness br" in made.err) == (0, True)
    assert made.json["witness_policy"] == file.read_text()
    expected = [{"name": "nl", "url": "https://nl.example/"}, {"name": "ke", "url": "http://127.0.0.1:8701/w"}]
    assert made.json["witnesses"] == expected
    assert [asdict(each) for each in Home(cli.home).config().witnesses] == expected
    assert cli.yes("audit")["ok"] is True


@pytest.mark.parametrize(
    ("policy", "more", "code"),
    [
        ("quorum nobody\n", (), "policy"),
        (f"witness a {vkey(1)}\nquorum none\n", (), "founding"),
        (f"witness a {vkey(1)}\nquorum a\n", ("--witness", "b=http://127.0.0.1"), "witness"),
        (f"witness a {vkey(1)}\nquorum a\n", ("--witness", "http://127.0.0.1"), "witness"),
        (f"witness a {vkey(1)} w.example\nquorum a\n", (), "url"),
        (None, ("--witness", "a=http://127.0.0.1"), "witness"),
    ],
)
def test_unsound_witnesses_found_nothing(tmp_path: Path, policy: str | None, more: tuple[str, ...], code: str) -> None:
    words: tuple[object, ...] = ("--authority", "NL", "--authority", "KE", "--origin", "carnet.example/seen", *more)
    if policy is not None:
        (tmp_path / "policy").write_text(policy)
        words = (*words, "--witness-policy", tmp_path / "policy")
    assert Cli(tmp_path / "home").no("init", *words, code=2)["code"] == code
    assert not Home(tmp_path / "home").founded


def test_authorities_may_keep_their_keys_elsewhere(tmp_path: Path) -> None:
    """Founded without any vote at hand: the operator is named afterwards, by proposal."""
    elsewhere, cli = Cli(tmp_path / "elsewhere"), Cli(tmp_path / "home")
    keys = {
        name: elsewhere.yes("key", "new", name)["address"]
        for country in ("nl", "ke")
        for name in (country, f"{country}-recovery")
    }
    seats = [f"{country.upper()}:{keys[country]}:{keys[f'{country}-recovery']}" for country in ("nl", "ke")]
    words = [word for seat in seats for word in ("--authority", seat)]
    made = cli("init", "--origin", "carnet.example/far", *words)
    assert made.code == 0
    assert "not anchored yet" in made.err
    assert [key["name"] for key in cli.yes("key", "list")["keys"]] == ["log", "operator"]
    file = tmp_path / "operator.json"
    cli.yes("participant", "set-operator", "operator", "--out", file)
    for country in ("nl", "ke"):
        elsewhere.yes("participant", "sign", file, "--key", country)
    cli.yes("participant", "relay", file)
    assert cli.yes("audit")["counts"]["anchors"] == 1


def test_one_country_cannot_admit(cli: Cli) -> None:
    cli.yes("key", "new", "lonely")
    before = cli.yes("participant", "list")
    error = cli.no("participant", "admit", "lonely", *ADMIT, "--sign", "authority-nl")
    assert error["code"] == "not_approved"
    assert "1 countries approved (NL), 2 of 3" in error["message"]
    assert cli.yes("participant", "list") == before


def test_a_key_that_is_no_authority_cannot_vote(cli: Cli) -> None:
    cli.yes("key", "new", "stranger")
    signs = ("--sign", "authority-nl", "--sign", "stranger")
    assert cli.no("participant", "admit", "stranger", *ADMIT, *signs)["code"] == "no_authority"


def test_a_proposal_travels_as_files_and_is_relayed_once(cli: Cli, tmp_path: Path) -> None:
    cli.yes("key", "new", "dhow")
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    proposed = cli.yes("participant", "admit", "dhow", *ADMIT, "--out", first)
    assert proposed["signers"] == []
    shutil.copy(first, second)
    cli.yes("participant", "sign", first, "--key", "authority-ke")
    cli.yes("participant", "sign", second, "--key", "authority-br")
    assert len(cli.yes("participant", "sign", second, "--key", "authority-br")["signers"]) == 1  # twice counts once
    assert cli.no("participant", "relay", first)["code"] == "not_approved"
    relayed = cli.yes("participant", "relay", first, second)
    assert relayed["mirrored"] == 1
    assert len(relayed["relayed"][0]["signers"]) == 2
    shown = cli.yes("participant", "show", "dhow")
    assert cli.yes("participant", "show", shown["name"]) == cli.yes("participant", "show", shown["address"]) == shown
    assert cli.no("participant", "show", "Nobody At All")["code"] == "not_admitted"
    assert cli.yes("participant", "forget-name", "dhow")["erased"] >= 1
    gone = cli.yes("participant", "show", shown["address"])
    assert gone == {**shown, "name": None}
    kept = b"".join(file.read_bytes() for file in cli.home.glob("ledger.db*"))
    assert shown["name"].encode() not in kept, "erased, and not only left out"
    assert cli.yes("participant", "forget-name", "dhow")["erased"] == 0
    assert cli.yes("audit")["ok"], "the log holds a commitment, and no name"
    assert (shown["name"], shown["role"], shown["country"]) == ("Dhow Lines", "carrier", "KE")
    again = cli.yes("participant", "relay", first, second)
    assert again["mirrored"] == 0
    assert again["relayed"][0]["transaction"] == relayed["relayed"][0]["transaction"]


def test_an_admission_whose_answer_was_lost_is_completed_by_a_repeat(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry took it, and nobody here heard of it. What was meant besides it is done at the repeat."""
    execute, lost = EvmChain.execute, ["the answer"]

    def loses(chain: EvmChain, *proposal: Any) -> Any:
        receipt = execute(chain, *proposal)
        if lost:
            raise Unavailable(f"couldn't reach the chain: {lost.pop()} got lost", code="chain_unavailable")
        return receipt

    monkeypatch.setattr(EvmChain, "execute", loses)
    address = cli.yes("key", "new", "late")["address"]
    admit = ("participant", "admit", "late", "--role", "manufacturer", "--country", "KE", "--name", "Late & Sons")
    more = ("--prefix", "9506777", "--sign", "authority-nl", "--sign", "authority-br")
    assert cli.no(*admit, *more, code=3)["code"] == "chain_unavailable"
    made = cli.yes(*admit, *more)
    assert [one["proposal"] for one in made["relayed"]] == ["participant_admitted", "prefix_granted"]
    shown = cli.yes("participant", "show", "Late & Sons")
    assert (shown["address"], shown["prefixes"], shown["name"]) == (address, ["9506777"], "Late & Sons")
    assert cli.yes(*admit, *more)["relayed"][0]["transaction"] == made["relayed"][0]["transaction"]
    other = (*admit[:-1], "Somebody Else", *more)
    assert cli.no(*other)["code"] == "chain_refused"
    assert cli.yes("participant", "show", "late")["name"] == "Late & Sons", "nor does a refused attempt take its name"


def test_a_decision_of_this_second_waits_for_the_chain_s_clock(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose clock is a second behind refuses what is of now; the votes are good, so they are sent again."""
    execute, refused = EvmChain.execute, []

    def behind(chain: EvmChain, kind: str, body: dict[str, Any], signatures: list[str]) -> Any:
        if not refused:
            refused.append(body)
            raise ChainRefused(Revert("RegistryEffectiveTimeOutOfRange", {}))
        return execute(chain, kind, body, signatures)

    cli.yes("key", "new", "hasty")
    signs = ("--sign", "authority-nl", "--sign", "authority-br")
    cli.yes("participant", "admit", "hasty", *ADMIT, *signs)
    monkeypatch.setattr(EvmChain, "execute", behind)
    made = cli.yes("participant", "suspend", "hasty", "--kind", "fraud", *signs)
    assert (len(refused), made["relayed"][0]["body"]) == (1, refused[0])
    refused.clear()
    future = ("--effective-at", "2999-01-01T00:00:00Z")
    assert cli.no("participant", "suspend", "hasty", "--kind", "fraud", *signs, *future)["code"] == "chain_refused"


def test_files_of_different_proposals_are_not_mixed(cli: Cli, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    for path in (one, two):
        cli.yes("participant", "grant-prefix", "acme", "95060011", "--out", path, "--sign", "authority-nl")
    assert cli.no("participant", "relay", one, two)["code"] == "other_proposal"


def test_a_changed_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "proposal.json"
    signs = ("--sign", "authority-nl", "--sign", "authority-ke")
    cli.yes("participant", "grant-prefix", "acme", "95060012", "--out", path, *signs)
    good = json.loads(path.read_text())
    for change, code, exit_code in (
        ({"body": {**good["body"], "prefix": "95060013"}}, "no_authority", 1),
        ({"domain": {**good["domain"], "chain_id": 1}}, "other_log", 1),
        ({"proposal": "prefix_withdrawn"}, "no_authority", 1),
        ({"proposal": "made_up"}, "proposal_file", 2),
        ({"format": "other/1"}, "proposal_file", 2),
        ({"body": {**good["body"], "more": 1}}, "body_keys", 2),
    ):
        path.write_text(json.dumps({**good, **change}))
        assert cli.no("participant", "relay", path, code=exit_code)["code"] == code
    path.write_text("{")
    assert cli.no("participant", "relay", path, code=2)["code"] == "proposal_file"


def test_suspension_stops_registrations_until_reinstated(cli: Cli, tmp_path: Path) -> None:
    signs = ("--sign", "authority-nl", "--sign", "authority-br")
    cli.yes("key", "new", "bolt")
    maker = ("--role", "manufacturer", "--country", "NL", "--name", "Bolt", "--prefix", "9521234")
    cli.yes("participant", "admit", "bolt", *maker, *signs)
    cli.yes("participant", "suspend", "bolt", "--kind", "fraud", *signs)
    assert cli.yes("participant", "show", "bolt")["suspended"]["kind"] == "fraud"
    batch = ("--gtin", "9521234543213", "--lot", "S1", "--generate", "3", "--key", "bolt")
    assert cli.no("batch", "register", *batch)["code"] == "suspended"
    assert not Home(cli.home).batch_folder("09521234543213", "S1").exists()
    cli.yes("participant", "reinstate", "bolt", *signs)
    cli.yes("batch", "register", *batch)
    cli.yes("participant", "withdraw-prefix", "bolt", "9521234", *signs)
    other = ("--gtin", "9521234543213", "--lot", "S2", "--generate", "3", "--key", "bolt")
    assert cli.no("batch", "register", *other)["code"] == "prefix_not_held"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("grant-prefix", "acme", "123"), "prefix"),
        (("grant-prefix", "acme", "12345x"), "prefix"),
        (("grant-prefix", "0x12", "9506000"), "hex"),
        (("suspend", "acme", "--kind", "fraud", "--effective-at", "yesterday"), "instant"),
        (("suspend", "acme", "--kind", "fraud", "--effective-at", "2026-11-01T00:00:00"), "instant"),
        (("suspend", "acme", "--kind", "made_up"), "usage"),
        (("reinstate", "nobody"), "key_unknown"),
        (("suspend", "acme", "--kind", "fraud", "--effective-at", "0001-01-01T00:00:00+14:00"), "instant"),
        (("admit", "0x" + "11" * 20, "--role", "carrier", "--country", "NL", "--name", "\udcff"), "hidden_character"),
    ],
)
def test_bad_values_are_wrong_use(cli: Cli, arguments: tuple[str, ...], code: str) -> None:
    assert cli.no("participant", *arguments, code=2)["code"] == code


def test_a_name_that_is_not_the_one_signed_for_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "proposal.json"
    cli.yes("key", "new", "renamed")
    cli.yes(
        "participant", "admit", "renamed", *ADMIT, "--out", path, "--sign", "authority-nl", "--sign", "authority-ke"
    )
    value = json.loads(path.read_text())
    value["name"]["name"] = "Somebody Else"
    path.write_text(json.dumps(value))
    assert cli.no("participant", "relay", path)["code"] == "name_mismatch"


def test_a_real_process_says_the_same(cli: Cli) -> None:
    said = process("participant", "list", "--json", "--home", cli.home)
    assert said.code == 0
    assert said.json == cli.yes("participant", "list")
