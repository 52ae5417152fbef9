"""The server's own log: one JSON line for each event on standard error. Never a code, a token or a salt."""

from __future__ import annotations

import json
import sys
from typing import Any

import structlog

from verifier.foreign import shown_json


def _encoded(value: Any, **options: Any) -> str:
    return shown_json(json.dumps(value, **options))


# Of its own and not structlog's default: that one prints the values of local variables with a traceback.
journal: Any = structlog.wrap_logger(
    structlog.PrintLogger(sys.stderr),
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(_encoded),
    ],
)
"""Takes an event and its values: `journal.error("no answer", code="database")`."""
