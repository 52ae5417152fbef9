"""`python -m api.cli`: the same as `carnet`."""

from __future__ import annotations

from api.cli import main

main()
