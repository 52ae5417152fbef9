"""Instants in requests: RFC 3339 text with a zone, and nothing else."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from verifier.errors import Malformed
from verifier.instant import read_instant


def _read(value: object) -> int:
    """In pydantic's form: an unreadable value is a ValueError."""
    try:
        return read_instant(value)
    except Malformed as error:
        raise ValueError(str(error)) from error


Moment = Annotated[
    int,
    BeforeValidator(_read, json_schema_input_type=str),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]
"""An instant as it comes in; milliseconds since 1970 inside."""
