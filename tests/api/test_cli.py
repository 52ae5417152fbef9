"""What holds for every command: options, exit codes, one JSON object, quick help, and a reference that is current."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from cli_world import ROOT, Cli, process

from api.cli import output, run
from api.cli.output import ExitCode, exit_code
from api.cli.reference import commands, render
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, Stopped, Unavailable

COMMANDS = dict(commands())


def test_the_reference_is_current() -> None:
    written = (ROOT / "docs" / "cli.md").read_text()
    assert written == render(), "run: python -m api.cli.reference > docs/cli.md"


def test_every_promised_command_is_there() -> None:
    nouns = {name.split()[1] for name in COMMANDS}
    assert nouns == {
        "init", "serve", "demo", "doctor", "key", "participant", "batch", "label", "scan", "verify", "audit",
        "mirror", "index", "token", "witness", "receipt",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_and_home_and_explains_its_options(name: str) -> None:
    options = {option: parameter for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--json", "--home"} <= set(options)
    assert COMMANDS[name].help
    assert all(parameter.help for parameter in COMMANDS[name].params)


def test_help_is_quick() -> None:
    def seconds() -> float:
        """Processor time of one start: what a busy machine does not change."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process("--help").code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import api.cli, sys; print([m for m in ('web3', 'fastapi', 'sqlalchemy', 'eth_account') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Malformed("m"), ExitCode.WRONG_USE),
        (NotFound("m", code="key_unknown"), ExitCode.WRONG_USE),
        (NotFound("m", code="not_founded"), ExitCode.WRONG_USE),
        (NotFound("m", code="batch_unknown"), ExitCode.NO),
        (Refused("m"), ExitCode.NO),
        (ProofInvalid("m"), ExitCode.NO),
        (Unavailable("m"), ExitCode.UNREACHABLE),
        (Stopped("m"), ExitCode.UNREACHABLE),
    ],
)
def test_each_error_has_its_exit_code(error: CarnetError, expected: ExitCode) -> None:
    assert exit_code(error) is expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("key", "nonsense"),
        ("key", "new"),
        ("key", "new", "a", "--nonsense"),
        ("key", "new", "a", "--type", "rsa"),
        ("batch", "register", "--gtin", "1"),
        ("scan",),
        ("scan", "x", "--latitude", "91"),
    ],
)
def test_wrong_use_is_said_in_one_line_or_one_object(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    cli = Cli(tmp_path / "home")
    plain, as_json = cli(*arguments), cli(*arguments, "--json")
    assert (plain.code, as_json.code) == (2, 2)
    assert plain.out == ""
    assert plain.err.startswith("carnet: ")
    assert plain.err.endswith("[usage]\n")
    assert plain.err.count("\n") == 1
    assert as_json.error["code"] == "usage"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("batch", "list"),
        ("batch", "show", "09506000134352/L1"),
        ("participant", "list"),
        ("token", "list"),
        ("audit",),
        ("scan", "(01)09506000134352(21)1"),
        ("serve", "--port", "0"),
    ],
)
def test_without_a_ledger_commands_say_how_to_found_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    error = Cli(tmp_path / "home").no(*arguments, code=2)
    assert error["code"] == "not_founded"
    assert "carnet init" in error["message"]
    assert not (tmp_path / "home").exists()


def test_a_server_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    error = Cli(tmp_path).no("participant", "list", "--server", "http://127.0.0.1:9", code=3)
    assert error["code"] == "server"
    assert "127.0.0.1:9" in error["message"]


@pytest.mark.parametrize("server", ["127.0.0.1:8000", "ftp://x"])
def test_a_server_is_named_by_its_url(tmp_path: Path, server: str) -> None:
    assert Cli(tmp_path).no("participant", "list", "--server", server, code=2)["code"] == "server"


def test_a_fault_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr("ledger.keys.store.KeyStore.list", fail)
    said = Cli(tmp_path)("key", "list", "--json")
    assert said.code == 70
    assert said.error["code"] == "fault"
    monkeypatch.setenv("CARNET_DEBUG", "1")
    with pytest.raises(RuntimeError, match="broken inside"):
        run(["key", "list", "--home", str(tmp_path)])


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    code = f"{sys.executable} -m api.cli key list --home {tmp_path} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
    assert done.stderr == ""


def test_tables_and_pairs_line_up() -> None:
    assert output.table([("a", None), ("long", ["x", "y"])], ("one", "two")) == [
        "ONE   TWO",
        "a     -",
        "long  x, y",
    ]
    assert output.pairs({"a": 1, "left out": None, "long": True}) == ["a     1", "long  yes"]


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    made = process("key", "new", "acme", "--json", env={"CARNET_HOME": str(tmp_path / "elsewhere")})
    assert made.code == 0
    assert (tmp_path / "elsewhere" / "keys" / "acme.json").exists()
    assert made.json["type"] == "evm"


def test_keys_are_made_listed_and_shown(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    made = cli.yes("key", "new", "acme")
    other = cli.yes("key", "new", "log-2", "--type", "ed25519")
    assert cli.yes("key", "list") == {"keys": [made, other]}
    assert cli.yes("key", "show", "acme") == made
    assert cli.no("key", "new", "acme", code=2)["code"] == "key_exists"
    assert cli.no("key", "new", "Acme", code=2)["code"] == "key_name"
    assert cli.no("key", "show", "nobody", code=2)["code"] == "key_unknown"
    secret = (tmp_path / "home" / "keys" / "acme.json").read_text().split('"secret": "')[1][:66]
    assert secret not in cli("key", "list").out + cli("key", "show", "acme").out


def test_doctor_names_parts_and_what_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli = Cli(tmp_path / "home")
    parts = {part["part"]: part for part in cli.yes("doctor")["parts"]}
    assert parts["node.js"]["state"] == "ok"
    assert parts["hardhat"]["version"]
    assert "carnet init" in parts["home"]["note"]
    monkeypatch.setenv("CARNET_DATABASE", "postgresql://me:hush@127.0.0.1:9/carnet")
    monkeypatch.setenv("CARNET_CHAIN_RPC", "http://me:hush@127.0.0.1:9")
    said = cli("doctor", "--json")
    assert said.code == 3
    states = {part["part"]: part["state"] for part in said.json["parts"]}
    assert (states["database"], states["chain"], said.json["ok"]) == ("down", "down", False)
    assert "hush" not in said.out + said.err + cli("doctor").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("serve", "--host", "\udcff"), "host"),
        (("token", "new", "\udcff"), "token_name"),
        (("token", "link", "\udcff"), "token_name"),
        (("init", "--origin", "x\udcff", "--authority", "NL", "--authority", "KE"), "key_name"),
    ],
)
@pytest.mark.node
def test_bytes_that_are_no_text_are_wrong_use(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    asked = Cli(tmp_path / "fresh") if arguments[0] == "init" else cli
    assert asked.no(*arguments, code=2)["code"] == code
