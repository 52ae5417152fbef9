"""Fixtures for the API: one stage and one server for all tests that do not need their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "ledger"))  # the world that the ledger's own tests live in

from cli_world import Cli, found
from served import Stage, client, staged


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
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Commands on a founded home with one maker, shared: tests take lots of their own."""
    return found(tmp_path_factory.mktemp("cli") / "home")
