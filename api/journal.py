"""What the server writes about itself: one JSON line an event on standard error. Never a code, a token or a salt."""

from __future__ import annotations

import sys
from typing import Any

import structlog

# Of its own and not structlog's default: that one prints the values of local variables with a traceback.
journal: Any = structlog.wrap_logger(
    structlog.PrintLogger(sys.stderr),
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ],
)
"""Takes an event and its values: `journal.error("no answer", code="database")`."""
