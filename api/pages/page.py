"""Pages for people: Jinja templates that escape everything. All their words show without a script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.answer.words import ago, day, grouped, moment, short, web_host
from api.pages.evidence import in_words
from verifier.foreign import shown, shown_code, shown_lines

TEMPLATES = Path(__file__).parent
ASSETS = Path(__file__).parent.parent / "web"


def finalize(value: Any) -> Any:
    """Filters every `{{ }}` of a template: text loses characters that move a cursor or change its order."""
    return shown_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def exact(text: str) -> Markup:
    """Text that a form must send back unchanged, separators included. Only for `value`, never for shown text."""
    return escape(text)


class Pages:
    """Renders the templates in `api/pages`. `about`: values that every page may show."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "moment": moment,
            "ago": ago,
            "day": day,
            "grouped": grouped,
            "short": short,
            "visible": shown_code,
            "printable": shown,
            "exact": exact,
            "web_host": web_host,
            "in_words": in_words,
        }
        self._environment.globals |= dict(about)
        self.asset_version = str(about["asset_version"])

    def use_icons(self, name: str, template: str) -> None:
        """Make a template's macros available to all templates under a name."""
        self._environment.globals[name] = self._environment.get_template(template).module

    def render(self, template: str, request: Request, **values: Any) -> str:
        """One page as text."""
        page = self._environment.get_template(template)
        return page.render(path=request.url.path, caller=request.scope.get("caller"), **values)

    def respond(self, template: str, request: Request, *, status: int = 200, **values: Any) -> HTMLResponse:
        """One page as a response that is marked not to be stored."""
        return HTMLResponse(self.render(template, request, **values), status, {"Cache-Control": "no-store"})
