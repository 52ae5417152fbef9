"""The house as it is drawn: rooms on their floors, imports that lead down, and no circle anywhere."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from house import TOP, House  # noqa: E402  (it lies beside the other scripts)

FLOORS = """
verifier: errors | canonical instant ed25519 foreign | tree | reading | segment | record | chain | verdict | audit
verifier: evidence | scan | files | __main__
ledger: private lock fold | ports
ledger.services: record | outward | units | proofs | copies | scans | audit
ledger: keys | storage | remote | home | chain | opened | wiring
api: http | answer | question | pages | site | problem | guard | description | asking | witness | routes | app
api.cli: base | auditor | authority | maker | officer
api: demo
api.cli: operator
api: cli
api.cli: reference __main__
"""
"""From the ground up, each room once. Rooms on one floor do not know each other, and nobody knows a room above."""

PURE = {"os", "socket", "subprocess", "sqlite3", "sqlalchemy", "web3", "fastapi", "httpx", "requests", "urllib.request"}
CROWDED = 24
"""Files of one room above which somebody new finds nothing in it any more. The demo has more, and a page of its own."""


def floors() -> list[set[str]]:
    """The rooms of each floor, from the ground up, by their full names."""
    found = []
    for line in FLOORS.strip().splitlines():
        hall, _, rooms = line.partition(": ")
        found += [{f"{hall}.{room}" for room in floor.split()} for floor in rooms.split(" | ")]
    return found


@pytest.fixture(scope="module")
def house() -> House:
    return House(ROOT)


def test_every_room_stands_on_its_floor(house: House) -> None:
    """A room that moved, came or went is told here, before a glob somewhere misses its files in silence."""
    drawn = set().union(*floors())
    halls = {"verifier", "ledger", "api", "ledger.services"}
    assert {room for room in house.room.values() if room not in halls} == drawn
    assert sum(len(floor) for floor in floors()) == len(drawn), "each room once"
    assert sum(1 for top in TOP for _ in (ROOT / top).rglob("*.py")) == len(house.files) > 300


def test_imports_lead_down(house: House) -> None:
    floor = {room: at for at, rooms in enumerate(floors()) for room in rooms}
    halls = {"verifier", "ledger", "api", "ledger.services"}
    up = [
        f"{room} -> {other}"
        for room, other in house.arrows
        if other not in halls and (room in halls or floor[room] <= floor[other])
    ]
    assert up == []


def test_no_modules_import_each_other_in_a_circle(house: House) -> None:
    """Not inside functions either, and not under TYPE_CHECKING."""
    assert house.circle() is None


def test_no_room_is_crowded(house: House) -> None:
    files = list(house.room.values())
    assert {room for room in set(files) if files.count(room) > CROWDED} <= {"api.demo", "ledger.storage"}


def test_the_verifier_reaches_no_file_network_or_database(house: House) -> None:
    wrong = set()
    for name, file in house.files.items():
        if name.startswith("verifier"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                wrong |= {f"{name} -> {one}" for one in names if one in PURE}
    assert wrong == set()


def test_services_name_no_concrete_adapter(house: House) -> None:
    concrete = ("ledger.storage", "ledger.chain", "ledger.keys", "ledger.wiring", "ledger.opened", "ledger.remote")
    wrong = {
        f"{name} -> {imported}"
        for name, imports in house.imports.items()
        if name.startswith("ledger.services.")
        for imported in imports
        if imported.startswith(concrete)
    }
    assert wrong == set()


def test_what_brings_py_ecc_along_is_imported_where_that_is_put_right(house: House) -> None:
    """eth-account and web3 load it, and it raises the recursion limit of the whole process."""
    imported = re.compile(r"^\s*(?:from|import) (eth_account|web3)\b", re.MULTILINE)
    found = {(name, one) for name, file in house.files.items() for one in imported.findall(file.read_text())}
    assert found == {("ledger.keys.account", "eth_account"), ("ledger.chain.provider", "web3")}


def patterns() -> list[tuple[Path, str]]:
    """Every glob that a test or script walks in the house, with the file that names it."""
    pattern = re.compile(r"""["']((?:verifier|ledger|api)(?:/[\w*.]+)*/?\*[\w*./]*)["']""")
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "scripts").iterdir(), *(ROOT / "bench").rglob("*.py")]
    return [(file, found) for file in files if file.is_file() for found in pattern.findall(file.read_text())]


def test_every_glob_into_the_house_finds_something() -> None:
    assert patterns(), "or this test looks for nothing"
    assert [(file.name, glob) for file, glob in patterns() if not any(ROOT.glob(glob))] == []


def test_every_file_that_a_page_names_is_there() -> None:
    """Pages and docstrings name files by their path; one that has moved is a wrong way for somebody new."""
    named = re.compile(r"\b((?:verifier|ledger|api|tests|scripts|bench|contracts)/[\w./-]+\.(?:py|sol|html|js|css))\b")
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]
    texts = [page for page in pages if page.is_file()] + list(House(ROOT).files.values())
    gone = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in texts
        for name in named.findall(page.read_text())
        if not (ROOT / name).exists()
    }
    assert gone == set()
