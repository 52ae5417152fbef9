"""Every test here is a lie that an operator with all keys of the server could try, and who catches it.

A test's docstring is one row: `lie | who catches it | with what evidence`. The rows are printed after a run, and
`docs/lies.md` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Print the row of a lie beside the result of its test."""
    row = request.function.__doc__
    if row and " | " in row:
        record_property("said", f"lie: {' '.join(row.split())}")
