"""What all tests share: where CI runs, nothing is optional."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

import ledger.keys.account  # noqa: F401  (before any test loads eth-account by itself: see there)

# No timed assertions: a busy machine is no finding. Half of the usual examples: there are some two hundred properties.
settings.register_profile("carnet", deadline=None, max_examples=50)
settings.load_profile("carnet")

OUTSIDE_DATA = "../shared/data"
"""Test cases of other people that lie beside the checkout; the one thing that may be absent everywhere."""


LONGEST_FIRST = (
    "test_demo_rules",
    "test_kill",
    "test_flows",
    "test_browser",
    "test_demo",
    "test_bulk",
    "test_seal_kill",
    "test_contracts",
    "test_readme",
    "test_cli_mirror",
    "test_cli_server",
    "test_cli_founding",
    "test_audit_home",
    "test_demo_browser",
    "test_witness_server",
    "test_go",
    "test_wedge",
    "test_accessible",
)
"""Files that take longest and hold few tests each: begun last, one would keep one worker busy for minutes."""


ALWAYS_ON_POSTGRESQL = ("test_storage", "test_databases", "test_migration", "test_cli_parts")
"""What differs between databases. The ledger's stories run on PostgreSQL in `make test-slow`, on SQLite always."""


@pytest.hookimpl(tryfirst=True)  # before what is slow is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which runs on PostgreSQL are slow, and begin the longest files first; otherwise the order stays."""
    for item in items:
        stories = item.get_closest_marker("postgres") and not item.path.stem.startswith(ALWAYS_ON_POSTGRESQL)
        if stories and not item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.slow)
    place = {name: at for at, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CARNET_TEST_REQUIRE=all a test that skips for want of a part fails instead."""
    report = yield
    required = os.environ.get("CARNET_TEST_REQUIRE") == "all"
    if required and report.skipped and not hasattr(report, "wasxfail") and OUTSIDE_DATA not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"nothing is optional here, and this test skipped: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests want to be read: their property `said`, which also comes back from other processes."""
    reports = [report for category in terminalreporter.stats.values() for report in category]
    for report in reports:
        for name, text in getattr(report, "user_properties", ()):
            if name == "said" and report.when == "call":
                terminalreporter.write_line(str(text))
