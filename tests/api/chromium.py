"""Chromium as every test that needs a browser starts it, or the reason why there is none to start."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER = [pytest.mark.node, pytest.mark.browser]
"""Marks of a module whose tests use a browser: a ledger with its chain stands behind every page."""


@functools.cache
def missing() -> str:
    """What keeps a browser from starting on this machine, and how to get it; empty if nothing does."""
    if PROGRAM is None:
        return "no Chromium on the PATH: make setup-test fetches one"
    driver = subprocess.run([sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True)
    if driver.returncode:
        return f"playwright's driver does not start ({driver.stderr.strip()[:200]}): make setup-test fetches libatomic1"
    return ""


def needed() -> str:
    """The browser's program; skips the test where none can be started."""
    if missing() or PROGRAM is None:
        pytest.skip(missing())
    return PROGRAM


@contextmanager
def chromium() -> Iterator[playwright.Browser]:
    """One Chromium without a window."""
    program = needed()
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        yield launched
        launched.close()
