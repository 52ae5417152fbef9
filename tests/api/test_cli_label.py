"""carnet label, scan and verify: printed, read back, proved offline, and the label key closed."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from cli_world import Cli, kept, process, write_serials

from api.cli.maker.batch_folder import BatchFolder
from ledger.home import Home
from ledger.services.scans.photo import read_image

pytestmark = pytest.mark.node
GTIN = "09506000134369"  # a product of its own: a serial that stands in two lots of one is answered otherwise


@pytest.fixture(scope="module")
def folder(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> BatchFolder:
    """A batch of five units whose lot and serials are awkward in links and file names."""
    lot, serials = "L/1%a", ["A1", "a1", "B/2", "C%3", "D.4"]
    file = write_serials(tmp_path_factory.mktemp("serials") / "s.csv", serials)
    cli.yes("batch", "register", "--gtin", GTIN, "--lot", lot, "--key", "acme", "--serials", file, "--yes")
    return BatchFolder.of(Home(cli.home), GTIN, lot)


NAME = f"{GTIN}/L/1%a"


@pytest.mark.parametrize("format_", ["svg", "png"])
def test_a_label_a_unit(cli: Cli, folder: BatchFolder, tmp_path: Path, format_: str) -> None:
    made = cli.yes("label", "make", NAME, "--format", format_, "--out", tmp_path / "labels")
    assert made["labels"] == 5
    assert made["signed"] is True
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == [
        f"0000001-A1.{format_}",
        f"0000002-a1.{format_}",
        f"0000003-B%2F2.{format_}",
        f"0000004-C%253.{format_}",
        f"0000005-D.4.{format_}",
    ]


def test_codes_stay_the_same_in_every_form(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    cli.yes("label", "make", NAME, "--format", "csv", "--out", tmp_path / "codes.csv")
    with (tmp_path / "codes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["serial"] for row in rows] == folder.serials()
    assert all(row["link"].endswith(f"?s={row['signature']}") and len(row["signature"]) == 103 for row in rows)
    cli.yes("label", "make", NAME, "--format", "png", "--serial", "B/2", "--out", tmp_path / "one.png")
    (symbol,) = read_image((tmp_path / "one.png").read_bytes())
    assert symbol.text == rows[2]["link"]


def test_sheets_are_pdf(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    made = cli.yes("label", "make", NAME, "--first", 3, "--start", 4, "--out", tmp_path / "deep" / "labels.pdf")
    assert made["labels"] == 3
    assert (tmp_path / "deep" / "labels.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("more", "code", "exit_code"),
    [
        (("--sheet", "a3-1"), "sheet", 2),
        (("--start", "24"), "labels", 2),
        (("--serial", "NOT-OF-IT"), "unit_unknown", 1),
        (("--base-url", "id.example.org"), "base_url", 2),
        (("--base-url", "http:/id.example"), "base_url", 2),
        (("--format", "bmp"), "usage", 2),
        (("--format", "png"), "suffix", 2),
        (("--symbol", "aztec"), "usage", 2),
    ],
)
def test_bad_wishes_make_no_labels(
    cli: Cli, folder: BatchFolder, tmp_path: Path, more: tuple[str, ...], code: str, exit_code: int
) -> None:
    error = cli.no("label", "make", NAME, "--out", tmp_path / "x.pdf", *more, code=exit_code)
    assert error["code"] == code
    assert not (tmp_path / "x.pdf").exists()


def test_plain_http_beyond_this_machine_is_warned_of(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    words = ("label", "make", NAME, "--format", "csv", "--out", tmp_path / "x.csv", "--json")
    said = cli(*words, "--base-url", "http://id.example.org")
    assert said.code == 0
    assert said.json["base_url"] == "http://id.example.org"
    assert "plain http" in said.err
    assert cli(*words, "--base-url", "https://id.example.org").err == ""


def test_links_that_lead_nowhere_are_printed_only_by_name(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    words, kept_batch = ("label", "make", NAME, "--first", 1, "--out", tmp_path / "x.csv"), folder.known()
    for base, why in (
        ("http://127.0.0.1:8000", "this machine alone"),
        ("https://localhost", "this machine alone"),
        ("http://192.168.1.20", "only this network knows"),
        ("https://[fd00::1]", "only this network knows"),
        ("http://ledger:8000", "only this network knows"),
        ("https://ledger.lan", "only this network knows"),
        ("http://id.example.org", "plain http"),
    ):
        folder.keep(replace(kept_batch, base_url=base))
        error = cli.no(*words, code=2)
        assert error["code"] == "base_url"
        assert why in error["message"]
        assert f"--base-url {base} if that is meant" in error["message"]
        assert not (tmp_path / "x.csv").exists()
        assert cli.yes(*words, "--base-url", base)["base_url"] == base
        (tmp_path / "x.csv").unlink()
    folder.keep(kept_batch)
    assert cli(*words).err == ""


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("l2.svg", ()),  # five labels
        ("l3.png", ("--format", "png")),
        ("l4.svg", ("--format", "pdf")),
        ("l5.pdf", ("--format", "csv", "--first", 1)),
        ("l6.png", ("--format", "svg", "--first", 1)),
        ("l7.json", ("--format", "svg")),
        ("l8", ()),
        ("l9", ("--format", "pdf")),
        ("l10.xlsx", ()),
    ],
)
def test_a_name_that_promises_another_format_is_refused(
    cli: Cli, folder: BatchFolder, tmp_path: Path, name: str, more: tuple[str, ...]
) -> None:
    error = cli.no("label", "make", NAME, "--out", tmp_path / name, *more, code=2)
    assert error["code"] == "suffix"
    assert "expected" in error["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_name_says_the_format_and_files_and_folders_are_not_mixed(
    cli: Cli, folder: BatchFolder, tmp_path: Path
) -> None:
    for name, begins in (("a.pdf", b"%PDF"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<svg"), ("a.csv", b"gtin,")):
        cli.yes("label", "make", NAME, "--first", 1, "--out", tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    (tmp_path / "labels").write_text("mine")
    assert cli.no("label", "make", NAME, "--format", "svg", "--out", tmp_path / "labels", code=2)["code"] == "file"
    assert (tmp_path / "labels").read_text() == "mine"
    (tmp_path / "b.pdf").mkdir()
    assert cli.no("label", "make", NAME, "--out", tmp_path / "b.pdf", code=2)["code"] == "file"
    code = f"(01){GTIN}(10)L/1%a(21)A1"
    assert cli.no("scan", code, "--proof", tmp_path / "p.pdf", code=2)["code"] == "suffix"
    assert not (tmp_path / "p.pdf").exists()


def test_a_declared_datamatrix_is_printed_and_bears_the_signature(cli: Cli, tmp_path: Path) -> None:
    words = ("--gtin", GTIN, "--lot", "DM1", "--key", "acme", "--generate", 2, "--carrier", "datamatrix")
    cli.yes("batch", "register", *words)
    made = cli.yes("label", "make", f"{GTIN}/DM1", "--first", 1, "--out", tmp_path / "l.png")
    assert (made["symbol"], made["signed"]) == ("datamatrix", True)
    (symbol,) = read_image((tmp_path / "l.png").read_bytes())
    assert (symbol.carrier, "?s=" in symbol.text) == ("datamatrix", True)
    scanned = cli("scan", "--image", tmp_path / "l.png", "--json").json
    assert scanned["verdict"] == "registered"
    assert "signature_valid" in {reason["code"] for reason in scanned["reasons"]}
    other = cli("label", "make", f"{GTIN}/DM1", "--symbol", "qr", "--first", 1, "--out", tmp_path / "q.png", "--json")
    assert (other.json["symbol"], other.json["signed"]) == ("qr", False)
    assert "the registration declared datamatrix for it" in other.err
    (symbol,) = read_image((tmp_path / "q.png").read_bytes())
    assert (symbol.carrier, "?s=" in symbol.text) == ("qr", False)
    both = ("--gtin", GTIN, "--lot", "DM2", "--key", "acme", "--carrier", "qr", "--no-label-signature", "--generate", 2)
    assert cli.no("batch", "register", *both, code=2)["code"] == "usage"


def test_a_gs1_datamatrix_holds_the_elements_and_is_read_as_such(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    made = cli.yes("label", "make", NAME, "--symbol", "datamatrix", "--serial", "C%3", "--out", tmp_path / "l.png")
    assert (made["symbol"], made["signed"], made["base_url"]) == ("datamatrix", False, None)
    (symbol,) = read_image((tmp_path / "l.png").read_bytes())
    assert (symbol.symbology, symbol.data) == ("]d2", f"01{GTIN}10L/1%a\x1d21C%3".encode())
    assert cli("scan", "--image", tmp_path / "l.png", "--json").json["verdict"] == "registered"
    cli.yes("label", "make", NAME, "--symbol", "datamatrix", "--out", tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["element_string"] == f"(01){GTIN}(10)L/1%a(21)A1"
    assert {row["signature"] for row in rows} == {""}
    cli.yes("label", "make", NAME, "--symbol", "datamatrix", "--out", tmp_path / "l.pdf")


def test_labels_of_batches_made_elsewhere_cannot_be_made(cli: Cli, tmp_path: Path) -> None:
    for name in (f"{GTIN}/nowhere", "0x" + "00" * 32):
        assert cli.no("label", "make", name, "--out", tmp_path / "x.pdf")["code"] == "batch_not_here"


def test_a_closed_label_key_is_gone_and_reprints_go_on(cli: Cli, tmp_path: Path) -> None:
    made = cli.yes("batch", "register", "--gtin", GTIN, "--lot", "K1", "--key", "acme", "--generate", 4)
    folder = BatchFolder.of(Home(cli.home), GTIN, "K1")
    seed = (folder.path / "label.json").read_text()
    closed = cli.yes("label", "close", made["batch"])
    assert (closed["closed"], closed["codes"]) == (True, 4)
    assert not (folder.path / "label.json").exists()
    assert seed.split('"secret": "')[1][:66] not in "".join(path.read_text() for path in folder.path.glob("*.*"))
    printed = cli.yes("label", "make", f"{GTIN}/K1", "--format", "png", "--first", 1, "--out", tmp_path / "x.png")
    assert printed["signed"] is True
    scanned = cli("scan", "--image", tmp_path / "x.png", "--json").json
    assert "signature_valid" in {reason["code"] for reason in scanned["reasons"]}
    assert cli.no("label", "close", f"{GTIN}/K1")["code"] == "label_closed"


def test_labels_without_signature(cli: Cli, tmp_path: Path) -> None:
    words = ("--gtin", GTIN, "--lot", "N1", "--key", "acme", "--generate", 2, "--no-label-signature")
    cli.yes("batch", "register", *words)
    made = cli.yes("label", "make", f"{GTIN}/N1", "--format", "csv", "--out", tmp_path / "x.csv")
    assert made["signed"] is False
    assert "?s=" not in (tmp_path / "x.csv").read_text()
    assert cli.no("label", "close", f"{GTIN}/N1")["code"] == "label_closed"


def test_a_printed_label_is_scanned_and_proved_offline(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    image, proof = tmp_path / "label.png", tmp_path / "unit.tlog-proof"
    cli.yes("label", "make", NAME, "--format", "png", "--serial", "C%3", "--out", image)
    said = cli("scan", "--image", image, "--country", "NL", "--proof", proof, "--json")
    assert said.code == 0
    read = said.json["code"]
    assert (said.json["verdict"], read["serial"], read["carrier"]) == ("registered", "C%3", "qr")
    assert {"signature_valid", "unit_registered"} <= {reason["code"] for reason in said.json["reasons"]}
    pin = Home(cli.home).config().pin
    elsewhere = tmp_path / "elsewhere"
    good = process("verify", proof, "--founding", pin, "--code", read["read"], "--json", "--home", elsewhere)
    assert good.code == 0
    assert good.json["shows"]["unit"]["state"] == "present"
    assert [step["ok"] for step in good.json["steps"] if step["step"] == "label"] == [True]
    assert not elsewhere.exists()  # nothing but the file and the pin was used
    wrong = process("verify", proof, "--founding", "00" * 32, "--json", "--home", elsewhere)
    assert (wrong.code, wrong.json["failed"]) == (1, "founding")
    other = process("verify", proof, "--founding", pin, "--code", f"(01){GTIN}(10)L/1%a(21)A1", "--json")
    assert (other.code, other.json["failed"]) == (1, "code")
    (words,) = [step["words"] for step in other.json["steps"] if step["ok"] is False]
    assert words.startswith(f"couldn't match the code: got GTIN {GTIN} lot L/1%a serial A1, the file is about GTIN ")
    unknown = process("verify", proof, "--json", "--home", elsewhere)
    assert unknown.code == 2
    assert unknown.error["code"] == "pin_needed"


def test_a_changed_proof_is_refused(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    good = folder.proof.read_bytes()
    changed = tmp_path / "changed.tlog-proof"
    changed.write_bytes(good.replace(b"index 4", b"index 3") if b"index 4" in good else good[:-40] + good[-39:])
    said = cli("verify", changed, "--json")
    assert said.code == 1
    assert said.json["ok"] is False
    assert cli("verify", folder.proof).out.startswith("yes  file")


def test_absence_is_proved_with_the_salt(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    proof = tmp_path / "absent.tlog-proof"
    code = f"(01){GTIN}(10)L/1%a(21)INVENTED"
    said = cli("scan", code, "--proof", proof, "--json")
    assert (said.code, said.json["verdict"]) == (1, "not_registered")
    without = cli("verify", proof, "--code", code, "--json")
    assert (without.code, without.json["unproved"]) == (1, "unit")
    salt = folder.known().salt
    with_salt = cli("verify", proof, "--code", code, "--salt-file", kept(salt), "--json")
    assert with_salt.code == 0
    assert with_salt.json["shows"]["unit"]["state"] == "absent"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (f"(01){GTIN}(10)L/1%a(21)A1", "registered"),
        (f"(01){GTIN}(10)L/1%a(21)NOPE", "not_registered"),
        (f"(01){GTIN}(10)OTHER(21)A1", "check"),
        (GTIN, "check"),
        ("4006381333931", "outside"),
        ("https://example.com/x", "outside"),
        ("9506000134353", "unreadable"),
    ],
)
def test_each_verdict_has_its_exit_code(cli: Cli, folder: BatchFolder, code: str, verdict: str) -> None:
    said = cli("scan", code, "--json")
    assert said.json["verdict"] == verdict
    assert said.code == (0 if verdict == "registered" else 1)
    assert said.json["caveat"].startswith("A registered code does not show")
    plain = cli("scan", code).out
    assert plain.startswith(said.json["shown_as"] + "\n")
    assert plain.endswith(said.json["caveat"] + "\n")


def test_what_could_not_be_read_says_why(cli: Cli) -> None:
    wrong = cli("scan", "09521234000016", "--json")
    (reason,) = [one for one in wrong.json["reasons"] if one["code"] == "could_not_read"]
    assert reason["evidence"]["why"] == "check_digit"
    assert "09521234000016 ends in 6, but its check digit is 3" in reason["evidence"]["cause"]
    assert "09521234000016 ends in 6, but its check digit is 3" in cli("scan", "09521234000016").out


def test_offered_repairs_can_be_pasted_back(cli: Cli, folder: BatchFolder) -> None:
    said = cli("scan", f"01{GTIN}10L/1%a{{GS}}21A1").out
    assert said.replace("\n", "").isprintable()
    offered = shlex.split(said.split("could be read as ", 1)[1].split(": ", 1)[0])[0]
    assert offered == f"(01){GTIN}(10)L/1%a(21)A1"
    assert cli("scan", offered).code == 0
    assert "offered below" not in said


def test_labels_are_made_unasked_only_with_a_word(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    """A maker's home without a ledger, away from its server."""
    away = Cli(tmp_path / "away")
    shutil.copytree(folder.path.parent, away.home / "batches")
    said = away("label", "make", NAME, "--format", "csv", "--out", tmp_path / "x.csv", "--json")
    assert (said.code, said.json["labels"]) == (0, 5)
    assert "nobody was asked whether the batch still stands" in said.err


def test_scans_are_kept_only_when_asked(cli: Cli, folder: BatchFolder) -> None:
    code = f"(01){GTIN}(10)L/1%a(21)D.4"
    where = ("--latitude", 52.0, "--longitude", 4.0, "--unlocode", "NLRTM", "--context", "import")
    for _ in range(2):
        assert cli("scan", code, *where, "--json").json["seen"]["times"] == 0
    assert cli("scan", code, *where, "--record", "--json").json["scan"]["recorded"] is True
    far = cli("scan", code, "--latitude", -4.0, "--longitude", 39.7, "--country", "KE", "--json").json
    assert far["seen"]["times"] == 1
    assert (far["verdict"], far["reasons"][0]["code"]) == ("check", "impossible_travel")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("x", "--latitude", "1"), "usage"),
        (("x", "--unlocode", "N"), "unlocode"),
        (("x", "--country", "XX"), "country"),
        (("x", "--unlocode", "NLRTM", "--country", "BE"), "country"),
        (("--image", __file__), "image_format"),
    ],
)
def test_bad_places_and_images_are_wrong_use(cli: Cli, arguments: tuple[str, ...], code: str) -> None:
    assert cli.no("scan", *arguments, code=2)["code"] == code


def test_a_scanner_can_be_piped_in(cli: Cli, folder: BatchFolder) -> None:
    said = process("scan", "-", "--json", "--home", cli.home, stdin=f"(01){GTIN}(10)L/1%a(21)A1\r\n")
    assert (said.code, said.json["verdict"]) == (0, "registered")


def test_tokens_are_shown_once_listed_and_revoked(cli: Cli) -> None:
    made = cli.yes("token", "new", "Port of Rotterdam", "--country", "NL", "--days", 30)
    assert made["scopes"] == ["proof", "scan"]
    listed = cli("token", "list", "--json")
    assert made["token"] not in listed.out
    (found,) = [token for token in listed.json["tokens"] if token["name"] == "Port of Rotterdam"]
    assert cli.yes("token", "revoke", found["id"])["revoked"] == found["id"]
    assert [t["revoked_at"] is not None for t in cli.yes("token", "list")["tokens"] if t["id"] == found["id"]] == [True]
    assert cli.no("token", "revoke", "0000", code=2)["code"] == "token_unknown"
    assert cli.no("token", "new", "x", "--scope", "everything", code=2)["code"] == "token_scope"
    link = cli.yes("token", "link", "desk")["link"]
    assert "/officer/sign-in?code=carnet_link_" in link
    waiting = cli("token", "sessions", "--json")
    assert link.partition("code=")[2] not in waiting.out
    (row,) = [one for one in waiting.json["sessions"] if one["name"] == "desk"]
    assert (row["kind"], row["used_at"]) == ("link", None)
    assert cli.yes("token", "end", row["id"]) == {"ended": row["id"], "name": "desk", "again": False}
    assert row["id"] not in cli("token", "sessions").out
    assert cli.no("token", "end", "0000", code=2)["code"] == "session_unknown"


def test_an_audit_finds_a_changed_entry(cli: Cli, folder: BatchFolder, tmp_path: Path) -> None:
    whole = cli.yes("audit")
    assert whole["ok"] is True
    assert whole["counts"]["anchors"] >= 1
    copy = Cli(tmp_path / "copy")
    shutil.copytree(cli.home, copy.home)
    with sqlite3.connect(copy.home / "ledger.db") as database:
        entry = folder.known().receipt
        assert entry is not None
        (data,) = database.execute("SELECT data FROM open_entry WHERE idx = ?", (entry["entry"],)).fetchone()
        assert b'"unitCount":"5"' in data
        changed = data.replace(b'"unitCount":"5"', b'"unitCount":"6"')
        database.execute("UPDATE open_entry SET data = ? WHERE idx = ?", (changed, entry["entry"]))
    said = copy("audit", "--json")
    assert said.code == 1
    assert {"leaf_differs", "root_differs"} <= {finding["code"] for finding in said.json["findings"]}
    assert copy("batch", "list", "--json").code == 1
    other = cli("audit", "--no-chain", "--founding", "11" * 32, "--json")
    assert (other.code, other.json["findings"][0]["code"]) == (1, "pin")


def test_json_is_one_object_even_for_long_text(cli: Cli, folder: BatchFolder) -> None:
    said = process("scan", f"(01){GTIN}(10)L/1%a(21)A1", "--json", "--home", cli.home)
    assert json.loads(said.out)["verdict"] == "registered"
    assert said.err == ""
