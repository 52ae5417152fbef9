"""Query parameters and form fields about one scan: the code's carrier, its symbology, and the item's context."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

from starlette.requests import Request

from api.http.origin import opened_from_elsewhere
from api.http.vary import given
from verifier.errors import Malformed
from verifier.reading.gs1 import Carrier
from verifier.verdict.facts import Context

SYMBOLOGY = r"^\][A-Za-z][0-9A-Za-z]$"
"""An AIM symbology identifier."""

_SYMBOLOGY = re.compile(SYMBOLOGY)
_Kind = TypeVar("_Kind", bound=StrEnum)
_SHOWN = 20  # characters of a wrong value that are shown


def context_of(text: str | None) -> Context:
    """The item's context. A caller that does not say is not taken for the owner. Raises Malformed."""
    return _one_of(Context, text, Context.UNKNOWN, "context")


def context_said(request: Request, context: Context) -> Context:
    """The context in an address, if the asker chose it. A printed or sent link must not say "it is mine" for its
    reader.

    A browser that such a link brought here is asked.
    """
    if context is Context.UNKNOWN:
        return context
    elsewhere = opened_from_elsewhere(given(request, "sec-fetch-mode"), given(request, "sec-fetch-site"))
    return Context.UNKNOWN if elsewhere else context


def carrier_of(text: str | None) -> Carrier:
    """The code's carrier; `text` by default. Raises Malformed."""
    return _one_of(Carrier, text, Carrier.TEXT, "carrier")


def symbology_of(text: str | None) -> str | None:
    """The device's AIM identifier, if it was given separately from the text. Raises Malformed."""
    if text is not None and not _SYMBOLOGY.fullmatch(text):
        raise Malformed(
            f"couldn't read the symbology: got {text[:_SHOWN]!r}, expected an AIM identifier such as ]d2",
            at="?symbology",
        )
    return text


def _one_of(kind: type[_Kind], text: str | None, otherwise: _Kind, name: str) -> _Kind:
    if text is None:
        return otherwise
    try:
        return kind(text)
    except ValueError as error:
        raise Malformed(
            f"couldn't read the {name}: got {text[:_SHOWN]!r}, expected {', '.join(kind)}", at=f"?{name}"
        ) from error
