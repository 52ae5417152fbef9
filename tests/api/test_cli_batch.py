"""carnet batch: from a serial file to a receipt, what is refused, what an interruption leaves, and later statements."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_world import GTIN, ROOT, Cli, write_serials

from api.cli.maker import registration
from api.cli.maker.batch_folder import BatchFolder
from ledger.home import Home
from verifier.errors import Unavailable

pytestmark = pytest.mark.node


def folder(cli: Cli, lot: str) -> BatchFolder:
    return BatchFolder.of(Home(cli.home), GTIN, lot)


def segments(cli: Cli) -> list[str]:
    """What lies in the segment store, unchecked remains included."""
    return sorted(path.name for path in cli.home.joinpath("segments").rglob("*") if path.name != ".lock")


def register(lot: str, *more: object) -> tuple[object, ...]:
    """Lots of one home, whose serials may be the same: each test is about its own lot."""
    return (*register_strictly(lot, *more), "--allow-repeats")


def register_strictly(lot: str, *more: object) -> tuple[object, ...]:
    return ("batch", "register", "--gtin", GTIN, "--lot", lot, "--key", "acme", *more)


def test_a_file_of_serials_becomes_a_batch(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["serial", "A1", "A2", "a1"])
    more = ("--serials", file, "--market", "NL", "--market", "KE", "--expires", "2031-01-31", "--accept", "two_cases")
    made = cli.yes(*register("R1", *more))
    shown = cli.yes("batch", "show", made["batch"])
    assert (shown["lot"], shown["unit_count"], shown["markets"], shown["expires"]) == (
        "R1", 3, ["KE", "NL"], "2031-01-31",
    )  # fmt: skip
    assert shown["maker"]["name"] == "Acme"
    assert shown["salt_published"] is False  # imported serials may be guessable
    assert cli.yes("batch", "show", f"{GTIN[1:]}/R1") == shown
    listed = {name: value for name, value in shown.items() if name != "history"}
    assert listed in cli.yes("batch", "list", "--gtin", GTIN)["batches"]
    kept = folder(cli, "R1")
    assert kept.serials() == ["A1", "A2", "a1"]
    for path in kept.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept.proof.exists()
    assert "could reach" not in cli("batch", "recall", made["batch"], "--reason", "x", "--key", "acme").err
    assert cli.yes("verify", made["proof"])["ok"] is True


def test_the_same_file_again_brings_the_first_receipt(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["A1", "A2"])
    first = cli.yes(*register("R2", "--serials", file))
    size = cli.yes("audit", "--no-chain")["size"]
    again = cli.yes(*register("R2", "--serials", file))
    assert (again["again"], again["receipt"], again["batch"]) == (True, first["receipt"], first["batch"])
    other = write_serials(tmp_path / "o.csv", ["A1", "A3"])
    assert cli.no(*register("R2", "--serials", other))["code"] == "lot_registered"
    assert cli.no(*register("R2", "--generate", "2"))["code"] == "lot_registered"
    assert cli.yes("audit", "--no-chain")["size"] == size


def test_generated_serials_have_a_published_salt_when_they_cannot_be_guessed(cli: Cli) -> None:
    made = cli.yes(*register("G1", "--generate", "40"))
    assert cli.yes("batch", "show", made["batch"])["salt_published"] is True
    serials = folder(cli, "G1").serials()
    assert len(set(serials)) == 40
    assert {len(serial) for serial in serials} == {20}
    short = cli.yes(*register("G2", "--generate", "40", "--serial-length", "8"))
    assert cli.yes("batch", "show", short["batch"])["salt_published"] is False
    assert {len(serial) for serial in folder(cli, "G2").serials()} == {8}


BAD = ["serial;note", "A1;x", "", "A2;x", "A1;again", "123456789012345678901;x", "4.0123E+12;x", "A3;x", "ä;x"]


def test_bad_rows_are_named_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes("\r\n".join(BAD).encode() + b"\r\n")
    before = cli.yes("audit", "--no-chain")["size"]
    error = cli.no(*register("B1", "--serials", file), code=2)
    assert (error["code"], error["bad"], error["good"]) == ("bad_rows", 4, 3)
    assert [(row["row"], row["code"]) for row in error["rows"]] == [
        (5, "duplicate"),
        (6, "serial_length"),
        (7, "spreadsheet_notation"),
        (9, "charset"),
    ]
    assert not folder(cli, "B1").path.exists()
    assert cli.yes("audit", "--no-chain")["size"] == before
    plain = cli(*register("B1", "--serials", file))
    assert plain.code == 2
    assert plain.out == ""
    assert "row 6" in plain.err
    skipped = cli.yes(*register("B1", "--serials", file, "--skip-bad"))
    assert (skipped["unit_count"], skipped["skipped"]) == (3, 4)
    assert folder(cli, "B1").serials() == ["A1", "A2", "A3"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty_file"), (b"serial\r\n", "empty_file"), (b"PK\x03\x04rest", "not_csv"), (b"A1;x\nA2\n", "columns")],
)
def test_files_without_rows_are_wrong_use(cli: Cli, tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(content)
    assert cli.no(*register("B2", "--serials", file), code=2)["code"] == code
    assert not folder(cli, "B2").path.exists()


def test_a_file_for_another_batch_is_noticed(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(
        tmp_path / "s.csv", ["gtin,lot,serial", f"{GTIN},B3,A1", "09506000134369,B3,A2", f"{GTIN},X,A3"]
    )
    error = cli.no(*register("B3", "--serials", file), code=2)
    assert [row["code"] for row in error["rows"]] == ["gtin_mismatch", "lot_mismatch"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--gtin", "95060001343"), "gtin_length"),
        (("--gtin", "9506000134353"), "check_digit"),
        (("--lot", "X" * 21), "lot_length"),
        (("--lot", "a b"), "charset"),
        (("--market", "nl"), "country"),
        (("--market", "Kenya"), "country"),
        (("--market", "QQ"), "country"),
        (("--market", "XZ"), "country"),  # the high seas
        (("--expires", "31.01.2031"), "field"),
        (("--key", "nobody"), "key_unknown"),
        (("--serial-length", "21"), "serial_length"),
        (("--generate", "0"), "usage"),
        (("--serials", "/nowhere.csv"), "usage"),
    ],
)
def test_bad_values_change_nothing(cli: Cli, arguments: tuple[str, ...], code: str | None) -> None:
    given = {"--gtin": GTIN, "--lot": "V1", "--key": "acme", "--generate": "2", arguments[0]: arguments[1]}
    error = cli.no("batch", "register", *(word for pair in given.items() for word in pair), code=2)
    assert code is None or error["code"] == code
    assert not folder(cli, "V1").path.exists()


def test_eleven_digits_are_asked_about(cli: Cli) -> None:
    error = cli.no(
        "batch", "register", "--gtin", "95060001343", "--lot", "V2", "--key", "acme", "--generate", 1, code=2
    )
    assert "leading zero lost?" in error["message"]


def test_either_a_file_or_a_number(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["A1"])
    assert cli.no(*register("V3"), code=2)["code"] == "usage"
    assert cli.no(*register("V3", "--serials", file, "--generate", 1), code=2)["code"] == "usage"


def test_a_prefix_of_somebody_else_is_refused_and_leaves_nothing(cli: Cli) -> None:
    before = segments(cli)
    error = cli.no("batch", "register", "--gtin", "4006381333931", "--lot", "P1", "--key", "acme", "--generate", 3)
    assert error["code"] == "prefix_not_held"
    assert not Home(cli.home).batch_folder("04006381333931", "P1").exists()
    assert segments(cli) == before


def test_refused_units_leave_no_segment_and_taken_ones_stay(cli: Cli, tmp_path: Path) -> None:
    cli.yes(*register("P2", "--generate", 80))
    serials = write_serials(tmp_path / "s.txt", folder(cli, "P2").serials()[:70])  # all would be the batch's own set
    before = segments(cli)
    words = ("batch", "retire", f"{GTIN}/P2", "--reason", "destroyed", "--serials", serials)
    cli.yes("key", "new", "stranger-to-batches")
    assert cli.no(*words, "--key", "stranger-to-batches")["code"] == "not_admitted"
    assert segments(cli) == before
    cli.yes(*words, "--key", "acme")
    assert len(segments(cli)) == len(before) + 1


def test_an_interrupted_registration_goes_on(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger takes it, and the command dies before it hears so."""
    file = write_serials(tmp_path / "s.csv", ["A1", "A2"])
    taken: list[dict[str, Any]] = []
    real = registration.replace

    def die(kept: Any, **changes: Any) -> Any:
        taken.append(changes["receipt"])
        raise Unavailable("couldn't go on: pulled out")

    monkeypatch.setattr(registration, "replace", die)
    assert cli.no(*register("I1", "--serials", file), code=3)["message"].endswith("pulled out")
    monkeypatch.setattr(registration, "replace", real)
    assert folder(cli, "I1").known().receipt is None
    assert cli.no("label", "make", f"{GTIN}/I1", "--out", tmp_path / "x.pdf")["code"] == "batch_unfinished"
    other = write_serials(tmp_path / "o.csv", ["A9"])
    assert cli.no(*register("I1", "--serials", other))["code"] == "batch_unfinished"
    went_on = cli.yes(*register("I1", "--serials", file))
    assert went_on["receipt"]["duplicate"] is True
    assert went_on["receipt"]["entry"] == taken[0]["entry"]
    assert went_on["receipt"]["leaf"] == taken[0]["leaf"]


def test_an_interruption_before_anything_was_sent_starts_anew(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_serials(tmp_path / "s.csv", ["A1", "A2"])

    def die(*_: object, **__: object) -> None:
        raise Unavailable("couldn't go on: pulled out")

    with monkeypatch.context() as patch:
        patch.setattr(registration, "build", die)
        cli.no(*register("I2", "--serials", file), code=3)
    assert not folder(cli, "I2").path.exists()
    assert cli.yes(*register("I2", "--serials", file))["receipt"]["duplicate"] is False


def test_a_damaged_batch_file_is_said(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["A1"])
    cli.yes(*register("I3", "--serials", file))
    path = folder(cli, "I3").path / "batch.json"
    good = path.read_text()
    path.write_text(json.dumps({**json.loads(good), "format": "other"}))
    assert cli.no(*register("I3", "--serials", file), code=2)["code"] == "batch_folder"
    path.write_text(good)


def test_recall_undo_recall_again(cli: Cli) -> None:
    cli.yes(*register("C1", "--generate", 3))
    name = f"{GTIN}/C1"
    code = f"(01){GTIN}(10)C1(21){folder(cli, 'C1').serials()[0]}"

    def verdict() -> str:
        return str(cli("scan", code, "--json").json["verdict"])

    assert verdict() == "registered"
    recall = ("batch", "recall", name, "--reason", "caps leak", "--notice", "https://acme.example/1", "--key", "acme")
    cli.yes(*recall)
    assert verdict() == "stop"
    said = cli("scan", code).out
    assert "reason: caps leak" in said
    assert "notice: https://acme.example/1" in said
    assert cli.yes("batch", "show", name)["recall"]["reason"] == "caps leak"
    cli.yes("batch", "undo", name, "--what", "recall", "--reason", "wrong lot", "--key", "acme")
    assert verdict() == "registered"
    cli.yes(*recall)
    assert verdict() == "stop"
    for what in ("recall", "registration"):
        cli.yes("batch", "undo", name, "--what", what, "--reason", "x", "--key", "acme")
    assert verdict() == "stop"
    assert cli.yes("batch", "show", name)["withdrawn"] is True


def test_units_are_retired_cumulatively(cli: Cli, tmp_path: Path) -> None:
    cli.yes(*register("U1", "--generate", 100))
    serials, name = folder(cli, "U1").serials(), f"{GTIN}/U1"
    retire = ("batch", "retire", name, "--key", "acme")

    def stolen() -> int:
        return int(cli.yes("batch", "show", name)["retired"].get("stolen", 0))

    one = cli.yes(*retire, "--reason", "stolen", "--serial", serials[0])
    assert (one["added"], one["total"]) == (1, 1)
    assert cli.no(*retire, "--reason", "stolen", "--serial", serials[0])["code"] == "retired_already"
    assert cli.no(*retire, "--reason", "stolen", "--serial", "NOT-OF-IT")["code"] == "unit_unknown"
    many = cli.yes(*retire, "--reason", "stolen", "--serials", write_serials(tmp_path / "m.csv", serials[:80]))
    assert (many["added"], many["total"]) == (79, 80)  # more than an entry holds: a segment
    assert stolen() == 80
    assert cli("scan", f"(01){GTIN}(10)U1(21){serials[79]}", "--json").json["verdict"] == "stop"
    cli.yes("batch", "undo", name, "--what", "stolen", "--reason", "found", "--key", "acme")
    assert stolen() == 1
    again = cli.yes(*retire, "--reason", "stolen", "--serial", serials[90])
    assert (again["added"], again["total"]) == (1, 2)
    assert cli.yes("audit", "--no-chain")["ok"] is True
    assert cli.no(*retire, "--reason", "sold", code=2)["code"] == "usage"


def test_a_batch_tells_its_history(cli: Cli) -> None:
    entries = [cli.yes(*register("H1", "--generate", 2))["receipt"]["entry"]]
    name, unit = f"{GTIN}/H1", folder(cli, "H1").serials()[0]
    for words in (
        ("recall", name, "--reason", "caps leak"),
        ("undo", name, "--what", "recall", "--reason", "wrong lot"),
        ("retire", name, "--reason", "sold", "--serial", unit),
    ):
        answer = cli.yes("batch", *words, "--key", "acme")
        entries.append(answer.get("entry") or answer["receipt"]["entry"])
    shown = cli.yes("batch", "show", name)
    told = [(one["entry"], one["what"], one["reason"], one["undone_in"], one["undoes"]) for one in shown["history"]]
    assert told == [
        (entries[0], "registration", None, None, None),
        (entries[1], "recall", "caps leak", entries[2], None),
        (entries[2], "undo", "wrong lot", None, entries[1]),
        (entries[3], "sold", None, None, None),
    ]
    plain = cli("batch", "show", name).out
    assert "state       live, after what its history tells" in plain
    assert f"recall (caps leak), by Acme; taken back in entry {entries[2]}" in plain
    assert f"undo of entry {entries[1]} (wrong lot), by Acme" in plain


def test_others_may_not_speak_about_a_batch(cli: Cli) -> None:
    cli.yes(*register("O1", "--generate", 2))
    cli.yes("key", "new", "nosy")
    carrier = (
        "--role",
        "carrier",
        "--country",
        "NL",
        "--name",
        "Nosy",
        "--sign",
        "authority-nl",
        "--sign",
        "authority-br",
    )
    cli.yes("participant", "admit", "nosy", *carrier)
    serial, name = folder(cli, "O1").serials()[0], f"{GTIN}/O1"
    assert cli.no("batch", "recall", name, "--reason", "x", "--key", "nosy")["code"] == "not_entitled"
    stolen = ("batch", "retire", name, "--reason", "stolen", "--serial", serial)
    assert cli.no(*stolen, "--key", "nosy")["code"] == "not_entitled"
    assert cli.yes(*stolen, "--key", "authority-ke")["total"] == 1  # customs may
    undo = ("batch", "undo", name, "--what", "stolen", "--reason", "x")
    assert cli.no(*undo, "--key", "authority-nl")["code"] == "not_entitled"  # not another administration's
    cli.yes(*undo, "--key", "authority-ke")


@pytest.mark.parametrize("name", ["09506000134352", "nonsense/L1", "95060001343/L1", "0xzz"])
def test_batches_are_named_by_gtin_and_lot(cli: Cli, name: str) -> None:
    said = cli("batch", "show", name, "--json")
    assert said.code in (1, 2)
    assert said.error["code"] in ("batch_name", "charset", "gtin_length", "batch_unknown")


def test_undo_takes_back_what_is_in_force_as_often_as_there_is_something(cli: Cli) -> None:
    cli.yes(*register("D1", "--generate", 3))
    name = f"{GTIN}/D1"
    recalls = [
        cli.yes("batch", "recall", name, "--reason", f"no. {n}", "--key", "acme", "--again")["receipt"]["entry"]
        for n in range(3)
    ]

    def undo(what: str) -> tuple[object, ...]:
        return ("batch", "undo", name, "--what", what, "--reason", "x", "--key", "acme")

    for left in (f"recall of entry {recalls[1]}", f"recall of entry {recalls[0]}", "nothing of kind recall"):
        assert cli.yes(*undo("recall"))["in_force"] == left
    assert cli.yes("batch", "show", name)["recall"] is None
    error = cli.no(*undo("recall"))
    assert error["code"] == "undo_nothing"
    assert "nothing of kind recall is in force" in error["message"]
    assert "nothing of kind stolen is in force" in cli.no(*undo("stolen"))["message"]
    for serial in folder(cli, "D1").serials()[:2]:
        cli.yes("batch", "retire", name, "--reason", "stolen", "--serial", serial, "--key", "acme")
    for total in (1, 0):
        cli.yes(*undo("stolen"))
        assert cli.yes("batch", "show", name)["retired"].get("stolen", 0) == total
    assert cli.no(*undo("stolen"))["code"] == "undo_nothing"
    cli.yes(*undo("registration"))
    assert cli.no(*undo("registration"))["code"] == "undo_nothing"
    assert cli.yes("audit", "--no-chain")["ok"] is True


def test_a_batch_is_not_recalled_twice_unasked(cli: Cli) -> None:
    cli.yes(*register("D2", "--generate", 2))
    recall = ("batch", "recall", f"{GTIN}/D2", "--reason", "caps leak", "--key", "acme")
    first = cli.yes(*recall)
    size = cli.yes("audit", "--no-chain")["size"]
    error = cli.no(*recall)
    assert error["code"] == "recalled_already"
    assert f"entry {first['receipt']['entry']} (caps leak)" in error["message"]
    assert cli.yes("audit", "--no-chain")["size"] == size
    cli.yes(*recall, "--again")
    assert cli.yes("audit", "--no-chain")["size"] == size + 1


def test_units_retired_twice_name_the_entry_and_strange_ones_are_named_before_signing(cli: Cli) -> None:
    cli.yes(*register("D3", "--generate", 2))
    retire = ("batch", "retire", f"{GTIN}/D3", "--reason", "sold", "--key", "acme")
    serial = folder(cli, "D3").serials()[0]
    entry = cli.yes(*retire, "--serial", serial)["entry"]
    assert f"sold already, in entry {entry}" in cli.no(*retire, "--serial", serial)["message"]
    error = cli.no(*retire, "--serial", serial, "--serial", "NOPE", "--serial", "NOR-THIS")
    assert error["code"] == "unit_unknown"
    assert error["message"].endswith("not of this batch: NOPE, NOR-THIS")


def test_the_column_is_echoed_and_never_guessed(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "b.csv", ["Barcode", "AB-501", "AB-502"])
    error = cli.no(*register("E1", "--serials", file), code=2)
    assert error["code"] == "columns"
    assert "--no-header" in error["message"]
    assert not folder(cli, "E1").path.exists()
    made = cli.yes(*register("E1", "--serials", file, "--column", "Barcode"))
    assert (made["unit_count"], made["serials"]) == (2, {"column": "Barcode", "first": "AB-501", "last": "AB-502"})
    table = write_serials(tmp_path / "t.csv", ["GTIN,Colour,Barcode", f"{GTIN},red,AB-601", f"{GTIN},red,AB-602"])
    assert "'Colour', 'Barcode'" in cli.no(*register("E2", "--serials", table), code=2)["message"]
    said = cli(*register("E2", "--serials", table, "--column", "3"))
    assert "2 units" in said.out
    assert "from column Barcode, first AB-601, last AB-602" in said.out
    made = cli.yes(*register("E3", "--generate", "2"))
    assert made["serials"]["column"] is None
    assert [made["serials"]["first"], made["serials"]["last"]] == folder(cli, "E3").serials()
    retire = ("batch", "retire", f"{GTIN}/E1", "--reason", "sold", "--key", "acme", "--serials", file)
    assert cli.no(*retire, code=2)["code"] == "columns"
    assert cli.yes(*retire, "--column", "Barcode")["total"] == 2


def test_serials_of_another_lot_are_refused(cli: Cli, tmp_path: Path) -> None:
    cli.yes(*register_strictly("Q1", "--serials", write_serials(tmp_path / "a.csv", ["Q-1", "Q-2", "Q-3"])))
    file = write_serials(tmp_path / "b.csv", ["Q-9", "Q-3", "Q-2"])
    error = cli.no(*register_strictly("Q2", "--serials", file))
    assert error["code"] == "serials_repeated"
    assert "2 of its 3 serials are those of lot Q1" in error["message"]
    assert "the first one Q-2" in error["message"]
    assert not folder(cli, "Q2").path.exists()
    cli.yes(*register_strictly("Q2", "--serials", file, "--allow-repeats"))
    assert cli.yes(*register_strictly("Q2", "--serials", file))["again"] is True


def test_a_withdrawn_registration_is_not_silently_found_again(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["W-1", "W-2"])
    name, label = f"{GTIN}/Y1", ("label", "make", f"{GTIN}/Y1", "--format", "csv", "--out", tmp_path / "x.csv")
    cli.yes(*register("Y1", "--serials", file))
    cli.yes("batch", "recall", name, "--reason", "caps leak", "--key", "acme")
    said = cli(*label)
    assert said.code == 0
    assert "recalled (caps leak)" in said.err
    (tmp_path / "x.csv").unlink()
    cli.yes("batch", "undo", name, "--what", "registration", "--reason", "never made", "--key", "acme")
    error = cli.no(*register("Y1", "--serials", file))
    assert error["code"] == "batch_withdrawn"
    assert "this registration was withdrawn; use another lot" in error["message"]
    assert cli.no(*label)["code"] == "batch_withdrawn"
    assert not (tmp_path / "x.csv").exists()
    folder(cli, "Y1").discard()  # another home knows nothing of it
    assert cli.no(*register("Y1", "--serials", file))["code"] == "batch_withdrawn"


def test_registering_again_otherwise_says_what_differs(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["Z-1", "Z-2"])
    other = write_serials(tmp_path / "o.csv", ["Z-1", "Z-3"])
    more = ("--market", "NL", "--expires", "2031-01-31")
    cli.yes(*register("Z1", "--serials", file, *more))
    assert cli.yes(*register("Z1", "--serials", file, *more))["again"] is True
    error = cli.no(*register("Z1", "--serials", file, "--market", "KE", "--expires", "2032-01-31"))
    assert error["code"] == "lot_registered"
    assert "other markets (NL then, KE now)" in error["message"]
    assert "other expiry date (2031-01-31 then, 2032-01-31 now)" in error["message"]
    assert "serials" not in error["message"]
    assert "other serials" in cli.no(*register("Z1", "--serials", other, *more))["message"]
    assert "label carriers" in cli.no(*register("Z1", "--serials", file, *more, "--no-label-signature"))["message"]


def test_a_market_that_is_no_country_is_said_in_one_line_before_anything_starts(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.base.reach.reach", None)
    said = cli(*register("V9", "--generate", 2, "--market", "Kenya"))
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "--market 'Kenya': expected two capital letters of ISO 3166-1, such as KE" in said.err
    assert "did you mean KE?" in cli(*register("V9", "--generate", 2, "--market", "ke")).err
    assert "did you mean GB?" in cli(*register("V9", "--generate", 2, "--market", "UK")).err
    assert "did you mean GR?" in cli(*register("V9", "--generate", 2, "--market", "el")).err
    assert cli(*register("V9", "--generate", 2, "--expires", "31.1.2031")).code == 2


def test_odd_values_that_stay_for_ever_are_asked_about(cli: Cli) -> None:
    past = register("X1", "--generate", 2, "--expires", "2020-01-31")
    assert [one["name"] for one in cli.no(*past, code=2)["doubts"]] == ["expired"]
    assert not folder(cli, "X1").path.exists()
    cli.yes(*past, "--accept", "expired")
    dated = cli.no(*register("1-Jun", "--generate", 2), code=2)
    assert [(one["name"], one["cell"]) for one in dated["doubts"]] == [("date", "lot")]
    short = cli(*register("X2", "--generate", 2, "--serial-length", 12))
    assert (short.code, "can be guessed" in short.err) == (0, True)
    fine = cli(*register("X3", "--generate", 2, "--expires", "2099-01-31"))
    assert "warning" not in fine.err
    recall = ("batch", "recall", f"{GTIN}/X1", "--reason", "x", "--key", "acme", "--again")
    size = cli.yes("audit", "--no-chain")["size"]
    assert cli.no(*recall, "--notice", "acme.example/1", code=2)["doubts"][0]["name"] == "notice"
    assert cli.yes("audit", "--no-chain")["size"] == size
    cli.yes(*recall, "--notice", "acme.example/1", "--yes")
    assert cli(*recall, "--notice", "https://acme.example/1", "--json").err == ""


def test_bad_rows_say_once_what_was_expected(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["serial", "A" * 21, "4.0123E+12"])
    lines = cli(*register("X4", "--serials", file)).err.splitlines()[1:]
    assert len(lines) == 2
    assert all(line.count("expected") == 1 for line in lines)


@pytest.mark.parametrize(
    ("serials", "asked"),
    [(["42", "43", "00044"], True), (["00042", "00043"], False), (["042", "0043"], False), (["42", "A4300"], False)],
)
def test_zeros_that_a_spreadsheet_may_have_taken_are_asked_about(
    cli: Cli, tmp_path: Path, serials: list[str], asked: bool
) -> None:
    file, lot = write_serials(tmp_path / "s.csv", ["serial", *serials]), f"Z{serials[0]}{len(serials)}{serials[-1]}"
    size = cli.yes("audit", "--no-chain")["size"]
    said = cli(*register(lot, "--serials", file))
    assert (said.code, "leading zeros" in said.err) == ((2, True) if asked else (0, False))
    if asked:
        assert cli.yes("audit", "--no-chain")["size"] == size
        assert not folder(cli, lot).path.exists()
        assert cli.yes(*register(lot, "--serials", file, "--accept", "lost_zeros"))["unit_count"] == len(serials)


def test_a_doubt_that_has_no_such_name_is_wrong_use(cli: Cli) -> None:
    error = cli.no(*register("T0", "--generate", 2, "--accept", "everything"), code=2)
    assert "expected one of lost_zeros, rounded," in error["message"]
    assert not folder(cli, "T0").path.exists()


def test_a_question_at_a_terminal_is_asked_once_and_no_means_nothing(cli: Cli, tmp_path: Path) -> None:
    file = write_serials(tmp_path / "s.csv", ["serial", "Y-AB1", "Y-ab1", "NULL"])
    nowhere = ("--server", "http://127.0.0.1:1", "--home", cli.home)  # so that a yes is cheap
    words = [sys.executable, "-m", "api.cli", *map(str, register("T1", "--serials", file, *nowhere))]
    for answer, code in (("n", 1), ("y", 3)):
        master, slave = pty.openpty()
        with subprocess.Popen(words, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave) as run:
            os.close(slave)
            os.write(master, f"{answer}\n".encode())
            shown = b""
            with contextlib.suppress(OSError):  # the terminal closes with the command
                while piece := os.read(master, 4_096):
                    shown += piece
        os.close(master)
        assert run.returncode == code, shown
        assert shown.count(b"Take all of them as they are?") == 1
        assert b"row 4: NULL (perhaps no serial at all)" in shown
        assert b"row 3: Y-ab1 (perhaps Y-AB1)" in shown
        assert not folder(cli, "T1").path.exists()


def test_a_file_of_several_lots_is_summed_up_and_taken_one_lot_at_a_time(cli: Cli, tmp_path: Path) -> None:
    rows = [f"{GTIN},S{lot},S{lot}-{n}" for lot in (1, 2, 3) for n in range(30 * lot)]
    file = write_serials(tmp_path / "s.csv", ["gtin,lot,serial", *rows])
    plain = cli(*register("S2", "--serials", file))
    assert (plain.code, len(plain.err.splitlines())) == (2, 6)
    assert f"GTIN {GTIN} lot S2: 60 good rows, this batch" in plain.err
    assert f"GTIN {GTIN} lot S3: 90 rows" in plain.err
    assert "--only-batch" in plain.err
    error = cli.no(*register("S2", "--serials", file), code=2)
    assert [(one["lot"], one["rows"]) for one in error["batches"]] == [("S3", 90), ("S1", 30)]
    made = cli.yes(*register("S2", "--serials", file, "--only-batch"))
    assert (made["unit_count"], made["left_out"], made["skipped"]) == (60, 120, 0)
    assert "no row is of this batch" in cli(*register("S9", "--serials", file)).err
    assert "lot S9, but GTIN" in cli.no(*register("S9", "--serials", file, "--only-batch"), code=2)["message"]


def test_cells_read_otherwise_than_written_are_noted(cli: Cli, tmp_path: Path) -> None:
    spaced = f"{GTIN[1:4]} {GTIN[4:9]} {GTIN[9:]}"
    file = write_serials(tmp_path / "s.csv", ["sep=;", "serial;gtin", f'="000777";="{GTIN}"', f"000778;{spaced}"])
    said = cli(*register("N7", "--serials", file, "--json"))
    assert said.json["read"][0] == {"row": 3, "cell": "gtin", "written": f'="{GTIN}"', "read": GTIN}
    assert folder(cli, "N7").serials() == ["000777", "000778"]
    again = cli(*register("N7", "--serials", file, "--gtin", spaced))
    assert "3 cells were read without what a spreadsheet put around them" in again.err
    assert f"GTIN {spaced} is {GTIN}" in again.err
