"""carnet-verify as a program: which check a file gets, what is said, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.evidence_vectors import CASES, FOLDER, indexed, scene
from verifier.__main__ import main
from verifier.errors import Malformed
from verifier.evidence.fork import Fork
from verifier.files import KINDS, Asked, check_file

VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text())
PIN = "00" * 32


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["file"])
def test_every_vector_ends_as_it_must(case: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(FOLDER / case["file"]), "--founding", case["pin"], "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (report["failed"], report["unproved"]) == (case["failed"], case["unproved"])
    assert code == (3 if report["paused"] else 0 if report["ok"] else 1)
    assert report["ok"] == (case["failed"] is None and case["unproved"] is None)


def test_code_salt_and_witnesses_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = scene()
    file, few = tmp_path / "absence.tlog-proof", tmp_path / "few.tlog-proof"
    file.write_bytes(CASES["absence-hidden-salt"].raw())
    few.write_bytes(CASES["witnesses-too-few"].raw())
    pin, code = here.sim.pin.hex(), f"(01){here.hidden.gtin}(10)HIDDEN(21)S9999"
    salt = tmp_path / "salt"
    salt.write_text("0x" + here.hidden.salt.hex() + "\n")
    assert main([str(file), "--founding", pin, "--code", code, "--salt-file", str(salt)]) == 0
    assert main([str(file), "--founding", pin, "--code", code.replace("S9999", "S9998")]) == 1
    assert "it fails at 'code'" in capsys.readouterr().out
    assert main([str(few), "--founding", indexed().sim.pin.hex()]) == 1
    assert main([str(few), "--founding", indexed().sim.pin.hex(), "--unwitnessed"]) == 0


def test_wrong_use_and_unreadable_files_have_codes_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "x.json"
    other.write_bytes(b'{"spec":"else"}')
    for words, code in (
        ([str(tmp_path / "none"), "--founding", PIN], 3),
        ([str(other), "--founding", "short"], 2),
        ([str(other), "--founding", PIN], 2),
        ([str(other), "--founding", PIN, "--code", "HELLO"], 2),
    ):
        assert main([*words, "--json"]) == code
        assert set(json.loads(capsys.readouterr().out)) == {"error"}
        assert main(words) == code
        assert capsys.readouterr().err.startswith("carnet-verify: couldn't ")
    with pytest.raises(SystemExit) as end:
        main([str(other)])
    assert end.value.code == 2
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert main([str(empty), "--founding", PIN]) == 2


@pytest.mark.parametrize(
    ("name", "convert", "words"),
    [
        ("lines", lambda raw: raw.replace(b"\n", b"\r\n"), "line ends"),
        ("mark", lambda raw: b"\xef\xbb\xbf" + raw, "byte order mark (UTF-8)"),
        ("wide", lambda raw: raw.decode().encode("utf-16"), "byte order mark (UTF-16"),
    ],
)
def test_a_file_that_a_program_on_the_way_converted_is_wrong_use(
    name: str, convert: Callable[[bytes], bytes], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sim, file = scene().sim, tmp_path / name
    fork = Fork(sim.entries[0], (sim.notes[sim.size()], sim.notes[sim.size()])).encode()
    for raw in (CASES["absence-hidden-salt"].raw(), fork):
        file.write_bytes(convert(raw) if convert(raw) != raw else raw + b"\r\n")
        assert main([str(file), "--founding", sim.pin.hex(), "--json"]) == 2
        error = json.loads(capsys.readouterr().out)["error"]
        assert (error["code"], words in error["message"]) == ("file_converted", True)
    file.write_bytes(fork + b"\n")
    assert main([str(file), "--founding", sim.pin.hex()]) == 2
    assert "white space" in capsys.readouterr().err


@pytest.mark.parametrize(
    "convert",
    [
        lambda raw: raw + b"\n",
        lambda raw: raw + b"\n\n\n",
        lambda raw: raw + b"  \n",
        lambda raw: raw[:-1] + b" \n",
        lambda raw: raw + b" ",
        lambda raw: b"\n" + raw,
        lambda raw: raw.replace(b"\n", b"\n\n"),
        lambda raw: raw.replace(b"\n\n", b"\n\n\n", 1),
    ],
)
def test_white_space_that_was_added_is_said(
    convert: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof"
    for name in ("complete", "absence-hidden-salt"):
        file.write_bytes(convert(CASES[name].raw()))
        assert main([str(file), "--founding", PIN, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "file_converted"


def test_a_file_that_was_cut_off_is_said_to_be_cut_wherever_that_was() -> None:
    """At every byte of its last part, and at many before: never verified, and never "it does not prove"."""
    sim, raw = scene().sim, CASES["complete"].raw()
    fork = Fork(sim.entries[0], (sim.notes[sim.size()], sim.notes[sim.size()])).encode()
    signed = raw.rindex(b"\n\n") + 2
    first = raw.index(b"\n", signed) + 1  # from here on it is whole, with fewer witnesses
    ends = [*range(0, signed, 997), *range(signed - 200, first), *range(first + 1, len(raw))]
    for whole, cuts in ((raw, ends), (fork, range(len(fork)))):
        for end in cuts:
            if whole is raw and end > first and raw[end - 1 : end] == b"\n":
                continue
            with pytest.raises(Malformed) as refusal:
                check_file(whole[:end], Asked(sim.pin))
            assert refusal.value.code == "file_cut", (end, whole[max(0, end - 40) : end])
            assert "cut off" in str(refusal.value)


def test_a_file_that_lost_its_last_witnesses_is_whole_and_not_proved_by_them() -> None:
    raw = CASES["complete"].raw()
    first = raw.index(b"\n", raw.rindex(b"\n\n") + 2) + 1
    assert raw[first:], "or this test shows nothing"
    checked = check_file(raw[:first], Asked(indexed().sim.pin))
    assert (checked.ok, checked.value["unproved"]) == (False, "witnesses")


def test_other_kinds_of_files_are_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sim, file = scene().sim, tmp_path / "fork.json"
    file.write_bytes(Fork(sim.entries[0], (sim.notes[sim.size()], sim.notes[sim.size()])).encode())
    assert main([str(file), "--founding", sim.pin.hex()]) == 1
    assert "it fails at" in capsys.readouterr().out
    with pytest.raises(Malformed) as refusal:
        check_file(file.read_bytes(), Asked(sim.pin, salt=bytes(32)))
    assert refusal.value.code == "usage"
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip().endswith(", ".join(KINDS))


def test_deep_json_is_refused_and_ends_no_process() -> None:
    """A library raises Python's recursion limit past what the C stack holds; wherever it is loaded that is undone."""
    for room in ("verifier.files", "ledger.keys.account", "ledger.chain.rpc", "ledger.chain.local", "api.app"):
        code = (
            f"import sys, {room}, verifier.canonical as c\n"
            "try: c.decode(b'[' * 200_000)\n"
            "except Exception as e: print(type(e).__name__, sys.getrecursionlimit())"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parents[2], capture_output=True, text=True)
        assert done.stdout.split() == ["Malformed", "1000"], done


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    case = VECTORS[0]
    words = [sys.executable, "-m", "verifier", FOLDER / case["file"], "--founding", case["pin"]]
    with subprocess.Popen(words, cwd=FOLDER.parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
