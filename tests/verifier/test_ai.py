"""The table of application identifiers: beside GS1's own, and right and wrong values for each check that it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.errors import Malformed
from verifier.reading.ai.lint import LINTS
from verifier.reading.ai.pairs import excluded, missing
from verifier.reading.ai.rule import RULES, find_rule, wrong_with
from verifier.reading.element_string import parse_bracketed

ROOT = Path(__file__).parents[2]
GTIN = "09506000134352"
CHECKED = {
    "253": ("9506000134352A", "9506000134353A"),
    "255": ("95060001343521", "95060001343531"),
    "402": ("95060001343527894", "95060001343527893"),
    "8003": ("09506000134352A1", "09506000134353A1"),
    "8006": ("095060001343520102", "095060001343530102"),
    "8017": ("950600013435278946", "950600013435278943"),
    "8018": ("950600013435278946", "950600013435278943"),
    "8026": ("095060001343520102", "095060001343520201"),
    "7003": ("2501312359", "2501312360"),
    "7006": ("250131", "250132"),
    "7007": ("250101250131", "250101250132"),
    "7011": ("2501310000", "2501002400"),
    "4326": ("250131", "250100"),
    "7250": ("19991231", "19990229"),
    "7251": ("200002292359", "199902282460"),
    "8008": ("25013123", "2501312459"),
    "8008 with minutes and seconds": ("250131235959", "250131235960"),
    "8013": ("1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2J"),
    "8007": ("GB29NWBK60161331926819", "GB29NWBK60161331926818"),
    "17": ("280200", "280230"),
    "8001": ("00010000100109", "00010000100139"),
    "421": ("528ABC", "999ABC"),
    "7030": ("999ABC", "998ABC"),
    "4307": ("NL", "XX"),
    "3910": ("978150", "000150"),
    "4309": ("09000000001800000000", "18000000011800000000"),
    "7241": ("10", "11"),
    "7041": ("BX", "00"),
    "7252": ("9", "3"),
    "7258": ("1/2", "3/2"),
    "4330": ("000123-", "000123+"),
    "4321": ("1", "2"),
    "4300": ("A%20B", "A%2"),
    "8011": ("12", "012"),
    "8014": ("1987654Ad4X4bL5ttr2310c2K", "22"),
    "8004": ("9506X", "950XX"),
    "7040": ("1AB_", "1AB+"),
    "8110": ("106141416543213150110120", "706141416543213150110120"),
    "8112": ("001234561234560123456", "201234561234560123456"),
    "8030": ("AAA_-", "AA=A"),
    "426": ("528", "529"),
    "8009": ("A" * 50, "A" * 51),
    "242": ("123456", "1234567"),
}
"""A right value and a wrong one; the key is the AI, with words where it stands twice."""


@pytest.mark.parametrize("name", CHECKED)
def test_a_value_that_breaks_a_rule_of_its_ai_is_refused(name: str) -> None:
    rule, (right, wrong) = RULES[name.split()[0]], CHECKED[name]
    assert wrong_with(rule, right) is None
    assert wrong_with(rule, wrong) is not None


def test_a_wrong_value_refuses_the_whole_code() -> None:
    assert parse_bracketed(f"(01){GTIN}(7007)250101250131") is not None
    with pytest.raises(Malformed, match=r"couldn't read AI 7007: got '250101250132': its day is 32"):
        parse_bracketed(f"(01){GTIN}(7007)250101250132")


def test_every_check_that_the_table_names_is_there_and_used() -> None:
    named = {lint for rule in RULES.values() for part in rule.components for lint in part.lints}
    assert named <= LINTS.keys()
    assert LINTS.keys() - named == {"yyyymmd0"}  # GS1 names it for nothing today


def test_no_ai_is_the_beginning_of_another() -> None:
    assert [(one, two) for one in RULES for two in RULES if one != two and two.startswith(one)] == []
    assert all(find_rule(ai + "0" * 20) is rule for ai, rule in RULES.items())


def test_pairs_exclude_and_require_each_other_as_the_table_says() -> None:
    assert excluded(["01", "21", "10"]) is None
    assert excluded(["01", "37"]) == ("01", "37")
    assert excluded(["01", "3103", "3102"]) == ("3103", "3102")
    assert excluded(["01", "235", "21"]) == ("21", "235")
    assert missing(["01", "21", "17"]) is None
    assert missing(["01", "422", "427"]) is None
    assert missing(["01", "427"]) == "427"
    assert missing(["01", "3922"]) == "3922"
    assert missing(["01", "3103", "3922"]) is None


def test_the_script_tells_differences_from_a_dictionary(tmp_path: Path) -> None:
    file = tmp_path / "dictionary.txt"
    file.write_text("# GS1\n00  *?  N18,csum,gcppos2  dlpkey  # SSCC\n17  *?  N6,yymmdd  req=01  # USE BY\n")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compare-ai-table", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[-1] == f"2 AIs there, {len(RULES)} here, {len(RULES) - 1} differ"
    assert not any(line.startswith("00: ") for line in lines)
    assert any(line.startswith("17: there Rule(ai='17', title='USE BY'") for line in lines)


DICTIONARY = Path(os.environ.get("CARNET_GS1_DICTIONARY", ROOT / "../shared/data/gs1-syntax-dictionary.txt"))


@pytest.mark.skipif(
    not DICTIONARY.is_file(), reason="GS1's dictionary is neither ../shared/data/gs1-syntax-dictionary.txt nor named"
)
def test_the_table_is_the_one_that_gs1_publishes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compare-ai-table", DICTIONARY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
