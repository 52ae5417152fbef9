"""The API's description: OpenAPI as JSON, and the same as a page that loads nothing from other sites."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from api.description.openapi import TAGS, operations, rule_of
from api.guard.access import Rule
from api.guard.guard import Guarded
from api.http.content import FRESH, content, packed
from api.site.site import site

router = APIRouter(route_class=Guarded, include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """OpenAPI 3.1."""
    return await content(request, to_json(request.app.openapi()), "application/json", FRESH, packs=True)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The page."""
    here = site(request)
    described = request.app.openapi()
    sections = [(tag, text, list(_operations(described, tag, here.settings.base_url))) for tag, text in TAGS.items()]
    shown = [section for section in sections if section[2]]
    return await packed(request, here.pages.respond("docs.html", request, sections=shown, info=described["info"]))


def _operations(described: Mapping[str, Any], tag: str, base_url: str) -> Iterator[dict[str, Any]]:
    for method, path, operation in operations(dict(described)):
        if tag in operation.get("tags", ()):
            rule = rule_of(method, path)
            yield {
                "id": operation["operationId"],
                "method": method,
                "path": path,
                "summary": operation["summary"],
                "description": operation.get("description", ""),
                "caller": _caller(rule),
                "parameters": operation.get("parameters", ()),
                "body": _example(operation),
                "curl": _curl(method, path, operation, rule, base_url),
                "responses": [(code, r["description"]) for code, r in operation["responses"].items()],
                "answer": _answer(operation),
            }


def _caller(rule: Rule) -> str:
    if rule.needs is not None:
        return f"scope {rule.needs.value}"
    return "everybody; the body is signed" if rule.signed else "everybody"


def _example(operation: Mapping[str, Any]) -> str | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = content.get("schema", {}).get("examples") or content.get("examples")
    return json.dumps(examples[0], indent=2) if isinstance(examples, list) else None


def _answer(operation: Mapping[str, Any]) -> str | None:
    example = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("example")
    return json.dumps(example, indent=2) if example else None


def _curl(method: str, path: str, operation: Mapping[str, Any], rule: Rule, base_url: str) -> str:
    """A command to paste; values in braces must be filled in."""
    query = {p["name"]: _first(p) for p in operation.get("parameters", ()) if p["in"] == "query" and p.get("required")}
    url = base_url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
    words = ["curl", *(["-X", method] if method not in ("GET", "HEAD") else []), *(["-I"] if method == "HEAD" else [])]
    if rule.needs is not None:
        words += ["-H", "Authorization: Bearer $CARNET_TOKEN"]
    if path.startswith("/01/"):
        words += ["-H", "Accept: application/json"]
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        words += ["-H", "Content-Type: application/json", "-d", "@body.json"]
    if "application/octet-stream" in operation.get("requestBody", {}).get("content", {}):
        words += ["-T", "units.seg"]
    return " ".join(_quoted(word) for word in [*words, url])


def _first(parameter: Mapping[str, Any]) -> str:
    examples = parameter.get("schema", {}).get("examples") or parameter.get("examples") or ["…"]
    return str(examples[0])


def _quoted(word: str) -> str:
    return f'"{word}"' if "$" in word else shlex.quote(word)
