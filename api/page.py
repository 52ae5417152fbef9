"""Pages for people: Jinja templates that escape everything, and no word in them that only a script would show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

TEMPLATES = Path(__file__).parent / "pages"
ASSETS = Path(__file__).parent / "web"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Pages:
    """Renders the templates in `api/pages`. `about`: values that every page may show."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"moment": moment, "day": day, "grouped": grouped, "short": short}
        self._environment.globals |= dict(about)

    def use_icons(self, name: str, template: str) -> None:
        """Make a template's macros known everywhere under a name."""
        self._environment.globals[name] = self._environment.get_template(template).module

    def render(self, template: str, request: Request, **values: Any) -> str:
        """One page as text."""
        page = self._environment.get_template(template)
        return page.render(path=request.url.path, caller=request.scope.get("caller"), **values)

    def respond(self, template: str, request: Request, *, status: int = 200, **values: Any) -> HTMLResponse:
        """One page as a response that nobody stores."""
        return HTMLResponse(self.render(template, request, **values), status, {"Cache-Control": "no-store"})


def moment(text: str) -> str:
    """`2026-11-23T22:26:00.000Z` as `23 Nov 2026, 22:26 UTC`."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def day(text: str) -> str:
    """`2026-11-23`, perhaps with a time behind it, as `23 Nov 2026`."""
    year, month, number = text[:10].split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def grouped(number: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def short(text: str) -> str:
    """A long hash or address by its ends."""
    return text if len(text) <= 18 else f"{text[:10]}\u2026{text[-6:]}"
