"""How often something rare is tried: a little in `make test`, more in `make test-slow`, in full in `make soak`."""

from __future__ import annotations

from typing import Any

import pytest


def scaled(slow: int, soak: int) -> list[Any]:
    """Parameters of one test at two scales, for `pytest.mark.parametrize`; a count before them is for `make test`."""
    return [pytest.param(slow, marks=pytest.mark.slow), pytest.param(soak, marks=pytest.mark.soak)]
