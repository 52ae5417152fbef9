"""Fixtures for the API: one stage and one server for all tests that do not need their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "ledger"))  # the world that the ledger's own tests live in
sys.path.insert(0, str(Path(__file__).parent.parent / "verifier"))  # segments made the slow and obvious way

from cli_world import Cli, founded
from served import Stage, client, staged


def _of_the_ledger() -> ModuleType:
    """What the ledger's own tests share: this file's name stands in the way of importing it."""
    spec = importlib.util.spec_from_file_location(
        "ledger_conftest", Path(__file__).parent.parent / "ledger" / "conftest.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_shared = _of_the_ledger()
database_url, postgres_server = _shared.database_url, _shared.postgres_server


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A ledger with makers and batches, shared: tests may add to it and must not rely on counts."""
    with staged(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture(scope="session")
def http(stage: Stage) -> Iterator[httpx.Client]:
    """A client of one server over the shared stage."""
    with client(stage.ledger) as made:
        yield made


@pytest.fixture(scope="session")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """Commands on a founded home with one maker, shared: tests take lots of their own."""
    with founded(tmp_path_factory.mktemp("cli") / "home") as made:
        yield made
