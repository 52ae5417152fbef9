"""The map in CONTRIBUTING.md is true: who adds a reason or a kind finds every file that knows one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.verdict.reason import REASONS

ROOT = Path(__file__).parent.parent
ELSEWHERE = {"api/demo", "api/cli"}
"""Rooms that tell stories with reasons and kinds, or send what they were told to send; nothing is decided there."""
HOMONYMS = {
    "no_serial", "signature_missing", "signature_wrong", "lot_mismatch", "expiry_mismatch", "register_stale",
    "unit_absent", "unit_registered", "registered_while_suspended", "impossible_travel", "not_gs1",
}  # fmt: skip
"""Reasons whose code is also that of an error, a doubt, a fact or an example: elsewhere it is no reason."""


def section(name: str) -> set[str]:
    """The files that one part of the map names."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return set(re.findall(r"`([\w/.]+\.(?:py|md))`", found[1]))


def code() -> dict[str, str]:
    """Our modules by their path, without those of ELSEWHERE."""
    files = [file for top in ("verifier", "ledger", "api") for file in sorted((ROOT / top).rglob("*.py"))]
    texts = {file.relative_to(ROOT).as_posix(): file.read_text() for file in files}
    return {path: text for path, text in texts.items() if not path.startswith(tuple(ELSEWHERE))}


@pytest.mark.parametrize("reason", sorted(code for code in REASONS if "_" in code and code not in HOMONYMS))
def test_a_reason_stands_where_the_map_says(reason: str) -> None:
    places = {path for path, text in code().items() if f'"{reason}"' in text}
    assert places
    assert places <= section("To add a reason")


def test_a_reason_is_added_in_six_files() -> None:
    named = section("To add a reason")
    either = {"verifier/verdict/judge.py", "verifier/verdict/behaviour.py"}
    assert len(named - either - {"verifier/scan/judged.py", "verifier/scan/said.py"}) + 1 <= 6


def test_a_kind_stands_where_the_map_says() -> None:
    places = {path for path, text in code().items() if re.search(r"\bKind\.[A-Z_]+\b", text)}
    assert places - section("To add a kind of entry") == set()


def test_every_file_of_the_map_is_there() -> None:
    paths = re.findall(r"`(\w+/[\w./-]*)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
