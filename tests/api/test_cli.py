"""What holds for every command: options, exit codes, one JSON object, quick help, and a reference that is current."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from cli_world import ROOT, Cli, process

from api.cli.authority.participant import RoleName, SuspensionName
from api.cli.base import output
from api.cli.base.output import ExitCode, exit_code
from api.cli.base.shown import pasteable
from api.cli.maker.batch import CarrierName, ReasonName, SlotName
from api.cli.maker.label import Format
from api.cli.officer.scan import ContextName
from api.cli.operator.key import KeyType
from api.cli.reference import commands, render
from verifier.errors import CarnetError, Malformed, NotFound, ProofInvalid, Refused, Stopped, Unavailable
from verifier.reading.reading import ReadCode, read

COMMANDS = dict(commands())
HEAVY = {
    "web3", "eth_account", "coincurve", "cryptography", "sqlalchemy", "alembic", "psycopg", "fastapi", "starlette",
    "uvicorn", "httpx", "jinja2", "numpy", "PIL", "qrcode", "fpdf", "zxingcpp", "biip", "ledger",
}  # fmt: skip
"""Loading any of these takes longer than all of help. (pydantic is typer's own, for options with a type.)"""


def test_the_reference_is_current() -> None:
    written = (ROOT / "docs" / "cli.md").read_text()
    assert written == render(), "run: python -m api.cli.reference > docs/cli.md"


def test_every_promised_command_is_there() -> None:
    nouns = {name.split()[1] for name in COMMANDS}
    assert nouns == {
        "init", "serve", "demo", "doctor", "key", "participant", "batch", "label", "scan", "verify", "audit",
        "mirror", "index", "token", "witness", "receipt", "server", "rules",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json_and_home_and_explains_its_options(name: str) -> None:
    options = {option: parameter for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {"--json", "--home"} <= set(options)
    assert COMMANDS[name].help
    assert all(parameter.help for parameter in COMMANDS[name].params)


@pytest.mark.parametrize("words", [["--help"], ["batch", "register", "--help"], ["--version"]])
def test_help_is_quick_because_it_loads_no_heavy_library(words: list[str]) -> None:
    """What makes it slow is known by name; the time itself is the machine's."""
    code = "import sys; from api.cli import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "carnet" in done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Malformed("m"), ExitCode.WRONG_USE),
        (NotFound("m", code="key_unknown"), ExitCode.WRONG_USE),
        (NotFound("m", code="not_founded"), ExitCode.WRONG_USE),
        (NotFound("m", code="token_unknown"), ExitCode.WRONG_USE),
        (NotFound("m", code="file"), ExitCode.WRONG_USE),
        (Unavailable("m", code="file"), ExitCode.UNREACHABLE),
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
        ("audit", "--founding", "nonsense"),
        ("scan", "(01)09506000134352(21)1"),
        ("serve", "--port", "0"),
        ("batch", "register", "--gtin", "1", "--lot", "L", "--key", "aurora", "--generate", 1),
        ("batch", "recall", "nonsense", "--reason", "x", "--key", "aurora"),
        ("batch", "retire", "x", "--reason", "sold", "--key", "aurora"),
        ("batch", "undo", "x", "--what", "recall", "--reason", "x", "--key", "aurora"),
        ("label", "make", "nonsense", "--out", "x.pdf"),
        ("label", "close", "nonsense"),
        ("participant", "admit", "x", "--role", "carrier", "--country", "??", "--name", "x"),
        ("participant", "suspend", "x", "--kind", "fraud"),
        ("participant", "grant-prefix", "x", "1"),
        ("key", "list"),
        ("key", "show", "aurora"),
        ("index", "show"),
        ("index", "seal"),
        ("index", "confirm", "--key", "aurora"),
        ("token", "new", "x", "--scope", "everything"),
        ("token", "link", "x"),
    ],
)
def test_a_wrong_home_is_said_before_anything_else(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    error = Cli(tmp_path / "home").no(*arguments, code=2)
    assert error["code"] == "not_founded"
    assert f"{tmp_path / 'home'}: nothing is founded here" in error["message"]
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

    Cli(tmp_path).yes("key", "new", "a")
    monkeypatch.setattr("ledger.keys.store.KeyStore.list", fail)
    said = Cli(tmp_path)("key", "list", "--json")
    assert said.code == 70
    assert said.error["code"] == "fault"
    assert "broken inside" not in said.out, "what an error of others says may quote a secret"
    monkeypatch.setenv("CARNET_DEBUG", "1")
    shown = Cli(tmp_path)("key", "list")
    assert shown.code == 70
    assert "RuntimeError: broken inside" in shown.err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    Cli(tmp_path).yes("key", "new", "a")
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


def test_the_version_is_said() -> None:
    said = process("--version")
    assert (said.code, said.out) == (0, f"carnet {version('carnet')}\n")


@pytest.mark.parametrize("option", ["--home", "--json", "--server", "--token-file", "--home=x"])
def test_common_options_before_the_command_are_told_their_place(option: str) -> None:
    said = process(option, "scan", "x")
    assert said.code == 2
    assert "goes after the command" in said.out + said.err
    assert option.partition("=")[0] in said.out + said.err


CHOICES = {
    ("batch", "retire"): ReasonName, ("batch", "undo"): SlotName, ("batch", "register"): CarrierName,
    ("scan",): ContextName, ("label", "make"): Format, ("key", "new"): KeyType,
    ("participant", "admit"): RoleName, ("participant", "suspend"): SuspensionName,
}  # fmt: skip


@pytest.mark.parametrize("words", CHOICES)
def test_choices_are_listed_whole(words: tuple[str, ...], tmp_path: Path) -> None:
    """In help, however narrow its table is, and in the reference."""
    names = {choice.value for choice in CHOICES[words]}
    shown = process(*words, "--help", env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).out
    assert names <= set(re.findall(r"\w+", shown))
    section = render().split(f"carnet {' '.join(words)}\n", 1)[1].split("\n### ")[0].split("\n#### ")[0]
    assert names <= set(re.findall(r"\w+", section))


def test_a_wrong_choice_is_told_the_right_ones(tmp_path: Path) -> None:
    error = Cli(tmp_path).no("key", "new", "a", "--type", "rsa", code=2)
    assert error["message"] == "Invalid value for '--type': 'rsa' is not one of 'evm', 'ed25519'."


@pytest.mark.parametrize("command", [("verify", ROOT / "README.md"), ("audit", "https://x.example")])
@pytest.mark.parametrize("pin", ["1234", "0x1234", "zz" * 32])
def test_a_pin_of_another_form_is_told_its_form(tmp_path: Path, command: tuple[object, ...], pin: str) -> None:
    proof = tmp_path / "x.tlog-proof"
    proof.write_text("c2sp.org/tlog-proof@v1\n")
    words = ("verify", proof) if command[0] == "verify" else command
    error = Cli(tmp_path / "home").no(*words, "--founding", pin, code=2)
    assert error["code"] == "hex"
    assert "--founding" in error["message"]
    assert "64 hex digits, with or without 0x" in error["message"]


def test_what_is_no_proof_is_wrong_use_and_a_damaged_one_is_a_no(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    error = cli.no("verify", ROOT / "README.md", "--founding", "00" * 32, code=2)
    assert error["code"] == "file"
    assert "not a proof file" in error["message"]
    assert cli.no("verify", tmp_path, "--founding", "00" * 32, code=2)["code"] == "usage"
    assert cli.no("verify", tmp_path / "none", "--founding", "00" * 32, code=2)["code"] == "usage"
    damaged = tmp_path / "x.tlog-proof"
    damaged.write_text("c2sp.org/tlog-proof@v1\nindex x\n\ncheckpoint\n\nsignature\n")
    for pin in ("AB" * 32, "0x" + "ab" * 32):
        said = cli("verify", damaged, "--founding", pin, "--json")
        assert (said.code, said.json["failed"]) == (1, "file")
    damaged.write_text("c2sp.org/tlog-proof@v1\n")
    assert cli.no("verify", damaged, "--founding", "00" * 32, code=2)["code"] == "file_cut"


def test_countries_are_those_of_iso_3166(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    seats = ("--authority", "NL", "--authority", "QQ")
    assert cli.no("init", "--origin", "carnet.example/q", *seats, code=2)["code"] == "country"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://id.example/01/09506000134352", "https://id.example/01/09506000134352"),
        ("010950600013435210L1\x1d21A1", "(01)09506000134352(10)L1(21)A1"),
        ("]d2010950600013435210L1\x1d21A1", "(01)09506000134352(10)L1(21)A1"),
        ("010950600013435210(21)\x1d21A1", "010950600013435210(21){GS}21A1"),  # brackets would read otherwise
        ("a\x1b[1m\x1d", "a{U+001B}[1m{GS}"),
    ],
)
def test_codes_are_shown_so_that_they_can_be_given_back(text: str, shown: str) -> None:
    assert pasteable(text) == shown
    assert shown.isprintable()
    given, back = read(text), read(shown)
    if isinstance(given, ReadCode):
        codes = [back.code] if isinstance(back, ReadCode) else [repair.code for repair in getattr(back, "repairs", ())]
        units = {(code.gtin, code.lot, code.serial) for code in codes}
        assert (given.code.gtin, given.code.lot, given.code.serial) in units
