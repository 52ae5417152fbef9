"""carnet rules: shown, raised by files that travel, and what is refused before anybody signs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_world import Cli

from verifier.record.rules import NEWEST, digest

pytestmark = pytest.mark.node
SEATS = ("--authority", "NL", "--authority", "KE")


@pytest.fixture
def early(tmp_path: Path) -> Cli:
    """A ledger that was founded at the first version of the rules."""
    cli = Cli(tmp_path / "home")
    cli.yes("init", "--origin", "carnet.example/early", *SEATS, "--rules", "1")
    return cli


def test_rules_are_raised_by_files_that_travel_and_mirrored_once(early: Cli, tmp_path: Path) -> None:
    shown = early.yes("rules", "show")
    assert (shown["rules"], shown["newest_known"]) == (1, NEWEST)
    assert [one["digest"] for one in shown["known"]] == ["0x" + digest(n).hex() for n in range(1, NEWEST + 1)]
    file = tmp_path / "two.json"
    proposed = early.yes("rules", "raise", "2", "--out", file)
    assert proposed["body"]["digest"] == "0x" + digest(2).hex()
    early.yes("rules", "sign", file, "--key", "authority-nl")
    assert early.no("rules", "relay", file)["code"] == "not_approved"
    early.yes("rules", "sign", file, "--key", "authority-ke")
    relayed = early.yes("rules", "relay", file)
    assert (relayed["mirrored"], relayed["relayed"][0]["proposal"]) == (1, "rules_raised")
    assert early.yes("rules", "show")["rules"] == 2
    again = early.yes("rules", "relay", file)
    assert (again["mirrored"], again["relayed"][0]["transaction"]) == (0, relayed["relayed"][0]["transaction"])
    audit = early.yes("audit")
    assert (audit["ok"], audit["counts"]["decisions"], audit["not_checked"]) == (True, 2, [])


def test_what_is_wrong_with_a_raise_is_said_before_anybody_signs(early: Cli, tmp_path: Path) -> None:
    signs = ("--sign", "authority-nl", "--sign", "authority-ke")
    file = tmp_path / "raise.json"
    assert early.no("rules", "raise", str(NEWEST + 1), "--out", file, code=3)["code"] == "rules_unknown"
    assert not file.exists()
    early.yes("rules", "raise", "2", "--out", file)
    draft = json.loads(file.read_text())
    draft["body"]["digest"] = "0x" + "ab" * 32
    file.write_text(json.dumps(draft))
    assert early.no("rules", "sign", file, "--key", "authority-nl")["code"] == "rules_differ"
    assert json.loads(file.read_text())["signatures"] == []
    early.yes("rules", "raise", "2", *signs)
    assert early.yes("rules", "raise", "2", *signs)["mirrored"] == 0, "it was done before"
    assert early.yes("rules", "show")["rules"] == 2


def test_a_ledger_is_founded_at_the_newest_rules_and_at_none_that_is_unknown(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "home")
    unknown = ("init", "--origin", "carnet.example/late", *SEATS, "--rules", str(NEWEST + 1))
    assert cli.no(*unknown, code=3)["code"] == "rules_unknown"
    cli.yes("init", "--origin", "carnet.example/late", *SEATS)
    assert cli.yes("rules", "show")["rules"] == NEWEST
