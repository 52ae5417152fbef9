"""The page of lies lists every test here, and nothing that no test shows."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/lies.md"


def rows() -> list[str]:
    """One row of the table for each lie, from the docstrings of the tests."""
    found = []
    for file in sorted(HERE.glob("test_*_lies.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                lie, who, evidence = " ".join((ast.get_docstring(node) or "").split()).split(" | ")
                found.append(f"| {lie} | {who} | {evidence} | [`{node.name}`](../tests/lies/{file.name}) |")
    return found


def test_the_page_lists_every_lie() -> None:
    listed = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "](../tests/" in line]
    assert listed == rows()


def test_there_are_at_least_twelve() -> None:
    assert len(rows()) >= 12


if __name__ == "__main__":  # write the table anew: python -m tests.lies.test_lies_page
    before, _, rest = PAGE.read_text().partition("|---|---|---|---|\n")
    PAGE.write_text(before + "|---|---|---|---|\n" + "\n".join(rows()) + "\n\n" + rest.partition("\n\n")[2])
