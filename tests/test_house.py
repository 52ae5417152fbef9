"""The arrows between the rooms: api -> ledger -> verifier, never back, and no cycles inside a room."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {"verifier": {"verifier"}, "ledger": {"ledger", "verifier"}, "api": {"api", "ledger", "verifier"}}
PURE = {"os", "socket", "subprocess", "sqlite3", "sqlalchemy", "web3", "fastapi", "httpx", "requests", "urllib.request"}


def modules(room: str) -> dict[str, Path]:
    """Module name to file, for one room."""
    files = sorted((ROOT / room).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(file: Path, *, top_level: bool = False) -> set[str]:
    """Every module that a file imports; with `top_level` only what is imported when it loads."""
    tree = ast.parse(file.read_text())
    nodes = tree.body if top_level else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_only_what_lies_below_them(room: str) -> None:
    wrong = {
        f"{name} -> {imported}"
        for name, file in modules(room).items()
        for imported in imports(file)
        if (top := imported.split(".")[0]) in ALLOWED and top not in ALLOWED[room]
    }
    assert not wrong


def test_the_verifier_reaches_no_file_network_or_database() -> None:
    wrong = {f"{name} -> {i}" for name, file in modules("verifier").items() for i in imports(file) if i in PURE}
    assert not wrong


def test_services_name_no_concrete_adapter() -> None:
    concrete = ("ledger.storage", "ledger.chain", "ledger.keys", "ledger.wiring")
    wrong = {
        f"{name} -> {imported}"
        for name, file in modules("ledger").items()
        if name.startswith("ledger.services")
        for imported in imports(file)
        if imported.startswith(concrete)
    }
    assert not wrong


def test_what_brings_py_ecc_along_is_imported_where_that_is_put_right() -> None:
    """eth-account and web3 load it, and it raises the recursion limit of the whole process."""
    found = {
        (name, imported.split(".")[0])
        for room in ALLOWED
        for name, file in modules(room).items()
        for imported in imports(file)
        if imported.split(".")[0] in ("eth_account", "web3")
    }
    assert found == {("ledger.keys.account", "eth_account"), ("ledger.chain.provider", "web3")}


@pytest.mark.parametrize("room", ALLOWED)
def test_no_cycles_inside_a_room(room: str) -> None:
    known = modules(room)
    graph = {name: imports(file, top_level=True) & known.keys() - {name} for name, file in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {error.args[1]}")
